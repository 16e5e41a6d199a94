//go:build !(linux || darwin || freebsd || netbsd)

package byteio

import "os"

type lostXattr struct {
	name  string
	vital bool
	err   error
}

func copyXattrs(*os.File, string) ([]lostXattr, error) { return nil, nil }

// HasCapabilities is false where files carry none.
func HasCapabilities(string) bool { return false }
