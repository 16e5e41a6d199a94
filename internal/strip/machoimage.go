package strip

// The oracle for Mach-O: what the kernel and dyld see of both files.

import (
	"bytes"
	"fmt"
)

func sameMachO(old, new []byte) error {
	a, err := parseMachO(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := parseMachO(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	if !bytes.Equal(old[:16], new[:16]) || !bytes.Equal(old[24:a.header], new[24:b.header]) {
		return fmt.Errorf("the Mach-O headers differ in more than the load commands")
	}
	if err := sameCommands(a, b); err != nil {
		return err
	}
	if err := sameMachOSegments(a, b); err != nil {
		return err
	}
	for _, t := range a.tables {
		if err := sameTable(a, b, t); err != nil {
			return err
		}
	}
	if err := sameSymbols(a, b); err != nil {
		return err
	}
	return b.verifySignature()
}

// sameCommands compares the load commands one by one, less the file offsets
// and sizes that sameTable checks and __LINKEDIT's own numbers.
func sameCommands(a, b *machoFile) error {
	masked := func(f *machoFile) (out [][]byte) {
		for i, c := range f.commands {
			raw := bytes.Clone(c.bytes)
			for _, s := range f.segments {
				if s.command == i && s.name == "__DWARF" {
					raw = nil
				}
				if s.command == i && s.name == "__LINKEDIT" {
					clear(raw[28:32])
					clear(raw[32:40])
					if c.cmd == lcSegment64 {
						clear(raw[32:56])
					}
				}
			}
			if raw == nil {
				continue
			}
			for _, t := range f.tables {
				if t.command == i {
					clear(raw[t.field : t.field+4])
					clear(raw[t.count : t.count+4])
				}
			}
			if c.cmd == lcSymtab {
				clear(raw[8:24])
			}
			if c.cmd == lcDysymtab {
				clear(raw[8:32]) // the ranges of symbols
			}
			out = append(out, raw)
		}
		return out
	}
	ca, cb := masked(a), masked(b)
	if len(ca) != len(cb) {
		return fmt.Errorf("%d load commands, were %d", len(cb), len(ca))
	}
	for i := range ca {
		if !bytes.Equal(ca[i], cb[i]) {
			return fmt.Errorf("load command %d (type %#x) differs", i, a.order.Uint32(ca[i]))
		}
	}
	return nil
}

func sameMachOSegments(a, b *machoFile) error {
	j := 0
	for _, s := range a.segments {
		if s.name == "__DWARF" && (j >= len(b.segments) || b.segments[j].name != "__DWARF") {
			continue
		}
		t := b.segments[j]
		j++
		if s.name == "__LINKEDIT" {
			if t.fileoff+t.filesize != uint64(len(b.data)) {
				return fmt.Errorf("__LINKEDIT does not end the file")
			}
			if t.filesize > t.vmsize {
				return fmt.Errorf("__LINKEDIT is larger in the file than in memory")
			}
			if t.fileoff%4096 != s.fileoff%4096 {
				return fmt.Errorf("__LINKEDIT is no longer aligned to pages")
			}
			continue
		}
		was, is := a.data[s.fileoff:s.fileoff+s.filesize], b.data[t.fileoff:t.fileoff+t.filesize]
		if s.fileoff == 0 { // header and load commands were compared one by one
			skip := a.header + a.sizecmds
			if uint64(len(was)) >= skip && uint64(len(is)) >= skip {
				was, is = was[skip:], is[skip:]
			}
		}
		if !bytes.Equal(was, is) {
			return fmt.Errorf("segment %s has other bytes", s.name)
		}
	}
	return nil
}

// sameTable checks that a piece of __LINKEDIT is there as it was.
func sameTable(a, b *machoFile, t machoTable) error {
	_, was := a.table(t.what)
	_, is := b.table(t.what)
	switch t.what {
	case "symbol table", "string table", "code signature", "indirect symbols":
		return nil // sameSymbols, verifySignature
	case linkeditData[lcChainedFixups]:
		if len(a.segments) != len(b.segments) && len(was) == len(is) && len(was) >= 8 {
			return sameFixups(a, was, is)
		}
	}
	if !bytes.Equal(was, is) {
		return fmt.Errorf("%s has other bytes", t.what)
	}
	return nil
}

// sameFixups compares chained fixups where a segment is gone.
func sameFixups(a *machoFile, was, is []byte) error {
	starts := uint64(a.order.Uint32(was[4:]))
	n := uint64(len(a.segments))
	if starts+4+4*n > uint64(len(was)) {
		return fmt.Errorf("the starts of chained fixups do not fit")
	}
	end := starts + 4 + 4*n
	if !bytes.Equal(was[:starts], is[:starts]) || !bytes.Equal(was[end:], is[end:]) {
		return fmt.Errorf("chained fixups differ in more than the list of segments")
	}
	j := uint64(0)
	for i := range n {
		entry := a.order.Uint32(was[starts+4+4*i:])
		if a.segments[i].name == "__DWARF" {
			if entry != 0 {
				return fmt.Errorf("__DWARF has fixups")
			}
			continue
		}
		if entry != a.order.Uint32(is[starts+4+4*j:]) {
			return fmt.Errorf("chained fixups start elsewhere in segment %s", a.segments[i].name)
		}
		j++
	}
	return nil
}

// lookedUp says whether dyld finds the symbol by its name.
func (f *machoFile) lookedUp(n nlist) bool {
	return n.undefined() || n.kind&nStab == 0 && n.desc&referencedDynamically != 0 || n.kind&(nStab|nExt) == nExt && f.filetype != mhExecute
}

// sameSymbols checks what dyld and stubs ask the symbol table for: every
// undefined and every dynamically referenced symbol, and each indirect entry.
func sameSymbols(a, b *machoFile) error {
	was, err := a.symbols()
	if err != nil {
		return err
	}
	is, err := b.symbols()
	if err != nil {
		return err
	}
	have := map[nlist]int{}
	for _, n := range is {
		n.strx = 0
		have[n]++
	}
	for _, n := range was {
		n.strx = 0
		if a.lookedUp(n) {
			if have[n] == 0 {
				return fmt.Errorf("symbol %s is gone", n.name)
			}
			have[n]--
		}
	}
	_, ia := a.table("indirect symbols")
	_, ib := b.table("indirect symbols")
	if len(ia) != len(ib) {
		return fmt.Errorf("%d bytes of indirect symbols, were %d", len(ib), len(ia))
	}
	for at := 0; at < len(ia); at += 4 {
		x, y := a.order.Uint32(ia[at:]), b.order.Uint32(ib[at:])
		if x&0xc0000000 != 0 {
			if x != y {
				return fmt.Errorf("indirect entry %d differs", at/4)
			}
			continue
		}
		if uint64(x) >= uint64(len(was)) || uint64(y) >= uint64(len(is)) || was[x].name != is[y].name || was[x].kind != is[y].kind {
			return fmt.Errorf("indirect entry %d names another symbol", at/4)
		}
	}
	return nil
}
