//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// endGroup signals the whole group: SIGTERM, or SIGKILL for what ignored it.
func endGroup(leader int, kill bool) error {
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	return syscall.Kill(-leader, signal)
}

func signalOf(state *os.ProcessState) string {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return SignalName(int(status.Signal()))
	}
	return ""
}

// SignalName is "SIGSEGV" for 11, "" for what is no signal.
func SignalName(number int) string { return unix.SignalName(syscall.Signal(number)) }
