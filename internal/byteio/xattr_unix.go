//go:build linux || darwin || freebsd || netbsd

package byteio

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// lostXattr is an attribute that did not go over.
type lostXattr struct {
	name  string
	vital bool // losing it changes what the file may do, or is the user's data
	err   error
}

// errOldContent: integrity attributes sign the old bytes (Linux IMA and EVM).
var errOldContent = errors.New("it signs the old content")

// copyXattrs copies all extended attributes of the file at path to f. File
// capabilities are security.capability and POSIX ACLs system.posix_acl_access
// (Linux, xattr(7)). An attribute that f has already with the same value (an
// SELinux label given by policy) counts as carried.
func copyXattrs(f *os.File, path string) (lost []lostXattr, err error) {
	names, err := listXattrs(path)
	if err != nil {
		return nil, err
	}
	fd := int(f.Fd())
	for _, name := range names {
		if name == "security.ima" || name == "security.evm" {
			lost = append(lost, lostXattr{name: name, err: errOldContent})
			continue
		}
		value, err := readXattr(func(b []byte) (int, error) { return unix.Getxattr(path, name, b) })
		if err == nil {
			err = unix.Fsetxattr(fd, name, value, 0)
		}
		if err != nil {
			have, haveErr := readXattr(func(b []byte) (int, error) { return unix.Fgetxattr(fd, name, b) })
			if haveErr == nil && string(have) == string(value) {
				continue
			}
			lost = append(lost, lostXattr{name: name, vital: name != "security.selinux", err: err})
		}
	}
	return lost, nil
}

func listXattrs(path string) ([]string, error) {
	buf, err := readXattr(func(b []byte) (int, error) { return unix.Listxattr(path, b) })
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return nil, nil
	}
	if err != nil {
		return nil, &os.PathError{Op: "listxattr", Path: path, Err: err}
	}
	var names []string
	for name := range strings.SplitSeq(string(buf), "\x00") {
		if name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// readXattr asks for the size first; another process may grow the value in
// between, hence the loop.
func readXattr(get func([]byte) (int, error)) ([]byte, error) {
	for {
		n, err := get(nil)
		if err != nil || n == 0 {
			return nil, err
		}
		buf := make([]byte, n)
		n, err = get(buf)
		if errors.Is(err, unix.ERANGE) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return buf[:n], nil
	}
}

// HasCapabilities says whether the file at path carries file capabilities
// (security.capability, capabilities(7)).
func HasCapabilities(path string) bool {
	names, err := listXattrs(path)
	return err == nil && slices.Contains(names, "security.capability")
}
