package cargo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/minsize/minsize/internal/target"
)

// TestProfileOrigins: each key has the strongest value, and says where from.
func TestProfileOrigins(t *testing.T) {
	needCargo(t)
	home := write(t, map[string]string{"config.toml": "[profile.release]\ndebug = 1\nstrip = 'debuginfo'\n"})
	dir := write(t, map[string]string{
		"Cargo.toml":           "[workspace]\nmembers = ['m']\nresolver = '2'\n[profile.release]\nlto = 'thin'\nopt-level = 2\npanic = 'abort'\n[profile.dist]\ninherits = 'release'\nopt-level = 's'\n[profile.dist.package.m]\nopt-level = 3\n",
		"m/Cargo.toml":         helloManifest + "[profile.release]\nlto = 'fat'\n", // of a member: cargo ignores it
		"m/src/main.rs":        helloMain,
		".cargo/config.toml":   "[profile.release]\nlto = true\nstrip = true\n",
		"m/.cargo/config.toml": "include = ['more.toml']\n[profile.release]\nstrip = false\n",
		"m/.cargo/more.toml":   "[profile.release]\nstrip = 'symbols'\nincremental = true\n",
		"given.toml":           "[profile.release]\nrpath = true\n",
	})
	env := quiet("CARGO_HOME="+home, "CARGO_PROFILE_RELEASE_OPT_LEVEL=1", "CARGO_PROFILE_DIST_CODEGEN_UNITS=7")
	o := Options{Dir: filepath.Join(dir, "m"), Env: env, Profile: "dist", Config: []string{"profile.release.panic='unwind'", "../given.toml"}}
	p, err := Load(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if p.Root != dir {
		t.Errorf("root %s, expected %s", p.Root, dir)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	want := map[string]Setting{
		"opt-level":        {"s", in("Cargo.toml")}, // dist's own, not release's variable
		"lto":              {true, in(".cargo/config.toml")},
		"codegen-units":    {int64(7), "CARGO_PROFILE_DIST_CODEGEN_UNITS"},
		"panic":            {"unwind", "--config profile.release.panic='unwind'"},
		"strip":            {false, in("m/.cargo/config.toml")},
		"debug":            {int64(1), filepath.Join(home, "config.toml")},
		"incremental":      {true, in("m/.cargo/more.toml")},
		"overflow-checks":  {false, ""},
		"debug-assertions": {false, ""},
		"rpath":            {true, in("given.toml")},
	}
	if diff := cmp.Diff(want, p.Profile.Settings); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"m"}, p.Profile.Packages); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{in("m/Cargo.toml")}, p.IgnoredProfiles()); diff != "" {
		t.Errorf("ignored profiles: %s", diff)
	}
	if o := p.Overrules("release", "opt-level"); len(o) != 1 || o[0].By != "CARGO_PROFILE_RELEASE_OPT_LEVEL" {
		t.Errorf("overrules %v", o)
	}
}

func TestChoose(t *testing.T) {
	needCargo(t)
	files := map[string]string{
		"Cargo.toml":        "[workspace]\nmembers = ['one', 'two', 'lib', 'both']\ndefault-members = ['one', 'two', 'lib']\nresolver = '2'\n",
		"one/Cargo.toml":    strings.Replace(helloManifest, "hello", "one", 1),
		"one/src/main.rs":   helloMain,
		"one/examples/e.rs": helloMain,
		"two/Cargo.toml":    strings.Replace(helloManifest, "hello", "two", 1) + "default-run = 'b'\n",
		"two/src/bin/a.rs":  helloMain,
		"two/src/bin/b.rs":  helloMain,
		"lib/Cargo.toml":    strings.Replace(helloManifest, "hello", "lib", 1),
		"lib/src/lib.rs":    "",
		"lib/examples/e.rs": helloMain,
		"both/Cargo.toml": strings.Replace(helloManifest, "hello", "both", 1) + "[lib]\ncrate-type = ['staticlib', 'rlib', 'cdylib']\n" +
			"[[example]]\nname = 'c'\ncrate-type = ['cdylib']\n",
		"both/src/lib.rs":    "",
		"both/src/main.rs":   helloMain,
		"both/examples/c.rs": "",
	}
	dir := write(t, files)
	for _, c := range []struct {
		in   string
		o    Options
		want string
	}{
		{"", Options{}, "-p two --bin b"},
		{"one", Options{}, "-p one --bin one"},
		{"two", Options{}, "-p two --bin b"},
		{"two", Options{Bin: "a"}, "-p two --bin a"},
		{"lib", Options{}, "none"},
		{"lib", Options{Lib: true}, "none --lib"},
		{"lib", Options{Lib: true, CrateType: "staticlib"}, "-p lib --lib --crate-type staticlib"},
		{"lib", Options{Lib: true, CrateType: "rlib"}, "none --crate-type rlib"},
		{"both", Options{}, "-p both --bin both"},
		{"both", Options{Bin: "both"}, "-p both --bin both"},
		{"both", Options{Lib: true}, "several both both"},
		{"both", Options{CrateType: "cdylib"}, "-p both --lib --crate-type cdylib"},
		{"", Options{Package: "both", Example: "c"}, "-p both --example c"},
		{"", Options{CrateType: "staticlib"}, "-p both --lib --crate-type staticlib"},
		{"lib", Options{Example: "e"}, "-p lib --example e"},
		{"", Options{Bin: "a"}, "-p two --bin a"},
		{"", Options{Package: "two"}, "-p two --bin b"},
		{"", Options{Package: "two@0.1.0", Bin: "a"}, "-p two --bin a"},
		{"", Options{Package: "lib"}, "none -p lib"},
		{"", Options{Example: "e"}, "several e e"},
		{"", Options{Package: "one", Example: "e"}, "-p one --example e"},
		{"one", Options{Bin: "a"}, "-p two --bin a"},
		{"", Options{Package: "none"}, "none -p none"},
		{"", Options{Bin: "none"}, "none --bin none"},
		{"", Options{ManifestPath: "two/Cargo.toml"}, "-p two --bin b"},
	} {
		c.o.Dir, c.o.Env = filepath.Join(dir, c.in), quiet()
		p, err := Load(context.Background(), c.o)
		got := ""
		var none *NoArtefactError
		var several *SeveralError
		switch {
		case errors.As(err, &several):
			got = "several"
			for _, choice := range several.Choices {
				got += " " + choice.Target.Name
			}
		case errors.As(err, &none):
			got = strings.TrimSpace("none " + none.Asked)
		case err != nil:
			t.Errorf("%+v: %v", c.o, err)
			continue
		default:
			got = p.Choice.String()
		}
		if got != c.want {
			t.Errorf("in %q with %q %q %q: got %q, expected %q", c.in, c.o.Package, c.o.Bin, c.o.Example, got, c.want)
		}
	}
}

// TestFailures: what cargo says in each way of failing is recognised.
func TestFailures(t *testing.T) {
	needCargo(t)
	ctx := context.Background()
	for _, c := range []struct {
		name  string
		files map[string]string
		o     Options
		r     Request
		want  Failure
		line  string // part of the error
	}{
		{"compile", map[string]string{"src/main.rs": "fn main() { nothing(); }"}, Options{}, Request{}, FailedCompile, "cannot find function `nothing`"},
		{"link", nil, Options{}, Request{Rustflags: []string{"-Clink-arg=-no-such-option-of-any-linker"}}, FailedLink, "linking with `cc` failed"},
		{"no linker", nil, Options{}, Request{Linker: "/no/such/linker"}, FailedLink, "linker `/no/such/linker` not found"},
		{"network", map[string]string{"Cargo.toml": helloManifest + "[dependencies]\nno-such-crate-of-minsize-tests = '1'\n"}, Options{Offline: true}, Request{}, FailedNetwork, "no-such-crate-of-minsize-tests"},
		{"lockfile", nil, Options{Locked: true}, Request{}, FailedLockfile, "--locked"},
		{"manifest", map[string]string{"Cargo.toml": "[package]\nname = 1\n"}, Options{}, Request{}, FailedManifest, "invalid type"},
		{"profile", nil, Options{}, Request{Profile: []KeyValue{{"lto", "enormous"}}}, FailedUnknown, "enormous"},
		{"-Z on stable", nil, Options{}, Request{Rustflags: []string{"-Zno-such-option"}}, FailedUnknown, "-Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"Cargo.toml": helloManifest, "src/main.rs": helloMain}
			for name, text := range c.files {
				files[name] = text
			}
			c.o.Dir, c.o.Env = write(t, files), quiet()
			p, err := Load(ctx, c.o)
			if err == nil {
				_, err = Build(ctx, p, c.r)
			}
			var failed *BuildError
			if !errors.As(err, &failed) {
				t.Fatalf("got %v, expected a BuildError", err)
			}
			if failed.Failure != c.want && c.want != FailedUnknown {
				t.Errorf("recognised as %q, expected %q: %q", failed.Failure, c.want, failed.Lines)
			}
			if !strings.Contains(strings.Join(failed.Lines, "\n"), c.line) || len(failed.Lines) > maxShown+1 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: lines %q", err, failed.Lines)
			}
		})
	}
	disk := asBuildError(&CommandError{Command: "cargo build", Status: 101, Lines: []string{"error: failed to write /x: No space left on device (os error 28)", "error: could not compile `a`"}}, "/x")
	var failed *BuildError
	if !errors.As(disk, &failed) || failed.Failure != FailedDisk || !strings.Contains(disk.Error(), "no space left in /x") {
		t.Errorf("got %v", disk)
	}
}

// TestCancel: a build that is ended leaves no compiler and no temporary folder.
func TestCancel(t *testing.T) {
	needCargo(t)
	dir := write(t, map[string]string{"Cargo.toml": helloManifest, "src/main.rs": helloMain,
		"build.rs": "fn main() { std::fs::write(\"started\", \"\").unwrap(); std::thread::sleep(std::time::Duration::from_secs(100000)); }\n"})
	p, err := Load(context.Background(), Options{Dir: dir, Env: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(dir, "started")); err == nil {
				cancel()
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if _, err := Build(ctx, p, Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(p.BuildDir(), "tmp-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestLock(t *testing.T) {
	needCargo(t)
	dir := write(t, map[string]string{"Cargo.toml": helloManifest, "src/main.rs": helloMain})
	p, err := Load(context.Background(), Options{Dir: dir, Env: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := p.Lock("shrink")
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Lock("build")
	var locked *LockedError
	if !errors.As(err, &locked) || !strings.Contains(err.Error(), "minsize shrink") {
		t.Errorf("got %v", err)
	}
	unlock()
	unlock, err = p.Lock("build")
	if err != nil {
		t.Fatalf("a lock that was given back: %v", err)
	}
	unlock()
}

// TestSourcesHash: what a build reads counts, what it writes does not.
func TestSourcesHash(t *testing.T) {
	needCargo(t)
	ctx := context.Background()
	dir := write(t, map[string]string{"Cargo.toml": helloManifest, "src/main.rs": helloMain, "asset.bin": "1", ".git/HEAD": "x"})
	p, err := Load(ctx, Options{Dir: dir, Env: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	hash := func() string {
		h, err := p.SourcesHash(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := hash()
	if _, err := Build(ctx, p, Request{TargetDir: filepath.Join(dir, "target")}); err != nil {
		t.Fatal(err)
	}
	for name, changes := range map[string]bool{".git/HEAD": false, "target/x": false, "asset.bin": true, "src/main.rs": true} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("fn main() { } // 2"), 0o666); err != nil {
			t.Fatal(err)
		}
		next := hash()
		if (next != first) != changes {
			t.Errorf("%s: the hash changed: %v, expected %v", name, next != first, changes)
		}
		first = next
	}
}

// TestPieces: with nothing on the machine every piece is missing, and the
// essential ones say how to get them on each system.
func TestPieces(t *testing.T) {
	for installer := range installers {
		s := &Survey{System: System{"some", installer}, Triple: target.Parse("x86_64-unknown-linux-gnu")}
		for _, piece := range pieces {
			p := piece(s, nil)
			if p.Name == "" {
				continue
			}
			if p.Found != "" {
				t.Errorf("%s: %s was found where nothing is", installer, p.Name)
			}
			if p.Unlocks == "" {
				t.Errorf("%s unlocks nothing", p.Name)
			}
			if p.Essential && len(p.Install) == 0 && installer != "brew" {
				t.Errorf("%s: no command brings %s", installer, p.Name)
			}
		}
		if s.Ready() && len(s.Pieces) > 0 {
			t.Error("ready with nothing")
		}
	}
	// A module has other tools than a program, and every system's installer brings them.
	own := &Toolchain{Host: "x86_64-unknown-linux-gnu", LLVM: "22.1.8"}
	var named []string
	for _, piece := range pieces {
		p := piece(&Survey{System: System{"some", "apt"}, Triple: target.Parse("wasm32-unknown-unknown")}, own)
		if named = append(named, p.Name); p.Name == "wasm-opt (Binaryen)" && (len(p.Install) != 2 || p.Install[0] != "apt-get install binaryen") {
			t.Errorf("wasm-opt: %q", p.Install)
		}
	}
	for name, wanted := range map[string]bool{"linker for modules (wasm-ld)": true, "wasm-opt (Binaryen)": true, "opt and llc of LLVM 22": true,
		"C compiler as linker driver": false, "runner for wasm32-unknown-unknown": false} {
		if slices.Contains(named, name) != wanted {
			t.Errorf("%s among the pieces of a module: %v", name, !wanted)
		}
	}
	for id, installer := range systems {
		if installers[installer] == "" {
			t.Errorf("%s installs with %q, which is not in the table", id, installer)
		}
	}
}

func TestOnlyOnce(t *testing.T) {
	lines := []string{"error: linking failed", "  = note: ld: a.o: Relocations", "          ld: a.o: Relocations", "          ld: a.o: Relocations", "          ld: b.o", "", ""}
	want := []string{"error: linking failed", "  = note: ld: a.o: Relocations", "          ld: b.o", "", ""}
	if got := onlyOnce(lines); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
