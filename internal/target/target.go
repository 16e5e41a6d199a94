// Package target is a target triple, taken apart once: the machine, the
// system, the C library and the object format that a name such as
// aarch64-unknown-linux-gnu stands for, what other tools call it, and what can
// run its programs here.
//
// Triples have no grammar: the second of three parts may be a vendor
// (x86_64-pc-windows-gnu), the system (aarch64-linux-android) or both left out
// (wasm32-wasip1), and the last a library, a calling convention or nothing. So
// no part is asked for by its number: each is looked up by what it says. The
// test holds every answer to what rustc says of each target that it knows.
package target

import (
	"cmp"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/minsize/minsize/internal/machine"
)

// Format is the format of a target's objects and programs.
type Format string

const (
	ELF   Format = "ELF"
	COFF  Format = "COFF" // programs are PE
	MachO Format = "Mach-O"
	Wasm  Format = "Wasm"
	Other Format = "other"
)

// Flavour is a family of linkers that read one command line.
type Flavour string

const (
	GNU    Flavour = "gnu"   // bfd, gold, lld, mold, and the compilers that call them
	MinGW  Flavour = "mingw" // the same for Windows: one command line, and other options
	MSVC   Flavour = "msvc"
	Darwin Flavour = "darwin"
	WasmLD Flavour = "wasm"
	Bare   Flavour = "bare" // GNU's command line, without a compiler in front of it
)

// WasmLinkers are the programs that link modules, by name: what rustc calls, and
// what distributions call the same.
var WasmLinkers = []string{"rust-lld", "wasm-ld", "wasm-ld-22", "wasm-ld-19"}

// Triple is a target. The zero value is no target at all.
type Triple struct {
	Name   string // as it was given: what rustc is to be told
	Arch   string // as package machine names them: byte order included, subsets not
	OS     string // rustc's target_os where minsize tells the system apart, else ""
	Env    string // gnu, musl or msvc; "" for every other C library and for none
	Format Format

	first, last string // parts: rustc's name of the machine, and the library with its calling convention
}

// systems are the parts that name a system, and what it is called and writes.
// A part that begins with an entry's name is it: wasip2, darwin20, watchos-sim.
var systems = []struct {
	part, os string
	format   Format
}{
	{"android", "android", ELF}, // before linux: aarch64-linux-android is both
	{"linux", "linux", ELF},
	{"windows", "windows", COFF},
	{"darwin", "macos", MachO},
	{"ios", "ios", MachO}, {"tvos", "tvos", MachO}, {"watchos", "watchos", MachO}, {"visionos", "visionos", MachO},
	{"freebsd", "freebsd", ELF}, {"netbsd", "netbsd", ELF}, {"openbsd", "openbsd", ELF}, {"dragonfly", "dragonfly", ELF},
	{"wasi", "wasi", Wasm},
	{"uefi", "uefi", COFF},
	{"cygwin", "cygwin", COFF},
	{"aix", "aix", Other}, // XCOFF
	{"cuda", "cuda", Other},
	{"none", "none", ELF},
}

// Parse takes a triple apart; a target that a JSON file describes goes by the
// file's name. What is not known is left empty, and taken for an ELF system.
func Parse(name string) Triple {
	parts := strings.Split(strings.TrimSuffix(filepath.Base(name), ".json"), "-")
	t := Triple{Name: name, Format: ELF, Arch: archOf(parts[0]), first: parts[0], last: parts[len(parts)-1]}
search:
	for _, s := range systems {
		for _, part := range parts[1:] {
			if strings.HasPrefix(part, s.part) {
				t.OS, t.Format = s.os, s.format
				break search
			}
		}
	}
	if t.Arch == "wasm32" || t.Arch == "wasm64" {
		t.Format = Wasm // wasm32-wali-linux-musl too
	}
	for _, env := range []string{"gnu", "musl", "msvc"} {
		if strings.HasPrefix(t.last, env) {
			t.Env = env
		}
	}
	return t
}

// archOf is the machine that the first part of a triple names.
func archOf(first string) string {
	if arch := machine.OfTriple(first); arch.Bits != 0 {
		return arch.Name
	}
	return first
}

// arch is what is known of the machine.
func (t Triple) arch() *machine.Arch {
	_, arch := machine.Named(t.Arch)
	return arch
}

// Base is the name by which settings call the target: without the folder and
// the ending of a JSON file.
func (t Triple) Base() string { return strings.TrimSuffix(filepath.Base(t.Name), ".json") }

// LinuxKernel says whether programs talk to Linux: Android's do.
func (t Triple) LinuxKernel() bool { return t.OS == "linux" || t.OS == "android" }

// Musl is the twin with musl as its C library, and whether there can be one.
func (t Triple) Musl() (Triple, bool) {
	if t.OS != "linux" || t.Env != "gnu" || t.Format != ELF {
		return Triple{}, false
	}
	return Parse(strings.TrimSuffix(t.Name, t.last) + "musl" + strings.TrimPrefix(t.last, "gnu")), true
}

// Flavour is that of the linker which rustc calls unless told otherwise, "" for
// one that is not known.
func (t Triple) Flavour() Flavour {
	switch {
	case t.Format == Wasm:
		return WasmLD
	case t.Format == MachO:
		return Darwin
	case t.Format == COFF && t.Env == "gnu":
		return MinGW
	case t.BareMetal():
		return Bare
	case t.Format == ELF, t.OS == "cygwin":
		return GNU
	case t.Format == COFF:
		return MSVC
	}
	return ""
}

// CallsCC says whether rustc links with a C compiler unless told otherwise.
func (t Triple) CallsCC() bool { return t.Env != "msvc" && t.Format != Wasm && !t.BareMetal() }

// BareMetal says whether programs run on a machine without an operating system.
func (t Triple) BareMetal() bool { return t.OS == "none" && t.Format == ELF }

// gnuArch is what GNU's tools call the machine.
func (t Triple) gnuArch() string { return cmp.Or(t.arch().GNU, t.first) }

// CrossCompiler is the name of GNU's compiler for a target of Linux or
// Windows, "" where it has none: aarch64-linux-gnu-gcc. Debian's packages and
// Fedora's call them the same.
func (t Triple) CrossCompiler() string {
	switch {
	case t.OS == "windows" && t.last == "gnu":
		return t.gnuArch() + "-w64-mingw32-gcc"
	case t.OS == "linux" && t.Env == "gnu":
		return t.gnuArch() + "-linux-" + t.last + "-gcc"
	}
	return ""
}

// LinkerVariable is the environment variable that names the target's linker to
// cargo.
func (t Triple) LinkerVariable() string {
	return "CARGO_TARGET_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(t.Base())) + "_LINKER"
}

// Native says whether this machine runs the target's programs by itself,
// whichever C library they bring.
func (t Triple) Native() bool {
	return runtime.GOOS == t.OS && (t.OS == "linux" && t.Format == ELF || t.OS == "windows") && t.Arch == machine.Host().Name
}
