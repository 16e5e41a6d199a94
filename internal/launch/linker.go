package launch

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A linker is called for everything that cargo builds, and nearly all of it is
// none of minsize's business. So what is, is asked here, where a program of two
// megabytes can do it: it starts in a sixth of minsize's time.

// Name is the name under which minsize is the linker of ordinary builds.
const Name = "minsize-link"

// Mode is the environment variable by which a user says what minsize-link does:
// off links plainly, strict fails where the recorded link cannot be made.
const Mode = "MINSIZE"

// IsLinker says whether a program is minsize as a linker.
func IsLinker(path string) bool {
	return strings.TrimSuffix(filepath.Base(path), ".exe") == Name
}

// LinkerVariable names the environment variable, in [env] of cargo's
// configuration, that holds the linker behind minsize-link for a target.
func LinkerVariable(triple string) string {
	return "MINSIZE_LINKER_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(triple))
}

// Standard finds the standard library among a linker's arguments, which lies in
// SYSROOT/lib/rustlib/TRIPLE/lib: of all that rustc passes on that alone tells
// target and compiler.
func Standard(args []string) (sysroot, triple string) {
	for _, arg := range args {
		before, after, found := strings.Cut(filepath.ToSlash(arg), "/lib/rustlib/")
		triple, rest, _ := strings.Cut(after, "/")
		if found && strings.HasPrefix(rest, "lib") {
			return strings.TrimPrefix(before, "-L"), triple
		}
	}
	return "", ""
}

// Behind is the linker behind minsize-link: the one that was configured before,
// else what rustc calls for the targets that minsize-link is for.
func Behind(args []string) string {
	_, triple := Standard(args)
	if behind := os.Getenv(LinkerVariable(triple)); behind != "" && !IsLinker(behind) {
		return behind
	}
	return "cc"
}

// Concerns says whether a link may be a program's or a library's own: cargo
// names programs and their examples to no other link, tests and benches have a
// harness, and what is said of libraries is said by Library.
func Concerns(args []string) bool {
	if os.Getenv("CARGO_MANIFEST_DIR") == "" || os.Getenv(Mode) == "off" || os.Getenv("CARGO_BIN_NAME") == "" && !Library(args) {
		return false
	}
	for _, arg := range args {
		if base := filepath.Base(arg); strings.HasPrefix(base, "libtest-") && strings.HasSuffix(base, ".rlib") {
			return false
		}
	}
	return true
}

// Library says whether the output is named as cargo names a library that is
// shipped. Those of proc macros, and of libraries of other people's packages,
// have a hash in their name; examples have one too, and a folder of their own.
func Library(args []string) bool {
	crate, output := os.Getenv("CARGO_CRATE_NAME"), ""
	for i, arg := range args {
		switch {
		case arg == "-o" && i+1 < len(args):
			output = args[i+1]
		case len(args) == 1 && strings.HasPrefix(arg, "@"): // not to be seen before the file is read
			return crate != ""
		}
	}
	name := strings.TrimSuffix(filepath.Base(output), filepath.Ext(output))
	if filepath.Base(filepath.Dir(output)) == "examples" {
		name, _, _ = strings.Cut(name, "-")
	}
	return crate != "" && filepath.Ext(output) == ".so" && name == "lib"+crate
}

// Linker is minsize-link for what it starts as: the linker behind it, or
// minsize where a link concerns it. args[0] is the name that was typed.
func Linker(args []string, stderr io.Writer) int {
	if os.Getenv("MINSIZE_RECORD_DIR") != "" || Concerns(args[1:]) {
		return Main(args, stderr)
	}
	return Become(Behind(args[1:]), args[1:], stderr)
}

// Become runs a linker as it was called, and gives its exit status.
func Become(linker string, args []string, stderr io.Writer) int {
	path, err := exec.LookPath(linker)
	if err == nil {
		var status int
		if status, err = run(path, append([]string{linker}, args...)); err == nil {
			return status
		}
	}
	_, _ = io.WriteString(stderr, Name+": "+err.Error()+"\n")
	return 1
}
