package target

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
)

// Engine is a kind of program that runs what this machine cannot.
type Engine string

const (
	QemuUser   Engine = "qemu"    // a Linux program of another machine
	QemuSystem Engine = "machine" // a whole machine, which one only the project knows
	Wine       Engine = "wine"
	Wasmtime   Engine = "wasmtime"
	NoEngine   Engine = ""
)

// RunBy is what runs the target's programs on another machine.
func (t Triple) RunBy() Engine {
	switch {
	case t.OS == "windows":
		return Wine
	case t.OS == "wasi":
		return Wasmtime
	case t.LinuxKernel() && t.Format == ELF:
		return QemuUser
	case t.OS == "none" && t.Format == ELF:
		return QemuSystem
	}
	return NoEngine
}

// Qemu is what qemu calls the machine; for one that it does not know, what
// rustc calls it.
func (t Triple) Qemu() string { return cmp.Or(t.arch().Qemu, t.first) }

// Runner finds what can run the target's programs on this machine where cargo
// has no runner configured. why says what is missing where there is none.
func (t Triple) Runner() (runner []string, why string) {
	switch t.RunBy() {
	case Wine: // Debian's wine64 without its alternatives lies outside the PATH
		runner, why = firstOf("wine for "+t.Name, []string{"wine64"}, []string{"wine"}, []string{"/usr/lib/wine/wine64"})
		if runner != nil {
			var err error
			if runner, err = wine(runner); err != nil {
				return nil, "wine: " + err.Error()
			}
		}
		return runner, why
	case Wasmtime:
		script, err := wasiScript()
		if err != nil {
			return nil, err.Error()
		}
		return firstOf("Node.js or wasmtime for "+t.Name, []string{"node", "--no-warnings", "--experimental-wasi-unstable-preview1", script}, []string{"wasmtime", "run", "--dir=."})
	case QemuUser:
	default:
		return nil, "nothing here runs programs for " + t.Name
	}
	name := t.arch().Qemu
	if name == "" {
		return nil, "no emulator is known for " + t.Name
	}
	runner, why = firstOf("qemu-user for "+t.Name, []string{"qemu-" + name + "-static"}, []string{"qemu-" + name})
	if runner == nil {
		return nil, why
	}
	// The target's own loader and libc lie where the cross compiler's packages put them.
	root := filepath.Join("/usr", t.gnuArch()+"-linux-"+t.last)
	if _, err := os.Stat(filepath.Join(root, "lib")); err == nil {
		runner = append(runner, "-L", root)
	}
	return runner, ""
}

// nodeWASI runs a program of WASI's first preview in Node.js.
//
//go:embed wasi.mjs
var nodeWASI []byte

// wasiScript is nodeWASI as a file in the user's cache folder, by its content,
// so that another version of minsize has another.
func wasiScript() (string, error) {
	sum := sha256.Sum256(nodeWASI)
	path, err := cached("wasi-" + hex.EncodeToString(sum[:6]) + ".mjs")
	if err != nil {
		return "", err
	}
	return path, keep(path, nodeWASI)
}

func firstOf(what string, choices ...[]string) ([]string, string) {
	for _, words := range choices {
		if path, err := exec.LookPath(words[0]); err == nil {
			return append([]string{path}, words[1:]...), ""
		}
	}
	return nil, "needs " + what
}
