package objfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// touch asks everything of a file that it can be asked.
func touch(f *File) {
	_, _ = f.Symbols()
	n := 0
	for r := range f.EachReloc() {
		if r != nil {
			_ = f.RelocSymbol(r)
		}
		if n++; n > 1<<20 {
			break
		}
	}
	for i := range f.Sections {
		_, _ = f.SectionData(&f.Sections[i])
		f.UncompressedSize(&f.Sections[i])
	}
	for _, s := range f.Segments {
		if off, ok := f.OffsetOf(s.Addr); ok {
			f.AddrOf(off)
			f.BytesAt(s.Addr, s.FileSize)
		}
	}
	f.Payload()
	switch {
	case f.ELF != nil:
		f.ELF.BuildID()
		f.ELF.DebugLink()
		f.ELF.AltDebugLink()
		f.ELF.VersionNeeds()
		f.ELF.DynStrings(DT_NEEDED)
	case f.PE != nil:
		_, _ = f.PE.RuntimeFunctions()
		f.PE.PDB()
		f.PE.Overlay()
	case f.MachO != nil:
		f.MachO.FunctionStarts()
	case f.Ar != nil:
		for i := range f.Ar.Members {
			if i == 50 {
				break
			}
			if m, err := f.Ar.Open(i); err == nil && m.Ar == nil {
				touch(m)
			}
		}
	case f.Fat != nil:
		for i := range f.Fat.Arches {
			if m, err := f.Fat.Open(i); err == nil && m.Fat == nil {
				touch(m)
			}
			if i == 50 {
				break
			}
		}
	}
}

// fuzz adds the seeds and the samples of the openers that a target is for.
func fuzz(f *testing.F, formats []string, seeds ...[]byte) {
	for _, format := range formats {
		for _, sample := range samples[format] {
			f.Add(sample)
		}
	}
	for _, seed := range seeds {
		if len(seed) > 0 {
			f.Add(seed)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		file, err := Parse("fuzz", data)
		if err == nil {
			touch(file)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%d bytes took %v", len(data), d)
		}
	})
}

// seed compiles a sample, or answers nil where the compiler is not installed.
func seed(compiler string, flags ...string) []byte {
	dir, err := os.MkdirTemp("", "minsize-seed-")
	if err != nil {
		return nil
	}
	defer os.RemoveAll(dir)
	source, out := filepath.Join(dir, "s.c"), filepath.Join(dir, "s.o")
	text := "extern int outside(int); int shared = 3; static int local(int x) { return x * shared; }\nint twice(int x) { return outside(x) * local(x); }\nint (*table[])(int) = { twice, outside, local };\n"
	if os.WriteFile(source, []byte(text), 0o666) != nil || exec.Command(compiler, append([]string{"-o", out, source}, flags...)...).Run() != nil {
		return nil
	}
	data, _ := os.ReadFile(out)
	return data
}

func FuzzELF(f *testing.F) {
	fuzz(f, []string{"ELF"}, seed("gcc", "-c", "-g"), seed("gcc", "-shared", "-fPIC", "-Wl,-z,pack-relative-relocs"), seed("gcc", "-shared", "-fPIC", "-Wl,-z,max-page-size=64", "-Wl,--emit-relocs", "-Wl,--hash-style=sysv"),
		seed("gcc", "-c", "-g", "-gz=zlib"), seed("gcc", "-c", "-m32"), seed("aarch64-linux-gnu-gcc", "-c", "-g"), seed("clang", "-target", "mips64-linux-gnu", "-c"), seed("clang", "-target", "powerpc-linux-gnu", "-c"))
}

func FuzzPE(f *testing.F) {
	fuzz(f, []string{"PE", "COFF"}, seed("x86_64-w64-mingw32-gcc", "-c"), seed("x86_64-w64-mingw32-gcc", "-shared", "-nostdlib", "-Wl,--unresolved-symbols=ignore-all", "-Wl,--export-all-symbols"), seed("clang", "-target", "aarch64-windows-msvc", "-c"))
}

func FuzzMachO(f *testing.F) {
	object := seed("clang", "-target", "arm64-apple-macos12", "-c")
	fuzz(f, []string{"Mach-O", "Mach-O fat"}, object, seed("clang", "-target", "x86_64-apple-macos12", "-c", "-g"), linkMachO(object, "-fixup_chains"), linkMachO(object, "-no_fixup_chains"))
}

func linkMachO(object []byte, flag string) []byte {
	dir, err := os.MkdirTemp("", "minsize-seed-")
	if err != nil || object == nil {
		return nil
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in.o"), filepath.Join(dir, "out")
	if os.WriteFile(in, object, 0o666) != nil {
		return nil
	}
	for _, linker := range []string{"ld64.lld", "ld64.lld-19"} {
		if exec.Command(linker, "-dylib", "-arch", "arm64", "-platform_version", "macos", "12.0", "12.0", "-undefined", "dynamic_lookup", flag, "-o", out, in).Run() == nil {
			data, _ := os.ReadFile(out)
			return data
		}
	}
	return nil
}

func FuzzWasm(f *testing.F) {
	fuzz(f, []string{"Wasm"}, seed("clang", "-target", "wasm32", "-c"), []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x04\x01\x02\x00\x0b"),
		[]byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x04\x04\x01\x70\x00\x01\x09\x07\x01\x00\x41\x00\x0b\x01\x00\x0a\x04\x01\x02\x00\x0b\x00\x0b\x04name\x01\x04\x01\x00\x01f"))
}

func FuzzArchive(f *testing.F) {
	fuzz(f, []string{"archive"}, []byte(arMagic+"a.o/            0           0     0     100644  4         `\nabcd"), []byte(arMagic+"#1/4            0           0     0     100644  8         `\nnameabcd"), []byte(arThinMagic))
}
