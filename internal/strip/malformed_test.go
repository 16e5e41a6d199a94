package strip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/testbin"
)

// malformed is one way to be wrong.
type malformed struct {
	kind string
	data []byte
}

// corrupt copies data and puts value as n little-endian bytes at off.
func corrupt(data []byte, off, n int, value uint64) []byte {
	out := bytes.Clone(data)
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], value)
	copy(out[off:off+n], b[:])
	return out
}

// malformedSet makes every header field of every format wrong in the ways
// that break parsers: counts past the end, offsets that wrap, loops, overlaps,
// truncations, sizes that would be bombs.
func malformedSet() (set []malformed) {
	add := func(data []byte, format string, args ...any) {
		set = append(set, malformed{fmt.Sprintf(format, args...), data})
	}
	type field struct {
		name string
		off  int
		n    int
	}
	extremes := func(n int, size int) []uint64 {
		top := uint64(1)<<(8*n-1)<<1 - 1
		return []uint64{0, 1, uint64(size) - 1, uint64(size), top, top - 7, top >> 1}
	}
	every := func(format string, data []byte, fields []field) {
		for _, f := range fields {
			for _, v := range extremes(f.n, len(data)) {
				add(corrupt(data, f.off, f.n, v), "%s: %s = %#x", format, f.name, v)
			}
		}
		for _, cut := range []int{1, 4, 8, 16, 40, 64, 100, len(data) / 2, len(data) - 1} {
			if cut < len(data) {
				add(data[:cut], "%s: cut to %d bytes", format, cut)
			}
		}
	}

	elf := testbin.ELF{Extra: []testbin.ELFSection{{Name: ".debug_str", Type: 1, Data: make([]byte, 40)}}}.Bytes()
	shoff := int(binary.LittleEndian.Uint64(elf[40:]))
	every("ELF", elf, []field{
		{"EI_CLASS", 4, 1}, {"EI_DATA", 5, 1}, {"EI_VERSION", 6, 1}, {"e_type", 16, 2}, {"e_machine", 18, 2}, {"e_entry", 24, 8},
		{"e_phoff", 32, 8}, {"e_shoff", 40, 8}, {"e_ehsize", 52, 2}, {"e_phentsize", 54, 2}, {"e_phnum", 56, 2}, {"e_shentsize", 58, 2},
		{"e_shnum", 60, 2}, {"e_shstrndx", 62, 2},
		{"p_type", 64, 4}, {"p_offset", 72, 8}, {"p_vaddr", 80, 8}, {"p_filesz", 96, 8}, {"p_memsz", 104, 8}, {"p_align", 112, 8},
		{"second p_offset", 128, 8}, {"second p_filesz", 152, 8}, {"second p_memsz", 160, 8},
		{"section 0 sh_size", shoff + 32, 8}, {"section 0 sh_info", shoff + 44, 4},
		{"sh_name", shoff + 64, 4}, {"sh_type", shoff + 68, 4}, {"sh_flags", shoff + 72, 8}, {"sh_addr", shoff + 80, 8}, {"sh_offset", shoff + 88, 8},
		{"sh_size", shoff + 96, 8}, {"sh_link", shoff + 104, 4}, {"sh_info", shoff + 108, 4}, {"sh_addralign", shoff + 112, 8}, {"sh_entsize", shoff + 120, 8},
		{".symtab sh_size", shoff + 64*7 + 32, 8}, {".symtab sh_link", shoff + 64*7 + 40, 4}, {".symtab sh_entsize", shoff + 64*7 + 56, 8},
	})
	object := testbin.ELF{Type: etRel, Extra: []testbin.ELFSection{{Name: ".group", Type: shtGroup, Data: []byte("\x01\x00\x00\x00\xff\xff\xff\xff")},
		{Name: ".rela.debug_info", Type: shtRela, Data: bytes.Repeat([]byte{0xff}, 24)}}}.Bytes()
	object = corrupt(object, 56, 2, 0) // no program headers
	every("object", object, []field{{"e_shnum", 60, 2}, {"e_shstrndx", 62, 2}})
	sections := int(binary.LittleEndian.Uint64(object[40:]))
	for i := range 11 {
		for _, f := range []field{{"sh_type", 4, 4}, {"sh_offset", 24, 8}, {"sh_size", 32, 8}, {"sh_link", 40, 4}, {"sh_info", 44, 4}} {
			for _, v := range []uint64{0, 2, 17, 18, 1<<32 - 1} {
				add(corrupt(object, sections+64*i+f.off, f.n, v), "object: section %d %s = %#x", i, f.name, v)
			}
		}
	}

	pe := testbin.PE{}.Bytes()
	table := testbin.PEOptional + 240
	every("PE", pe, []field{
		{"e_lfanew", 0x3c, 4}, {"NumberOfSections", testbin.PEHeader + 6, 2}, {"PointerToSymbolTable", testbin.PEHeader + 12, 4}, {"NumberOfSymbols", testbin.PEHeader + 16, 4},
		{"SizeOfOptionalHeader", testbin.PEHeader + 20, 2}, {"Magic", testbin.PEOptional, 2}, {"AddressOfEntryPoint", testbin.PEOptional + 16, 4},
		{"SectionAlignment", testbin.PEOptional + 32, 4}, {"FileAlignment", testbin.PEOptional + 36, 4}, {"SizeOfImage", testbin.PEOptional + 56, 4},
		{"SizeOfHeaders", testbin.PEOptional + 60, 4}, {"NumberOfRvaAndSizes", testbin.PEOptional + 108, 4},
		{"debug directory", testbin.PEOptional + 112 + 48, 4}, {"debug directory's size", testbin.PEOptional + 112 + 52, 4}, {"certificate", testbin.PEOptional + 112 + 32, 4}, {"certificate's size", testbin.PEOptional + 112 + 36, 4},
		{"VirtualSize", table + 8, 4}, {"VirtualAddress", table + 12, 4}, {"SizeOfRawData", table + 16, 4}, {"PointerToRawData", table + 20, 4},
		{"second VirtualSize", table + 48, 4}, {"second VirtualAddress", table + 52, 4}, {"second PointerToRawData", table + 60, 4},
		{"string table's size", testbin.PESymbols + 36, 4}, {"NumberOfAuxSymbols", testbin.PESymbols + 17, 1}, {"debug PointerToRawData", testbin.PEData + 24, 4},
	})

	macho := testbin.MachO{Sign: true}.Bytes()
	var machoFields []field
	machoFields = append(machoFields, field{"cputype", 4, 4}, field{"filetype", 12, 4}, field{"ncmds", 16, 4}, field{"sizeofcmds", 20, 4})
	commands := 32 + int(binary.LittleEndian.Uint32(macho[20:]))
	for at := 32; at < commands; at += int(binary.LittleEndian.Uint32(macho[at+4:])) {
		cmd, size := binary.LittleEndian.Uint32(macho[at:]), int(binary.LittleEndian.Uint32(macho[at+4:]))
		machoFields = append(machoFields, field{fmt.Sprintf("command %#x cmdsize", cmd), at + 4, 4})
		switch cmd {
		case lcSegment64:
			for i, name := range []string{"vmaddr", "vmsize", "fileoff", "filesize"} {
				machoFields = append(machoFields, field{"segment " + name, at + 24 + 8*i, 8})
			}
			machoFields = append(machoFields, field{"nsects", at + 64, 4})
		case lcSymtab, lcDysymtab, lcCodeSignature:
			for off := at + 8; off < at+size; off += 4 {
				machoFields = append(machoFields, field{fmt.Sprintf("command %#x word %d", cmd, (off-at)/4), off, 4})
			}
		}
	}
	every("Mach-O", macho, machoFields)
	signature := bytes.Index(macho, []byte{0xfa, 0xde, 0x0c, 0xc0})
	for off := 0; off < 20+44; off += 4 {
		for _, v := range []uint32{0, 1, 0xff, 0xffffff, 0xffffffff} {
			out := bytes.Clone(macho)
			binary.BigEndian.PutUint32(out[signature+off:], v)
			add(out, "Mach-O: signature word %d = %#x", off/4, v)
		}
	}
	fat := testbin.Fat(14, macho, testbin.MachO{CPU: cpuX86_64}.Bytes())
	for off := 4; off < 48; off += 4 {
		for _, v := range []uint32{0, 1, 30, 0x7fffffff, 0xffffffff, uint32(len(fat))} {
			out := bytes.Clone(fat)
			binary.BigEndian.PutUint32(out[off:], v)
			add(out, "fat: word %d = %#x", off/4, v)
		}
	}

	wasm := testbin.Wasm(testbin.WasmSection{Name: "name", Data: make([]byte, 30)})
	for i := 4; i < len(wasm); i++ {
		for _, v := range []uint64{0, 0x7f, 0x80, 0xff} {
			add(corrupt(wasm, i, 1, v), "Wasm: byte %d = %#x", i, v)
		}
	}
	archive := testbin.Archive(testbin.Member{Name: "a.o", Data: object}, testbin.Member{Name: "b", Data: []byte("text")})
	for i := 8; i < 68; i++ {
		add(corrupt(archive, i, 1, 0xff), "archive: byte %d", i)
		add(corrupt(archive, i, 1, '9'), "archive: byte %d is 9", i)
	}
	add([]byte("!<arch>\n/               0           0     0     644     8         `\n\xff\xff\xff\xff\xff\xff\xff\xff"), "archive: index with too many symbols")

	set = append(set, bombs()...)
	return set
}

// bombs are large on purpose: work or memory that grows faster than the file.
func bombs() (set []malformed) {
	// Sixty thousand sections whose names all are the same long string.
	elf := testbin.ELF{}.Bytes()
	le := binary.LittleEndian
	const count, text = 60_000, 60_000
	names := len(elf)
	elf = append(elf, bytes.Repeat([]byte{'x'}, text)...)
	elf = append(elf, 0)
	for len(elf)%8 != 0 {
		elf = append(elf, 0)
	}
	shoff := len(elf)
	table := make([]byte, 64*count)
	for i := range count {
		b := table[64*i:]
		le.PutUint32(b, 1+uint32(i))
		le.PutUint32(b[4:], 1)
	}
	last := table[64*(count-1):]
	le.PutUint32(last[4:], 3)
	le.PutUint64(last[24:], uint64(names-1))
	le.PutUint64(last[32:], text+2)
	clear(table[:64])
	elf[names-1] = 0
	elf = append(elf, table...)
	le.PutUint64(elf[40:], uint64(shoff))
	le.PutUint16(elf[60:], count)
	le.PutUint16(elf[62:], count-1)
	set = append(set, malformed{"ELF: 60,000 sections with overlapping names of 60,000 bytes", elf})

	// The same with every section a whole copy of the file, overlapping.
	overlap := bytes.Clone(elf)
	for i := 1; i < count-1; i++ {
		b := overlap[shoff+64*i:]
		le.PutUint32(b, 0)
		le.PutUint64(b[24:], 0)
		le.PutUint64(b[32:], uint64(shoff))
	}
	set = append(set, malformed{"ELF: 60,000 sections that are all the whole file", overlap})

	// A compressed debug section that claims to hold 2^60 bytes.
	zip := testbin.ELF{Extra: []testbin.ELFSection{{Name: ".debug_line", Type: 1, Data: append([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10"), make([]byte, 64)...)}}}.Bytes()
	at := int(le.Uint64(zip[40:])) + 64*6
	le.PutUint64(zip[at+8:], shfCompressed)
	set = append(set, malformed{"ELF: compressed section that claims 2^60 bytes", zip})
	old := testbin.ELF{Extra: []testbin.ELFSection{{Name: ".zdebug_info", Type: 1, Data: []byte("ZLIB\xff\xff\xff\xff\xff\xff\xff\xff")}}}.Bytes()
	set = append(set, malformed{"ELF: .zdebug section that claims 2^64-1 bytes", old})

	// 65,535 program headers, all LOAD, all the whole file.
	many := testbin.ELF{}.Bytes()
	entry := bytes.Clone(many[64:120])
	le.PutUint64(many[32:], uint64(len(many)))
	le.PutUint16(many[56:], 0xfffe)
	le.PutUint64(entry[8:], 0)
	many = append(many, bytes.Repeat(entry, 0xfffe)...)
	set = append(set, malformed{"ELF: 65,534 segments that are all the whole file", many})

	// An archive in an archive in an archive, and one of 50,000 empty members.
	nested := testbin.Archive(testbin.Member{Name: "x", Data: testbin.ELF{}.Bytes()})
	for range 40 {
		nested = testbin.Archive(testbin.Member{Name: "x", Data: nested})
	}
	set = append(set, malformed{"archive: forty deep", nested})
	set = append(set, malformed{"archive: 50,000 empty members", testbin.Archive(make([]testbin.Member, 50_000)...)})

	// A Wasm module of a million empty custom sections.
	wasm := []byte("\x00asm\x01\x00\x00\x00")
	set = append(set, malformed{"Wasm: a million empty custom sections", append(wasm, bytes.Repeat([]byte{0, 1, 0}, 1_000_000)...)})

	// A million Mach-O load commands.
	macho := bytes.Clone(testbin.MachO{}.Bytes()[:32])
	le.PutUint32(macho[16:], 500_000)
	le.PutUint32(macho[20:], 8*500_000)
	set = append(set, malformed{"Mach-O: 500,000 empty commands", append(macho, bytes.Repeat([]byte{0x1b, 0, 0, 0, 8, 0, 0, 0}, 500_000)...)})
	fatInFat := testbin.MachO{}.Bytes()
	for range 10 {
		fatInFat = testbin.Fat(0, fatInFat)
	}
	set = append(set, malformed{"fat: ten deep", fatInFat})
	return set
}

// mustSurvive rewrites and checks what must hold for any bytes.
func mustSurvive(t *testing.T, kind string, data []byte, o Options) error {
	t.Helper()
	before := bytes.Clone(data)
	out, r, err := Rewrite(data, o)
	if !bytes.Equal(before, data) {
		t.Fatalf("%s: the input was written to", kind)
	}
	if err != nil {
		return err
	}
	if len(out) > len(data) {
		t.Errorf("%s: grew from %d to %d bytes", kind, len(data), len(out))
	}
	var sum int64
	for _, n := range r.Removed {
		sum += n
	}
	if sum != r.Saved() {
		t.Errorf("%s: reasons sum to %d, saved %d", kind, sum, r.Saved())
	}
	again, _, err := Rewrite(out, o)
	if err != nil {
		t.Errorf("%s: the output does not pass again: %v", kind, err)
	} else if len(again) > len(out) {
		t.Errorf("%s: the second time it grew", kind)
	}
	return nil
}

func TestMalformed(t *testing.T) {
	set := malformedSet()
	if len(set) < 75 {
		t.Fatalf("only %d kinds", len(set))
	}
	t.Logf("%d kinds", len(set))
	flags := Options{DropPayload: true, DropSignature: true, Resign: true}
	for _, m := range set {
		for _, level := range []Level{Debug, All, Max} {
			o := flags
			o.Level = level
			var before, after runtime.MemStats
			if len(m.data) > 1<<20 {
				runtime.ReadMemStats(&before)
			}
			start := time.Now()
			if err := mustSurvive(t, m.kind, m.data, o); errors.Is(err, ErrOracle) {
				t.Errorf("%s: a plan that could not work, not a refusal: %v", m.kind, err)
			}
			// Quadratic work on a million entries takes hours, not a busy machine's seconds.
			if took := time.Since(start); took > time.Minute {
				t.Errorf("%s: %v", m.kind, took)
			}
			if len(m.data) > 1<<20 {
				runtime.ReadMemStats(&after)
				// Two rewrites and a copy, each read by the planner and by the oracle;
				// allocated in all, which is more than held at once.
				if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(2*(80<<20+4*len(m.data))); got > limit {
					t.Errorf("%s: allocated %d bytes, the limit is %d", m.kind, got, limit)
				}
			}
		}
		mustSurvive(t, m.kind, m.data, Options{Level: Max, DropPayload: true, DropUnwind: true, DropBuildID: true})
	}
}

// TestMutations changes random bytes of valid files.
func TestMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, seed := range seeds() {
		for range 400 {
			data := bytes.Clone(seed)
			for range 1 + random.IntN(4) {
				at := random.IntN(len(data))
				if random.IntN(2) == 0 {
					at = random.IntN(min(len(data), 1024)) // headers
				}
				data[at] = []byte{0, 1, 0x7f, 0x80, 0xff, byte(random.Uint32())}[random.IntN(6)]
			}
			mustSurvive(t, fmt.Sprintf("mutation of %.4q", seed), data, Options{Level: Level(1 + random.IntN(4)), DropPayload: true, DropSignature: true, Resign: true})
		}
	}
}

// seeds are valid files of every format.
func seeds() [][]byte {
	object := corrupt(testbin.ELF{Type: etRel}.Bytes(), 56, 2, 0)
	return [][]byte{
		testbin.ELF{}.Bytes(), testbin.ELF{Bits: 32}.Bytes(), testbin.ELF{Order: binary.BigEndian, Machine: 22}.Bytes(),
		testbin.ELF{Type: etDyn, PageAlign: 1 << 16, Machine: 183}.Bytes(), object,
		testbin.Pointers{}.Bytes(), testbin.Pointers{Tight: true, Addends: true, Sections: true}.Bytes(),
		testbin.PE{}.Bytes(), testbin.PE{Bits: 32}.Bytes(),
		testbin.MachO{}.Bytes(), testbin.MachO{Sign: true}.Bytes(), testbin.Fat(12, testbin.MachO{Sign: true}.Bytes()),
		testbin.Wasm(testbin.WasmSection{Name: "name", Data: make([]byte, 30)}, testbin.WasmSection{Name: "unknown"}),
		testbin.Archive(testbin.Member{Name: "a.o", Data: object}),
	}
}

// fuzz is the body of every fuzz target: one format's seeds, all levels.
func fuzz(f *testing.F, match func([]byte) bool) {
	for _, s := range seeds() {
		if match(s) {
			for level := range uint8(4) {
				f.Add(s, level)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, level uint8) {
		if !match(data) {
			return
		}
		mustSurvive(t, "fuzzed", data, Options{Level: Level(1 + level%4), DropPayload: true, DropSignature: true, Resign: true, DropUnwind: level&8 != 0 && isELF(data), DropBuildID: level&16 != 0 && isELF(data)})
	})
}

func FuzzELF(f *testing.F)     { fuzz(f, isELF) }
func FuzzPE(f *testing.F)      { fuzz(f, isPE) }
func FuzzMachO(f *testing.F)   { fuzz(f, isMachO) }
func FuzzFat(f *testing.F)     { fuzz(f, isFat) }
func FuzzWasm(f *testing.F)    { fuzz(f, isWasm) }
func FuzzArchive(f *testing.F) { fuzz(f, isArchive) }
