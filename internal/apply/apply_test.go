package apply

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/technique"
)

// project writes files and loads the project in them, with nothing of the
// machine's own settings.
func project(t *testing.T, files map[string]string, env ...string) *cargo.Project {
	t.Helper()
	for _, tool := range []string{"cargo", "rustc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if files["src/main.rs"] == "" {
		files["src/main.rs"] = "fn main() {}\n"
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var clean []string
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); name == "CARGO_HOME" || !strings.HasPrefix(name, "CARGO") && name != "RUSTFLAGS" {
			clean = append(clean, entry)
		}
	}
	p, err := cargo.Load(context.Background(), cargo.Options{Dir: dir, Env: append(clean, env...)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const manifest = "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"

// plan is a winner as the search finds it.
func plan(p *cargo.Project, names ...string) technique.Plan {
	var list []*technique.Technique
	for _, name := range names {
		list = append(list, technique.Find(name))
	}
	return technique.NewPlan(p.Toolchain.ID(), list...)
}

func request(p *cargo.Project, pl technique.Plan) Request {
	return Request{Project: p, Plan: pl, Toolchain: p.Toolchain.ID(),
		Links: func(context.Context, []string) (string, error) { return "lld", nil }}
}

// lines are what an edit adds and takes away, without context.
func lines(e *Edit) []string {
	var changed []string
	for _, f := range e.Files {
		for _, line := range Diff(filepath.Base(f.Path), f.Before, f.After)[2:] {
			if line[0] != ' ' && line[0] != '@' {
				changed = append(changed, line)
			}
		}
	}
	return changed
}

func TestPlan(t *testing.T) {
	all := []string{"opt-level-z", "lto-fat", "codegen-units-1", "panic-abort", "strip-symbols"}
	host := hostTriple(t)
	for _, c := range []struct {
		name    string
		files   map[string]string
		env     []string
		plan    []string
		profile string
		want    []string // lines of the diff
		left    []string // names
		beaten  []string // Overruled, key and by
	}{
		{name: "nothing there", plan: all, files: map[string]string{"Cargo.toml": manifest},
			want: []string{"+", "+[profile.release]", `+opt-level = "z"`, `+lto = "fat"`, "+codegen-units = 1", `+panic = "abort"`, `+strip = "symbols"`}},
		{name: "partly there, other spellings", plan: all,
			files: map[string]string{"Cargo.toml": manifest + "\n[profile.release] # ours\nlto = true # fat\nstrip = true\npanic = 'abort'\ncodegen-units = 4 # fast\n"},
			want:  []string{"-codegen-units = 4 # fast", "+codegen-units = 1 # fast", `+opt-level = "z"`}},
		{name: "all there", plan: all,
			files: map[string]string{"Cargo.toml": manifest + "[profile]\nrelease = {opt-level='z',lto='fat',codegen-units=1,panic='abort',strip=true}\n"}},
		{name: "inline", plan: []string{"panic-abort"},
			files: map[string]string{"Cargo.toml": manifest + "[profile]\nrelease = { lto = true }\n"},
			want:  []string{"-release = { lto = true }", `+release = { lto = true, panic = "abort" }`}},
		{name: "a config file beats the manifest", plan: []string{"lto-fat"},
			files:  map[string]string{"Cargo.toml": manifest, ".cargo/config.toml": "[profile.release]\nlto = false\n"},
			want:   []string{"+", "+[profile.release]", `+lto = "fat"`},
			beaten: []string{"profile.release.lto .cargo/config.toml"}},
		{name: "a variable beats the manifest", plan: []string{"lto-fat"}, env: []string{"CARGO_PROFILE_RELEASE_LTO=thin"},
			files:  map[string]string{"Cargo.toml": manifest},
			want:   []string{"+", "+[profile.release]", `+lto = "fat"`},
			beaten: []string{"profile.release.lto CARGO_PROFILE_RELEASE_LTO"}},
		{name: "a variable that says the same", plan: []string{"lto-fat"}, env: []string{"CARGO_PROFILE_RELEASE_LTO=true"},
			files: map[string]string{"Cargo.toml": manifest},
			want:  []string{"+", "+[profile.release]", `+lto = "fat"`}},
		{name: "new profile", plan: []string{"panic-abort"}, profile: "dist", files: map[string]string{"Cargo.toml": manifest},
			want: []string{"+", "+[profile.dist]", `+inherits = "release"`, `+panic = "abort"`}},
		{name: "a profile that inherits the value", plan: []string{"panic-abort", "lto-fat"}, profile: "dist",
			files: map[string]string{"Cargo.toml": manifest + "[profile.release]\nlto = true\n[profile.dist]\ninherits = 'release'\n"},
			want:  []string{`+panic = "abort"`}},
		{name: "flags, where there are none", plan: []string{"relr"}, files: map[string]string{"Cargo.toml": manifest},
			want: []string{"+[target." + host + "]", `+rustflags = ["-Clink-arg=-Wl,-z,pack-relative-relocs"]`}},
		{name: "flags, where [build] counts", plan: []string{"relr"},
			files: map[string]string{"Cargo.toml": manifest, ".cargo/config.toml": "[build] # b\nrustflags = [\n  '-Copt-level=1', # one\n]\n"},
			want:  []string{"-  '-Copt-level=1', # one", "+  '-Copt-level=1',", `+  "-Clink-arg=-Wl,-z,pack-relative-relocs", # one`}},
		{name: "flags in one text", plan: []string{"relr"},
			files: map[string]string{"Cargo.toml": manifest, ".cargo/config.toml": "[build]\nrustflags = '-C debuginfo=0'\n"},
			want:  []string{"-rustflags = '-C debuginfo=0'", `+rustflags = ["-C", "debuginfo=0", "-Clink-arg=-Wl,-z,pack-relative-relocs"]`}},
		{name: "flags, where a variable counts", plan: []string{"relr"}, env: []string{"RUSTFLAGS=-Cdebuginfo=0"}, files: map[string]string{"Cargo.toml": manifest},
			want:   []string{"+[target." + host + "]", `+rustflags = ["-Clink-arg=-Wl,-z,pack-relative-relocs"]`},
			beaten: []string{"target." + host + ".rustflags RUSTFLAGS"}},
		{name: "flags that are there, where a variable counts", plan: []string{"relr"}, env: []string{"RUSTFLAGS=-Cdebuginfo=0"},
			files:  map[string]string{"Cargo.toml": manifest, ".cargo/config.toml": "[target." + host + "]\nrustflags = ['-Clink-arg=-Wl,-z,pack-relative-relocs']\n"},
			beaten: []string{"target." + host + ".rustflags RUSTFLAGS"}},
		{name: "the old name of the config file", plan: []string{"relr"},
			files: map[string]string{"Cargo.toml": manifest, ".cargo/config": "# old\n"},
			want:  []string{"+", "+[target." + host + "]", `+rustflags = ["-Clink-arg=-Wl,-z,pack-relative-relocs"]`}},
		{name: "what would hit tests is left", plan: []string{"panic-abort", "no-unwind-tables", "no-eh-frame-hdr", "unwind-tables-out", "location-detail-none", "icf-all", "build-std", "section-headers-out", "layout"},
			files: map[string]string{"Cargo.toml": manifest},
			want:  []string{"+", "+[profile.release]", `+panic = "abort"`},
			left:  []string{"no-unwind-tables", "no-eh-frame-hdr", "unwind-tables-out", "location-detail-none", "icf-all", "build-std", "section headers", "padding"}},
		{name: "the linker is lld already", plan: []string{"lld"}, files: map[string]string{"Cargo.toml": manifest}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := project(t, c.files, c.env...)
			r := request(p, plan(p, c.plan...))
			r.Profile = c.profile
			edit, err := Plan(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lines(edit)); diff != "" {
				t.Error(diff)
			}
			var left, beaten []string
			for _, l := range edit.Left {
				left = append(left, l.Name)
				if l.Why == "" {
					t.Errorf("%s is left without a reason", l.Name)
				}
			}
			for _, o := range edit.Overruled {
				by := o.By
				if rel, err := filepath.Rel(p.Root, by); err == nil && filepath.IsAbs(by) {
					by = rel
				}
				beaten = append(beaten, o.Key+" "+by)
			}
			slices.Sort(left)
			slices.Sort(c.left)
			if diff := cmp.Diff(c.left, left); diff != "" {
				t.Errorf("left: %s", diff)
			}
			if diff := cmp.Diff(c.beaten, beaten); diff != "" {
				t.Errorf("overruled: %s", diff)
			}
		})
	}
}

// TestNothingOpposed: nothing that evidence can speak against reaches cargo's
// files, so that a program that could not be asked does not break by it.
func TestNothingOpposed(t *testing.T) {
	p := project(t, map[string]string{"Cargo.toml": manifest})
	n := 0
	for _, list := range [][]*technique.Technique{technique.Table(), technique.CutTable(), technique.PipelineTable()} {
		for _, one := range list {
			if len(one.Against) == 0 {
				continue
			}
			n++
			e, err := Plan(t.Context(), request(p, technique.NewPlan(p.Toolchain.ID(), one)))
			if err != nil {
				t.Fatal(err)
			}
			if len(e.Files) > 0 {
				t.Errorf("%s, which %v speak against, is written: %+v", one.Name, one.Against, e.Written)
			}
		}
	}
	if n < 5 {
		t.Errorf("%d techniques that evidence can speak against", n)
	}
}

func hostTriple(t *testing.T) string {
	out, err := exec.Command("rustc", "-vV").Output()
	if err != nil {
		t.Skip("needs rustc")
	}
	_, after, _ := strings.Cut(string(out), "host: ")
	host, _, _ := strings.Cut(after, "\n")
	return host
}

// TestWorthAFlag: an argument for the linker that saves less than a kibibyte
// makes no config file; one that saves that, or was never measured, does.
func TestWorthAFlag(t *testing.T) {
	p := project(t, map[string]string{"Cargo.toml": manifest})
	for name, row := range map[string]struct {
		saves map[string]int64
		files int
	}{
		"16 bytes":     {map[string]int64{"relr": 16}, 0},
		"1,023 bytes":  {map[string]int64{"relr": 1023}, 0},
		"1,024 bytes":  {map[string]int64{"relr": 1024}, 1},
		"not measured": {nil, 1},
	} {
		r := request(p, plan(p, "relr"))
		r.Saves = row.saves
		edit, err := Plan(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if len(edit.Files) != row.files || row.files == 0 && (len(edit.Left) != 1 || !strings.Contains(edit.Left[0].Why, "not worth a flag")) {
			t.Errorf("%s: %d files, left %v", name, len(edit.Files), edit.Left)
		}
	}
}

// TestLinkerNamedBehind: cargo puts the flags of cfg(...) tables behind those of
// the machine, so a linker that is named there makes the written one void.
func TestLinkerNamedBehind(t *testing.T) {
	for flag, want := range map[string]int{"-Clink-arg=-fuse-ld=bfd": 1, "-Cdebuginfo=0": 0} {
		p := project(t, map[string]string{"Cargo.toml": manifest, ".cargo/config.toml": "[target.'cfg(all())']\nrustflags = ['" + flag + "']\n"})
		r := request(p, plan(p, "lld"))
		r.Links = func(context.Context, []string) (string, error) { return "bfd", nil }
		edit, err := Plan(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if len(edit.Overruled) != want || want > 0 && edit.Overruled[0].Value != flag {
			t.Errorf("%s behind it: overruled %v, written %v", flag, edit.Overruled, edit.Written)
		}
	}
}

// TestLinkerRefuses: a flag that this project's linker does not take is left.
func TestLinkerRefuses(t *testing.T) {
	p := project(t, map[string]string{"Cargo.toml": manifest})
	r := request(p, plan(p, "relr"))
	r.Links = func(_ context.Context, flags []string) (string, error) {
		if len(flags) > 0 {
			return "", errors.New("the program does not run")
		}
		return "bfd", nil
	}
	edit, err := Plan(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if len(edit.Files) != 0 || len(edit.Left) != 1 || !strings.Contains(edit.Left[0].Why, "does not run") {
		t.Errorf("got %d files, left %v", len(edit.Files), edit.Left)
	}
}

// TestApplyBuildUndo goes the whole way: the settings take effect, the
// program runs, and everything is as before.
func TestApplyBuildUndo(t *testing.T) {
	ctx := context.Background()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	p := project(t, map[string]string{"Cargo.toml": manifest + "\n# end\n", "src/main.rs": "fn main() { println!(\"{}\", cfg!(panic = \"abort\")); }\n"})
	edit, err := Plan(ctx, Request{Project: p, Plan: plan(p, "opt-level-z", "panic-abort", "strip-symbols", "hash-style-gnu"), Toolchain: p.Toolchain.ID(), Links: p.TryLink})
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, p.Root)
	undo := OpenUndo(p.Root, t.TempDir())
	if err := undo.Write(ctx, p.Root, edit.Files); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cargo", "run", "--release", "-q", "--target-dir", t.TempDir())
	cmd.Dir = p.Root
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "true\n" {
		t.Errorf("the program says %q (%v), expected that panic=abort took effect", out, err)
	}
	os.Remove(filepath.Join(p.Root, "Cargo.lock"))
	if _, err := undo.Revert(ctx); err != nil {
		t.Fatal(err)
	}
	delete(before, "Cargo.lock") // cargo's own
	if diff := cmp.Diff(before, snapshot(t, p.Root)); diff != "" {
		t.Errorf("undo left a difference: %s", diff)
	}
	if _, err := undo.Revert(ctx); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("a second undo: %v", err)
	}
}

// snapshot is every file and folder below root, with contents and modes.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		found[name] = info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found[name] += " " + string(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestUndoRefusesWhatWasChanged(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, path := range []string{a, b} {
		if err := os.WriteFile(path, []byte("old\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	undo := OpenUndo(dir, "")
	edits := []FileEdit{{a, []byte("old\n"), []byte("new\n")}, {b, []byte("old\n"), []byte("new\n")}}
	if err := undo.Write(ctx, dir, edits); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b, []byte("mine\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := undo.Revert(ctx)
	var changed *ChangedError
	if !errors.As(err, &changed) || changed.Path != b {
		t.Errorf("got %v", err)
	}
	if data, _ := os.ReadFile(a); string(data) != "new\n" {
		t.Errorf("a refused undo touched %s: %q", a, data)
	}
	if info, err := os.Stat(a); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode became %v", info.Mode())
	}
}

// TestUndoWithoutHome: where no record can be kept outside, the target dir
// has to do.
func TestUndoWithoutHome(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	if err := os.WriteFile(file, []byte("old\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_STATE_HOME", file) // no folder can be made in a file
	undo := OpenUndo(dir, filepath.Join(dir, "target"))
	if err := undo.Write(ctx, dir, []FileEdit{{file, []byte("old\n"), []byte("new\n")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenUndo(dir, filepath.Join(dir, "target")).Revert(ctx); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(file); string(data) != "old\n" {
		t.Errorf("got %q", data)
	}
}

// TestWriteTakesAllOrNothing: the second file cannot be written, so the first
// is as it was, and nothing is on record.
func TestWriteTakesAllOrNothing(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, path := range []string{a, b} {
		if err := os.WriteFile(path, []byte("old\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	undo := OpenUndo(dir, "")
	err := undo.Write(ctx, dir, []FileEdit{{a, []byte("old\n"), []byte("new\n")}, {b, []byte("something else\n"), []byte("new\n")}})
	var changed *ChangedError
	if !errors.As(err, &changed) {
		t.Errorf("got %v", err)
	}
	if data, _ := os.ReadFile(a); string(data) != "old\n" {
		t.Errorf("the first file stayed %q", data)
	}
	if _, err := undo.Pending(); !errors.Is(err, ErrNothingToUndo) {
		t.Errorf("a failed write is on record: %v", err)
	}
}

// TestDiffIsPatch: patch(1) makes the new file out of the old one.
func TestDiffIsPatch(t *testing.T) {
	if _, err := exec.LookPath("patch"); err != nil {
		t.Skip("needs patch")
	}
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "\n", "d = 1\n"})
		text := func(name string) []byte {
			parts := rapid.SliceOfN(line, 1, 30).Draw(t, name)
			whole := strings.Join(parts, "")
			if rapid.Bool().Draw(t, name+" without a last newline") {
				whole = strings.TrimSuffix(whole, "\n") + "x"
			}
			return []byte(whole)
		}
		before, after := text("before"), text("after")
		if n++; n > 60 || bytes.Equal(before, after) {
			return // a process each
		}
		file := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(file, before, 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("patch", "-s", "--no-backup-if-mismatch", file)
		diff := strings.Join(Diff("f", before, after), "\n") + "\n"
		cmd.Stdin = strings.NewReader(diff)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("patch: %v: %s\n%s", err, out, diff)
		}
		got, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, after) {
			t.Fatalf("patch made %q of %q, expected %q, with\n%s", got, before, after, diff)
		}
	})
}
