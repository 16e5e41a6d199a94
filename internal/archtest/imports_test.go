// Package archtest holds the house together: who may import whom, and the
// traps of file naming. It parses the files itself, for a test that runs
// `go list` gets a stale cached pass.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/minsize/minsize/internal/"

// mayImport is the table of docs/architecture.md: a package of internal/ and
// the packages of internal/ that it may import. Leaves have none.
var mayImport = map[string][]string{
	"cli":    nil, // everything but the leaves that notForCLI names
	"report": {"attrib", "budget", "history", "refgraph", "ladder", "demangle", "oci", "llvmlines", "outline"},

	"budget":    {"attrib", "toml"},
	"history":   {"attrib", "byteio"},
	"apply":     {"technique", "cargo", "toml", "byteio"},
	"ladder":    {"technique", "cargo"},
	"technique": {"cargo", "relink", "strip", "pack"},
	"cargo":     {"toml", "byteio", "process"},
	"relink":    {"objedit", "demangle", "relocate", "relr"},
	"objedit":   {"byteio"},
	"verify":    {"process"},
	"outline":   {"cargo", "rustsyntax", "attrib"},

	"refgraph": {"objfile", "dwarf", "byteio", "demangle", "attrib", "machinecode"},
	"attrib":   {"objfile", "dwarf", "pdb", "byteio", "demangle", "rangemap", "machinecode"},

	"strip":      {"objfile", "byteio"},
	"pack":       {"objfile", "byteio", "pack/codec", "pack/stub"},
	"pack/codec": {"byteio"},
	"pack/stub":  {},
	"oci":        {"objfile", "byteio"},

	"dwarf":       {"objfile", "byteio"},
	"pdb":         {"byteio"},
	"objfile":     {"byteio", "relr"},
	"relr":        {},
	"relocate":    {"objfile", "relr"},
	"machinecode": {},
	"byteio":      {},
	"process":     {},
	"rangemap":    {},
	"demangle":    {},
	"toml":        {},
	"rustsyntax":  {},
	"llvmlines":   {"demangle"},
	"testbin":     {"byteio"},
	"archtest":    {},
}

// notForCLI are leaves that only stages may use.
var notForCLI = []string{"rangemap", "machinecode", "pack/codec", "pack/stub", "testbin", "archtest"}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..", "internal")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "testdata" {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rel, _ := filepath.Rel(root, file)
		pkg := path.Dir(filepath.ToSlash(rel))
		seen[pkg] = true
		allowed, known := mayImport[pkg]
		if !known {
			t.Errorf("package internal/%s is not in the table: add its row here and in docs/architecture.md", pkg)
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			dep, ours := strings.CutPrefix(name, module)
			if !ours {
				continue
			}
			if pkg == "cli" {
				if slices.Contains(notForCLI, dep) {
					t.Errorf("%s imports %s: a leaf that only stages may use", file, dep)
				}
				continue
			}
			if !slices.Contains(allowed, dep) {
				t.Errorf("%s imports %s: internal/%s may import only %v", file, dep, pkg, allowed)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !seen["cli"] {
		t.Fatal("no package cli seen: the test looks in the wrong folder")
	}
}

// TestTableInArchitecture holds docs/architecture.md to the table above.
func TestTableInArchitecture(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) == 5 && strings.HasPrefix(line, "| ") {
			rows[strings.TrimSpace(cells[1])] = strings.Fields(cells[2])
		}
	}
	for pkg, want := range mayImport {
		if pkg == "cli" {
			continue
		}
		got, ok := rows[pkg]
		if !ok {
			t.Errorf("docs/architecture.md has no row for %s", pkg)
			continue
		}
		slices.Sort(got)
		want = slices.Sorted(slices.Values(want))
		if !slices.Equal(got, want) {
			t.Errorf("docs/architecture.md: %s may import %v, the test says %v", pkg, got, want)
		}
	}
}

// hostSuffixes are names that the Go command reads as build constraints when
// a file ends with them; every format and machine must build on every host.
var hostSuffixes = []string{"arm64", "amd64", "arm", "386", "wasm", "windows", "linux", "darwin", "riscv64", "s390x", "mips", "ppc64le", "js", "plan9", "solaris", "android", "ios", "freebsd"}

// meantForHosts are the files that mean it.
var meantForHosts = []string{}

func TestNoAccidentalBuildConstraint(t *testing.T) {
	err := filepath.WalkDir(filepath.Join("..", ".."), func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git" || d.Name() == "target") {
			return filepath.SkipDir
		}
		base, isGo := strings.CutSuffix(d.Name(), ".go")
		if !isGo || slices.Contains(meantForHosts, d.Name()) {
			return nil
		}
		base = strings.TrimSuffix(base, "_test")
		for _, suffix := range hostSuffixes {
			if strings.HasSuffix(base, "_"+suffix) {
				t.Errorf("%s is built on %s alone: rename it, or list it in meantForHosts", file, suffix)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoForbiddenWords greps for traps, each with its reason.
func TestNoForbiddenWords(t *testing.T) {
	forbidden := map[string]string{
		`"debug/` + `elf"`:   "is not hardened against hostile input; use objfile",
		`"debug/` + `pe"`:    "is not hardened against hostile input; use objfile",
		`"debug/` + `macho"`: "is not hardened against hostile input; use objfile",
		`os.` + `Exit(`:      "only cmd/minsize/main.go exits",
	}
	err := filepath.WalkDir(filepath.Join("..", "..", "internal"), func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" { // programs of their own
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for word, why := range forbidden {
			if strings.Contains(string(text), word) {
				t.Errorf("%s uses %s, which %s", file, word, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
