//go:build !unix

package cargo

import (
	"os/exec"
	"strconv"
)

func ownGroup(*exec.Cmd) {}

// endGroup ends the child and what it started. Windows has no process groups
// in this sense; taskkill walks the tree.
func endGroup(cmd *exec.Cmd, _ bool) error {
	if err := exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run(); err != nil {
		return cmd.Process.Kill()
	}
	return nil
}
