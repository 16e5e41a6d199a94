package inspect

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/oci"
	"github.com/minsize/minsize/internal/testbin"
)

// TestNamesFromElsewhere: the names of a stripped program come from the debug
// file that it links to, or from the one that is asked for; one of another
// build is not used, and the answer says so.
func TestNamesFromElsewhere(t *testing.T) {
	for _, tool := range []string{"cc", "objcopy"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs ", tool)
		}
	}
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	}
	source := write(t, "a.c", []byte("int a_function(int n) { return n * 3; }\nint main(int n, char **v) { return a_function(n); }\n"))
	run("cc", "-g", "-O0", "-o", "app", source)
	run("objcopy", "--only-keep-debug", "app", "app.debug")
	run("objcopy", "--strip-all", "--add-gnu-debuglink=app.debug", "app", "stripped")
	run("cc", "-g", "-O0", "-DOTHER", "-Wl,--build-id=0x0123", "-o", "other", source)
	run("objcopy", "--only-keep-debug", "other", "app.debug.other")
	program := filepath.Join(dir, "stripped")
	open := func(path, asked string) *Files {
		t.Helper()
		l := &Files{}
		t.Cleanup(func() { l.Close(context.Background()) })
		if err := l.Open(path, Options{DebugFile: asked, Options: attrib.Options{Names: true, Debug: true}}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	named := func(l *Files) bool { exact, _ := l.Inputs[0].Program.FindCode("a_function"); return len(exact) == 1 }
	if l := open(program, ""); !named(l) || !strings.Contains(strings.Join(l.Notes, "; "), "names and debug information from "+filepath.Join(dir, "app.debug")) {
		t.Errorf("by its link: %q", l.Notes)
	}
	if l := open(program, filepath.Join(dir, "app.debug")); !named(l) {
		t.Errorf("as asked: %q", l.Notes)
	}
	run("mv", "app.debug.other", "app.debug")
	if l := open(program, ""); named(l) || !slices.ContainsFunc(l.Notes, func(n string) bool { return strings.HasPrefix(n, "not used: ") }) {
		t.Errorf("another build's file: %q", l.Notes)
	}
}

func TestIsWasm(t *testing.T) {
	for path, want := range map[string]bool{write(t, "m", testbin.Wasm()): true, write(t, "e", testbin.ELF{}.Bytes()): false, write(t, "s", []byte("\x00as")): false, t.TempDir(): false} {
		if IsWasm(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

// TestProjectFacts: what a project says of its packages, under the names that
// code and images know them by.
func TestProjectFacts(t *testing.T) {
	pkg := &cargo.Package{ID: "a", Name: "my-app", Version: "1.2.3", License: "MIT/Apache-2.0", Source: "registry+https://example.org/index", ManifestPath: filepath.Join("/p", "Cargo.toml"),
		Authors: []string{"one", "two"}, Targets: []cargo.Target{{Name: "the-lib", Kind: []string{"lib"}}, {Name: "tool", Kind: []string{"bin"}}}}
	p := &cargo.Project{Metadata: &cargo.Metadata{Packages: []*cargo.Package{pkg}}, Choice: cargo.Choice{Package: pkg, Target: pkg.Targets[1]}}
	if diff := cmp.Diff(map[string][]string{"my_app": {"1.2.3"}, "the_lib": {"1.2.3"}}, PackageVersions(p).Versions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"/p": "1.2.3"}, PackageFolders(p)); diff != "" {
		t.Error(diff)
	}
	components, annotations := ProjectFacts(p)
	if diff := cmp.Diff([]oci.Component{{Name: "my-app", Version: "1.2.3", License: "MIT/Apache-2.0", PURL: "pkg:cargo/my-app@1.2.3"}}, components); diff != "" {
		t.Error(diff)
	}
	const image = "org.opencontainers.image."
	if diff := cmp.Diff(map[string]string{image + "title": "tool", image + "version": "1.2.3", image + "licenses": "MIT OR Apache-2.0", image + "authors": "one, two"}, annotations); diff != "" {
		t.Error(diff)
	}
}
