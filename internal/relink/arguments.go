package relink

// What stands on a linker's command line: enough of the grammar of compiler
// drivers (cc, clang) and of linkers themselves to find the files, the output,
// and the arguments that a variant takes away.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxResponseFile bounds an @file; rustc writes them only when the command
// line would be too long for the system, some megabytes.
const maxResponseFile = 64 << 20

// expandResponseFiles puts the arguments of @file in place of it, one level
// deep (rustc nests none). rustc writes one argument a line, with backslashes
// before blanks and backslashes for GNU drivers.
func expandResponseFiles(args []string, dir string) ([]string, error) {
	var out []string
	for _, arg := range args {
		name, is := strings.CutPrefix(arg, "@")
		if !is {
			out = append(out, arg)
			continue
		}
		path := absolute(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			out = append(out, arg) // an argument that only looks like one; the linker will say
			continue
		}
		if info.Size() > maxResponseFile {
			return nil, fmt.Errorf("response file %s: %d bytes, more than %d", path, info.Size(), maxResponseFile)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		out = append(out, splitResponseFile(string(text))...)
	}
	return out, nil
}

// splitResponseFile splits as GCC's libiberty (buildargv) does: blanks part
// arguments, quotes of both kinds group, a backslash takes the next character
// as it is.
func splitResponseFile(text string) []string {
	var args []string
	var current strings.Builder
	inArgument, escaped := false, false
	var quote rune
	for _, c := range text {
		switch {
		case escaped:
			current.WriteRune(c)
			escaped = false
		case c == '\\':
			escaped, inArgument = true, true
		case quote != 0:
			if c == quote {
				quote = 0
			} else {
				current.WriteRune(c)
			}
		case c == '"' || c == '\'':
			quote, inArgument = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if inArgument {
				args = append(args, current.String())
				current.Reset()
				inArgument = false
			}
		default:
			current.WriteRune(c)
			inArgument = true
		}
	}
	if inArgument {
		args = append(args, current.String())
	}
	return args
}

// outputOf finds the file that the link writes: the index of its argument, and
// what stands before it there. -o FILE, or -oFILE.
func outputOf(args []string) (at int, before string, err error) {
	for i, arg := range args {
		if arg == "-o" && i+1 < len(args) {
			return i + 1, "", nil
		}
	}
	for i, arg := range args {
		if path, ok := strings.CutPrefix(arg, "-o"); ok && path != "" {
			return i, "-o", nil
		}
	}
	return 0, "", fmt.Errorf("no -o among the linker's %d arguments", len(args))
}

// fileInArgument returns the part of arg that names a regular file: all of
// it, or what stands behind the last `=` or `,` (-Wl,--version-script=FILE).
func fileInArgument(arg, dir string) string {
	regular := func(path string) bool {
		if path == "" {
			return false
		}
		info, err := os.Stat(absolute(dir, path))
		return err == nil && info.Mode().IsRegular()
	}
	if regular(arg) {
		return arg
	}
	if i := strings.LastIndexAny(arg, "=,"); i >= 0 && regular(arg[i+1:]) {
		return arg[i+1:]
	}
	return ""
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// withoutArguments leaves out the arguments that a pattern names. A pattern
// is an argument, or a beginning and `*`. Inside -Wl, lists the parts count
// one by one, so that "-Wl,-z,relro,-z,now" can lose "-Wl,-z,now".
func withoutArguments(args, patterns []string) []string {
	if len(patterns) == 0 {
		return args
	}
	matches := func(arg string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			if begin, ok := strings.CutSuffix(p, "*"); ok {
				return strings.HasPrefix(arg, begin)
			}
			return arg == p
		})
	}
	var out []string
	for _, arg := range args {
		if matches(arg) {
			continue
		}
		list, isList := strings.CutPrefix(arg, "-Wl,")
		if !isList || !strings.Contains(list, ",") {
			out = append(out, arg)
			continue
		}
		var kept []string
		for _, part := range linkerParts(list) {
			if !matches("-Wl," + part) {
				kept = append(kept, part)
			}
		}
		if len(kept) > 0 {
			out = append(out, "-Wl,"+strings.Join(kept, ","))
		}
	}
	return out
}

// linkerParts splits the list of a -Wl, argument, keeping -z with its word.
func linkerParts(list string) []string {
	words := strings.Split(list, ",")
	var parts []string
	for i := 0; i < len(words); i++ {
		if words[i] == "-z" && i+1 < len(words) {
			parts = append(parts, words[i]+","+words[i+1])
			i++
			continue
		}
		parts = append(parts, words[i])
	}
	return parts
}

// isDriver says whether the recorded linker is a compiler driver, which takes
// -Wl, lists, or ld itself, which does not.
func isDriver(program string) bool {
	base := strings.TrimSuffix(filepath.Base(program), ".exe")
	switch {
	case base == "ld" || base == "rust-lld" || base == "lld" || base == "mold" || base == "flip-link":
		return false
	case strings.HasPrefix(base, "ld.") || strings.HasPrefix(base, "ld-") || strings.HasSuffix(base, "-ld") || strings.HasPrefix(base, "ld64") || strings.HasPrefix(base, "wasm-ld"):
		return false
	}
	return true
}

// forLinker turns driver arguments into those of ld itself.
func forLinker(args []string) []string {
	var out []string
	for _, arg := range args {
		if list, ok := strings.CutPrefix(arg, "-Wl,"); ok {
			out = append(out, strings.Split(list, ",")...)
		} else {
			out = append(out, arg)
		}
	}
	return out
}
