// Package archtest holds the house together: who may import whom, and the
// traps of file naming. It parses the files itself, for a test that runs
// `go list` gets a stale cached pass.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/minsize/minsize/internal/"

// uses are the packages of internal/ that a package imports, each with a file
// that does, in its own files and in those of its tests.
type uses struct{ own, tests map[string]string }

// readImports looks at every file of internal/, whatever host it is built for.
func readImports(t *testing.T) map[string]*uses {
	root := filepath.Join("..", "..", "internal")
	packages := map[string]*uses{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "testdata" {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") {
			return nil
		}
		rel, _ := filepath.Rel(root, file)
		pkg := path.Dir(filepath.ToSlash(rel))
		u := packages[pkg]
		if u == nil {
			u = &uses{own: map[string]string{}, tests: map[string]string{}}
			packages[pkg] = u
		}
		into := u.own
		if strings.HasSuffix(file, "_test.go") {
			into = u.tests
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if dep, ours := strings.CutPrefix(name, module); ours && dep != pkg {
				into[dep] = file
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if packages["cli"] == nil {
		t.Fatal("no package cli seen: the test looks in the wrong folder")
	}
	return packages
}

// TestImports: a package imports what its row says, no more and no less.
func TestImports(t *testing.T) {
	for _, fault := range compare(readImports(t), house) {
		t.Error(fault)
	}
}

// TestFaultsAreFound: the comparison sees what it is there for.
func TestFaultsAreFound(t *testing.T) {
	packages := func(change func(map[string]*uses)) map[string]*uses {
		p := map[string]*uses{
			"leaf":  {own: map[string]string{}, tests: map[string]string{}},
			"other": {own: map[string]string{}, tests: map[string]string{}},
			"stage": {own: map[string]string{"leaf": "stage.go"}, tests: map[string]string{"other": "stage_test.go"}},
		}
		change(p)
		return p
	}
	table := []lane{{"lane", []row{{"leaf", "", "", ""}, {"other", "", "", ""}, {"stage", "leaf", "other", ""}}}}
	for _, c := range []struct {
		change func(map[string]*uses)
		expect string
	}{
		{func(map[string]*uses) {}, ""},
		{func(p map[string]*uses) { delete(p["stage"].own, "leaf") }, "internal/stage may import leaf, which it does not"},
		{func(p map[string]*uses) { delete(p["stage"].tests, "other") }, "tests of internal/stage may import other, which they do not"},
		{func(p map[string]*uses) { p["stage"].own["other"] = "stage.go" }, "stage.go imports other: internal/stage may import only leaf"},
		{func(p map[string]*uses) { p["leaf"].tests["stage"] = "leaf_test.go" }, "leaf_test.go imports stage: tests of internal/leaf may import only "},
		{func(p map[string]*uses) { p["new"] = p["leaf"] }, "package internal/new has no row in internal/archtest's table"},
		{func(p map[string]*uses) { delete(p, "leaf") }, "the table has a row for internal/leaf, which is not there"},
	} {
		found := strings.Join(compare(packages(c.change), table), "\n")
		if c.expect == "" && found != "" || !strings.Contains(found, c.expect) {
			t.Errorf("expected %q, but got %q", c.expect, found)
		}
	}
}

// compare says where the table and the files differ.
func compare(packages map[string]*uses, table []lane) []string {
	var faults []string
	say := func(words ...string) { faults = append(faults, strings.Join(words, "")) }
	rows := map[string]row{}
	for _, l := range table {
		for _, r := range l.rows {
			if _, twice := rows[r.pkg]; twice {
				say("the table has two rows for internal/", r.pkg)
			}
			rows[r.pkg] = r
			if packages[r.pkg] == nil {
				say("the table has a row for internal/", r.pkg, ", which is not there")
			}
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		u := packages[pkg]
		r, known := rows[pkg]
		if !known {
			say("package internal/", pkg, " has no row in internal/archtest's table")
			continue
		}
		own, tests := strings.Fields(r.imports), strings.Fields(r.tests)
		for _, dep := range own {
			if u.own[dep] == "" {
				say("internal/", pkg, " may import ", dep, ", which it does not: take the permission back")
			}
		}
		for _, dep := range tests {
			if u.tests[dep] == "" || slices.Contains(own, dep) {
				say("tests of internal/", pkg, " may import ", dep, ", which they do not, or may anyway: take the permission back")
			}
		}
		for dep, file := range u.own {
			if !slices.Contains(own, dep) {
				say(file, " imports ", dep, ": internal/", pkg, " may import only ", r.imports)
			}
		}
		for dep, file := range u.tests {
			if !slices.Contains(own, dep) && !slices.Contains(tests, dep) {
				say(file, " imports ", dep, ": tests of internal/", pkg, " may import only ", strings.TrimSpace(r.imports+" "+r.tests))
			}
		}
	}
	return faults
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
