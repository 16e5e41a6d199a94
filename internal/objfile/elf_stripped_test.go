package objfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// withoutSections returns a copy of an ELF file whose section headers are gone.
func withoutSections(f *File) []byte {
	data := slices.Clone(f.Data)
	w := f.ELF.d.wordSize()
	clear(data[24+2*w : 24+3*w])               // e_shoff
	clear(data[24+3*w+4+2*3 : 24+3*w+4+2*3+6]) // e_shentsize, e_shnum, e_shstrndx
	return data
}

// TestELFWithoutSections: the dynamic symbols and relocations found by DT_
// entries are those that the sections name.
func TestELFWithoutSections(t *testing.T) {
	files, _ := filepath.Glob("/usr/lib/*/lib*.so.*")
	files = append(files, "/bin/sh", "/bin/bash")
	checked := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil || !matchELF(data) {
			continue
		}
		if len(data) > 8<<20 {
			continue
		}
		whole, err := Parse(path, data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		bare, err := Parse(path, withoutSections(whole))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(bare.Sections) != 0 {
			t.Fatalf("%s: %d sections are left", path, len(bare.Sections))
		}
		all, _ := whole.Symbols()
		var want []Symbol
		for _, s := range all {
			if s.Dynamic {
				want = append(want, s)
			}
		}
		got, err := bare.Symbols()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d dynamic symbols by DT_ entries, %d by sections", path, len(got), len(want))
		}
		wantRelocs, err1 := whole.Relocs()
		gotRelocs, err2 := bare.Relocs()
		if err1 != nil || err2 != nil || !slices.Equal(gotRelocs, wantRelocs) {
			t.Errorf("%s: %d relocations (%v) by DT_ entries, %d (%v) by sections", path, len(gotRelocs), err2, len(wantRelocs), err1)
		}
		checked++
	}
	if checked == 0 {
		t.Skip("no ELF files under /usr/lib on this host")
	}
	t.Logf("%d files", checked)
}
