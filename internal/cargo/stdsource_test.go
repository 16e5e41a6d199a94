package cargo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// withStd finds a toolchain that can build std with no registry.
func withStd(t *testing.T) *Toolchain {
	t.Helper()
	needCargo(t)
	all, err := FindToolchains(context.Background(), Options{Env: quiet()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range all {
		if tc.BuildsStd(true) && tc.Std.Vendor != "" {
			return tc
		}
	}
	t.Skip("needs std's sources with their crates (Debian: rust-web-src)")
	return nil
}

// TestMergedSource: a project whose crates come from a folder builds std out
// of another one, without a registry.
func TestMergedSource(t *testing.T) {
	tc := withStd(t)
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("builds std, 30 CPU seconds: set MINSIZE_SWEEP=1")
	}
	// One of std's own crates serves as the project's: it is here for sure.
	found, err := filepath.Glob(filepath.Join(tc.Std.Vendor, "adler2-*"))
	if err != nil || len(found) == 0 {
		t.Skip("needs adler2 among std's crates")
	}
	vendor := write(t, nil)
	if err := os.CopyFS(filepath.Join(vendor, "adler2"), os.DirFS(found[0])); err != nil {
		t.Fatal(err)
	}
	dir := write(t, map[string]string{
		"Cargo.toml":         helloManifest + "[dependencies]\nadler2 = { version = '2', default-features = false }\n",
		"src/main.rs":        "fn main() { println!(\"{}\", adler2::adler32_slice(b\"minsize\")); }\n",
		".cargo/config.toml": "[source.crates-io]\nreplace-with = 'here'\n[source.here]\ndirectory = '" + vendor + "'\n",
	})
	ctx := context.Background()
	p, err := Load(ctx, Options{Dir: dir, Env: quiet("CARGO_HOME=" + t.TempDir()), Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Build(ctx, p, Request{Toolchain: tc, BuildStd: []string{"std", "panic_abort"}, Bootstrap: !tc.Unstable(),
		Profile: []KeyValue{{"opt-level", 0}, {"panic", "abort"}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(r.Executable).Output()
	if err != nil || string(out) != "201196288\n" {
		t.Errorf("the program says %q, %v", out, err)
	}
}
