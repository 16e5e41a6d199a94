package attrib

import (
	"encoding/binary"
	"testing"

	"github.com/minsize/minsize/internal/testbin"
)

// TestResources: a resource is called by type, name and language; a broken table
// is said, and its bytes stay its section's.
func TestResources(t *testing.T) {
	const tree, size = 0x80, 0x100 // in .rdata
	program := func() (file, table []byte) {
		file = testbin.PE{}.Bytes()
		le := binary.LittleEndian
		directory := file[testbin.PEOptional+112+2*8:]
		le.PutUint32(directory, 0x3000+tree)
		le.PutUint32(directory[4:], size)
		table = file[testbin.PEData+tree:][:size]
		put := func(at int, words ...uint32) {
			for i, w := range words {
				le.PutUint32(table[at+4*i:], w)
			}
		}
		put(0, 0, 0, 0, 1<<16, 3, 1<<31|0x18)                     // by number: icon
		put(0x18, 0, 0, 0, 1, 1<<31|0x60, 1<<31|0x30)             // by name
		put(0x30, 0, 0, 0, 1<<16, 0x409, 0x48)                    // by language
		put(0x48, 0x3000+tree+0x70, 0x20)                         // the datum
		copy(table[0x60:], "\x03\x00M\x00A\x00\xe9\x00")          // its name, UTF-16
		copy(table[0x70:0x90], "not zeros: an icon's bytes, all") // which would be filler
		table[0x90] = 1                                           // or zeros up to the end are its padding
		return file, table
	}
	load := func(file []byte) (*Program, map[string]uint64) {
		inputs, err := Load("test", file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		report, err := Rollup(inputs, RollupOptions{Views: []string{"symbols"}})
		if err != nil {
			t.Fatal(err)
		}
		rows := map[string]uint64{}
		for _, r := range report.Rows {
			rows[r.Name] = r.File
		}
		return inputs[0].Program, rows
	}
	file, _ := program()
	p, rows := load(file)
	if rows["resource icon MAé en-US"] != 0x20 || len(p.Warnings) > 0 {
		t.Errorf("%v %q", rows, p.Warnings)
	}
	for name, harm := range map[string]func(table []byte){
		"a loop":           func(table []byte) { binary.LittleEndian.PutUint32(table[0x30+20:], 1<<31) },
		"a far directory":  func(table []byte) { binary.LittleEndian.PutUint32(table[0x14:], 1<<31|0xffff) },
		"a long directory": func(table []byte) { binary.LittleEndian.PutUint16(table[0x1e:], 0xffff); table[0x18+14] = 0xff },
		"a far data entry": func(table []byte) { binary.LittleEndian.PutUint32(table[0x30+20:], 0x1000) },
	} {
		file, table := program()
		harm(table)
		if p, _ := load(file); len(p.Warnings) != 1 {
			t.Errorf("%s: %q", name, p.Warnings)
		}
	}
	for at := range size { // any harm at all leaves the sums as they are
		file, table := program()
		table[at] ^= 0xff
		load(file)
	}
}
