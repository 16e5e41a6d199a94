// Package launch starts minsize under another name. A link does the same and
// costs nothing; this is for where there are none: `go install`, Windows, and
// wheels. Whoever is started finds the other name in its args[0].
package launch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Main runs minsize with args, of which args[0] is the name that was typed, and
// returns its exit status, or where it can becomes minsize.
func Main(args []string, stderr io.Writer) int {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	program, err := find()
	if err == nil {
		var status int
		if status, err = run(program, args); err == nil {
			return status
		}
	}
	fmt.Fprintf(stderr, "%s: %v\n  try: install minsize into the folder of %s\n", name, err, name)
	return 1
}

// find is the minsize that lies beside this program, else the one on PATH.
func find() (string, error) {
	program := "minsize"
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if own, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(own); err == nil {
			own = real
		}
		beside := filepath.Join(filepath.Dir(own), program)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	found, err := exec.LookPath(program)
	if err != nil {
		return "", errors.New("minsize lies neither beside this program nor on PATH")
	}
	return found, nil
}
