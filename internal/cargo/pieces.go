package cargo

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/target"
)

// systems are os-release's IDs and how each installs.
var systems = map[string]string{
	"debian-12": "debian-12", "debian": "apt", "ubuntu": "apt", "fedora": "dnf", "rhel": "dnf", "centos": "dnf",
	"arch": "pacman", "alpine": "apk", "suse": "zypper", "opensuse": "zypper", "opensuse-leap": "zypper", "opensuse-tumbleweed": "zypper",
}

// installers are the commands that packages are put behind.
var installers = map[string]string{
	"debian-12": "apt-get install", "apt": "apt-get install", "dnf": "dnf install", "pacman": "pacman -S", "apk": "apk add",
	"zypper": "zypper install", "brew": "brew install",
}

// packages are the names of what can be missing, by installer. A name with %s
// takes LLVM's major version. Debian 12 has its own, for its rustc is older
// than what it ships for browsers (rustc-web).
var packages = map[string]map[string]string{
	"cc":       {"debian-12": "gcc libc6-dev", "apt": "gcc libc6-dev", "dnf": "gcc", "pacman": "gcc", "apk": "build-base", "zypper": "gcc"},
	"rust":     {"debian-12": "rustc-web cargo-web", "apt": "rustc cargo", "dnf": "rust cargo", "pacman": "rust", "apk": "rust cargo", "zypper": "rust cargo", "brew": "rustup"},
	"std":      {"debian-12": "rust-web-src", "apt": "rust-src", "dnf": "rust-src", "pacman": "rust-src", "apk": "rust-src", "zypper": "rust-src"},
	"lld":      {"debian-12": "lld-19", "apt": "lld", "dnf": "lld", "pacman": "lld", "apk": "lld", "zypper": "lld", "brew": "lld"},
	"llvm":     {"debian-12": "llvm-%s", "apt": "llvm-%s", "dnf": "llvm%s", "pacman": "llvm", "apk": "llvm%s", "zypper": "llvm%s", "brew": "llvm@%s"},
	"qemu":     {"debian-12": "qemu-user-static", "apt": "qemu-user-static", "dnf": "qemu-user-static", "pacman": "qemu-user-static", "zypper": "qemu-linux-user"},
	"machine":  {"debian-12": "qemu-system", "apt": "qemu-system", "dnf": "qemu-system-arm qemu-system-riscv", "pacman": "qemu-full", "zypper": "qemu"},
	"wine":     {"debian-12": "wine64", "apt": "wine64", "dnf": "wine", "pacman": "wine", "zypper": "wine"},
	"mingw":    {"debian-12": "gcc-mingw-w64-x86-64", "apt": "gcc-mingw-w64-x86-64", "dnf": "mingw64-gcc", "pacman": "mingw-w64-gcc", "zypper": "mingw64-cross-gcc", "brew": "mingw-w64"},
	"cross":    {"debian-12": "gcc", "apt": "gcc", "dnf": "gcc"},
	"wasm-opt": {"debian-12": "binaryen", "apt": "binaryen", "dnf": "binaryen", "pacman": "binaryen", "apk": "binaryen", "zypper": "binaryen", "brew": "binaryen"},
	"musl":     {"debian-12": "musl-tools", "apt": "musl-tools", "dnf": "musl-gcc", "pacman": "musl"},
}

// install is the command that brings a package here, or none where the
// installer is not known.
func (s *Survey) install(name string, own *Toolchain) []string {
	text := packages[name][s.System.Installer]
	if text == "" {
		return nil
	}
	if strings.Contains(text, "%s") {
		if own == nil {
			return nil
		}
		major, _, _ := strings.Cut(own.LLVM, ".")
		text = fmt.Sprintf(text, major)
	}
	return []string{installers[s.System.Installer] + " " + text}
}

// pieces is the table of what techniques need. Each looks at the survey and
// says what it found; a piece without a name does not matter here. own is the
// project's toolchain, nil where there is none. Figures are of
// docs/benchmarks.md: a program with 47 dependencies, unless said otherwise.
var pieces = []func(s *Survey, own *Toolchain) Piece{
	func(s *Survey, own *Toolchain) Piece {
		p := Piece{Name: "cargo and rustc", Unlocks: "everything: projects are built with them", Essential: true}
		switch {
		case own == nil || s.asked == noCompiler:
			p.Install = append(s.install("rust", own), "rustup toolchain install stable")
		case s.asked == activeToolchain:
			p.Name, p.Install = "the toolchain that this folder asks for", []string{"rustup toolchain install"}
		case s.asked != "":
			p.Name, p.Install = "toolchain "+s.asked, []string{"rustup toolchain install " + s.asked}
		default:
			p.Found = own.Title()
		}
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		p := Piece{Name: "C compiler as linker driver", Unlocks: "linking at all", Essential: true, Install: s.install("cc", own)}
		if s.System.Name == "macOS" {
			p.Install = []string{"xcode-select --install"}
		}
		if s.mingw() {
			p.Install = s.install("mingw", own)
		}
		p.Found = s.DriverText
		if s.DriverText != "" && s.Driver != "cc" {
			p.Found = s.Driver + ": " + s.DriverText
		}
		if !s.Triple.CallsCC() {
			return Piece{}
		}
		if own != nil && s.foreign(own) && own.HasTarget(s.Triple.Name) && s.elf() && !s.links() {
			p = Piece{Name: "C compiler that links for " + s.Triple.Name, Unlocks: "linking at all: cargo calls " + s.Driver + " unless told otherwise", Essential: true}
			if gcc := s.Triple.CrossCompiler(); gcc != "" {
				set := "export " + s.Triple.LinkerVariable() + "=" + gcc
				if install := s.install("cross", own); len(install) > 0 && !s.crossHere {
					// Debian's and Fedora's names: gcc-aarch64-linux-gnu.
					set = install[0] + "-" + strings.TrimSuffix(gcc, "-gcc") + "; " + set
				}
				p.Install = []string{set}
			}
		}
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		if own == nil || !s.elf() && !s.wasm() && !s.mingw() {
			return Piece{}
		}
		major, _, _ := strings.Cut(own.LLVM, ".")
		p := Piece{Name: "opt and llc of LLVM " + major, Unlocks: "codegen replay, which shrink tries by itself: the machine code made again from the bitcode (hello 51,434 to 44,842 bytes, 38,161 to 32,921 where panics abort)"}
		if s.mingw() {
			p.Unlocks = "all that is done to the link: rustc lays the functions of a Windows program together, and llc takes them apart (hello 241,664 to 52,736 bytes)"
		}
		if own.LLVMTools.Opt != "" {
			p.Found = "LLVM " + own.LLVMTools.Version + ": " + own.LLVMTools.Opt
		}
		if own.Rustup {
			p.Install = append(p.Install, "rustup component add llvm-tools --toolchain "+own.Name)
		}
		p.Install = append(p.Install, s.install("llvm", own)...)
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		if own == nil || !s.wasm() {
			return Piece{}
		}
		p := Piece{Name: "linker for modules (wasm-ld)", Unlocks: "linking at all", Essential: true, Install: s.install("lld", own)}
		for _, name := range target.WasmLinkers {
			for _, place := range []string{filepath.Join(own.HostTools(), name), name} { // rustc looks among its own first
				if path, err := exec.LookPath(place); err == nil && p.Found == "" {
					p.Found = path
				}
			}
		}
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		if own == nil || !s.wasm() {
			return Piece{}
		}
		p := Piece{Name: "wasm-opt (Binaryen)", Unlocks: "one more rung: its optimiser for size (hello 35,982 to 34,081 bytes)",
			Install: append(s.install("wasm-opt", own), "npm install --global binaryen")}
		p.Found, _ = exec.LookPath("wasm-opt")
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		if !s.elf() || !s.targetHere() || own == nil || s.foreign(own) && !s.links() {
			return Piece{}
		}
		return Piece{Name: "linker with packed relocations (RELR)", Found: s.linker(func(l *Linker) bool { return l.RELR }),
			Unlocks: "-z pack-relative-relocs: a tenth of a position-independent program (1,565,552 to 1,401,784 bytes); needs glibc 2.36 where it runs",
			Install: s.install("lld", own)}
	},
	func(s *Survey, own *Toolchain) Piece {
		if !s.elf() || !s.targetHere() || own == nil || s.foreign(own) && !s.links() {
			return Piece{}
		}
		return Piece{Name: "linker that folds identical functions (lld)", Found: s.linker(func(l *Linker) bool { return l.ICF && l.Kind == "lld" }),
			Unlocks: "--icf=all (1.6 %), and the smallest layout", Install: s.install("lld", own)}
	},
	func(s *Survey, own *Toolchain) Piece {
		p := Piece{Name: "compiler that takes -Z", Unlocks: "location-detail, fmt-debug and, with std's sources, immediate-abort",
			Install: []string{"rustup toolchain install nightly --component rust-src"}}
		for _, t := range s.Toolchains {
			if t.Unstable() {
				p.Found = t.Title()
				break
			}
		}
		if p.Found == "" && own != nil {
			p.Found, p.Partial = own.Title()+"; only with --bootstrap", true
		}
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		p := Piece{Name: "std's sources, with a compiler that takes -Z",
			Unlocks: "build-std, optimize_for_size and immediate-abort: hello from 291,400 to 14,424 bytes, .64 to .37 of the release build"}
		var bootstrap *Toolchain
		for _, t := range s.Toolchains {
			switch {
			case t.BuildsStd(false):
				p.Found = t.Title() + s.vendored(t)
				return p
			case t.BuildsStd(true) && bootstrap == nil:
				bootstrap = t
			case t.Unstable() && t.Rustup:
				p.Install = append(p.Install, "rustup component add rust-src --toolchain "+t.Name)
			}
		}
		if bootstrap != nil {
			p.Found = bootstrap.Title() + s.vendored(bootstrap) + "; only with --bootstrap"
			p.Partial = len(p.Install) > 0
			return p
		}
		p.Install = append(p.Install, "rustup toolchain install nightly --component rust-src")
		for _, t := range s.Toolchains {
			if !t.Rustup {
				p.Install = append(p.Install, s.install("std", own)...)
				break
			}
		}
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		musl, can := s.Triple.Musl()
		if own == nil || !s.targetHere() || !can {
			return Piece{}
		}
		p := Piece{Name: "target " + musl.Name, Unlocks: "static programs that run on every Linux, and in empty containers"}
		for _, t := range s.Toolchains {
			if t.HasTarget(musl.Name) {
				p.Found = t.Title()
				break
			}
		}
		if own.Rustup {
			p.Install = []string{"rustup target add " + musl.Name + " --toolchain " + own.Name}
		}
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		if own == nil || s.Triple.Name == own.Host {
			return Piece{}
		}
		p := Piece{Name: "standard library for " + s.Triple.Name, Unlocks: "building for it with " + own.Title(), Essential: true}
		if own.HasTarget(s.Triple.Name) {
			p.Found = own.Title()
			return p
		}
		if own.Rustup {
			p.Install = []string{"rustup target add " + s.Triple.Name + " --toolchain " + own.Name}
		}
		for _, t := range s.Toolchains { // another one can
			switch {
			case !t.HasTarget(s.Triple.Name):
			case t.Rustup:
				p.Install = append(p.Install, "minsize +"+t.Name+" shrink")
			default:
				p.Install = append(p.Install, "PATH="+filepath.Dir(t.Cargo)+":$PATH minsize shrink")
			}
		}
		return p
	},
	func(s *Survey, own *Toolchain) Piece {
		if own == nil || s.Triple.Name == own.Host || s.wasm() && s.Triple.RunBy() == target.NoEngine { // its host is the check
			return Piece{}
		}
		p := Piece{Name: "runner for " + s.Triple.Name, Unlocks: "checking the program; without it no technique that can change behaviour is kept",
			Found: strings.Join(s.Runner, " ")}
		engine := s.Triple.RunBy()
		p.Install = s.install(string(engine), own)
		switch engine {
		case target.Wasmtime:
			p.Install = []string{"cargo install wasmtime-cli"}
		case target.QemuSystem:
			set := "set target." + s.Triple.Name + `.runner in .cargo/config.toml, such as "qemu-system-` + s.Triple.Qemu() + ` -M MACHINE -nographic -semihosting -kernel"`
			p.Install = []string{strings.Join(append(p.Install, set), "; ")}
		}
		return p
	},
}

// targetHere says whether any toolchain can build for the target; before that
// nothing can be linked, and linkers cannot be tried.
func (s *Survey) targetHere() bool {
	return slices.ContainsFunc(s.Toolchains, func(t *Toolchain) bool { return t.HasTarget(s.Triple.Name) })
}

func (s *Survey) foreign(own *Toolchain) bool { return s.Triple.Name != own.Host }

// links says whether any linker makes programs for the target.
func (s *Survey) links() bool {
	return slices.ContainsFunc(s.Linkers, func(l *Linker) bool { return l.Works })
}

func (s *Survey) wasm() bool { return s.Triple.Format == target.Wasm }

func (s *Survey) mingw() bool { return s.Triple.Flavour() == target.MinGW }

func (s *Survey) elf() bool { return s.Triple.Format == target.ELF }

func (s *Survey) vendored(t *Toolchain) string {
	if t.Std.Vendor != "" {
		return ", needs no registry"
	}
	return ""
}
