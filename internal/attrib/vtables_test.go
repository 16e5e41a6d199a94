package attrib

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/dwarf"
)

const vtableProgram = `
use std::fmt::{Debug, Display};
trait Shape { fn area(&self) -> f64; fn name(&self) -> String { "shape".into() } }
trait Marker: Send {}
struct Circle(f64);
struct Square(f64);
impl Shape for Circle { fn area(&self) -> f64 { self.0 * 3.0 } }
impl Shape for Square { fn area(&self) -> f64 { self.0 * self.0 } fn name(&self) -> String { "square".into() } }
impl Marker for Vec<String> {}
impl Marker for Circle {}
#[inline(never)] fn show(s: &dyn Shape) { println!("{} {}", s.area(), s.name()); }
#[inline(never)] fn keep(m: Box<dyn Marker>) -> usize { std::mem::size_of_val(&*m) }
fn main() {
    let n = std::env::args().count() as f64;
    show(&Circle(n));
    show(&Square(n));
    println!("{}", keep(Box::new(vec![n.to_string()])) + keep(Box::new(Circle(n))));
    let list: Vec<Box<dyn Debug>> = vec![Box::new(n), Box::new("x"), Box::new(Some(1u8))];
    println!("{:?}", list);
    let d: Box<dyn Display> = if n > 3.0 { Box::new(n) } else { Box::new('c') };
    println!("{d}");
}
`

// TestVtableNames: vtables are called what debug information calls them, those
// without methods too, whole or split.
func TestVtableNames(t *testing.T) {
	rustc, err := exec.LookPath("rustc")
	if err != nil {
		t.Skip("needs rustc")
	}
	dir := t.TempDir()
	source, out := filepath.Join(dir, "shapes.rs"), filepath.Join(dir, "shapes")
	if err := os.WriteFile(source, []byte(vtableProgram), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, flags := range []string{"-O", "-C opt-level=0", "-O -C split-debuginfo=packed"} {
		cmd := exec.Command(rustc, append(strings.Fields(flags), "-g", "-o", out, source)...)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%v: %v\n%s", cmd.Args, err, text)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		finder := &dwarf.SplitFinder{Program: out}
		inputs, err := Load(out, data, Options{Debug: true, Split: finder})
		if err != nil {
			t.Fatal(err)
		}
		p := inputs[0].Program
		names := map[string]uint64{}
		for i := range p.Atoms {
			if p.Atoms[i].Kind == Vtable {
				names[p.Name(int32(i))] = p.Atoms[i].Size()
			}
		}
		for _, name := range []string{"[vtable shapes::Circle as shapes::Marker]", "[vtable f64 as core::fmt::Display]", "[vtable f64 as core::fmt::Debug]"} {
			if size := names[name]; size < 24 { // drop glue, size and alignment: the first has no method
				t.Errorf("%s: %s has %d bytes", flags, name, size)
			}
		}
		// Every one that debug information knows and that begins an atom has its name.
		d := p.debug.data
		known, named := 0, 0
		for i := range d.Units {
			full, u := d.Full(&d.Units[i])
			_ = full.Statics(u, func(v *dwarf.Variable) {
				name, ok := strings.CutSuffix(v.Name, "::{vtable}")
				place, there := p.Space.AddrToPlace(v.Addr)
				if !ok || !there {
					return
				}
				known++
				if atom := p.AtomAt(place); atom >= 0 && p.Atoms[atom].Start == place && p.Name(atom) == "[vtable "+strings.TrimSuffix(strings.TrimPrefix(name, "<"), ">")+"]" {
					named++
				}
			})
		}
		if known < 5 || named < known*9/10 {
			t.Errorf("%s: %d of %d vtables of the debug information are named", flags, named, known)
		}
		t.Logf("%s: %d of %d vtables of the debug information are named by it", flags, named, known)
		finder.Close()
	}
}
