package cargo

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/minsize/minsize/internal/target"
)

// TestFlagsAreKept builds with each source of rustflags set, adds one flag,
// and asks the program which it was compiled with: the project's own flags
// must be there beside ours, and the sources that cargo ignores must not.
func TestFlagsAreKept(t *testing.T) {
	needCargo(t)
	host := strings.TrimSpace(hostOf(t))
	const program = `fn main() {
	if cfg!(by_encoded) { println!("encoded"); }
	if cfg!(by_env) { println!("env"); }
	if cfg!(by_triple) { println!("triple"); }
	if cfg!(by_cfg) { println!("cfg"); }
	if cfg!(by_build) { println!("build"); }
	if cfg!(by_parent) { println!("parent"); }
	if cfg!(ours) { println!("ours"); }
}`
	table := func(name, flag string) string {
		return "[" + name + "]\nrustflags = ['--cfg', '" + flag + "']\n"
	}
	triple, cfg, build := table("target."+host, "by_triple"), table("target.'cfg(unix)'", "by_cfg"), table("build", "by_build")
	for _, c := range []struct {
		name, config, parent string
		env                  []string
		source               RustflagsSource
		want                 string
		ignored              int
	}{
		{"none", "", "", nil, NoRustflags, "ours", 0},
		{"build", build, "", nil, BuildRustflags, "build ours", 0},
		{"build, joined with the folder above", build, table("build", "by_parent"), nil, BuildRustflags, "build parent ours", 0},
		{"triple", triple, "", nil, TargetRustflags, "triple ours", 0},
		{"cfg", cfg, "", nil, TargetRustflags, "cfg ours", 0},
		{"triple and cfg are joined, build is silent", triple + cfg + build, "", nil, TargetRustflags, "triple cfg ours", 1},
		{"env beats files", triple + build, "", []string{"RUSTFLAGS=--cfg by_env"}, EnvRustflags, "env ours", 2},
		{"an empty env beats files", triple, "", []string{"RUSTFLAGS="}, EnvRustflags, "ours", 1},
		{"encoded beats env", build, "", []string{"RUSTFLAGS=--cfg by_env", "CARGO_ENCODED_RUSTFLAGS=--cfg\x1fby_encoded"}, EncodedRustflags, "encoded ours", 2},
		{"variable of a table", "", "", []string{"CARGO_BUILD_RUSTFLAGS=--cfg by_build"}, BuildRustflags, "build ours", 0},
		{"variable of the triple", build, "", []string{"CARGO_TARGET_" + strings.ToUpper(strings.ReplaceAll(host, "-", "_")) + "_RUSTFLAGS=--cfg by_triple"}, TargetRustflags, "triple ours", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"a/Cargo.toml": helloManifest, "a/src/main.rs": program}
			if c.config != "" {
				files["a/.cargo/config.toml"] = c.config
			}
			if c.parent != "" {
				files[".cargo/config.toml"] = c.parent
			}
			dir := write(t, files) + "/a"
			ctx := context.Background()
			p, err := Load(ctx, Options{Dir: dir, Env: quiet(c.env...)})
			if err != nil {
				t.Fatal(err)
			}
			if p.Rustflags.Source != c.source || len(p.Rustflags.Ignored) != c.ignored {
				t.Errorf("source %d (%s) with %d ignored, expected %d with %d", p.Rustflags.Source, p.Rustflags.Place(), len(p.Rustflags.Ignored), c.source, c.ignored)
			}
			for _, target := range []string{"", host} {
				r, err := Build(ctx, p, Request{Rustflags: []string{"--cfg", "ours"}, Target: target})
				if err != nil {
					t.Fatal(err)
				}
				out, err := exec.Command(r.Executable).Output()
				if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != c.want {
					t.Errorf("compiled with %q (%v), expected %q; cargo %q", got, err, c.want, r.Command)
				}
			}
		})
	}
}

func hostOf(t *testing.T) string {
	out, err := exec.Command("rustc", "-vV").Output()
	if err != nil {
		t.Skip("needs rustc")
	}
	_, after, _ := strings.Cut(string(out), "host: ")
	host, _, _ := strings.Cut(after, "\n")
	return host
}

// TestCfgFlagsComeLast: cargo gives rustc the flags of the triple's table before
// those of cfg(...), and what is added has to come behind both.
func TestCfgFlagsComeLast(t *testing.T) {
	c := &Config{Layers: []Layer{{Origin: "file", Values: map[string]any{"target": map[string]any{
		"cfg(unix)": map[string]any{"rustflags": []any{"-Clinker=theirs"}},
		"machine":   map[string]any{"rustflags": []any{"-Clinker=first"}},
	}}}}}
	r := readRustflags(c, "machine", []string{"unix"})
	if got := strings.Join(r.Flags, " "); got != "-Clinker=first -Clinker=theirs" || r.Linker() != "theirs" {
		t.Fatalf("flags %s, linker %s", got, r.Linker())
	}
	p := &Project{Rustflags: r, Triple: target.Parse("machine")}
	args, env, err := Request{Linker: "/ours"}.rustflags(p, nil)
	want := "CARGO_ENCODED_RUSTFLAGS=" + strings.Join([]string{"-Clinker=first", "-Clinker=theirs", "-Clinker=/ours"}, encodedSeparator)
	if err != nil || len(args) > 0 || len(env) != 1 || env[0] != want {
		t.Errorf("arguments %q, variables %q, want %q (%v)", args, env, want, err)
	}
}

func TestCfg(t *testing.T) {
	cfg := []string{"unix", `target_os="linux"`, `target_arch="x86_64"`, "debug_assertions"}
	for expression, want := range map[string]bool{
		`cfg(unix)`:         true,
		`cfg(windows)`:      false,
		`cfg(all())`:        true,
		`cfg(any())`:        false,
		`cfg(not(windows))`: true,
		`cfg( all ( unix , target_os = "linux" , ) )`:                            true,
		`cfg(any(windows, all(target_arch="x86_64", not(target_os = "macos"))))`: true,
		`cfg(target_os = "lin")`:                                                 false,
		`cfg(true)`:                                                              true,
		`cfg(false)`:                                                             false,
	} {
		if got, err := cfgHolds(expression, cfg); err != nil || got != want {
			t.Errorf("%s: got %v, %v", expression, got, err)
		}
	}
	for _, bad := range []string{"", "cfg", "cfg(", "cfg()", "cfg(all(unix)", "cfg(not(unix, unix))", "cfg(a b)", `cfg(a = "b)`, "cfg(a = b)", "cfg(unix) x", "cfg(maybe(unix))", "cfg(" + strings.Repeat("not(", 100) + "unix" + strings.Repeat(")", 101)} {
		if _, err := cfgHolds(bad, cfg); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func FuzzCfg(f *testing.F) {
	f.Add(`cfg(all(unix, any(target_os = "linux"), not(windows)))`)
	f.Fuzz(func(t *testing.T, text string) {
		a, errA := cfgHolds(text, []string{"unix"})
		b, errB := cfgHolds(text, []string{"unix"})
		if a != b || (errA == nil) != (errB == nil) {
			t.Errorf("%q has two meanings", text)
		}
	})
}

// TestCfgLaws: not turns every expression round; all of two is both.
func TestCfgLaws(t *testing.T) {
	cfg := []string{"a", `k="v"`}
	var expression func(t *rapid.T, depth int) string
	expression = func(t *rapid.T, depth int) string {
		if depth == 0 {
			return rapid.SampledFrom([]string{"a", "b", `k = "v"`, `k = "w"`, "true", "false"}).Draw(t, "leaf")
		}
		name := rapid.SampledFrom([]string{"all", "any"}).Draw(t, "name")
		var parts []string
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			parts = append(parts, expression(t, depth-1))
		}
		return name + "(" + strings.Join(parts, ", ") + ")"
	}
	rapid.Check(t, func(t *rapid.T) {
		x, y := expression(t, rapid.IntRange(0, 3).Draw(t, "d")), expression(t, 1)
		holds := func(e string) bool {
			got, err := cfgHolds("cfg("+e+")", cfg)
			if err != nil {
				t.Fatalf("%s: %v", e, err)
			}
			return got
		}
		if holds("not("+x+")") == holds(x) {
			t.Fatalf("not(%s)", x)
		}
		if holds("all("+x+","+y+")") != (holds(x) && holds(y)) || holds("any("+x+","+y+")") != (holds(x) || holds(y)) {
			t.Fatalf("%s with %s", x, y)
		}
	})
}
