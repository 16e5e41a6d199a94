// Package process runs children so that none is left behind and their cost is
// known.
//
// A child that is ended while it has children of its own leaves them running:
// cargo leaves rustc and the linker, a check's shell leaves the program under
// test. So each child leads a process group, and it is the group that is
// ended. The cost is that of the whole tree, which the kernel adds up for
// children that were waited for (wait4(2), getrusage(2)); sampling /proc was
// rejected, for it misses what lives shorter than a sample.
package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"
)

// Grace is how long a group gets between the request to end and the kill, and
// how long output is waited for after the child itself has ended.
const Grace = 2 * time.Second

// Usage is what a child and everything that it waited for cost.
type Usage struct {
	CPU  time.Duration // user and system
	Wall time.Duration
}

// Command is exec.CommandContext with a group of its own, which is asked to
// end when ctx does, and killed after Grace. A nil env is the process's own.
func Command(ctx context.Context, dir string, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	ownGroup(cmd)
	cmd.Cancel = func() error {
		// Cancel is called by a goroutine of cmd; the kill must come even if
		// the child ends at once and leaves others.
		return endGroup(cmd.Process.Pid, false)
	}
	cmd.WaitDelay = Grace
	return cmd
}

// Run runs cmd to its end. Where ctx ended first the error is ctx's own, and
// nothing of the group is left.
func Run(ctx context.Context, cmd *exec.Cmd) (Usage, error) {
	start := time.Now()
	err := cmd.Run()
	u := Usage{Wall: time.Since(start)}
	if cmd.ProcessState != nil {
		u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if ctx.Err() != nil {
		EndGroup(cmd)
		return u, ctx.Err()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		// The child ended well; a daemon that it left holds the output open.
		err = nil
	}
	return u, err
}

// EndGroup kills what is left of a child's group.
func EndGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		endGroup(cmd.Process.Pid, true)
	}
}

// Status is how a child ended: its exit status, or the signal that killed it
// and -1.
func Status(state *os.ProcessState) (status int, signal string) {
	if state == nil {
		return -1, ""
	}
	return state.ExitCode(), signalOf(state)
}
