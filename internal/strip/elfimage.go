package strip

// The oracle for ELF. It reads both files by itself and knows nothing of the
// plan: only what a kernel or dynamic linker would see counts.

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// sameELF compares what loaders see of two executables or shared objects;
// for relocatable objects what linkers see (sameRelocatable).
func sameELF(old, new []byte) error {
	a, err := parseELF(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := parseELF(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	if a.relocatesItself() || b.relocatesItself() {
		return sameRelocated(a, b)
	}
	ha, hb := a.head, b.head
	if !bytes.Equal(old[:16], new[:16]) || ha.Type != hb.Type || ha.Machine != hb.Machine || ha.Version != hb.Version ||
		ha.Entry != hb.Entry || ha.Flags != hb.Flags || ha.Ehsize != hb.Ehsize || ha.Phentsize != hb.Phentsize || ha.realPhnum != hb.realPhnum {
		return fmt.Errorf("the ELF headers differ in more than section fields")
	}
	if ha.Type != etRel && (a.companion() || b.companion()) {
		return fmt.Errorf("a debug companion is nothing to load")
	}
	if b.dangling {
		return fmt.Errorf("the section fields of the ELF header point nowhere")
	}
	if ha.Type == etRel {
		return sameRelocatable(a, b)
	}
	for i := range a.segments {
		if err := sameSegment(a, b, i); err != nil {
			return fmt.Errorf("program header %d: %w", i, err)
		}
	}
	return sameSections(a, b)
}

func sameSegment(a, b *elfFile, i int) error {
	p, q := a.segments[i], b.segments[i]
	if p.Type != q.Type || p.Flags != q.Flags || p.Vaddr != q.Vaddr || p.Paddr != q.Paddr || p.Memsz != q.Memsz {
		return fmt.Errorf("type, flags, address or p_memsz differ")
	}
	if p.Type == ptNull {
		return nil
	}
	if p.Type != ptLoad && p.Align != q.Align {
		return fmt.Errorf("p_align is %#x, was %#x", q.Align, p.Align)
	}
	if p.Type == ptLoad {
		if err := samePlacement(a, p, q); err != nil {
			return err
		}
	}
	if q.Filesz > p.Filesz {
		return fmt.Errorf("p_filesz grew from %#x to %#x", p.Filesz, q.Filesz)
	}
	if !p.hasBytes() {
		return nil
	}
	was, is := a.data[p.Offset:p.end()], []byte(nil)
	if q.Filesz > 0 {
		is = b.data[q.Offset:q.end()]
	}
	if tail := was[q.Filesz:]; len(tail) > 0 {
		if !allZero(tail) {
			return fmt.Errorf("the file has %d bytes less, and they were not all zero", len(tail))
		}
		if p.Type == ptLoad && p.Flags&pfW == 0 {
			return fmt.Errorf("a read-only segment lost its zero tail, which not every kernel fills")
		}
	}
	return sameBytes(a, b, p.Offset, was[:q.Filesz], q.Offset, is)
}

// samePlacement checks that the loader would put the segment where it was.
func samePlacement(a *elfFile, p, q elfSegment) error {
	if q.Align > 1 && (q.Align&(q.Align-1) != 0 || (q.Vaddr-q.Offset)&(q.Align-1) != 0 && (p.Vaddr-p.Offset)&(p.Align-1) == 0) {
		return fmt.Errorf("p_offset %#x is not congruent to p_vaddr %#x modulo p_align %#x", q.Offset, q.Vaddr, q.Align)
	}
	if q.Align > p.Align {
		return fmt.Errorf("p_align grew from %#x to %#x", p.Align, q.Align)
	}
	const smallestPage = 4 << 10
	if (q.Offset-p.Offset)%smallestPage != 0 {
		return fmt.Errorf("p_offset moved by %#x, which is no whole number of pages", q.Offset-p.Offset)
	}
	if q.Align < p.Align && q.Align < smallestPage {
		return fmt.Errorf("p_align fell below a page")
	}
	if a.head.Type == etDyn {
		for _, s := range a.sections {
			if s.Flags&shfAlloc != 0 && s.Flags&shfTLS == 0 && s.Addralign > q.Align && q.Align < p.Align && s.Addr-p.Vaddr < p.Memsz {
				return fmt.Errorf("p_align fell below the alignment of section %s", s.Name)
			}
		}
	}
	return nil
}

// sameBytes compares the bytes of one segment at both offsets, but for the
// ELF header, the program headers and section headers, which are compared
// field by field.
func sameBytes(a, b *elfFile, offA uint64, was []byte, offB uint64, is []byte) error {
	type span struct{ start, end uint64 }
	var skips []span // within the segment
	for _, skip := range [][3]uint64{
		{0, 0, a.ehsize()},
		{a.head.Phoff, b.head.Phoff, a.head.realPhnum * a.phentsize()},
	} {
		if skip[0] < offA || skip[0]+skip[2] > offA+uint64(len(was)) {
			continue
		}
		// The header must be at the same place of the segment in both files.
		at := skip[0] - offA
		if skip[1] < offB || skip[1]-offB != at {
			return fmt.Errorf("the headers moved within the segment")
		}
		skips = append(skips, span{at, at + skip[2]})
	}
	if n := a.head.realShnum * a.shentsize(); a.tableInSegment && a.head.Shoff >= offA && a.head.Shoff+n <= offA+uint64(len(was)) {
		skips = append(skips, span{a.head.Shoff - offA, a.head.Shoff - offA + n}) // sameSections reads what is there now
	}
	slices.SortFunc(skips, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	cursor := uint64(0)
	for _, s := range append(skips, span{uint64(len(was)), uint64(len(was))}) {
		if s.start > cursor && !bytes.Equal(was[cursor:s.start], is[cursor:s.start]) {
			for i := cursor; i < s.start; i++ {
				if was[i] != is[i] {
					return fmt.Errorf("byte %#x of the segment is %#02x, was %#02x", i, is[i], was[i])
				}
			}
		}
		cursor = max(cursor, s.end)
	}
	return nil
}

// sameSections checks that the section headers that are left tell the truth:
// each loaded one as before, by name, and in the bytes that it had. GNU strip
// gives .init_array an sh_entsize, which harms nobody: that one may differ.
func sameSections(a, b *elfFile) error {
	if b.sections == nil {
		return nil
	}
	type key struct {
		name string
		addr uint64
		typ  uint32
	}
	have := map[key][]elfSection{}
	for _, s := range b.sections {
		k := key{s.Name, s.Addr, s.Type}
		have[k] = append(have[k], s)
	}
	for _, s := range a.sections {
		if s.Flags&shfAlloc == 0 || s.Type == shtNull {
			continue
		}
		k := key{s.Name, s.Addr, s.Type}
		if len(have[k]) == 0 {
			return fmt.Errorf("section %s is loaded and lost its header", s.Name)
		}
		t := have[k][0]
		have[k] = have[k][1:]
		if s.Size != t.Size || s.Flags != t.Flags || s.Addralign != t.Addralign {
			return fmt.Errorf("the header of section %s differs in more than its offset", s.Name)
		}
		if n := s.fileSize(); n > 0 && a.head.Phoff-s.Offset >= n && s.Offset > 0 &&
			!bytes.Equal(a.data[s.Offset:s.Offset+n], b.data[t.Offset:t.Offset+n]) {
			return fmt.Errorf("section %s has other bytes", s.Name)
		}
	}
	return nil
}
