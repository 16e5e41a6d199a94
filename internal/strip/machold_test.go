package strip

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// libSystem is all that the linker asks of the system library here.
const libSystem = `--- !tapi-tbd
tbd-version: 4
targets: [ arm64-macos, x86_64-macos ]
install-name: '/usr/lib/libSystem.B.dylib'
exports:
  - targets: [ arm64-macos, x86_64-macos ]
    symbols: [ _puts, dyld_stub_binder ]
...
`

// TestLinkedMachO: what a real linker makes, with chained fixups or dyld info,
// an export trie, function starts and a linker's signature.
func TestLinkedMachO(t *testing.T) {
	linker := ""
	for _, name := range []string{"ld64.lld", "ld64.lld-19", "ld64.lld-22"} {
		if path, err := exec.LookPath(name); err == nil {
			linker = path
			break
		}
	}
	if linker == "" {
		t.Skip("ld64.lld is not installed")
	}
	if _, err := exec.LookPath("clang"); err != nil {
		t.Skip("clang is not installed")
	}
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	source := "int puts(const char *); static int helper(int x) { return x * 3; } int (*volatile table[])(int) = {helper}; int shared(int x) { return table[0](x); }\nint main(void) { return puts(\"fine\") + shared(1); }\n"
	for name, text := range map[string]string{"main.c": source, "libSystem.tbd": libSystem} {
		if err := os.WriteFile(in(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, arch := range []string{"arm64", "x86_64"} {
		if out, err := exec.Command("clang", "-target", arch+"-apple-macos12", "-g", "-c", "-o", in("main.o"), in("main.c")).CombinedOutput(); err != nil {
			t.Skipf("clang: %v %s", err, out)
		}
		for _, flags := range [][]string{{"-fixup_chains"}, {"-no_fixup_chains"}, {"-dylib", "-fixup_chains"}} {
			args := append([]string{"-arch", arch, "-platform_version", "macos", "12", "12", "-adhoc_codesign", "-o", in("out"), in("main.o"), in("libSystem.tbd")}, flags...)
			if out, err := exec.Command(linker, args...).CombinedOutput(); err != nil {
				t.Skipf("%s %v: %v %s", linker, flags, err, out)
			}
			data, err := os.ReadFile(in("out"))
			if err != nil {
				t.Fatal(err)
			}
			for _, level := range allLevels {
				out, r := mustRewrite(t, data, Options{Level: level})
				f, err := parseMachO(out)
				if err != nil {
					t.Fatal(err)
				}
				if _, raw := f.table("code signature"); raw == nil {
					t.Errorf("%s %v: no signature", arch, flags)
				}
				if fault := signatureFault(out); fault != "" {
					t.Errorf("%s %v, level %v: %s", arch, flags, level, fault)
				}
				if level >= All {
					library := flags[0] == "-dylib"
					symbols, _ := f.symbols()
					for _, s := range symbols {
						if s.name == "_helper" || s.kind&nStab != 0 || s.name == "_shared" && !library {
							t.Errorf("%s %v: symbol %s stayed", arch, flags, s.name)
						}
					}
					if library && !bytes.Contains(out, []byte("\x00_shared\x00")) {
						t.Errorf("%s %v: the library lost an exported symbol", arch, flags)
					}
				}
				t.Logf("%s %v, level %v: %d -> %d %v", arch, flags, level, r.Before, r.After, r.Removed)
			}
		}
	}
}
