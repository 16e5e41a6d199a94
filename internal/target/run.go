package target

import (
	"cmp"
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
		return firstOf("wine for "+t.Name, []string{"wine64"}, []string{"wine"}, []string{"/usr/lib/wine/wine64"})
	case Wasmtime:
		return firstOf("wasmtime for "+t.Name, []string{"wasmtime", "run"})
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

func firstOf(what string, choices ...[]string) ([]string, string) {
	for _, words := range choices {
		if path, err := exec.LookPath(words[0]); err == nil {
			return append([]string{path}, words[1:]...), ""
		}
	}
	return nil, "needs " + what
}
