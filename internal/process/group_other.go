//go:build !unix

package process

import (
	"os"
	"os/exec"
	"strconv"
)

func ownGroup(*exec.Cmd) {}

// endGroup ends the child and what it started. Windows has no process groups
// in this sense; taskkill walks the tree.
func endGroup(leader int, _ bool) error {
	return exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(leader)).Run()
}

// signalOf: on Windows a crash is an exit status such as 0xC0000005.
func signalOf(*os.ProcessState) string { return "" }

// SignalName is "" everywhere but on Unix.
func SignalName(int) string { return "" }
