package attrib

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWasmDataIsCut: what each function refers to in the data segments is its
// own. The module and its linker map are in refgraph/testdata/data.c.
func TestWasmDataIsCut(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "refgraph", "testdata", "data.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := Load("data.wasm", data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := Rollup(inputs, RollupOptions{Views: []string{"sections", "symbols"}})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]uint64{}
	for _, section := range report.Rows {
		if section.Name == "data" {
			for _, row := range section.Children {
				rows[row.Name] = row.File
			}
		}
	}
	for name, least := range map[string]uint64{
		"[data of say]":  32,            // counters
		"[data of pick]": 16 + 64,       // names, table
		"[text of pick]": 5 + 4 + 4 + 6, // what names points at
		"[text of go]":   19 + 7,        // two strings
		".rodata":        1 /* the header */, ".data": 1,
	} {
		if got := rows[name]; got < least || got > least+24 {
			t.Errorf("%s has %d bytes, expected %d and a few: %v", name, got, least, rows)
		}
	}
	p := inputs[0].Program
	for i := range p.Atoms {
		if p.Atoms[i].Flags&Alias != 0 {
			t.Errorf("%s has another name: symbols of Wasm are numbers, not addresses", p.Name(int32(i)))
		}
	}
	// Names are the functions' that have them.
	kinds, err := Rollup(inputs, RollupOptions{Views: []string{"kind", "symbols"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds.Rows {
		if kind.Name != "symbols" {
			continue
		}
		for _, row := range kind.Children {
			if (row.Name == "go" || row.Name == "say") && row.File != uint64(len(row.Name))+2 {
				t.Errorf("the name of %s costs %d bytes", row.Name, row.File)
			}
		}
	}
}
