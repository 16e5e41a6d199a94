package oracle

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/testbin"
)

// bug is a writer's mistake, planted in a good file.
type bug struct {
	what   string
	plant  func(data []byte)
	expect string // what the oracle has to speak of
}

func put16(at int, v uint16) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint16(b[at:], v) }
}

func put32(at int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
}

func put64(at int, v uint64) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint64(b[at:], v) }
}

func flip(at int) func([]byte) { return func(b []byte) { b[at] ^= 0x10 } }

// find is where a text lies in a file that has it once.
func find(t *testing.T, data []byte, text string) int {
	t.Helper()
	at := bytes.Index(data, []byte(text))
	if at < 0 {
		t.Fatalf("the sample has no %q", text)
	}
	return at
}

// mustFind plants each bug in a copy.
func mustFind(t *testing.T, data []byte, bugs []bug) {
	t.Helper()
	if err := Same(data, bytes.Clone(data)); err != nil {
		t.Fatalf("a copy is not the same: %v", err)
	}
	for _, b := range bugs {
		changed := bytes.Clone(data)
		b.plant(changed)
		if bytes.Equal(changed, data) {
			t.Errorf("%s: planted nothing", b.what)
		}
		if err := Same(data, changed); err == nil || !strings.Contains(err.Error(), b.expect) {
			t.Errorf("%s: expected %q, but got %v", b.what, b.expect, err)
		}
	}
}

// mustPass makes changes that no loader sees.
func mustPass(t *testing.T, data []byte, changes map[string]func([]byte)) {
	t.Helper()
	for what, change := range changes {
		changed := bytes.Clone(data)
		change(changed)
		if err := Same(data, changed); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBugsInELF(t *testing.T) {
	data := testbin.ELF{}.Bytes()
	const header = 64 // the program headers follow at once
	phoff := int(binary.LittleEndian.Uint64(data[32:]))
	if phoff != header {
		t.Fatalf("program headers at %#x", phoff)
	}
	f, err := openELF(data)
	if err != nil {
		t.Fatal(err)
	}
	load := -1
	for n, p := range f.segments {
		if p.kind == kindLoad && p.offset+p.filesz > 0x200 {
			load = n
			break
		}
	}
	p := f.segments[load]
	at := phoff + 56*load
	mustFind(t, data, []bug{
		{"a byte of a loaded segment", flip(int(p.offset + p.filesz - 1)), "byte "},
		{"a permission", flip(at + 4), "flags"},
		{"an address", put64(at+16, p.vaddr+0x1000), "p_vaddr"},
		{"a size in memory", put64(at+40, p.memsz+1), "p_memsz"},
		{"bytes that the file no longer gives", put64(at+32, p.filesz-9), "(not in the file)"},
		{"zeros that not every loader fills", put64(phoff+32, f.segments[0].filesz-1), "lost 1 bytes at its end"},
		{"an alignment that grew", put64(at+48, 1<<21), "alignment grew"},
		{"an alignment below a page", put64(at+48, 16), "alignment fell"},
		{"a segment's place in the file", put64(at+8, p.offset+1), "program header"},
		{"a segment's page of the file", put64(at+8, p.offset+0x1000), ""},
		{"a kind of segment", put32(at, 4), "program header"},
		{"a program header too few", put16(56, uint16(len(f.segments)-1)), "number of program headers"},
		{"the entry point", put64(24, f.u64At(24)+1), "the entry point"},
		{"the machine", put16(18, 183), "e_machine"},
		{"the type", put16(16, 3), "e_type"},
		{"the flags", put32(48, 1), "e_flags"},
		{"section headers that point nowhere", put64(40, 1<<40), "point nowhere"},
		{"a section's address", put64(int(f.shoff)+64+16, 0x123), "is gone"},
		{"a section's size", put64(int(f.shoff)+64+32, 1), "section "},
	})
	mustPass(t, data, map[string]func([]byte){
		"no section headers": func(b []byte) { clear(b[40:48]); clear(b[60:64]) },
	})
}

func (f *elf) u64At(at int) uint64 { return f.Order.Uint64(f.Data[at:]) }

// relocated is a library of one segment whose two words point to themselves,
// its relocations written down in one of two ways.
func relocated(packed bool) []byte {
	le := binary.LittleEndian
	const dynamic, table, words, end = 0x200, 0x400, 0x600, 0x700
	out := make([]byte, end)
	copy(out, "\x7fELF\x02\x01\x01")
	put16(16, 3)(out)
	put16(18, 62)(out)
	put32(20, 1)(out)
	put64(32, 64)(out)
	put16(52, 64)(out)
	put16(54, 56)(out)
	put16(56, 2)(out)
	for n, p := range [][8]uint64{{1, 6, 0, 0, 0, end, end, 0x1000}, {2, 6, dynamic, dynamic, dynamic, 0x100, 0x100, 8}} {
		b := out[64+56*n:]
		le.PutUint32(b, uint32(p[0]))
		le.PutUint32(b[4:], uint32(p[1]))
		for k, v := range p[2:] {
			le.PutUint64(b[8+8*k:], v)
		}
	}
	entries := [][2]uint64{{tagRela, table}, {tagRelaSize, 3 * 24}, {tagRelaEntry, 24}, {24, 0}}
	rela := []uint64{words, 8, words, words + 8, 8, words, words + 16, 6, 0} // two of base, one of a symbol
	if packed {
		entries = [][2]uint64{{tagRela, table + 16}, {tagRelaSize, 24}, {tagRelr, table}, {tagRelrSize, 16}, {24, 0}}
		rela = []uint64{words, 1 | 1<<1, words + 16, 6, 0}
		put64(words, words)(out)
		put64(words+8, words)(out)
	}
	for n, e := range entries {
		put64(dynamic+16*n, e[0])(out)
		put64(dynamic+16*n+8, e[1])(out)
	}
	for n, v := range rela {
		put64(table+8*n, v)(out)
	}
	return out
}

// TestRelocations: two forms of the same relocations are the same in memory, and
// a bug in either is found.
func TestRelocations(t *testing.T) {
	plain, packed := relocated(false), relocated(true)
	if Same(plain, packed) == nil {
		t.Error("the files are the same before they are relocated")
	}
	compare := func(a, b []byte) error {
		x, err := Loaded(a)
		if err != nil {
			t.Fatal(err)
		}
		y, err := Loaded(b)
		if err != nil {
			return err
		}
		return Compare(x, y)
	}
	if err := compare(plain, packed); err != nil {
		t.Errorf("RELA and RELR: %v", err)
	}
	for _, b := range []bug{
		{"a word of RELR", put64(0x600, 0x608), "the word at 0x600"},
		{"a bit of RELR", put64(0x408, 1|1<<2), "the word at 0x608"},
		{"a relocation of a symbol", put64(0x418, 7), "the relocation at 0x610"},
		{"a word too few", put64(0x238, 8), "the word at 0x608 is gone"},
		{"another entry of the dynamic section", put64(0x240, 25), "dynamic entry"},
		{"a byte that no relocation makes", flip(0x680), "byte 0x680"},
	} {
		changed := bytes.Clone(packed)
		b.plant(changed)
		if err := compare(plain, changed); err == nil || !strings.Contains(err.Error(), b.expect) {
			t.Errorf("%s: expected %q, but got %v", b.what, b.expect, err)
		}
	}
}

func TestBugsInPE(t *testing.T) {
	data := testbin.PE{}.Bytes()
	directories, table := testbin.PEOptional+112, testbin.PEOptional+112+16*8
	mustFind(t, data, []bug{
		{"a byte of a section", flip(testbin.PEText + 1), "byte 0x1001"},
		{"a section's permission", flip(table + 36), "its access"},
		{"a section's address", put32(table+80+12, 0x4000), "is gone"},
		{"a section's size", put32(table+8, 0x100), "bytes of memory"},
		{"bytes that the file no longer gives", put32(table+16, 0), "byte 0x1000"},
		{"the entry point", put32(testbin.PEOptional+16, 0x1010), "the entry point"},
		{"the base", put64(testbin.PEOptional+24, 0x10000), "the preferred base"},
		{"the exports", put32(directories, 0x3000), "the directory of exports"},
		{"the imports", put32(directories+8, 0x3000), "the directory of imports"},
		{"the resources", put32(directories+16, 0x3000), "the directory of resources"},
		{"the base relocations", put32(directories+40, 0x3000), "the directory of base relocations"},
		{"the subsystem", put16(testbin.PEOptional+68, 2), "the subsystem"},
		{"the machine", put16(testbin.PEHeader+4, 0xaa64), "the machine"},
		{"the alignment in memory", put32(testbin.PEOptional+32, 0x2000), "SectionAlignment"},
		{"the alignment in the file", func(b []byte) {
			put32(testbin.PEOptional+36, 256)(b)
			put32(testbin.PEOptional+64, testbin.PEChecksum(b))(b)
		}, "FileAlignment"},
		{"an end of memory elsewhere", put32(testbin.PEOptional+56, 0x8000), ""},
		{"headers that end too early", put32(testbin.PEOptional+60, 0x100), ""},
		{"a checksum of another file", flip(testbin.PEOptional + 64), "CheckSum is wrong"},
		{"no checksum", put32(testbin.PEOptional+64, 0), "a checksum"},
		{"a certificate of another file", func(b []byte) {
			put32(directories+32, testbin.PESymbols)(b)
			put32(directories+36, 8)(b)
			put32(testbin.PEOptional+64, testbin.PEChecksum(b))(b)
		}, "signature is of another file"},
	})
	mustPass(t, data, map[string]func([]byte){
		"a debug section of zeros": func(b []byte) {
			clear(b[testbin.PEDebug : testbin.PEDebug+0x200])
			put32(testbin.PEOptional+64, testbin.PEChecksum(b))(b)
		},
	})
}

func TestBugsInMachO(t *testing.T) {
	for _, data := range [][]byte{testbin.MachO{}.Bytes(), testbin.Fat(14, testbin.MachO{}.Bytes(), testbin.MachO{CPU: 0x01000007}.Bytes())} {
		base := find(t, data, "\xcf\xfa\xed\xfe")
		at := func(name string) int { return base + find(t, data[base:], name) }
		text := at("__TEXT")
		mustFind(t, data, []bug{
			{"a byte of a segment", flip(base + 0xf00), "byte "},
			{"a permission", flip(text + 16 + 32), "load command"},
			{"an address", flip(text + 17), "load command"},
			{"the machine", flip(base + 4), "the machine"},
			{"a flag", flip(base + 24), "flags"},
			{"the kind of file", put32(base+12, 6), "filetype"},
			{"the entry point", flip(at("\x28\x00\x00\x80") + 8), "load command"},
			{"the function starts", flip(at("\x80\x1e")), "the function starts"},
			{"an import's name", flip(at("_puts")), "symbol "},
			{"a symbol that is found by name", flip(at("__mh_execute")), "symbol "},
			{"a load command too few", func(b []byte) { b[base+16]-- }, "is gone"},
		})
	}
	fat := testbin.Fat(14, testbin.MachO{}.Bytes())
	mustFind(t, fat, []bug{
		{"a slice of another machine", flip(11), "its entry"},
		{"a slice's alignment", flip(27), "the alignment"},
	})
	signed := testbin.MachO{Sign: true}.Bytes()
	mustFind(t, signed, []bug{
		{"a local symbol under the signature", flip(find(t, signed, "_local")), "hash of page"},
		{"a hash", flip(len(signed) - 1), "hash of page"},
		{"no code directory", flip(find(t, signed, "\xfa\xde\x0c\xc0") + 15), "no code directory"},
	})
	mustPass(t, testbin.MachO{}.Bytes(), map[string]func([]byte){
		"debug information of zeros": func(b []byte) { clear(b[0x4000 : 0x4000+200]) },
	})
}

func TestBugsInWasm(t *testing.T) {
	data := testbin.Wasm(
		testbin.WasmSection{ID: 2, Data: []byte("\x01\x03env\x03log\x00\x05")},
		testbin.WasmSection{ID: 5, Data: []byte{1, 1, 2, 3}},
		testbin.WasmSection{ID: 6, Data: []byte("\x01\x7f\x01\x41\x07\x0b")},
		testbin.WasmSection{ID: 8, Data: []byte{9}},
		testbin.WasmSection{ID: 11, Data: []byte("\x02\x00\x41\x10\x0b\x03abc\x01\x02pq")},
		testbin.WasmSection{ID: 0, Name: "producers", Data: []byte("who made it")},
	)
	mustFind(t, data, []bug{
		{"a module to import from", flip(find(t, data, "env")), "import 0"},
		{"a name to import", flip(find(t, data, "log")), "import 0"},
		{"the type of an import", flip(find(t, data, "log") + 4), "import 0"},
		{"a name to export", flip(find(t, data, "answer")), "export"},
		{"what is exported", flip(find(t, data, "answer") + 7), "export"},
		{"an instruction", flip(find(t, data, "\x41\x2a") + 1), "function body 0"},
		{"the least memory", flip(find(t, data, "\x01\x01\x02\x03") + 2), "memory 0"},
		{"the most memory", flip(find(t, data, "\x01\x01\x02\x03") + 3), "memory 0"},
		{"a global", flip(find(t, data, "\x41\x07") + 1), "section 6"},
		{"the start function", flip(find(t, data, "\x08\x01\x09") + 2), "the start function"},
		{"where data lies", flip(find(t, data, "\x41\x10\x0b") + 1), "data segment 0"},
		{"data", flip(find(t, data, "abc")), "data segment 0"},
		{"passive data", flip(find(t, data, "pq")), "data segment 1"},
		{"a type", flip(find(t, data, "\x60\x00\x01\x7f") + 3), "section 1"},
		{"a custom section's text", flip(find(t, data, "who made")), "producers"},
	})
	bare := data[:len(data)-len("producers")-len("who made it")-3]
	if err := Same(data, bare); err != nil {
		t.Errorf("without its custom section: %v", err)
	}
	if Same(bare, data) == nil {
		t.Error("a custom section is new, and nobody said so")
	}
}

// objectFile is an object with code, data, a relocation of each, debug information
// and a group, as testbin makes it without program headers.
func objectFile() []byte {
	data := testbin.ELF{Type: relocatable, Extra: []testbin.ELFSection{
		{Name: ".rela.text", Type: sectionRela, Data: append(make([]byte, 8), 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0)},
		{Name: ".group", Type: sectionGroup, Data: []byte{1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0}},
	}}.Bytes()
	put16(56, 0)(data)
	return data
}

func TestBugsInObjects(t *testing.T) {
	data := objectFile()
	f, err := newELF(data)
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.sections()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{} // the header
	in := map[string]int{} // the content
	for n, s := range list {
		at[s.name], in[s.name] = int(f.shoff+uint64(n)*f.section), int(s.offset)
	}
	mustFind(t, data, []bug{
		{"an instruction", flip(in[".text"]), "section .text: it has other bytes"},
		{"data", flip(in[".data"]), "section .data"},
		{"where a relocation is", flip(in[".rela.text"]), "section .rela.text"},
		{"what it adds", flip(in[".rela.text"] + 16), "section .rela.text"},
		{"the section that a relocation is for", flip(at[".rela.text"] + 44), "its header"},
		{"a permission", put64(at[".text"]+8, 3), "its header"},
		{"an alignment", put64(at[".data"]+48, 2), "its header"},
		{"a size in memory", put64(at[".bss"]+32, 1), "its header"},
		{"a symbol's value", flip(in[".symtab"] + 24 + 8), "symbol 1"},
		{"a symbol's section", put16(in[".symtab"]+24+6, 3), "symbol 1"},
		{"a symbol that is weak", put16(in[".symtab"]+48+4, 0x22), "symbol 2"},
		{"a symbol's name", flip(in[".strtab"] + 2), "symbol 2"},
		{"a symbol too few", put64(at[".symtab"]+32, 48), "its header"},
		{"a member of a group", flip(in[".group"] + 4), "section .group"},
		{"a section too few", put16(60, uint16(len(list)-1)), ""},
		{"the machine", put16(18, 183), "e_machine"},
		{"a program", put16(16, 2), "e_type"},
	})
}

func TestBugsInArchives(t *testing.T) {
	object := objectFile()
	coff := append([]byte{0x64, 0x86}, "an object of another format"...)
	// The index has one symbol, of the second member.
	index := testbin.Member{Name: "", Data: append([]byte{0, 0, 0, 1, 0, 0, 0, 0}, "f\x00"...)}
	data := testbin.Archive(index, testbin.Member{Name: "c", Data: coff}, testbin.Member{Name: "o", Data: object})
	second := bytes.Index(data, object) - 60
	binary.BigEndian.PutUint32(data[8+60+4:], uint32(second))
	text := second + 60 + 0x200
	f, err := newELF(object)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := f.sections(); err == nil {
		text = second + 60 + int(list[1].offset)
	}
	mustFind(t, data, []bug{
		{"an instruction of a member", flip(text), "section .text"},
		{"a member of another format", flip(find(t, data, "another format")), "member 1"},
		{"a member's name", flip(second), "the header of member"},
		{"a member's size", func(b []byte) { b[second+48] ^= 1 }, ""},
		{"a symbol's member", flip(8 + 60 + 7), "leads to another member"},
		{"a symbol's name", flip(8 + 60 + 8), "names of the index"},
		{"a symbol too many", flip(8 + 60 + 3), "index"},
	})
	if err := Same(data, data[:second]); err == nil || !strings.Contains(err.Error(), "2 members") {
		t.Errorf("a member too few: %v", err)
	}
}

// selfRelocated is relocated(true) with code of its own in the loader's stead: the
// packed table is no loader's, and one entry has the code called.
func selfRelocated() []byte {
	const dynamic, table, rela, code, words = 0x200, 0x440, 0x400, 0x500, 0x600
	out := relocated(false)
	put32(64+4, readable|executable)(out)
	put64(64+32, words)(out) // p_filesz, p_memsz: the words have a segment of their own
	put64(64+40, words)(out)
	put64(64+48, 0x1000)(out)
	copy(out[64+56*2:], out[64+56:64+56*2])
	for n, v := range []uint64{words, 0x10000 + words, 0x10000 + words, 0x100, 0x100, 0x1000} {
		put64(64+56+8+8*n, v)(out)
	}
	put32(64+56, kindLoad)(out)
	put32(64+56+4, readable|writable)(out)
	put16(56, 3)(out)
	clear(out[rela:0x500])
	for n, v := range []uint64{0x10000 + words, 37, code, 0x10000 + words + 16, 6, 0} {
		put64(rela+8*n, v)(out)
	}
	put64(dynamic+24, 48)(out) // DT_RELASZ
	put64(table, 0x10000+words+8)(out)
	put64(0x600+8, words)(out) // the packed word's addend; the first one's is the answer
	at := code
	for word := range strings.FieldsSeq(selfCodes[0].pattern) {
		numbers := map[byte]int{'b': 0, 't': table, 'e': table + 8, 'a': words}
		if b, err := hex.DecodeString(word); err == nil && !strings.Contains("bbbbbbbbaaaaaaaaeeeeeeee", word) {
			at += copy(out[at:], b)
		} else if len(word) == 8 && strings.Count(word, word[:1]) == 8 {
			target, end := numbers[word[0]], at+4
			if word[0] == 'a' {
				end = 0
			}
			put32(at, uint32(int32(target-end)))(out)
			at += 4
		}
	}
	return out
}

func TestBugsInOwnCode(t *testing.T) {
	data := selfRelocated()
	l, err := openLoaded(data)
	if err != nil || l.own == nil {
		t.Fatalf("the code is not found: %v", err)
	}
	mustFind(t, data, []bug{
		{"an instruction", flip(0x508), "the word at 0x10600"},
		{"an operation", flip(0x520), "the word at 0x10600"},
		{"the table's place", flip(0x500 + 14), ""},
		{"the answer", flip(0x500 + 81), "the word at 0x10600"},
		{"the answer's place", flip(0x400), ""},
		{"an entry of the table", flip(0x440), ""},
		{"a word's addend", flip(0x608), "the word at 0x10608"},
		{"a relocation of a symbol", put64(0x420, 7), "the relocation at 0x10610"},
		{"a byte before the table", flip(0x300), "byte 0x300"},
		{"a byte behind the words", flip(0x680), "byte 0x10680"},
		{"a permission", put32(64+56+4, readable), ""},
		{"the segment's place", put64(64+56+8, 0x601), ""},
		{"no code that is called", put64(0x408, 0), ""},
	})
}

// TestNothingToLoad: what no loader takes is called so.
func TestNothingToLoad(t *testing.T) {
	object := testbin.ELF{Type: 1}.Bytes()
	for what, data := range map[string][]byte{"text": []byte("#!/bin/sh\n"), "an object": object, "an archive": testbin.Archive(testbin.Member{Name: "a", Data: object})} {
		if _, err := Read(data); err == nil || !strings.Contains(err.Error(), ErrUnknown.Error()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := Same(testbin.ELF{}.Bytes(), testbin.PE{}.Bytes()); err == nil {
		t.Error("an ELF program became one for Windows, and nobody said so")
	}
}

// FuzzRead: nothing is the same as itself but what can be read, and nothing
// makes the reader panic.
func FuzzRead(f *testing.F) {
	for _, seed := range [][]byte{
		objectFile(), testbin.Archive(testbin.Member{Name: "o", Data: objectFile()}), selfRelocated(),
		testbin.ELF{}.Bytes(), testbin.ELF{Bits: 32, Order: binary.BigEndian, Machine: 20}.Bytes(), relocated(false), relocated(true),
		testbin.PE{}.Bytes(), testbin.PE{Bits: 32, Certificate: make([]byte, 16)}.Bytes(),
		testbin.MachO{Sign: true}.Bytes(), testbin.Fat(4, testbin.MachO{}.Bytes()), testbin.Wasm(testbin.WasmSection{ID: 11, Data: []byte("\x01\x00\x41\x10\x0b\x03abc")}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Read(data); err != nil {
			return
		}
		if l, err := openLoaded(data); err == nil && l.own != nil {
			if _, err := Loaded(data); err != nil {
				return // its code would write where nothing is
			}
		}
		if err := Same(data, bytes.Clone(data)); err != nil {
			t.Errorf("not the same as itself: %v", err)
		}
		if bytes.HasPrefix(data, []byte("\x7fELF")) {
			if image, err := Loaded(data); err == nil && Compare(image, image) != nil {
				t.Error("not the same as itself once it is relocated")
			}
		}
	})
}
