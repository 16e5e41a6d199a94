package stream

import (
	"golang.org/x/term"

	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// IsStream says whether name can only be written on.
func IsStream(name string) bool {
	if Descriptor(name) >= 0 {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode()&(fs.ModeCharDevice|fs.ModeNamedPipe) != 0
}

// Descriptor is the descriptor of this process that name stands for, -1 where
// it is another file. Opening such a name would be wrong: what a shell appends
// to would be written over, and rename would put another file in its place.
func Descriptor(name string) int {
	if name == "-" {
		return 1
	}
	for range 40 { // as many links as Linux follows
		clean := filepath.ToSlash(filepath.Clean(name))
		switch clean {
		case "/dev/stdout":
			return 1
		case "/dev/stderr":
			return 2
		}
		for _, folder := range []string{"/dev/fd/", "/proc/self/fd/", fmt.Sprintf("/proc/%d/fd/", os.Getpid())} {
			if text, ok := strings.CutPrefix(clean, folder); ok {
				if fd, err := strconv.Atoi(text); err == nil && fd >= 0 {
					return fd
				}
			}
		}
		target, err := os.Readlink(name)
		if err != nil {
			return -1
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		name = target
	}
	return -1
}

// Width is the number of columns of w, 0 when it is no terminal.
func Width(w any) int {
	f, ok := Underlying(w).(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// IsTerminal says whether w is an open terminal.
func IsTerminal(w any) bool {
	f, ok := Underlying(w).(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
