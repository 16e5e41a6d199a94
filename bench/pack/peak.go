//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// peakMemory runs a program and gives the most memory that its
// process had resident (VmHWM), in bytes.
//
// getrusage will not do: a child's ru_maxrss begins with that of the process
// which made it, and packing takes a hundred megabytes. The process is stopped
// at its exit (PTRACE_O_TRACEEXIT), when its own counter is final.
func peakMemory(program string, args ...string) (uint64, error) {
	runtime.LockOSThread() // ptrace belongs to a thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command(program, args...)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, null, null
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	peak := uint64(0)
	for first := true; ; first = false {
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
			return 0, err
		}
		if status.Exited() || status.Signaled() {
			break
		}
		if first {
			if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACEEXIT); err != nil {
				return 0, err
			}
		}
		signal := 0
		switch {
		case status.TrapCause() == unix.PTRACE_EVENT_EXIT:
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				return 0, err
			}
			if _, after, found := strings.Cut(string(text), "VmHWM:"); found {
				if _, err := fmt.Sscan(after, &peak); err != nil {
					return 0, err
				}
			}
		case status.Stopped() && status.StopSignal() != unix.SIGTRAP:
			signal = int(status.StopSignal())
		}
		if err := unix.PtraceCont(pid, signal); err != nil {
			return 0, err
		}
	}
	_ = cmd.Process.Release()
	if peak == 0 {
		return 0, fmt.Errorf("%s: the kernel told no VmHWM", program)
	}
	return peak << 10, nil
}
