package attrib

// Vtables of trait objects. rustc gives them no symbol, so carving recognises
// them by their shape (carve.go), and their names come from what they hold: a
// method's name has the type and the trait, the drop glue's the type.
//
// Debug information knows better: rustc describes each vtable as a static
// variable, "<T as Trait>::{vtable}". That names those without a method that
// has a symbol, those whose methods come from another type (provided by the
// trait), and those too short for their shape to be certain. It costs a walk
// over all entries, so it is read for views that read debug information anyway,
// and for the graph.

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/dwarf"
)

// vtableSuffix is how rustc ends the variable's name
// (rustc_codegen_llvm::debuginfo::metadata, vtable_global_name).
const vtableSuffix = "::{vtable}"

// nameVtables reads the variables that describe vtables. Atoms are fixed; what
// they are may still change here.
func (c *collector) nameVtables() error {
	p := c.p
	if len(p.vtables) == 0 || p.goProgram || !c.o.Debug && !c.o.References {
		return nil
	}
	d, _, err := c.openDebug()
	if err != nil || d == nil {
		return err
	}
	var added []vtable
	for i := range d.Units {
		data, u := d.Full(&d.Units[i])
		if u.Language != dwarf.DW_LANG_Rust {
			continue
		}
		err := data.Statics(u, func(v *dwarf.Variable) {
			name, ok := strings.CutSuffix(v.Name, vtableSuffix)
			if !ok {
				return
			}
			place, ok := p.Space.AddrToPlace(v.Addr)
			if !ok {
				return
			}
			atom := p.AtomAt(place)
			if atom < 0 || p.Atoms[atom].Start != place || p.Atoms[atom].Flags&(Carved|Private) == 0 {
				return
			}
			if inner, whole := strings.CutPrefix(name, "<"); whole {
				name = strings.TrimSuffix(inner, ">")
			}
			if known := p.findVtable(atom); known != nil {
				if known.name == "" { // several may be folded into one: the first one names it
					known.name = name
				}
			} else if k := p.Atoms[atom].Kind; k == ReadOnly || k == String || k == Data {
				p.Atoms[atom].Kind = Vtable
				added = append(added, vtable{atom: atom, drop: c.atomOfPointer(p.Atoms[atom].Start), method: -1, name: name})
			}
		})
		if err != nil {
			p.warn("debug information is broken: %v", err)
		}
	}
	p.vtables = append(p.vtables, added...)
	slices.SortFunc(p.vtables, func(a, b vtable) int { return cmp.Compare(a.atom, b.atom) })
	return nil
}

// openDebug opens the debug information of the file, or of its companion, once;
// nil without any. An error is about a file that the user named.
func (c *collector) openDebug() (d *dwarf.Data, separate bool, err error) {
	if c.debugOpened {
		return c.debugData, c.debugSeparate, nil
	}
	c.debugOpened = true
	p := c.p
	d, fault := dwarf.Open(p.File, nil)
	if errors.Is(fault, dwarf.ErrNone) && c.o.Companion != nil {
		d, fault = dwarf.Open(c.o.Companion, nil)
		separate = true
	}
	if fault != nil && !errors.Is(fault, dwarf.ErrNone) {
		p.warn("debug information is broken: %v", fault)
	}
	if d != nil && len(d.Units) == 0 {
		d = nil
	}
	if err := c.attachSplit(d); err != nil {
		return nil, false, err
	}
	c.debugData, c.debugSeparate = d, separate
	return d, separate, nil
}

// vtable is what carving found out about one.
type vtable struct {
	atom, drop, method int32
	name               string // as debug information has it, "" without
}

func (p *Program) findVtable(atom int32) *vtable {
	lo, hi := 0, len(p.vtables)
	for lo < hi {
		mid := (lo + hi) / 2
		if p.vtables[mid].atom < atom {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(p.vtables) && p.vtables[lo].atom == atom {
		return &p.vtables[lo]
	}
	return nil
}

func (p *Program) vtableMethod(atom int32) int32 {
	if v := p.findVtable(atom); v != nil {
		if v.method >= 0 && p.mangled(v.method) != "" {
			return v.method
		}
		if v.drop >= 0 && p.mangled(v.drop) != "" {
			return v.drop
		}
	}
	return -1
}

// vtableName is "T as Trait" from a method's name, or T from its drop glue.
func (p *Program) vtableName(atom int32) string {
	v := p.findVtable(atom)
	if v == nil {
		return ""
	}
	if v.name != "" {
		return v.name
	}
	if v.method >= 0 {
		if n := demangle.Parse(p.mangled(v.method)); n.SelfType != "" && n.Trait != "" {
			return n.SelfType + " as " + n.Trait
		}
	}
	if v.drop >= 0 {
		n := demangle.Parse(p.mangled(v.drop))
		if _, args, ok := strings.Cut(n.Display, "drop_in_place::<"); ok {
			return strings.TrimSuffix(args, ">")
		}
		if _, args, ok := strings.Cut(n.Display, "drop_in_place<"); ok {
			return strings.TrimSuffix(args, ">")
		}
	}
	return ""
}
