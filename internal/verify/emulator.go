package verify

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// emulators are the programs that run another machine's, by the first part of
// the target's triple. qemu-user's names are its own (qemu.org/docs, "User
// space emulator").
var emulators = map[string]string{
	"aarch64": "aarch64", "arm": "arm", "armv7": "arm", "thumbv7neon": "arm",
	"i586": "i386", "i686": "i386", "x86_64": "x86_64",
	"riscv64gc": "riscv64", "riscv32gc": "riscv32",
	"powerpc64le": "ppc64le", "powerpc64": "ppc64", "powerpc": "ppc",
	"s390x": "s390x", "loongarch64": "loongarch64", "sparc64": "sparc64",
	"mips": "mips", "mipsel": "mipsel", "mips64": "mips64", "mips64el": "mips64el",
}

// Emulator finds what can run a program for the target triple on this machine
// where cargo has no runner configured: qemu-user for Linux, wine for Windows,
// wasmtime for WASI. why says what is missing where there is none.
func Emulator(triple string) (runner []string, why string) {
	arch, rest, _ := strings.Cut(triple, "-")
	switch {
	case strings.Contains(rest, "windows"):
		// Debian's wine64 without its alternatives lies outside the PATH.
		return firstOf("wine for "+triple, []string{"wine64"}, []string{"wine"}, []string{"/usr/lib/wine/wine64"})
	case strings.Contains(rest, "wasi"):
		return firstOf("wasmtime for "+triple, []string{"wasmtime", "run"})
	case !strings.Contains(rest, "linux"):
		return nil, "nothing here runs programs for " + triple
	}
	name, known := emulators[arch]
	if !known {
		return nil, "no emulator is known for " + triple
	}
	runner, why = firstOf("qemu-user for "+triple, []string{"qemu-" + name + "-static"}, []string{"qemu-" + name})
	if runner == nil {
		return nil, why
	}
	// The target's own loader and libc lie where the cross compiler's packages put them.
	if root := systemRoot(triple); root != "" {
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

// systemRoot is /usr/aarch64-linux-gnu for aarch64-unknown-linux-gnu.
func systemRoot(triple string) string {
	parts := strings.Split(triple, "-")
	if len(parts) < 3 {
		return ""
	}
	arch := parts[0]
	if name, known := emulators[arch]; known && (arch == "armv7" || arch == "riscv64gc" || arch == "riscv32gc") {
		arch = name
	}
	root := filepath.Join("/usr", arch+"-"+parts[len(parts)-2]+"-"+parts[len(parts)-1])
	if _, err := os.Stat(filepath.Join(root, "lib")); err != nil {
		return ""
	}
	return root
}
