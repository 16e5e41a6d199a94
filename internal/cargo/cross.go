package cargo

import "strings"

// rustc links with `cc` unless told otherwise, and says nothing when that is
// another machine's: the linker then fails with pages about file formats. GNU's
// cross compilers have names that follow from the target's triple (Debian's
// packages and Fedora's call them the same).

// gnuMachines are the machines whose GNU name is not the triple's first part.
var gnuMachines = map[string]string{
	"riscv64gc": "riscv64", "riscv32gc": "riscv32", "armv7": "arm", "thumbv7neon": "arm", "arm": "arm", "i686": "i686", "i586": "i686",
	"powerpc64le": "powerpc64le", "powerpc64": "powerpc64", "powerpc": "powerpc",
}

// CrossCompiler is the name of GNU's compiler for a triple of Linux or
// Windows, "" where it has none: aarch64-linux-gnu-gcc.
func CrossCompiler(triple string) string {
	parts := strings.Split(triple, "-")
	if len(parts) < 3 {
		return ""
	}
	machine := parts[0]
	if gnu, ok := gnuMachines[machine]; ok {
		machine = gnu
	}
	last := parts[len(parts)-1]
	switch {
	case parts[len(parts)-2] == "windows" && last == "gnu":
		return machine + "-w64-mingw32-gcc"
	case parts[len(parts)-2] == "linux" && strings.HasPrefix(last, "gnu"):
		return machine + "-linux-" + last + "-gcc"
	}
	return ""
}

// LinkerVariable is the environment variable that names a target's linker to
// cargo.
func LinkerVariable(triple string) string {
	return "CARGO_TARGET_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(triple)) + "_LINKER"
}
