//go:build windows

package launch

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
)

// run waits for the program. Ctrl-C reaches everybody at the console, so it is
// for the program alone to heed.
func run(program string, args []string) (int, error) {
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	cmd := &exec.Cmd{Path: program, Args: args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	var ended *exec.ExitError
	err := cmd.Run()
	if errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return 0, err
}
