package target

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What rustc 1.95 says of its targets: --print cfg (target_arch, target_os,
// target_env) and the binary-format of --print target-spec-json.
//
//go:embed testdata/rustc-1.95.txt
var rustc string

// arches are ours for rustc's, which leaves the byte order out.
var arches = map[string]string{"x86": "i386", "arm64ec": "aarch64", "amdgpu": "amdgcn"}

func TestEveryTargetOfRustc(t *testing.T) {
	told := map[string]bool{}
	for _, s := range systems {
		told[s.os] = true
	}
	formats := map[string]Format{"elf": ELF, "coff": COFF, "mach-o": MachO, "wasm": Wasm, "xcoff": Other}
	lines := strings.Split(strings.TrimSpace(rustc), "\n")
	if len(lines) < 300 {
		t.Fatalf("%d targets", len(lines))
	}
	for _, line := range lines {
		f := strings.Fields(line)
		got := Parse(f[0])
		want := Triple{Name: f[0], OS: f[2], Format: formats[f[4]], first: got.first, last: got.last}
		if !told[want.OS] {
			want.OS = ""
		}
		if want.OS == "cuda" {
			want.Format = Other // rustc says ELF, and writes text
		}
		// Only what decides something is told apart.
		if slices.Contains([]string{"gnu", "musl", "msvc"}, f[3]) && want.OS != "" {
			want.Env = f[3]
		}
		if want.OS == "" {
			got.Env = ""
		}
		want.Arch = f[1]
		if ours, ok := arches[f[1]]; ok {
			want.Arch = ours
		}
		// Byte order and revisions, which rustc keeps elsewhere.
		for _, ending := range []string{"eb", "_be", "le", "el"} {
			if got.Arch == want.Arch+ending && strings.Contains(got.first, ending) {
				want.Arch = got.Arch
			}
		}
		if strings.HasPrefix(f[0], "mipsisa") || strings.HasPrefix(f[0], "bpf") {
			want.Arch = got.first
		}
		if strings.HasPrefix(got.first, "wasm32") {
			want.Arch = "wasm32"
		}
		if got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", f[0], got, want)
		}
	}
}

// TestListIsComplete says when the compiler here knows targets that the
// list does not: they are to be added.
func TestListIsComplete(t *testing.T) {
	out, err := exec.Command("rustc", "--version").Output()
	if err != nil {
		t.Skip("rustc is not installed")
	}
	if !strings.HasPrefix(string(out), "rustc 1.95.") {
		t.Skipf("the list is of rustc 1.95, here is %s", out)
	}
	out, err = exec.Command("rustc", "--print", "target-list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if !strings.Contains(rustc, name+" ") {
			t.Errorf("%s is not in testdata", name)
		}
	}
}

func TestNamesOfOthers(t *testing.T) {
	for name, want := range map[string][4]string{ // cross compiler, musl twin, engine, qemu's machine
		"x86_64-unknown-linux-gnu":      {"x86_64-linux-gnu-gcc", "x86_64-unknown-linux-musl", "qemu", "x86_64"},
		"aarch64-unknown-linux-gnu":     {"aarch64-linux-gnu-gcc", "aarch64-unknown-linux-musl", "qemu", "aarch64"},
		"armv7-unknown-linux-gnueabihf": {"arm-linux-gnueabihf-gcc", "armv7-unknown-linux-musleabihf", "qemu", "arm"},
		"riscv64gc-unknown-linux-gnu":   {"riscv64-linux-gnu-gcc", "riscv64gc-unknown-linux-musl", "qemu", "riscv64"},
		"i686-unknown-linux-gnu":        {"i686-linux-gnu-gcc", "i686-unknown-linux-musl", "qemu", "i386"},
		"powerpc64le-unknown-linux-gnu": {"powerpc64le-linux-gnu-gcc", "powerpc64le-unknown-linux-musl", "qemu", "ppc64le"},
		"x86_64-unknown-linux-musl":     {"", "", "qemu", "x86_64"},
		"aarch64-linux-android":         {"", "", "qemu", "aarch64"},
		"x86_64-pc-windows-gnu":         {"x86_64-w64-mingw32-gcc", "", "wine", "x86_64"},
		"x86_64-pc-windows-gnullvm":     {"", "", "wine", "x86_64"},
		"x86_64-pc-windows-msvc":        {"", "", "wine", "x86_64"},
		"aarch64-apple-darwin":          {"", "", "", "aarch64"},
		"wasm32-wasip1":                 {"", "", "wasmtime", "wasm32"},
		"wasm32-wali-linux-musl":        {"", "", "", "wasm32"},
		"thumbv7em-none-eabihf":         {"", "", "machine", "arm"},
		"riscv32imac-unknown-none-elf":  {"", "", "machine", "riscv32"},
		"powerpc-unknown-none":          {"", "", "machine", "ppc"},
		"odd":                           {"", "", "", "odd"},
	} {
		p := Parse(name)
		twin, can := p.Musl()
		if got := [4]string{p.CrossCompiler(), twin.Name, string(p.RunBy()), p.Qemu()}; got != want || can != (want[1] != "") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestTargetOfAFile(t *testing.T) {
	p := Parse("machines/x86_64-mine-none.json")
	if p.Base() != "x86_64-mine-none" || p.Arch != "x86_64" || p.OS != "none" || p.Name != "machines/x86_64-mine-none.json" {
		t.Errorf("got %+v, %s", p, p.Base())
	}
	if got := p.LinkerVariable(); got != "CARGO_TARGET_X86_64_MINE_NONE_LINKER" {
		t.Errorf("got %s", got)
	}
	if got := Parse("thumbv8m.main-none-eabi").LinkerVariable(); got != "CARGO_TARGET_THUMBV8M_MAIN_NONE_EABI_LINKER" {
		t.Errorf("got %s", got)
	}
}

func TestRunner(t *testing.T) {
	if runner, why := Parse("no-such-machine").Runner(); runner != nil || why == "" {
		t.Errorf("got %q, %q", runner, why)
	}
	runner, why := Parse("aarch64-unknown-linux-gnu").Runner()
	if (runner == nil) != (why != "") {
		t.Errorf("got %q and %q", runner, why)
	}
	if _, err := exec.LookPath("qemu-aarch64-static"); err == nil && runner == nil {
		t.Errorf("qemu-aarch64-static is here: %s", why)
	}
	t.Setenv("PATH", t.TempDir())
	if runner, why := Parse("riscv64gc-unknown-linux-gnu").Runner(); runner != nil || why != "needs qemu-user for riscv64gc-unknown-linux-gnu" {
		t.Errorf("got %q and %q", runner, why)
	}
}

// TestFirstOf: Debian's wine64 lies outside the PATH, and is found there all
// the same; a name on the PATH goes before.
func TestFirstOf(t *testing.T) {
	onPath, outside := t.TempDir(), t.TempDir()
	t.Setenv("PATH", onPath)
	name := "wine64"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	program := func(folder string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	far := program(outside)
	if got, why := firstOf("wine", []string{"wine64"}, []string{far, "-x"}); !slices.Equal(got, []string{far, "-x"}) || why != "" {
		t.Errorf("outside the PATH: got %q, %q", got, why)
	}
	near := program(onPath)
	if got, _ := firstOf("wine", []string{"wine64"}, []string{far}); !slices.Equal(got, []string{near}) {
		t.Errorf("on the PATH: got %q", got)
	}
	const debian = "/usr/lib/wine/wine64"
	os.Remove(near)
	cache := t.TempDir()
	t.Setenv("HOME", cache)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("WINEPREFIX", "")
	want, missing := []string{"/usr/bin/env", "WINEPREFIX=" + filepath.Join(cache, "minsize", "wine"), "WINEBOOTSTRAPMODE=1", "WINEDEBUG=-all", "WINEDLLOVERRIDES=winedbg.exe=d", debian}, ""
	if _, err := os.Stat(debian); err != nil {
		want, missing = nil, "needs wine for x86_64-pc-windows-gnu"
	}
	if got, why := Parse("x86_64-pc-windows-gnu").Runner(); !slices.Equal(got, want) || why != missing {
		t.Errorf("got %q, %q, want %q, %q", got, why, want, missing)
	}
	if want != nil {
		if data, err := os.ReadFile(filepath.Join(cache, "minsize", "wine", "drive_c", "windows", "system32", "bcryptprimitives.dll")); err != nil || !bytes.Equal(data, prng) {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	}
	t.Setenv("WINEPREFIX", outside) // somebody's own is used as it is
	if got, _ := Parse("x86_64-pc-windows-gnu").Runner(); want != nil && !slices.Equal(got, []string{debian}) {
		t.Errorf("with WINEPREFIX: got %q", got)
	}
}

func TestFlavours(t *testing.T) {
	for name, want := range map[string]Flavour{
		"x86_64-unknown-linux-gnu": GNU, "aarch64-linux-android": GNU, "thumbv7em-none-eabihf": Bare, "x86_64-pc-windows-gnu": MinGW, "aarch64-pc-windows-gnullvm": MinGW, "x86_64-pc-cygwin": GNU,
		"x86_64-pc-windows-msvc": MSVC, "x86_64-unknown-uefi": MSVC, "aarch64-apple-darwin": Darwin, "wasm32-wasip1": WasmLD, "wasm32-unknown-unknown": WasmLD, "nvptx64-nvidia-cuda": "",
	} {
		if got := Parse(name).Flavour(); got != want {
			t.Errorf("%s: %q, expected %q", name, got, want)
		}
	}
}
