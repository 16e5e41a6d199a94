package objfile

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/byteio"
)

// compareELF holds the standard library's reader against ours on a sane file.
func compareELF(t *testing.T, path string) {
	t.Helper()
	m, err := byteio.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	want, err := elf.NewFile(bytes.NewReader(m.Data))
	if err != nil {
		t.Skipf("%s: debug/elf: %v", path, err)
	}
	f, err := Parse(path, m.Data)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	if f.ELF.SectionsError != nil {
		t.Errorf("%s: sections: %v", path, f.ELF.SectionsError)
	}
	if f.Entry != want.Entry || uint32(want.Machine) != f.Machine || f.Order != want.ByteOrder {
		t.Errorf("%s: header: %+v, debug/elf %+v", path, f.ELF.Ehdr, want.FileHeader)
	}
	if len(f.Segments) != len(want.Progs) || len(f.Sections) != len(want.Sections) {
		t.Fatalf("%s: %d segments, %d sections; debug/elf %d, %d", path, len(f.Segments), len(f.Sections), len(want.Progs), len(want.Sections))
	}
	for i, s := range want.Sections {
		g := f.Sections[i]
		if g.Name != s.Name || g.Addr != s.Addr || g.Offset != s.Offset || fmt.Sprintf("%d", f.ELF.Shdrs[i].Type) != fmt.Sprintf("%d", uint32(s.Type)) {
			t.Errorf("%s: section %d: %+v, debug/elf %+v", path, i, g, s.SectionHeader)
		}
	}
	got, err := f.Symbols()
	if err != nil {
		t.Errorf("%s: symbols: %v", path, err)
	}
	static, err := want.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		t.Fatalf("%s: debug/elf: %v", path, err)
	}
	dynamic, err := want.DynamicSymbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		t.Fatalf("%s: debug/elf: %v", path, err)
	}
	if f.Kind == DebugFile {
		dynamic = nil
	}
	if len(got) != len(static)+len(dynamic) {
		t.Fatalf("%s: %d symbols, debug/elf %d + %d", path, len(got), len(static), len(dynamic))
	}
	for i, s := range append(static, dynamic...) {
		g := got[i]
		addr := s.Value
		if want.Machine == elf.EM_ARM && g.Kind == SymFunc {
			addr &^= 1
		}
		if g.Name != s.Name || g.Addr != addr || g.Size != s.Size || g.Version != s.Version || g.Undefined != (s.Section == 0) {
			t.Fatalf("%s: symbol %d: %+v, debug/elf %+v", path, i, g, s)
		}
	}
}

func TestELFAgainstStandardLibrary(t *testing.T) {
	files, _ := filepath.Glob("/usr/lib/*/libc.so.6")
	crt, _ := filepath.Glob("/usr/lib/*/*crt1.o")
	files = append(append(files, crt...), "/bin/sh", "/bin/ls")
	if self, err := os.Executable(); err == nil {
		files = append(files, self)
	}
	for _, path := range files {
		head := make([]byte, 4)
		if file, err := os.Open(path); err == nil {
			_, _ = file.Read(head)
			file.Close()
		}
		if string(head) != "\x7fELF" {
			continue // another host
		}
		compareELF(t, path)
	}
}

// TestSweepELF opens every ELF file of the system.
func TestSweepELF(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP=1 opens every ELF file under /usr")
	}
	n, relocs := 0, 0
	for _, root := range []string{"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec"} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			m, err := byteio.Open(path)
			if err != nil {
				return nil
			}
			defer m.Close()
			if !matchELF(m.Data) {
				return nil
			}
			f, err := Parse(path, m.Data)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				return nil
			}
			n++
			t.Run(strings.TrimPrefix(path, "/usr/"), func(t *testing.T) { compareELF(t, path) })
			for _, err := range f.EachReloc() {
				if err != nil {
					t.Errorf("%s: relocations: %v", path, err)
				}
				relocs++
			}
			return nil
		})
	}
	t.Logf("%d files, %d relocations", n, relocs)
}

// TestELFMachines: objects of machines of both orders and classes against the
// standard library; with MINSIZE_SWEEP also Go programs for all its targets.
func TestELFMachines(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		compareELF(t, path)
		f, err := Parse(path, data)
		if err != nil {
			return
		}
		if f.Arch == "unknown" {
			t.Errorf("%s: machine %d has no name", name, f.Machine)
		}
		for r, err := range f.EachReloc() {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if f.ELF.Ehdr.Type == ET_REL && r.Symbol > 0 && f.RelocSymbol(r) == nil {
				t.Errorf("%s: relocation %+v has no symbol", name, r)
			}
		}
	}
	for _, target := range []string{"mips64", "mips64el", "mips", "mipsel", "powerpc", "powerpc64", "powerpc64le", "riscv64", "riscv32", "loongarch64", "s390x", "sparcv9", "arm", "aarch64", "i386", "x86_64"} {
		if data := seed("clang", "-target", target+"-linux-gnu", "-c", "-g"); data != nil {
			write(target+".o", data)
		}
	}
	if !sweep() {
		return
	}
	for _, arch := range []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x"} {
		write("go-"+arch, goBuild(t, "linux", arch))
	}
}

// TestCREL: compact relocations say the same as plain ones.
func TestCREL(t *testing.T) {
	source := filepath.Join(t.TempDir(), "s.s")
	if os.WriteFile(source, seed("clang", "-target", "x86_64-linux-gnu", "-S", "-g"), 0o666) != nil {
		t.Fatal("the assembly was not written")
	}
	var plain, compact []byte
	for _, assembler := range []string{"llvm-mc", "llvm-mc-22", "llvm-mc-21", "llvm-mc-20"} {
		assemble := func(flags ...string) []byte {
			out := filepath.Join(t.TempDir(), "s.o")
			if exec.Command(assembler, append(flags, "-filetype=obj", "-triple", "x86_64-linux-gnu", "-o", out, source)...).Run() != nil {
				return nil
			}
			data, _ := os.ReadFile(out)
			return data
		}
		if compact = assemble("-crel"); compact != nil {
			plain = assemble()
			break
		}
	}
	if plain == nil || compact == nil {
		t.Skip("no llvm-mc that writes CREL is installed")
	}
	read := func(data []byte) map[string]int {
		f, err := Parse("sample.o", data)
		if err != nil {
			t.Fatal(err)
		}
		set := map[string]int{}
		for r, err := range f.EachReloc() {
			if err != nil {
				t.Fatal(err)
			}
			s := f.RelocSymbol(r)
			if s == nil {
				t.Fatalf("%+v has no symbol", r)
			}
			name := s.Name
			if s.Kind == SymSection {
				name = f.Sections[s.Section].Name
			}
			set[fmt.Sprintf("%s+%#x type %d %s%+d", f.Sections[r.Section].Name, r.Addr, r.Type, name, r.Addend)]++
		}
		return set
	}
	want, got := read(plain), read(compact)
	if len(want) == 0 || len(want) != len(got) {
		t.Errorf("%d relocations, %d in CREL", len(want), len(got))
	}
	for r := range want {
		if got[r] != want[r] {
			t.Errorf("CREL lacks %s", r)
		}
	}
}
