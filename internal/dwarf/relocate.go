package dwarf

// Debug sections of relocatable objects: offsets between them are relocations
// until the link, so they are applied to a copy first.

import "github.com/minsize/minsize/internal/objfile"

// patches are a relocatable object's relocations by section; nil for others.
type patches map[int][]objfile.Reloc

func patchesOf(f *objfile.File) patches {
	if f.Kind != objfile.Relocatable && f.Kind != objfile.KernelModule || f.MachO != nil {
		return nil
	}
	p := patches{}
	for r, err := range f.EachReloc() {
		if err != nil {
			break
		}
		if r.Section < 0 || r.Section >= len(f.Sections) {
			continue
		}
		if _, _, debug := Kind(f.Sections[r.Section].Name); debug {
			p[r.Section] = append(p[r.Section], *r)
		}
	}
	return p
}

// apply returns data with plain absolute relocations applied: symbol's address
// in its section plus addend. Sections have address 0, so what comes out are
// offsets, as DWARF means them.
func (p patches) apply(f *objfile.File, section int, data []byte) []byte {
	relocs := p[section]
	if len(relocs) == 0 {
		return data
	}
	out := append([]byte(nil), data...)
	for i := range relocs {
		r := &relocs[i]
		s := f.RelocSymbol(r)
		if s == nil || r.Size != 4 && r.Size != 8 || r.Addr > uint64(len(out)) || uint64(r.Size) > uint64(len(out))-r.Addr {
			continue
		}
		value := s.Addr + uint64(r.Addend)
		at := out[r.Addr:]
		if r.Size == 4 {
			f.Order.PutUint32(at, uint32(value))
		} else {
			f.Order.PutUint64(at, value)
		}
	}
	return out
}
