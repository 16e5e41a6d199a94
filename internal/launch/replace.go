//go:build !windows

package launch

import (
	"fmt"
	"os"
	"syscall"
)

// run becomes the program: signals, terminal and exit status are its own.
func run(program string, args []string) (int, error) {
	return 1, fmt.Errorf("%s: %w", program, syscall.Exec(program, args, os.Environ()))
}
