package cargo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fake writes a sysroot whose rustc and cargo are scripts, as a linked
// toolchain of rustup's has it.
func fake(t *testing.T, version string, more map[string]string) string {
	t.Helper()
	files := map[string]string{
		"bin/cargo": "#!/bin/sh\necho cargo\n",
		"bin/rustc": "#!/bin/sh\ncase \"$*\" in\n-vV) echo 'rustc " + version + " (abc 2020-01-02)'; echo 'commit-hash: abc'; echo 'commit-date: 2020-01-02'; echo 'host: x86_64-unknown-linux-gnu'; echo 'release: " + version + "'; echo 'LLVM version: 99.1.0';;\n*immediate-abort*) exit 1;;\n*sysroot*) echo \"$(dirname \"$(dirname \"$0\")\")\";;\nesac\n",
	}
	for name, text := range more {
		files[name] = text
	}
	dir := write(t, files)
	for _, name := range []string{"bin/cargo", "bin/rustc"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestToolchainFacts: sources of another version do not count, the spelling of
// immediate-abort comes from what is there, links are found once.
func TestToolchainFacts(t *testing.T) {
	std := "[package]\nname = 'std'\n[features]\npanic_immediate_abort = []\noptimize_for_size = []\n"
	home := write(t, map[string]string{"toolchains/empty/readme": ""})
	toolchains := filepath.Join(home, "toolchains")
	link := func(name, to string) {
		if err := os.Symlink(to, filepath.Join(toolchains, name)); err != nil {
			t.Fatal(err)
		}
	}
	library := "lib/rustlib/src/rust/library/"
	old := fake(t, "1.80.0-nightly", map[string]string{
		library + "std/Cargo.toml": std, library + "core/src/lib.rs": "", "lib/rustlib/src/rust/src/version": "1.80.0\n",
		library + "vendor/libc/Cargo.toml": "", "lib/rustlib/x86_64-unknown-linux-musl/lib/libcore-1.rlib": "",
	})
	link("old", old)
	link("old-again", old)
	link("mixed", fake(t, "1.80.0", map[string]string{library + "std/Cargo.toml": std, library + "core/src/lib.rs": "", "lib/rustlib/src/rust/src/version": "1.79.0\n"}))
	link("broken", fake(t, "1.80.0", map[string]string{"bin/rustc": "#!/bin/sh\nexit 1\n"}))

	all, err := FindToolchains(context.Background(), Options{Env: quiet("RUSTUP_HOME=" + home)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tc := range all {
		if !tc.Rustup {
			continue
		}
		names = append(names, tc.Name)
		switch tc.Name {
		case "old":
			if tc.Channel != "nightly" || !tc.BuildsStd(false) || tc.ImmediateAbort != StdFeature || !tc.HasStdFeature("optimize_for_size") || tc.Std.Vendor == "" {
				t.Errorf("old: %+v, std %+v", tc, tc.Std)
			}
			if !slices.Equal(tc.Targets, []string{"x86_64-unknown-linux-musl"}) || tc.Commit != "abc" || tc.LLVM != "99.1.0" || tc.LLVMTools.Opt != "" {
				t.Errorf("old: targets %q, commit %q, LLVM %q, tools %+v", tc.Targets, tc.Commit, tc.LLVM, tc.LLVMTools)
			}
		case "mixed":
			if tc.Std != nil || tc.ImmediateAbort != "" || tc.Unstable() {
				t.Errorf("mixed: std %+v, abort %q", tc.Std, tc.ImmediateAbort)
			}
		}
	}
	if !slices.Equal(names, []string{"mixed", "old"}) {
		t.Errorf("found %q, expected mixed and old, each once and without the broken one", names)
	}
}

// TestOwnToolchain: the project's toolchain is the one that cargo would use.
func TestOwnToolchain(t *testing.T) {
	needCargo(t)
	ctx := context.Background()
	other := fake(t, "1.81.0", nil)
	dir := write(t, map[string]string{"a/rust-toolchain.toml": "[toolchain]\nchannel = 'no-such-toolchain'\n", "b/x": "",
		"c/.cargo/config.toml": "[build]\nrustc = '" + other + "/bin/rustc'\n"})
	load := func(sub string, o Options) (*Toolchain, error) {
		o.Dir = filepath.Join(dir, sub)
		if o.Env == nil {
			o.Env = quiet()
		}
		c, err := loadConfig(o.Dir, o)
		if err != nil {
			t.Fatal(err)
		}
		return ownToolchain(ctx, o.Dir, o, c)
	}
	plain, err := load("b", Options{})
	if err != nil || !plain.Own || !isExecutable(plain.Cargo) || !isExecutable(plain.Rustc) {
		t.Fatalf("%+v, %v", plain, err)
	}
	if set, err := load("b", Options{Env: quiet("RUSTC=" + other + "/bin/rustc")}); err != nil || set.Version != "1.81.0" {
		t.Errorf("RUSTC: %+v, %v", set, err)
	}
	if set, err := load("c", Options{}); err != nil || set.Version != "1.81.0" {
		t.Errorf("build.rustc: %+v, %v", set, err)
	}
	if set, err := load("b", Options{Env: quiet("CARGO=" + other + "/bin/cargo")}); err != nil || set.Version != "1.81.0" || set.Cargo != filepath.Join(other, "bin", "cargo") {
		t.Errorf("CARGO: %+v, %v", set, err)
	}
	if !plain.Rustup {
		t.Skip("the rest needs rustup")
	}
	var missing *NoToolchainError
	if _, err := load("a", Options{}); !errors.As(err, &missing) || !strings.Contains(err.Error(), "no-such-toolchain") {
		t.Errorf("rust-toolchain.toml: %v", err)
	}
	if _, err := load("b", Options{Toolchain: "no-such-toolchain"}); !errors.As(err, &missing) {
		t.Errorf("+toolchain: %v", err)
	}
	if named, err := load("a", Options{Toolchain: plain.Name}); err != nil || named.Sysroot != plain.Sysroot {
		t.Errorf("+toolchain goes before the file: %+v, %v", named, err)
	}
}

// TestTryLink: what this project's linker takes, and what it does not.
func TestTryLink(t *testing.T) {
	needCargo(t)
	ctx := context.Background()
	p, err := Load(ctx, Options{Dir: write(t, map[string]string{"Cargo.toml": helloManifest, "src/main.rs": helloMain}), Env: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.TryLink(ctx, nil); err != nil {
		t.Errorf("as it is: %v", err)
	}
	for _, flags := range [][]string{
		{"-Clink-arg=-no-such-option-of-any-linker"}, // does not link
		{"-Clink-arg=-Wl,-z,max-page-size=64"},       // links, and dies when it is run, where the linker takes it
	} {
		if _, err := p.TryLink(ctx, flags); err == nil {
			t.Errorf("%q is taken", flags)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: the error has several lines: %v", flags, err)
		}
	}
}
