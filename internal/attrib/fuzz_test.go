package attrib

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/testbin"
)

// smallest are files of every format, made in memory.
func smallest() map[string][]byte {
	return map[string][]byte{
		"ELF 64":            testbin.ELF{}.Bytes(),
		"ELF 32":            testbin.ELF{Bits: 32}.Bytes(),
		"ELF 64 big-endian": testbin.ELF{Order: binary.BigEndian, Machine: 22}.Bytes(),
		"ELF and payload":   testbin.ELF{Payload: []byte("behind it")}.Bytes(),
		"PE":                testbin.PE{}.Bytes(),
		"PE 32":             testbin.PE{Bits: 32}.Bytes(),
		"PE signed":         testbin.PE{Certificate: make([]byte, 16), Payload: []byte("PK")}.Bytes(),
		"Mach-O":            testbin.MachO{}.Bytes(),
		"Mach-O signed":     testbin.MachO{Sign: true}.Bytes(),
		"fat":               testbin.Fat(14, testbin.MachO{}.Bytes(), testbin.MachO{CPU: 0x01000007}.Bytes()),
		"Wasm":              testbin.Wasm(),
		"archive":           testbin.Archive(testbin.Member{Name: "a.o", Data: testbin.ELF{}.Bytes()}, testbin.Member{Name: "b.txt", Data: []byte("text")}),
	}
}

// rollEverything is what a user can ask of any file; internal errors are bugs.
func rollEverything(t *testing.T, data []byte) {
	inputs, err := Load("file", data, Options{References: true, Bodies: true, Debug: true})
	if err != nil {
		return
	}
	total := uint64(0)
	for _, nest := range [][]string{{"sections"}, {"segments", "kind"}, {"crates", "symbols"}, {"members", "functions", "sections"}, {"compileunits"}, {"lines"}, {"inlines"}} {
		r, err := Rollup(inputs, RollupOptions{Views: nest, Shipped: ShippedStripped})
		if errors.Is(err, ErrNoDebug) {
			continue
		}
		if err != nil {
			t.Fatalf("%v: %v", nest, err)
		}
		total = r.File
	}
	if total != uint64(len(data)) {
		t.Fatalf("the inputs have %d bytes, the file %d", total, len(data))
	}
	for _, in := range inputs {
		p := in.Program
		p.Findings()
		for _, place := range []uint64{0, p.Space.File / 2, p.Space.File - 1} {
			if p.Space.File > 0 {
				if _, err := p.Explain(place, true); err != nil {
					t.Fatalf("offset %#x: %v", place, err)
				}
			}
		}
		for i := range p.Atoms {
			if p.Atoms[i].Kind == Code && i < 50 {
				_, _ = p.Disassemble(int32(i))
			}
		}
	}
}

func TestEveryFormat(t *testing.T) {
	for name, data := range smallest() {
		t.Run(name, func(t *testing.T) {
			if _, err := Load("file", data, Options{}); err != nil {
				t.Fatal(err)
			}
			rollEverything(t, data)
		})
	}
}

// TestEveryTruncation: a file that was cut anywhere is refused or attributed.
func TestEveryTruncation(t *testing.T) {
	for name, data := range smallest() {
		t.Run(name, func(t *testing.T) {
			step := max(len(data)/60, 1)
			for n := 1; n < len(data); n += step {
				rollEverything(t, data[:n])
			}
		})
	}
}

func FuzzAttribution(f *testing.F) {
	for _, data := range smallest() {
		f.Add(data)
	}
	if data, err := os.ReadFile(filepath.Join("..", "refgraph", "testdata", "data.wasm")); err == nil {
		f.Add(data)
	}
	if gcc, err := exec.LookPath("gcc"); err == nil { // one with relocations, unwind tables and lines
		dir := f.TempDir()
		source, out := filepath.Join(dir, "s.c"), filepath.Join(dir, "out")
		if os.WriteFile(source, []byte("int g = 1; const char *s = \"text\"; int main(int c, char **v) { return g + c + s[c]; }"), 0o644) == nil &&
			exec.Command(gcc, "-g", "-O1", "-nostdlib", "-Wl,-e,main", "-o", out, source).Run() == nil {
			if data, err := os.ReadFile(out); err == nil {
				f.Add(data)
				bare := slices.Clone(data) // without section headers: e_shoff, e_shnum, e_shstrndx
				for _, part := range [][2]int{{40, 48}, {60, 64}} {
					clear(bare[part[0]:part[1]])
				}
				f.Add(bare)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			t.Skip()
		}
		rollEverything(t, data)
	})
}

// TestTablesAreWhole tells the next author what is missing.
func TestTablesAreWhole(t *testing.T) {
	for k, name := range kindTable {
		if name == "" {
			t.Errorf("kind %d has no line in kindTable", k)
		}
	}
	if kinds > 32 {
		t.Errorf("%d kinds do not fit pieceLabel's five bits", kinds)
	}
	for _, format := range []objfile.Format{objfile.ELF, objfile.PE, objfile.COFF, objfile.MachO, objfile.FatMach, objfile.Wasm, objfile.Archive} {
		if formatTable[format].headers == nil {
			t.Errorf("format %s has no headers in formatTable", format)
		}
	}
	seen := map[string]bool{}
	for _, v := range views {
		if v.summary == "" || v.make == nil || seen[v.name] {
			t.Errorf("view %q: needs a summary, a maker and a name of its own", v.name)
		}
		seen[v.name] = true
	}
	for alias, name := range aliasesOfViews {
		if !seen[name] {
			t.Errorf("alias %q is of %q, which is no view", alias, name)
		}
		if seen[alias] {
			t.Errorf("alias %q is the name of a view", alias)
		}
	}
}

func TestPieceLabels(t *testing.T) {
	for _, atom := range []int32{-1, 0, 1, maxAtoms} {
		for k := range kinds {
			label := pieceLabel(atom, k)
			if pieceAtom(label) != atom || pieceKind(label) != k {
				t.Errorf("atom %d, %v come back as %d, %v", atom, k, pieceAtom(label), pieceKind(label))
			}
		}
	}
}

func TestGenericOf(t *testing.T) {
	for name, want := range map[string]string{
		"core::ptr::drop_in_place":              "core::ptr::drop_in_place",
		"std::vector<int, std::allocator<int>>": "std::vector<_>",
		"f<a<b>, c>::g<d>":                      "f<_>::g<_>",
		"operator<":                             "operator<_", // unbalanced: cut there
	} {
		if got := GenericOf(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestCrateOfPath(t *testing.T) {
	for path, want := range map[string]string{
		"/home/u/.cargo/registry/src/index.example-1949cf8c6b5b557f/regex-syntax-0.8.5/src/hir/mod.rs": "regex_syntax",
		"/home/u/.cargo/git/checkouts/some-tool-1a2b3c4d/9f8e7d6/src/lib.rs":                           "some_tool",
		"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/fmt/mod.rs":                  "core",
		"/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/backtrace/src/lib.rs":                 "std",
		"/build/vendor/libgit2-sys-0.18.0/libgit2/src/util.c":                                          "libgit2_sys",
		"src/main.rs":  "",
		"/usr/src/x.c": "",
	} {
		if got := crateOfPath(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestSortParallel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 1<<15+3).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		list := make([]uint64, n)
		for i := range list {
			seed = seed*6364136223846793005 + 1442695040888963407
			list[i] = seed >> 40
		}
		want := slices.Clone(list)
		slices.Sort(want)
		sortParallel(list)
		if !slices.Equal(list, want) {
			t.Fatal("not sorted")
		}
	})
}

// TestTruncatedWhileRead: somebody cuts the file while it is attributed.
func TestTruncatedWhileRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := byteio.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	err = byteio.Guard(func() error {
		f, err := objfile.Parse(path, m.Data)
		if err != nil {
			return err
		}
		p := &Program{File: f, Space: newSpace(f)}
		p.layout()
		if err := os.Truncate(path, 4096); err != nil {
			return err
		}
		m.Forget(m.Data)
		c := &collector{p: p}
		return c.run()
	})
	if !errors.Is(err, byteio.ErrChanged) {
		t.Skipf("no fault here (%v): the pages stayed, or this system maps nothing", err)
	}
}
