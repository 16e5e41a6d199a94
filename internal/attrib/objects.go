package attrib

// Relocatable objects: their relocations are the references, and tell exactly
// what is meant; but not all.
//
// A call of a function of the same section needs no relocation, the assembler
// fills it in, so code is decoded here too, and what has no relocation counts
// as it stands. A field that counts from a place has its distance to that
// place in the addend: to the end of the instruction, which only a decoder
// knows (four bytes behind the field, or more where an immediate follows), or
// in a table of offsets to the table's start. And unwind tables and debug
// information point at everything that they describe, which keeps nothing.

import (
	"cmp"
	"slices"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// readObjectCode corrects pointers in code, finds references that have no
// relocation, and fills c.incoming.
func (c *collector) readObjectCode() {
	p, f := c.p, c.p.File
	slices.SortFunc(c.pointers, func(a, b pointer) int {
		return cmp.Or(cmp.Compare(a.where, b.where), cmp.Compare(a.entry, b.entry))
	})
	if c.o.Bodies {
		p.Bodies = make([]uint64, len(p.Atoms)) // twins are not looked for: their fields are still empty
	}
	var refs []machinecode.Ref
	var found []uint64
	for i := range p.Atoms {
		a := &p.Atoms[i]
		c.starts[i] = int32(len(c.targets))
		if a.Kind != Code || a.End > p.Space.File || a.Size() > 1<<31 || f.CPU.Decoder == nil {
			continue
		}
		limit, _ := p.limit(a.Start)
		start := limit // of the section: places are its addresses here
		if k := p.sections.Find(a.Start); k >= 0 {
			start = p.sections.Starts[k]
		}
		rq := machinecode.Request{Code: f.Data[a.Start:a.End], Addr: a.Start, Inside: true}
		var stats machinecode.Stats
		refs, stats = f.CPU.Decode(&rq, refs[:0])
		p.Decoded += a.Size()
		p.Unknown += uint64(stats.Skipped)
		if stats.Skipped > 0 {
			a.Flags |= Skipped
		}
		next, _ := slices.BinarySearchFunc(c.pointers, a.Start, func(x pointer, place uint64) int { return cmp.Compare(x.where, place) })
		found = found[:0]
		for _, r := range refs {
			from := a.Start + uint64(r.Offset)
			end := from + uint64(r.Length)
			for next < len(c.pointers) && c.pointers[next].where < from {
				next++
			}
			relocated := false
			for k := next; k < len(c.pointers) && c.pointers[k].where < end; k++ {
				relocated = true
				if x := &c.pointers[k]; x.pc && x.target != noPlace {
					x.target = p.shift(x.target, int64(end-x.where)-4) // readRelocs took the field for the instruction's last one
					x.pc = false
				}
			}
			if !relocated && r.Kind != machinecode.Table && r.Kind != machinecode.Absolute && r.Target >= start && r.Target < limit && r.Target-a.Start >= a.Size() {
				found = append(found, packRef(r.Target, RefKind(r.Kind)))
			}
		}
		slices.Sort(found)
		c.targets = append(c.targets, slices.Compact(found)...)
	}
	c.starts[len(p.Atoms)] = int32(len(c.targets))

	for _, x := range c.pointers {
		if x.target >= maxPackedPlace {
			continue
		}
		from := int32(fromPointer)
		if x.code {
			if atom := p.AtomAt(x.where); atom >= 0 {
				from = atom
			}
		}
		c.incoming = append(c.incoming, packTarget(x.target, from))
	}
	sortParallel(c.incoming)
}

// tableTarget is where an entry of a table of offsets points: its relocation's
// addend holds the entry's own distance from the table's start. An entry that
// counts from itself (in exception tables all do) names what it means, without
// an addend.
func (c *collector) tableTarget(x *pointer) uint64 {
	p := c.p
	table := p.AtomAt(x.where)
	if table < 0 {
		return x.target
	}
	if atom := p.AtomAt(x.target); atom >= 0 && p.Atoms[atom].Start == x.target && p.Atoms[atom].Symbol >= 0 {
		return x.target
	}
	return p.shift(x.target, -int64(x.where-p.Atoms[table].Start))
}

// isPersonality says whether a pointer in an unwind table names a routine that
// unwinding calls. owner is the function whose entry holds the pointer: what an
// entry of a function has is its own address and its exception table.
func (c *collector) isPersonality(x *pointer, owner int32) bool {
	if owner >= 0 {
		return false
	}
	if x.symbol >= 0 {
		return true
	}
	if c.p.File.Format == objfile.ELF {
		switch c.p.SectionName(x.where) {
		case ".eh_frame":
			return true
		}
	}
	return false // .ARM.exidx, .pdata: the functions themselves
}
