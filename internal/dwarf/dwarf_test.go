package dwarf

import (
	"bytes"
	stddwarf "debug/dwarf"
	"debug/elf"
	"errors"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/objfile"
)

const sampleC = `#include <stdlib.h>
struct pair { int a, b; };
int shared = 3;
static inline __attribute__((always_inline)) int inner(int x) { return x * shared + 1; }
static inline __attribute__((always_inline)) int middle(struct pair *p) { return inner(p->a) - inner(p->b); }
__attribute__((noinline)) int twice(int x) { struct pair p = { x, x / 2 }; for (int i = 0; i < 3; i++) p.a += middle(&p); return p.a; }
int main(int argc, char **argv) { return twice(argc) + middle(&(struct pair){ atoi(argv[0]), 2 }); }
`

// build compiles a sample; the test is skipped where the compiler is missing.
func build(t testing.TB, source, compiler string, flags ...string) string {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("%s is not installed", compiler)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "sample.c"), filepath.Join(dir, "sample")
	if strings.Contains(source, "fn main") {
		in = filepath.Join(dir, "sample.rs")
	}
	if err := os.WriteFile(in, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(compiler, append([]string{"-o", out, in}, flags...)...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%v: %v\n%s", cmd.Args, err, text)
	}
	return out
}

func open(t testing.TB, path string) (*objfile.File, *Data) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := objfile.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Open(f, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f, d
}

// compare holds the standard library's reader against ours.
func compare(t *testing.T, path string) {
	t.Helper()
	f, d := open(t, path)
	file, err := elf.NewFile(bytes.NewReader(f.Data))
	if err != nil {
		t.Fatal(err)
	}
	std, err := file.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	reader := std.Reader()
	live := func(ranges [][2]uint64) (list []Range) {
		for _, r := range ranges {
			if d.live(r[0], r[1], 8) {
				list = append(list, Range{r[0], r[1]})
			}
		}
		return list
	}
	unit := -1
	var code *Code
	var lines *LineTable
	functions, inlined, dead := 0, 0, false // dead: inside a function that the linker took out
	end := func() {
		if code != nil && (functions != len(code.Functions) || inlined > len(code.Inlined)) {
			t.Errorf("unit %s: %d functions, %d inlined calls; debug/dwarf has %d, %d", d.Units[unit].Name, len(code.Functions), len(code.Inlined), functions, inlined)
		}
	}
	for {
		e, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			break
		}
		switch e.Tag {
		case stddwarf.TagCompileUnit, stddwarf.TagPartialUnit, stddwarf.TagSkeletonUnit:
			end()
			unit++
			functions, inlined = 0, 0
			u := &d.Units[unit]
			name, _ := e.Val(stddwarf.AttrName).(string)
			producer, _ := e.Val(stddwarf.AttrProducer).(string)
			if u.Name != name || u.Producer != producer {
				t.Errorf("unit %d: name %q, producer %q; debug/dwarf %q, %q", unit, u.Name, u.Producer, name, producer)
			}
			if code, err = d.Code(u); err != nil {
				t.Error(err)
			}
			if lines, err = d.Lines(u); err != nil {
				t.Error(err)
			}
			compareLines(t, std, e, lines)
		case stddwarf.TagSubprogram:
			ranges, _ := std.Ranges(e)
			want := live(ranges)
			dead = len(want) == 0
			if dead {
				break
			}
			if functions >= len(code.Functions) {
				functions++
				break
			}
			got := code.Functions[functions]
			if got.Offset != uint64(e.Offset) || !slices.Equal(code.RangesOf(got.First, got.Count), want) {
				t.Errorf("function %+v %x, debug/dwarf at %#x %x", got, code.RangesOf(got.First, got.Count), e.Offset, want)
			}
			names := d.Names(got.Offset)
			if name, ok := e.Val(stddwarf.AttrName).(string); ok && names.Name != name {
				t.Errorf("function at %#x is called %q, debug/dwarf %q", e.Offset, names.Name, name)
			}
			if names.Name == "" && names.Link == "" {
				t.Errorf("function at %#x has no name", e.Offset)
			}
			functions++
		case stddwarf.TagInlinedSubroutine:
			ranges, _ := std.Ranges(e)
			want := live(ranges)
			if len(want) == 0 || dead {
				break
			}
			for ; inlined < len(code.Inlined); inlined++ {
				got := code.Inlined[inlined]
				if !slices.Equal(code.RangesOf(got.First, got.Count), want) {
					continue
				}
				if line, ok := e.Val(stddwarf.AttrCallLine).(int64); ok && got.CallLine != uint32(line) {
					t.Errorf("inlined call at %#x: line %d, debug/dwarf %d", e.Offset, got.CallLine, line)
				}
				if origin, ok := e.Val(stddwarf.AttrAbstractOrigin).(stddwarf.Offset); ok && got.Origin != uint64(origin) {
					t.Errorf("inlined call at %#x: origin %#x, debug/dwarf %#x", e.Offset, got.Origin, origin)
				}
				break
			}
			inlined++
		}
	}
	end()
	if unit+1 != len(d.Units) {
		t.Errorf("%d units, debug/dwarf has %d", len(d.Units), unit+1)
	}
	t.Logf("%d units", len(d.Units))
}

// compareLines asks for the file and line of every row of the standard
// library's table.
func compareLines(t *testing.T, std *stddwarf.Data, e *stddwarf.Entry, lines *LineTable) {
	t.Helper()
	reader, err := std.LineReader(e)
	if err != nil || reader == nil {
		return
	}
	type place struct {
		file string
		line int
	}
	want := map[uint64]place{}
	var entry stddwarf.LineEntry
	first := true
	dead := false
	for {
		if err := reader.Next(&entry); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if first {
			dead = entry.Address <= 1
		}
		first = entry.EndSequence
		if dead {
			continue
		}
		if entry.EndSequence {
			want[entry.Address] = place{}
		} else {
			name := ""
			if entry.File != nil {
				name = entry.File.Name
			}
			want[entry.Address] = place{name, entry.Line}
		}
	}
	got := map[uint64]place{}
	var addresses []uint64
	for addr := range want {
		addresses = append(addresses, addr)
	}
	slices.Sort(addresses)
	rows := slices.Clone(lines.Rows)
	slices.SortStableFunc(rows, func(a, b Row) int {
		switch {
		case a.Addr < b.Addr:
			return -1
		case a.Addr > b.Addr:
			return 1
		case a.File == EndSequence && b.File != EndSequence: // the end of one run before the start of the next
			return -1
		case b.File == EndSequence && a.File != EndSequence:
			return 1
		}
		return 0
	})
	i := 0
	var now place
	mismatches := 0
	for _, addr := range addresses {
		for i < len(rows) && rows[i].Addr <= addr {
			now = place{}
			if rows[i].File != EndSequence {
				now = place{lines.File(rows[i].File), int(rows[i].Line)}
			}
			i++
		}
		got[addr] = now
		w := want[addr]
		if w.file == "" {
			continue
		}
		if filepath.Clean(now.file) != filepath.Clean(w.file) || now.line != w.line {
			if mismatches++; mismatches < 5 {
				t.Errorf("%#x: %s:%d, debug/dwarf %s:%d", addr, now.file, now.line, w.file, w.line)
			}
		}
	}
}

func TestAgainstStandardLibrary(t *testing.T) {
	for _, flags := range []string{"gcc -O2 -gdwarf-2 -gstrict-dwarf", "gcc -O2 -gdwarf-3", "gcc -O2 -gdwarf-4", "gcc -O2 -gdwarf-5", "gcc -O1 -gdwarf64 -gdwarf-5", "gcc -O2 -g -gz=zlib", "clang -O2 -gdwarf-4", "clang -O2 -gdwarf-5", "clang -O2 -gdwarf-5 -ffunction-sections -Wl,--gc-sections", "aarch64-linux-gnu-gcc -O2 -g -static"} {
		t.Run(flags, func(t *testing.T) {
			words := strings.Fields(flags)
			if strings.Contains(flags, "-static") && os.Getenv("MINSIZE_SWEEP") == "" {
				t.Skip("MINSIZE_SWEEP=1 also reads a whole static program")
			}
			compare(t, build(t, sampleC, words[0], words[1:]...))
		})
	}
}

func TestRust(t *testing.T) {
	source := `use std::fmt::Debug;
trait Shape { fn area(&self) -> f64; }
struct Square(f64);
impl Shape for Square { fn area(&self) -> f64 { self.0 * self.0 } }
fn show<T: Debug>(x: T) { println!("{:?}", x) }
fn main() { let all: Vec<Box<dyn Shape>> = vec![Box::new(Square(2.0))]; show(all.iter().map(|s| s.area()).sum::<f64>()); }
`
	for _, level := range []string{"-Copt-level=0", "-Copt-level=3"} {
		path := build(t, source, "rustc", "-g", level)
		if os.Getenv("MINSIZE_SWEEP") != "" {
			compare(t, path)
		}
		_, d := open(t, path)
		vtables, functions := 0, 0
		for i := range d.Units {
			u := &d.Units[i]
			c, err := d.Code(u)
			if err != nil {
				t.Fatal(err)
			}
			functions += len(c.Functions)
			for _, v := range c.Variables {
				if strings.HasSuffix(v.Name, "{vtable}") && v.Addr != 0 {
					vtables++
				}
			}
		}
		if vtables == 0 || functions < 10 {
			t.Errorf("%s: %d vtables, %d functions", level, vtables, functions)
		}
	}
}

// TestObject: in a relocatable object strings are found only through relocations.
func TestObject(t *testing.T) {
	for _, flags := range [][]string{{"-gdwarf-4"}, {"-gdwarf-5"}} {
		_, d := open(t, build(t, sampleC, "gcc", append(flags, "-O2", "-c")...))
		if len(d.Units) != 1 || !strings.HasSuffix(d.Units[0].Name, "sample.c") {
			t.Fatalf("%v: units %+v", flags, d.Units)
		}
		c, err := d.Code(&d.Units[0])
		if err != nil || len(c.Functions) != 2 {
			t.Fatalf("%v: functions %+v, %v", flags, c.Functions, err)
		}
		if n := d.Names(c.Functions[0].Offset); n.Name != "twice" && n.Name != "main" {
			t.Errorf("%v: names %+v", flags, n)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
		path := build(t, sampleC, "gcc", "-O2", version, "-gsplit-dwarf", "-c")
		program := build(t, sampleC, "gcc", "-O2", version, "-gsplit-dwarf")
		_, skeleton := open(t, program)
		split, _ := filepath.Glob(filepath.Dir(program) + "/*.dwo")
		if len(split) != 1 {
			t.Skipf("%s: gcc left %v", path, split)
		}
		_, d := open(t, split[0])
		if n := skeleton.AttachSplit(d); n != 1 {
			t.Fatalf("%s: %d of %d split units found their skeletons", version, n, len(d.Units))
		}
		c, err := d.Code(&d.Units[0])
		if err != nil || len(c.Functions) != 2 || len(c.Inlined) == 0 {
			t.Errorf("%s: %+v, %v", version, c, err)
			continue
		}
		if n := d.Names(c.Functions[0].Offset); n.Name != "twice" && n.Name != "main" {
			t.Errorf("%s: %+v", version, n)
		}
	}
}

// TestPackage: two split units in a .dwp count from their own contributions.
func TestPackage(t *testing.T) {
	tool := ""
	for _, name := range []string{"llvm-dwp", "dwp", "llvm-dwp-22", "llvm-dwp-19"} {
		if path, err := exec.LookPath(name); err == nil {
			tool = path
			break
		}
	}
	if tool == "" {
		t.Skip("no dwp is installed")
	}
	other := strings.ReplaceAll(strings.ReplaceAll(sampleC, "twice", "thrice"), "int main(int argc, char **argv)", "int other(int argc, char **argv)")
	other = strings.ReplaceAll(other, "int shared = 3", "extern int shared")
	for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
		if version == "-gdwarf-5" && filepath.Base(tool) == "dwp" {
			t.Skip("binutils' dwp does not know DWARF 5; llvm-dwp is not installed")
		}
		program := build(t, sampleC, "clang", "-O2", version, "-gsplit-dwarf", "-c")
		dir := filepath.Dir(program)
		if err := os.WriteFile(filepath.Join(dir, "other.c"), []byte(other), 0o666); err != nil {
			t.Fatal(err)
		}
		run := func(name string, args ...string) {
			t.Helper()
			cmd := exec.Command(name, args...)
			cmd.Dir = dir
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Skipf("%v: %v\n%s", cmd.Args, err, text)
			}
		}
		run("clang", "-O2", version, "-gsplit-dwarf", "-c", "-o", "one.o", "sample.c")
		run("clang", "-O2", version, "-gsplit-dwarf", "-c", "-o", "two.o", "other.c")
		run("clang", "-o", "whole", "one.o", "two.o")
		run(tool, "-o", "whole.dwp", "one.dwo", "two.dwo")
		_, skeletons := open(t, filepath.Join(dir, "whole"))
		_, d := open(t, filepath.Join(dir, "whole.dwp"))
		if n := skeletons.AttachSplit(d); n != 2 {
			t.Fatalf("%s: %d of %d units found their skeletons", version, n, len(d.Units))
		}
		names := map[string]bool{}
		for i := range d.Units {
			u := &d.Units[i]
			c, err := d.Code(u)
			if err != nil {
				t.Error(err)
			}
			for _, fn := range c.Functions {
				names[d.Names(fn.Offset).Name] = true
			}
		}
		for _, want := range []string{"twice", "thrice", "main", "other"} {
			if !names[want] {
				t.Errorf("%s: no function %s among %v", version, want, names)
			}
		}
	}
}

// TestContributions: the parts of the units are the sections, to the byte.
func TestContributions(t *testing.T) {
	for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
		_, d := open(t, build(t, sampleC, "clang", "-O2", version))
		sums := map[string]uint64{}
		strings, lists := map[uint64]bool{}, 0
		for i := range d.Units {
			for _, c := range d.Contributions(&d.Units[i]) {
				sums[c.Kind] += c.Size
			}
			d.References(&d.Units[i], func(kind string, off uint64) {
				if kind == ToStr {
					strings[off] = true
				} else {
					lists++
				}
			})
		}
		for kind, into := range d.sectionTargets() {
			switch kind {
			case "str", "line_str", "ranges", "aranges", "abbrev":
				continue
			}
			if sums[kind] != uint64(len(*into)) {
				t.Errorf("%s: contributions to %s sum to %d of %d bytes", version, kind, sums[kind], len(*into))
			}
		}
		// Every string of .debug_str is referred to (the linker merged them, tails apart).
		for at := 0; at < len(d.str); at += bytes.IndexByte(d.str[at:], 0) + 1 {
			if !strings[uint64(at)] {
				t.Errorf("%s: nothing refers to the string %q", version, stringAt(d.str, uint64(at)))
			}
		}
		if version == "-gdwarf-4" && lists == 0 {
			t.Errorf("%s: no list is referred to", version)
		}
	}
}

// touch asks everything of a file's DWARF.
func touch(data []byte) {
	file, err := objfile.Parse("sample", data)
	if err != nil {
		return
	}
	d, _ := Open(file, nil)
	if d == nil {
		return
	}
	for i := range d.Units {
		u := &d.Units[i]
		c, _ := d.Code(u)
		for _, fn := range c.Functions {
			d.Names(fn.Offset)
			d.Names(fn.Origin)
		}
		_, _ = d.Lines(u)
		d.Contributions(u)
		d.References(u, func(string, uint64) {})
	}
	d.Aranges(func(*Unit, uint64, uint64) {})
}

// TestMutations changes bytes in the debug sections of small objects: no
// panic, and nothing takes long.
func TestMutations(t *testing.T) {
	for _, flags := range []string{"-gdwarf-2", "-gdwarf-4", "-gdwarf-5"} {
		path := build(t, sampleC, "gcc", "-O2", flags, "-c")
		f, _ := open(t, path)
		var at []uint64
		for i := range f.Sections {
			if _, _, ok := Kind(f.Sections[i].Name); ok {
				for n := uint64(0); n < f.Sections[i].FileSize; n++ {
					at = append(at, f.Sections[i].Offset+n)
				}
			}
		}
		random := rand.New(rand.NewSource(1))
		for range 3000 {
			data := slices.Clone(f.Data)
			for range 1 + random.Intn(4) {
				data[at[random.Intn(len(at))]] = []byte{0, 0xff, 0x7f, 0x80, 1, byte(random.Intn(256))}[random.Intn(6)]
			}
			start := time.Now()
			touch(data)
			if d := time.Since(start); d > time.Second {
				t.Errorf("%s: a mutation took %v", flags, d)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, flags := range []string{"gcc -gdwarf-4 -O2 -c", "gcc -gdwarf-5 -O2 -c", "clang -gdwarf-5 -O2", "gcc -gdwarf-2 -O2"} {
		dir := f.TempDir()
		in, out := filepath.Join(dir, "s.c"), filepath.Join(dir, "s")
		words := strings.Fields(flags)
		if os.WriteFile(in, []byte(sampleC), 0o666) == nil && exec.Command(words[0], append(words[1:], "-o", out, in)...).Run() == nil {
			if data, err := os.ReadFile(out); err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { touch(data) })
}

// FuzzSplit takes data as a .dwo file or package of a program that is known.
func FuzzSplit(f *testing.F) {
	dir := f.TempDir()
	run := func(name string, args ...string) bool {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		return cmd.Run() == nil
	}
	var programs [][]byte
	for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
		if os.WriteFile(filepath.Join(dir, "s.c"), []byte(sampleC), 0o666) != nil ||
			!run("clang", version, "-O2", "-gsplit-dwarf", "-c", "-o", "s.o", "s.c") || !run("clang", "-o", "s", "s.o") {
			continue
		}
		program, err := os.ReadFile(filepath.Join(dir, "s"))
		if err != nil {
			continue
		}
		programs = append(programs, program)
		run("llvm-dwp", "-o", "s.dwp", "s.dwo")
		for _, name := range []string{"s.dwo", "s.dwp"} {
			if data, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, program := range programs {
			p, err := objfile.Parse("program", program)
			if err != nil {
				t.Fatal(err)
			}
			d, err := Open(p, nil)
			if err != nil {
				t.Fatal(err)
			}
			s, err := objfile.Parse("split", data)
			if err != nil {
				return
			}
			finder := SplitFinder{Asked: s}
			if finder.Attach(d) != nil {
				continue
			}
			for i := range d.Units {
				full, u := d.Full(&d.Units[i])
				code, err := full.Code(u)
				if code == nil || err != nil {
					continue
				}
				for _, fn := range code.Functions {
					n := full.Names(fn.Offset)
					if n.Unit != nil {
						_, _ = full.Files(n.Unit)
					}
				}
				_, _ = full.Lines(u)
				full.References(u, func(string, uint64) {})
				full.Contributions(u)
			}
		}
	})
}
