package strip

// The oracle for PE: what the loader of Windows would map from both files.

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

func samePE(old, new []byte) error {
	a, err := parsePE(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := parsePE(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	if err := samePEHeader(a, b); err != nil {
		return err
	}
	next := 0
	for i, s := range a.sections {
		if next < len(b.sections) && b.sections[next].VirtualAddress == s.VirtualAddress {
			if err := samePESection(a, b, i, next); err != nil {
				return fmt.Errorf("section %s: %w", s.Name, err)
			}
			next++
			continue
		}
		// A section that is gone must be one that nothing needs.
		for d, dir := range a.directories {
			if d != dirSecurity && dir.Size > 0 && a.sectionAt(uint64(dir.VirtualAddress)) == i {
				return fmt.Errorf("section %s is gone, and data directory %d lies in it", s.Name, d)
			}
		}
		if !isPEDebugName(s.Name) && s.Name != ".symtab" {
			return fmt.Errorf("section %s is gone", s.Name)
		}
	}
	if next != len(b.sections) {
		return fmt.Errorf("section %s is new", b.sections[next].Name)
	}
	return b.withoutHoles(a)
}

// samePEHeader compares the headers less what a rewrite may change.
func samePEHeader(a, b *peFile) error {
	if a.coff != b.coff || a.table != b.table || a.table > uint64(len(b.data)) {
		return fmt.Errorf("the headers moved")
	}
	ha, hb := bytes.Clone(a.data[:a.table]), bytes.Clone(b.data[:b.table])
	for _, h := range [][]byte{ha, hb} {
		for _, field := range [][2]uint64{
			{a.coff + 2, 2}, {a.coff + 8, 8}, // NumberOfSections; PointerToSymbolTable, NumberOfSymbols
			{a.optional + 36, 4}, {a.optional + 56, 12}, // FileAlignment; SizeOfImage, SizeOfHeaders, CheckSum
		} {
			clear(h[field[0] : field[0]+field[1]])
		}
		if len(a.directories) > dirSecurity {
			clear(h[a.directoryTable+dirSecurity*8 : a.directoryTable+dirSecurity*8+8])
		}
	}
	if !bytes.Equal(ha, hb) {
		return fmt.Errorf("the headers differ in more than sizes, symbols, checksum and certificate")
	}
	if b.CheckSum != 0 && b.CheckSum != peChecksum(b.data, b.optional+64) {
		return fmt.Errorf("CheckSum is wrong")
	}
	if a.CheckSum != 0 && b.CheckSum == 0 {
		return fmt.Errorf("CheckSum is gone")
	}
	if b.FileAlignment < 512 && b.FileAlignment != a.FileAlignment {
		return fmt.Errorf("FileAlignment %d is below what the specification allows", b.FileAlignment)
	}
	if uint64(b.SizeOfHeaders) < b.table+uint64(len(b.sections))*peSectionSize {
		return fmt.Errorf("SizeOfHeaders cuts the section table")
	}
	if d := b.directory(dirSecurity); d.Size > 0 {
		return fmt.Errorf("the certificate directory points to %#x", d.VirtualAddress)
	}
	return nil
}

// memory is the section's image, less the file offsets in the debug directory.
func (f *peFile) memory(i int) []byte {
	s := f.sections[i]
	start, end := s.rawRange()
	out := bytes.Clone(f.data[start:end])
	if s.VirtualSize != 0 && uint64(len(out)) > uint64(s.VirtualSize) {
		// The loader maps whole pages, so bytes up to the page's end count too.
		out = out[:min(uint64(len(out)), alignUp(uint64(s.VirtualSize), 4096))]
	}
	for _, e := range f.debugEntries() {
		if e.at >= start && e.at+peDebugEntrySize <= start+uint64(len(out)) {
			b := out[e.at-start:]
			binary.LittleEndian.PutUint32(b[24:], 0)
			if e.rva == 0 {
				binary.LittleEndian.PutUint32(b[16:], 0)
			}
		}
	}
	return out
}

func samePESection(a, b *peFile, i, j int) error {
	s, t := a.sections[i], b.sections[j]
	if t.Characteristics != s.Characteristics {
		return fmt.Errorf("characteristics differ")
	}
	if t.SizeOfRawData == 0 && (isPEDebugName(s.Name) || s.Name == ".symtab") {
		return nil // emptied in place
	}
	if t.span() < s.span() {
		return fmt.Errorf("shrank in memory")
	}
	// A size that was no multiple before is one that the loader takes.
	odd := t.SizeOfRawData%b.FileAlignment != 0 && (t.SizeOfRawData != s.SizeOfRawData || s.SizeOfRawData%a.FileAlignment == 0)
	if start, _ := t.rawRange(); start%uint64(b.FileAlignment) != 0 || odd {
		return fmt.Errorf("raw data is not aligned")
	}
	if s.Name == ".symtab" {
		return nil // a symbol table, whose section numbers may change
	}
	was, is := a.memory(i), b.memory(j)
	n := min(len(was), len(is))
	if !bytes.Equal(was[:n], is[:n]) || !allZero(was[n:]) || !allZero(is[n:]) {
		return fmt.Errorf("other bytes in memory")
	}
	return nil
}

// withoutHoles checks that sections follow each other as the loader wants it,
// where they did in a.
func (f *peFile) withoutHoles(a *peFile) error {
	tight := func(f *peFile) error {
		for i := 1; i < len(f.sections); i++ {
			s := f.sections[i-1]
			if alignUp(uint64(s.VirtualAddress)+s.span(), uint64(f.SectionAlignment)) != uint64(f.sections[i].VirtualAddress) {
				return fmt.Errorf("a hole in memory before section %s", f.sections[i].Name)
			}
		}
		if n := len(f.sections); n > 0 {
			s := f.sections[n-1]
			if alignUp(uint64(s.VirtualAddress)+s.span(), uint64(f.SectionAlignment)) != alignUp(uint64(f.SizeOfImage), uint64(f.SectionAlignment)) {
				return fmt.Errorf("SizeOfImage %#x does not end with the last section", f.SizeOfImage)
			}
		}
		return nil
	}
	if tight(a) == nil {
		return tight(f)
	}
	return nil
}
