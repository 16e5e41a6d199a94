package saving

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/inspect"
	"github.com/minsize/minsize/internal/outline"
	"github.com/minsize/minsize/internal/refgraph"
)

// planted is a waste of the fixture: what finds it, and the edit that a person
// would make. An edit of a file replaces text, from a line of it on.
type planted struct {
	kind, program string
	what          string // in the row that is meant
	file          string
	replace       []string // old, new, old, new ...
	command       bool     // the row's step is the edit
}

var wastes = []planted{
	{kind: "default-features", program: "app", what: "paint: colour", file: "app/Cargo.toml", replace: []string{`features = ["names"]`, `features = ["names"], default-features = false`}},
	{kind: "feature", program: "app", what: "names of paint", file: "app/Cargo.toml", replace: []string{`, features = ["names"]`, ``}},
	{kind: "two-versions", program: "app", what: "versions 2.0.0 and 1.0.0", command: true},
	{kind: "outline", program: "app", what: "app::summary", file: "app/src/main.rs", replace: []string{
		"(path: P) -> String {\n    let path = path.as_ref();\n", "(path: P) -> String {\n    summary_of(path.as_ref())\n}\n\nfn summary_of(path: &Path) -> String {\n"}},
	{kind: "allocator", program: "app", what: "ALLOCATOR", file: "app/src/main.rs", replace: []string{"#[global_allocator]\nstatic ALLOCATOR: bump::Bump = bump::Bump;\n", ""}},
	{kind: "debug-impl", program: "app", what: "7 types", file: "app/src/shapes.rs", replace: []string{
		"#[derive(Debug, Clone, Default)]\npub struct Triangle", "named!(Triangle Square Pentagon Hexagon Heptagon Octagon Scene);\n#[derive(Debug, Clone, Default)]\npub struct Triangle",
		"derive(Debug, ", "derive(",
		"//! Types", "macro_rules! named { ($($n:ident)*) => { $(impl std::fmt::Debug for $n { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { f.write_str(stringify!($n)) } })* } }\n// Types"}},
	{kind: "export", program: "plug", what: "plug_old", file: "plug/src/lib.rs", replace: []string{"#[no_mangle]\npub extern \"C\" fn plug_old", "pub extern \"C\" fn plug_old"}},
	{kind: "include", program: "app", what: "scene.bin", file: "app/src/main.rs", replace: []string{
		"static SCENE: &[u8] = include_bytes!(\"scene.bin\");\n", "", "SCENE[at]", "std::fs::read(\"scene.bin\").map_or(0, |b| b[at])"}},
	{kind: "path-prefix", program: "app", what: "/vendor/", command: true},
	{kind: "panics", program: "bare", what: "2 lines", file: "bare/src/main.rs", replace: []string{
		"let name = NAMES[count as usize];", "let Some(name) = NAMES.get(count as usize) else { return 1 };",
		"let first = unsafe { core::slice::from_raw_parts(arguments, count as usize) }.first().unwrap();", "let Some(first) = unsafe { core::slice::from_raw_parts(arguments, count as usize) }.first() else { return 1 };"}},
	{kind: "part", program: "app", what: "float printing", file: "app/src/main.rs", replace: []string{`println!("{:.3}", x as f64 / 7.0)`, `println!("{}", x / 7)`}},
	{kind: "table", program: "app", what: "app::SINES", file: "app/src/main.rs", replace: []string{"static SINES: [u32; 12_000] = paint::fill(11);\n", "", "SINES[at]", "at"}},
	{kind: "zeros", program: "app", what: "app::STATE", file: "app/src/main.rs", replace: []string{
		"    cells: [u8; 50_000],\n", "", "State { version: 1, cells: [0; 50_000] }", "State { version: 1 }", "static STATE:", "static CELLS: Mutex<[u8; 50_000]> = Mutex::new([0; 50_000]);\n\nstatic STATE:",
		"state.cells", "cells", "let mut state = STATE", "let mut cells = CELLS.lock().unwrap();\n    let mut state = STATE"}},
	{kind: "same-data", program: "app", what: "CRC", file: "app/src/main.rs", replace: []string{"pub static CRC: [u32; 4096] = paint::fill(7);\n", "", "CRC[at]", "paint::CRC[at]"}},
}

// TestPlantedWaste: each kind of waste is found, and its price is what the real
// edit saves, within a tenth; a range holds it.
func TestPlantedWaste(t *testing.T) {
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("needs cargo")
	}
	dir := fixture(t)
	found := map[string][]Saving{}
	for _, program := range []string{"app", "bare", "plug"} {
		found[program] = advise(t, dir, program)
	}
	for _, f := range Finders {
		if !slices.ContainsFunc(wastes, func(w planted) bool { return w.kind == f.Kind }) {
			t.Errorf("%s: nothing is planted for it", f.Kind)
		}
	}
	before := map[string]int64{}
	for program := range found {
		before[program] = build(t, dir, program)
	}
	for _, w := range wastes {
		i := slices.IndexFunc(found[w.program], func(s Saving) bool { return s.Kind == w.kind && strings.Contains(s.What, w.what) && s.Holds() })
		if i < 0 {
			t.Errorf("%s: not found; %s has %+v", w.kind, w.program, found[w.program])
			continue
		}
		s := &found[w.program][i]
		undo := w.edit(t, dir, s)
		saved := before[w.program] - build(t, dir, w.program)
		undo()
		t.Logf("%-16s promised %6d (%s, %d to %d), saved %6d: %s", w.kind, s.Bytes, s.State, s.Low, s.High, saved, s.Place())
		if off := s.Bytes - saved; off*10 > saved || off*10 < -saved {
			t.Errorf("%s: %d bytes were promised, the edit saves %d", w.kind, s.Bytes, saved)
		}
		if s.State == Range && (saved < s.Low || saved > s.High) {
			t.Errorf("%s: the edit saves %d, outside of %d to %d", w.kind, saved, s.Low, s.High)
		}
		if s.Step == "" || s.File == "" {
			t.Errorf("%s: no step, or no place: %+v", w.kind, s)
		}
	}
}

// fixture copies the workspace and makes what would be large in a repository.
func fixture(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := cargo.CopySources(context.Background(), filepath.Join("testdata", "wasteful"), dir); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	scene := make([]byte, 50_000)
	for i := range scene {
		scene[i] = byte(random.Uint32())
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("app/src/scene.bin", scene)
	// A dependency of many files with a line that can panic in each.
	lib, err := os.ReadFile(filepath.Join(dir, "vendor/parse-1.0.0/src/lib.rs"))
	if err != nil {
		t.Fatal(err)
	}
	sum := ""
	for i := range 40 {
		write(fmt.Sprintf("vendor/parse-1.0.0/src/m%d.rs", i), []byte("#[inline(never)]\npub fn get(v: &[u8], at: usize) -> u8 {\n    v[at]\n}\n"))
		lib = fmt.Appendf(lib, "mod m%d;\n", i)
		sum += fmt.Sprintf(" ^ m%d::get(text.as_bytes(), %d) as u32", i, i%2)
	}
	write("vendor/parse-1.0.0/src/lib.rs", []byte(strings.Replace(string(lib), "^ b as u32)", "^ b as u32)"+sum, 1)))
	return dir
}

// advise does what the verb does.
func advise(t *testing.T, dir, program string) []Saving {
	t.Helper()
	ctx := context.Background()
	o := cargo.Options{Dir: dir, Package: program, Offline: true}
	p, err := cargo.Load(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	sources, _, err := outline.ReadWorkspace(p)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *Bench {
		b, err := OpenBench(ctx, p, Options{Inputs: "the same", Build: cargo.Build, Proof: outline.ProofOptions{Cargo: o}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := open()
	path, err := b.Base(ctx)
	if err != nil {
		t.Fatal(err)
	}
	l := &inspect.Files{}
	defer l.Close(ctx)
	options := inspect.Options{}
	options.Bodies, options.Debug, options.Folders = true, true, inspect.PackageFolders(p)
	g, err := l.Graph(path, refgraph.WasmTwiggy, options)
	if err != nil {
		t.Fatal(err)
	}
	proposed := NewSubject(g, p, b.Root(), sources).Find()
	all, err := b.Try(ctx, proposed, Limits{Builds: 50}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	both, err := b.Together(ctx, all, Limits{Builds: 50}, func(string) {})
	if sum := int64(48_000 + 48_272 + 15_256 + 40_391 + 14_004); err != nil || program == "app" && (both.State != Tried || both.Changes != 4 && both.Changes != 5 || both.Bytes < sum*6/10 || both.Bytes > sum*11/10) {
		t.Errorf("together: %+v, %v", both, err)
	}
	b.Close()
	// A second run builds nothing, and answers the same.
	b = open()
	defer b.Close()
	if _, err := b.Base(ctx); err != nil {
		t.Fatal(err)
	}
	again, err := b.Try(ctx, proposed, Limits{}, func(what string) { t.Errorf("%s was tried again", what) })
	if err != nil || b.Builds != 0 || len(again) != len(all) {
		t.Errorf("a second run: %d builds, %d savings after %d: %v", b.Builds, len(again), len(all), err)
	}
	for i := range min(len(again), len(all)) {
		if again[i].State != all[i].State || again[i].Bytes != all[i].Bytes {
			t.Errorf("a second run: %+v, before %+v", again[i], all[i])
		}
	}
	return all
}

// build builds as a person does, and measures.
func build(t *testing.T, dir, program string) int64 {
	t.Helper()
	cmd := exec.Command("cargo", "build", "--release", "--offline", "-p", program)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	name := map[string]string{"plug": "libplug.so"}[program]
	if name == "" {
		name = program
	}
	size, err := loaded(filepath.Join(dir, "target", "release", name))
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// edit makes the change, and gives what takes it back.
func (w *planted) edit(t *testing.T, dir string, s *Saving) (undo func()) {
	t.Helper()
	file := w.file
	if w.command {
		file = s.File
	}
	path := filepath.Join(dir, file)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(data []byte) {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		later := time.Now().Add(time.Second) // cargo looks at the time alone
		if err := os.Chtimes(path, later, later); err != nil {
			t.Fatal(err)
		}
	}
	switch words := strings.Fields(s.Step); {
	case w.command && words[0] == "cargo":
		cmd := exec.Command(words[0], append(words[1:], "--offline")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", s.Step, err, out)
		}
	case w.command:
		put(append(slices.Clone(old), strings.Replace(s.Step, "[build] ", "\n[build]\n", 1)...))
	default:
		text := string(old)
		for i := 0; i < len(w.replace); i += 2 {
			if !strings.Contains(text, w.replace[i]) {
				t.Fatalf("%s: %s has no %q", w.kind, file, w.replace[i])
			}
			text = strings.ReplaceAll(text, w.replace[i], w.replace[i+1])
		}
		put([]byte(text))
	}
	return func() { put(old) }
}
