package attrib

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/byteio"
)

// inputSection is a line of lld's map: what one object contributed.
type inputSection struct {
	addr, size uint64
	name       string
}

// readMap reads lld's -Map format: VMA LMA Size Align, then Out, In or Symbol,
// told apart by their indentation.
func readMap(t *testing.T, path string) []inputSection {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []inputSection
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.Contains(line, ":(") {
			continue
		}
		addr, err1 := strconv.ParseUint(fields[0], 16, 64)
		size, err2 := strconv.ParseUint(fields[2], 16, 64)
		loaded := !strings.Contains(line, ":(.debug") && !strings.Contains(line, ":(.comment")
		if err1 == nil && err2 == nil && loaded && addr > 0 && size > 0 {
			list = append(list, inputSection{addr, size, strings.Join(fields[4:], " ")})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].addr < list[j].addr })
	return list
}

// agreement counts the bytes of atoms in the given sections: exact where the
// atom is one input section, or lies in one that is named after the atom's
// owner; inside where it lies in one; across else.
type agreement struct{ exact, inside, across uint64 }

func compareWithMap(p *Program, list []inputSection, names ...string) (got agreement, bad []string) {
	for i := range p.Atoms {
		a := &p.Atoms[i]
		if a.Section < 0 || a.Start == a.End {
			continue
		}
		name := p.File.Sections[a.Section].Name
		found := false
		for _, n := range names {
			found = found || n == name
		}
		if !found {
			continue
		}
		size := a.Size()
		k := sort.Search(len(list), func(k int) bool { return list[k].addr > a.Addr }) - 1
		if k < 0 {
			continue
		}
		s := &list[k]
		end := a.Addr + size
		switch {
		case a.Addr < s.addr+s.size && end <= s.addr+s.size && (strings.HasPrefix(s.name, "<internal>") || !strings.Contains(s.name, ".rcgu.o")):
			got.exact += size // merged constants and C objects: their pieces are no sections
		case a.Addr == s.addr && end >= s.addr+s.size && (k+1 == len(list) || end <= list[k+1].addr):
			got.exact += size
		case end <= s.addr+s.size && p.owner(int32(i)) >= 0 && strings.HasSuffix(s.name, "."+p.rawSymbol(p.owner(int32(i)))+")"):
			got.exact += size // one of a function's several jump tables, and the function is right
		case end <= s.addr+s.size:
			got.inside += size
			bad = append(bad, strconv.FormatUint(a.Addr, 16)+"+"+strconv.FormatUint(size, 10)+" inside "+s.name)
		default:
			got.across += size
			bad = append(bad, strconv.FormatUint(a.Addr, 16)+"+"+strconv.FormatUint(size, 10)+" across "+s.name)
		}
	}
	return got, bad
}

const mapProgram = `
use std::collections::HashMap;
use std::fmt::Display;
#[derive(Debug, Clone)]
enum Shape { Circle(f64), Square { side: f32 }, Named(String) }
trait Area { fn area(&self) -> f64; fn name(&self) -> &str { "nameless" } }
impl Area for Shape {
    fn area(&self) -> f64 { match self { Shape::Circle(r) => r * r * 3.14159, Shape::Square { side } => (*side as f64).powi(2), Shape::Named(s) => s.len() as f64 } }
}
impl Area for u32 { fn area(&self) -> f64 { *self as f64 } fn name(&self) -> &str { "a number" } }
fn show<T: Display>(t: T) -> String { format!("<{t:>10}>") }
static TABLE: [&str; 5] = ["alpha", "beta", "gamma", "delta", "epsilon"];
fn main() {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for a in std::env::args() { *counts.entry(a).or_default() += 1; }
    let list: Vec<Box<dyn Area>> = vec![Box::new(Shape::Circle(1.5)), Box::new(7u32), Box::new(Shape::Named("x".into()))];
    for s in &list { println!("{} {:.3}", s.name(), s.area()); }
    println!("{:?} {} {}", Shape::Square { side: 2.0 }, show(3), show("text"));
    let n: usize = counts.values().sum();
    println!("{}", TABLE[n % TABLE.len()]);
    match std::fs::read_to_string("/nonexistent") { Ok(s) => println!("{s}"), Err(e) => eprintln!("error: {e}") }
    let v: Result<i64, _> = "12x".parse::<i64>();
    println!("{v:?} {:?}", "1.5e3".parse::<f64>());
}
`

// TestAgainstLinkerMap compares the carving, which has no map, with the
// linker's own list of what it put where.
func TestAgainstLinkerMap(t *testing.T) {
	rustc, err := exec.LookPath("rustc")
	if err != nil {
		t.Skip("rustc is not there: the carving is not compared with a linker map")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "program.rs")
	if err := os.WriteFile(source, []byte(mapProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	program, mapFile := filepath.Join(dir, "program"), filepath.Join(dir, "map")
	out, err := exec.Command(rustc, "-O", "--edition=2021", "-o", program, source, "-Clink-arg=-fuse-ld=lld", "-Clink-arg=-Wl,-Map="+mapFile).CombinedOutput()
	if err != nil {
		t.Skipf("rustc with lld is not there: %v\n%s", err, out)
	}
	m, err := byteio.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	inputs, err := Load(program, m.Data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := readMap(t, mapFile)
	if len(list) < 1000 {
		t.Fatalf("only %d input sections read from the map", len(list))
	}
	for _, c := range []struct {
		least    float64
		sections []string
	}{
		{0.995, []string{".text"}},
		{0.98, []string{".rodata", ".data.rel.ro", ".data"}},
	} {
		got, bad := compareWithMap(inputs[0].Program, list, c.sections...)
		all := got.exact + got.inside + got.across
		share := float64(got.exact) / float64(all)
		t.Logf("%v: %d bytes, exact %.2f %%, inside one input section %.2f %%, across a border %.2f %%", c.sections, all,
			100*share, 100*float64(got.inside)/float64(all), 100*float64(got.across)/float64(all))
		if share < c.least {
			t.Errorf("%v: %.2f %% exact, want %.2f %%", c.sections, 100*share, 100*c.least)
			for i, line := range bad {
				if i < 40 {
					t.Log(line)
				}
			}
		}
	}
}
