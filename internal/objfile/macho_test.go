package objfile

import (
	"bytes"
	"debug/macho"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func compareMachO(t *testing.T, data []byte) *File {
	t.Helper()
	want, err := macho.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("sample", data)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Sections) != len(want.Sections) || len(f.MachO.Loads) != len(want.Loads) {
		t.Fatalf("%d sections, %d commands; debug/macho has %d, %d", len(f.Sections), len(f.MachO.Loads), len(want.Sections), len(want.Loads))
	}
	for i, s := range want.Sections {
		if g := f.Sections[i]; g.Name != s.Seg+","+s.Name || g.Addr != s.Addr || g.Offset != uint64(s.Offset) {
			t.Errorf("section %d: %+v, debug/macho %+v", i, g, s.SectionHeader)
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Error(err)
	}
	if want.Symtab != nil {
		for i, s := range want.Symtab.Syms {
			if g := symbols[i]; strings.TrimPrefix(g.Name, "_") != strings.TrimPrefix(s.Name, "_") || f.Kind != Relocatable && g.Addr != s.Value {
				t.Fatalf("symbol %d: %+v, debug/macho %+v", i, g, s)
			}
		}
	}
	relocs, err := f.Relocs()
	if err != nil {
		t.Error(err)
	}
	astray := 0
	for i := range relocs {
		if r := &relocs[i]; r.Relative && f.SegmentAt(uint64(r.Addend)) < 0 {
			astray++ // the end of a segment
		}
	}
	if astray > 20 {
		t.Errorf("%d of %d rebases do not point into the image", astray, len(relocs))
	}
	return f
}

func TestMachOOfGo(t *testing.T) {
	for _, arch := range []string{"arm64", "amd64"} {
		f := compareMachO(t, goBuild(t, "darwin", arch))
		if f.Entry == 0 || f.SegmentAt(f.Entry) < 0 || f.Kind != PIE {
			t.Errorf("%s: kind %s, entry %#x", arch, f.Kind, f.Entry)
		}
		relocs, _ := f.Relocs()
		bound, relative := map[string]bool{}, 0
		for i := range relocs {
			if s := f.RelocSymbol(&relocs[i]); s != nil {
				bound[s.Name] = true
			}
			if relocs[i].Relative {
				relative++
			}
		}
		if relative < 100 || !bound["_write"] && !bound["_pthread_create"] {
			t.Errorf("%s: %d rebases, binds %v", arch, relative, bound)
		}
		if !sweep() {
			break
		}
	}
}

// TestMachOLinked links dylibs with both fixup encodings; ld64.lld needs no SDK for that.
func TestMachOLinked(t *testing.T) {
	linker := ""
	for _, name := range []string{"ld64.lld", "ld64.lld-19"} {
		if path, err := exec.LookPath(name); err == nil {
			linker = path
		}
	}
	if linker == "" {
		t.Skip("ld64.lld is not installed")
	}
	object := compile(t, "clang", `extern int outside(int); int shared = 3;
int twice(int x) { return outside(x) * 2; }
int (*table[])(int) = { twice, outside, twice };
int *pointer = &shared;
`, "-target", "arm64-apple-macos12", "-c")
	f := compareMachO(t, object)
	if f.Kind != Relocatable {
		t.Errorf("kind %s", f.Kind)
	}
	dir := t.TempDir()
	in := filepath.Join(dir, "in.o")
	if err := os.WriteFile(in, object, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-fixup_chains", "-no_fixup_chains"} {
		out := filepath.Join(dir, "out.dylib")
		text, err := exec.Command(linker, "-dylib", "-arch", "arm64", "-platform_version", "macos", "12.0", "12.0", "-undefined", "dynamic_lookup", flag, "-o", out, in).CombinedOutput()
		if err != nil {
			t.Skipf("%s: %v\n%s", linker, err, text)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		f := compareMachO(t, data)
		relocs, _ := f.Relocs()
		symbols, _ := f.Symbols()
		addr := map[string]uint64{}
		for _, s := range symbols {
			addr[s.Name] = s.Addr
		}
		got := map[string]int{}
		for i := range relocs {
			r := &relocs[i]
			if s := f.RelocSymbol(r); s != nil {
				got[s.Name]++
			}
			for _, name := range []string{"_twice", "_shared"} {
				if r.Relative && uint64(r.Addend) == addr[name] {
					got[name]++
				}
			}
		}
		if got["_twice"] != 2 || got["_shared"] != 1 || got["_outside"] < 1 {
			t.Errorf("%s: %v of %+v", flag, got, relocs)
		}
		exports, err := f.MachO.Exports()
		if err != nil || len(exports) != 4 {
			t.Errorf("%s: exports %+v, %v", flag, exports, err)
		}
		if starts := f.MachO.FunctionStarts(); len(starts) != 1 || starts[0] != addr["_twice"] {
			t.Errorf("%s: function starts %#x, twice is at %#x", flag, starts, addr["_twice"])
		}
	}
}

func TestFat(t *testing.T) {
	object := compile(t, "clang", "int f(void) { return 1; }", "-target", "arm64-apple-macos12", "-c")
	fat := []byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1, 1, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, byte(len(object) >> 8), byte(len(object)), 0, 0, 0, 6}
	fat = append(append(fat, make([]byte, 64-len(fat))...), object...)
	f, err := Parse("lib", fat)
	if err != nil {
		t.Fatal(err)
	}
	slice, err := f.Fat.Open(0)
	if err != nil || slice.Arch != "aarch64" || f.Fat.Arches[0].Arch != "aarch64" {
		t.Errorf("%+v: %v", f.Fat.Arches, err)
	}
	if matchFat([]byte{0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61}) {
		t.Error("a Java class is taken for a universal file")
	}
}
