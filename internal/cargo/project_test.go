package cargo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a project from a map of paths to contents.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
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
	return dir
}

func needCargo(t testing.TB) {
	t.Helper()
	for _, tool := range []string{"cargo", "rustc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
}

// quiet is the process's environment without what would steer cargo.
func quiet(add ...string) []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if (strings.HasPrefix(name, "CARGO") && name != "CARGO_HOME") || name == "RUSTFLAGS" || name == "RUSTC" || name == "RUSTUP_TOOLCHAIN" {
			continue
		}
		env = append(env, entry)
	}
	return append(env, add...)
}

const helloManifest = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"
const helloMain = "fn main() { println!(\"hello\"); }\n"

func TestLoadAndBuild(t *testing.T) {
	needCargo(t)
	dir := write(t, map[string]string{"Cargo.toml": helloManifest, "src/main.rs": helloMain})
	ctx := context.Background()
	p, err := Load(ctx, Options{Dir: dir, Env: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if p.Root != dir || p.Package.Name != "hello" || p.Choice.Target.Name != "hello" || p.Triple.Name != p.Toolchain.Host {
		t.Errorf("root %s, package %s, target %s, triple %s", p.Root, p.Package.Name, p.Choice.Target.Name, p.Triple.Name)
	}
	var crates []string
	r, err := Build(ctx, p, Request{
		Profile:   []KeyValue{{"opt-level", "z"}, {"lto", true}, {"panic", "abort"}},
		Rustflags: []string{"--cfg", "tried"},
		Progress:  func(g Progress) { crates = append(crates, g.Crate) },
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(r.Executable).Output()
	if err != nil || string(out) != "hello\n" {
		t.Errorf("the built program says %q, %v", out, err)
	}
	if r.CPU <= 0 || r.Wall <= 0 || r.Compiled != 1 || len(crates) != 1 || crates[0] != "hello" {
		t.Errorf("CPU %v, wall %v, compiled %d, progress %v", r.CPU, r.Wall, r.Compiled, crates)
	}
	if !strings.HasPrefix(r.Executable, filepath.Join(dir, "target", "minsize")) {
		t.Errorf("built %s, expected it below target/minsize", r.Executable)
	}
	again, err := Build(ctx, p, Request{Profile: []KeyValue{{"opt-level", "z"}, {"lto", true}, {"panic", "abort"}}, Rustflags: []string{"--cfg", "tried"}})
	if err != nil || again.Compiled != 0 {
		t.Errorf("the second build compiled %d crates, %v; expected none", again.Compiled, err)
	}
}
