package objfile

import "testing"

func TestLookedUp(t *testing.T) {
	const progbits, note, nobits = SHT_PROGBITS, SHT_NOTE, SHT_NOBITS
	const alloc, code = SHF_ALLOC, SHF_ALLOC | SHF_EXECINSTR
	for _, c := range []struct {
		name   string
		typ    uint32
		flags  uint64
		loaded string
		want   bool
		reader bool
	}{
		{name: ".myblob", typ: progbits, flags: alloc, want: true},
		{name: ".bun", typ: progbits, flags: alloc, want: true},
		{name: "payload.bin", typ: progbits, flags: alloc, want: true},
		{name: ".myblob", typ: progbits, flags: 0},     // not loaded: other rules
		{name: ".myblob", typ: nobits, flags: alloc},   // no bytes in the file
		{name: ".note.mine", typ: note, flags: alloc},  // PT_NOTE shows it
		{name: ".startup", typ: progbits, flags: code}, // code
		{name: ".rodata.cst16", typ: progbits, flags: alloc},
		{name: ".gopclntab", typ: progbits, flags: alloc},
		{name: ".data.rel.ro.local", typ: progbits, flags: alloc},
		{name: "linkme_ALL", typ: progbits, flags: alloc, loaded: "\x00__start_linkme_ALL\x00__stop_linkme_ALL\x00"},
		{name: "myblob", typ: progbits, flags: alloc, loaded: "\x00__start_myblob\x00open\x00myblob\x00", want: true},
		{name: ".gresource.gtk", typ: progbits, flags: alloc, want: true, reader: true},
		{name: ".dep-v0", typ: progbits, flags: alloc, want: true, reader: true},
		{name: "__llvm_covmap", typ: progbits, flags: alloc, want: true, reader: true},
	} {
		got, ok := (&NameLookups{Loaded: [][]byte{[]byte(c.loaded)}}).LookedUp(c.name, c.typ, c.flags, 8)
		if ok != c.want || (got.Reader != "") != c.reader {
			t.Errorf("%s, type %d, flags %#x: %v %+v, want %v", c.name, c.typ, c.flags, ok, got, c.want)
		}
	}
}
