package objfile

import (
	"math/rand"
	"slices"
	"testing"
	"time"
)

// TestMutations changes bytes of small samples of every format, mostly in
// their first kilobyte where the headers are: no panic, and no file takes long.
func TestMutations(t *testing.T) {
	samples := map[string][]byte{
		"ELF object": seed("gcc", "-c", "-g"), "ELF library": seed("gcc", "-shared", "-fPIC", "-Wl,-z,pack-relative-relocs"),
		"COFF": seed("x86_64-w64-mingw32-gcc", "-c"), "PE": seed("x86_64-w64-mingw32-gcc", "-shared", "-nostdlib", "-Wl,--unresolved-symbols=ignore-all", "-Wl,--export-all-symbols"),
		"Mach-O": seed("clang", "-target", "arm64-apple-macos12", "-c"), "Wasm": seed("clang", "-target", "wasm32", "-c"),
	}
	samples["Mach-O library"] = linkMachO(samples["Mach-O"], "-fixup_chains")
	samples["Mach-O library, opcodes"] = linkMachO(samples["Mach-O"], "-no_fixup_chains")
	for name, sample := range samples {
		if sample == nil {
			continue
		}
		if _, err := Parse(name, sample); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		random := rand.New(rand.NewSource(1))
		for range 1500 {
			data := slices.Clone(sample)
			for range 1 + random.Intn(4) {
				at := random.Intn(len(data))
				if random.Intn(3) > 0 {
					at = random.Intn(min(1024, len(data)))
				}
				data[at] = []byte{0, 0xff, 0x7f, 0x80, 1, byte(random.Intn(256))}[random.Intn(6)]
			}
			if random.Intn(10) == 0 {
				data = data[:random.Intn(len(data))]
			}
			start := time.Now()
			if f, err := Parse(name, data); err == nil {
				touch(f)
			}
			if d := time.Since(start); d > time.Second {
				t.Errorf("%s: a mutation took %v", name, d)
			}
		}
	}
}
