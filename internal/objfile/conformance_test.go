package objfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/byteio"
)

// le puts numbers one behind the other: uint8, uint16, uint32, uint64, string, []byte.
func pack(order binary.AppendByteOrder, parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case uint8:
			b = append(b, p)
		case uint16:
			b = order.AppendUint16(b, p)
		case uint32:
			b = order.AppendUint32(b, p)
		case uint64:
			b = order.AppendUint64(b, p)
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		default:
			panic(fmt.Sprintf("%T", p))
		}
	}
	return b
}

// smallELF64 is a program of one segment and one instruction, in either order.
func smallELF64(order binary.AppendByteOrder, data uint8) []byte {
	return pack(order, "\x7fELF", uint8(2), data, uint8(1), strings.Repeat("\x00", 9),
		uint16(ET_EXEC), uint16(62), uint32(1), uint64(0x400078), uint64(64), uint64(0), uint32(0),
		uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(PT_LOAD), uint32(PF_R|PF_X), uint64(0), uint64(0x400000), uint64(0x400000), uint64(121), uint64(121), uint64(4096), "\xc3")
}

func smallELF32() []byte {
	return pack(binary.LittleEndian, "\x7fELF", uint8(1), uint8(1), uint8(1), strings.Repeat("\x00", 9),
		uint16(ET_EXEC), uint16(3), uint32(1), uint32(0x8048054), uint32(52), uint32(0), uint32(0),
		uint16(52), uint16(32), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(PT_LOAD), uint32(0), uint32(0x8048000), uint32(0x8048000), uint32(85), uint32(85), uint32(PF_R|PF_X), uint32(4096), "\xc3")
}

func smallPE() []byte {
	head := pack(binary.LittleEndian, "MZ", make([]byte, 58), uint32(64), "PE\x00\x00",
		uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(112), uint16(0x22),
		uint16(0x20b), uint16(0), uint32(512), uint32(0), uint32(0), uint32(0x1000), uint32(0x1000), uint64(0x140000000), uint32(0x1000), uint32(512),
		make([]byte, 16), uint32(0x2000), uint32(512), uint32(0), uint16(3), uint16(0), make([]byte, 32), uint32(0), uint32(0),
		".text\x00\x00\x00", uint32(1), uint32(0x1000), uint32(512), uint32(512), make([]byte, 12), uint32(0x60000020))
	return append(head, append(make([]byte, 512-len(head)), append([]byte{0xc3}, make([]byte, 511)...)...)...)
}

func smallMachO() []byte {
	name := func(s string) []byte { return append([]byte(s), make([]byte, 16-len(s))...) }
	return pack(binary.LittleEndian, uint32(0xfeedfacf), uint32(0x01000007), uint32(3), uint32(MH_EXECUTE), uint32(2), uint32(152+24), uint32(1), uint32(0),
		uint32(LC_SEGMENT_64), uint32(152), name("__TEXT"), uint64(0x100000000), uint64(0x1000), uint64(0), uint64(32+152+24+1), uint32(5), uint32(5), uint32(1), uint32(0),
		name("__text"), name("__TEXT"), uint64(0x100000000+32+152+24), uint64(1), uint32(32+152+24), uint32(0), uint32(0), uint32(0), uint32(0x80000400), uint32(0), uint32(0), uint32(0),
		uint32(LC_MAIN), uint32(24), uint64(32+152+24), uint64(0), "\xc3")
}

const smallWasm = "\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x04\x01\x02\x00\x0b"

func smallCOFF() []byte {
	return pack(binary.LittleEndian, uint16(0x8664), uint16(1), uint32(0), uint32(61), uint32(1), uint16(0), uint16(0),
		".text\x00\x00\x00", uint32(0), uint32(0), uint32(1), uint32(60), make([]byte, 12), uint32(0x60500020), "\xc3",
		"f\x00\x00\x00\x00\x00\x00\x00", uint32(0), uint16(1), uint16(0x20), uint8(2), uint8(0), uint32(4))
}

func smallArchive() []byte {
	return []byte(arMagic + fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n", "f.o/", 0, 0, 0, "644", len(smallCOFF())+len(smallCOFF())%2) + string(smallCOFF()) + strings.Repeat("\n", len(smallCOFF())%2))
}

func smallFat() []byte {
	m := smallMachO()
	return append(pack(binary.BigEndian, uint32(fatMagic), uint32(1), uint32(0x01000007), uint32(3), uint32(64), uint32(len(m)), uint32(6), make([]byte, 64-28)), m...)
}

// samples has one file at least of each opener, by the opener's name.
var samples = map[string]map[string][]byte{
	"ELF":        {"64-bit": smallELF64(binary.LittleEndian, 1), "64-bit big-endian": smallELF64(binary.BigEndian, 2), "32-bit": smallELF32()},
	"PE":         {"PE32+": smallPE()},
	"Mach-O":     {"64-bit": smallMachO()},
	"Mach-O fat": {"one slice": smallFat()},
	"Wasm":       {"module": []byte(smallWasm)},
	"COFF":       {"object": smallCOFF()},
	"archive":    {"GNU": smallArchive()},
}

// TestConformance holds for every opener what all users of a File rely on.
func TestConformance(t *testing.T) {
	for _, o := range openers {
		if len(samples[o.name]) == 0 {
			t.Errorf("opener %q has no sample: add one to samples, and a fuzz target", o.name)
		}
		for name, data := range samples[o.name] {
			t.Run(o.name+" "+name, func(t *testing.T) {
				f, err := Parse("sample", data)
				if err != nil {
					t.Fatal(err)
				}
				if string(f.Format) != o.name {
					t.Errorf("format %s", f.Format)
				}
				set := 0
				for _, own := range []bool{f.ELF != nil, f.PE != nil, f.MachO != nil, f.Fat != nil, f.Wasm != nil, f.Ar != nil} {
					if own {
						set++
					}
				}
				if set != 1 {
					t.Errorf("%d of the formats' own headers are set, expected one", set)
				}
				if f.Size != uint64(len(data)) || f.Arch == "" || f.Kind == "" {
					t.Errorf("size %d, arch %q, kind %q", f.Size, f.Arch, f.Kind)
				}
				if off, size := f.Payload(); size != 0 {
					t.Errorf("%d bytes at %#x are taken for a payload", size, off)
				}
				checkModel(t, f)
				for cut := range data {
					short, err := Parse("sample", data[:cut])
					if err == nil {
						touch(short)
						continue
					}
					var at *byteio.Error
					if !errors.Is(err, ErrFormat) && !errors.As(err, &at) {
						t.Fatalf("cut to %d bytes: the error names no offset: %v", cut, err)
					}
				}
			})
		}
	}
}

// checkModel: indices and ranges hold together.
func checkModel(t *testing.T, f *File) {
	t.Helper()
	for i, s := range f.Sections {
		if s.Index != i || s.Segment < -1 || s.Segment >= len(f.Segments) || s.Offset+s.FileSize > f.Size && s.FileSize > 0 {
			t.Errorf("section %d: %+v", i, s)
		}
		if s.Segment >= 0 && s.FileSize > 0 {
			if off, ok := f.OffsetOf(s.Addr); !ok || off != s.Offset {
				t.Errorf("section %s is at %#x of the file, its address translates to %#x", s.Name, s.Offset, off)
			}
		}
	}
	for _, s := range f.Segments {
		if s.Offset+s.FileSize > f.Size {
			t.Errorf("segment %+v", s)
		}
		if s.Load && s.FileSize > 0 {
			off, ok := f.OffsetOf(s.Addr)
			addr, back := f.AddrOf(off)
			if !ok || !back || addr != s.Addr {
				t.Errorf("segment %s: %#x -> %#x -> %#x", s.Name, s.Addr, off, addr)
			}
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Error(err)
	}
	for _, s := range symbols {
		if s.Section >= len(f.Sections) {
			t.Errorf("symbol %+v", s)
		}
	}
	for r, err := range f.EachReloc() {
		if err != nil {
			t.Error(err)
		} else if r.Section >= len(f.Sections) || r.Entry >= f.Size {
			t.Errorf("relocation %+v", r)
		}
	}
}

// TestMalformed: kinds of lies, each refused with its offset or read without
// harm, in little time and memory.
func TestMalformed(t *testing.T) {
	put := func(data []byte, at int, value ...byte) []byte {
		data = bytes.Clone(data)
		copy(data[at:], value)
		return data
	}
	ff := bytes.Repeat([]byte{0xff}, 16)
	elf := smallELF64(binary.LittleEndian, 1)
	cases := map[string][]byte{
		"EI_CLASS 3":                        put(elf, 4, 3),
		"EI_DATA 3":                         put(elf, 5, 3),
		"e_phoff past the end":              put(elf, 32, ff[:8]...),
		"e_phnum past the end":              put(elf, 56, 0xfe, 0xff),
		"e_phentsize":                       put(elf, 54, 1),
		"p_offset wraps":                    put(elf, 72, ff[:8]...),
		"p_filesz past the end":             put(elf, 96, ff[:4]...),
		"p_vaddr wraps":                     put(elf, 80, ff[:8]...),
		"p_memsz below p_filesz":            put(elf, 104, 1, 0, 0, 0, 0, 0, 0, 0),
		"PE: optional header magic":         put(smallPE(), 88, 0),
		"PE: section data past the end":     put(smallPE(), 88+112+20, ff[:4]...),
		"PE: 65535 sections":                put(smallPE(), 70, 0xff, 0xff),
		"PE: SizeOfOptionalHeader":          put(smallPE(), 84, 1, 0),
		"Mach-O: sizeofcmds":                put(smallMachO(), 20, ff[:4]...),
		"Mach-O: cmdsize 0":                 put(smallMachO(), 36, 0),
		"Mach-O: fileoff wraps":             put(smallMachO(), 32+40, ff[:8]...),
		"Mach-O: vmaddr wraps":              put(smallMachO(), 32+24, append(bytes.Clone(ff[:8]), 2)...),
		"Mach-O: nsects":                    put(smallMachO(), 32+64, ff[:4]...),
		"fat: nfat_arch":                    put(smallFat(), 7, 42),
		"fat: offset past the end":          put(smallFat(), 16, ff[:4]...),
		"Wasm: version 2":                   put([]byte(smallWasm), 4, 2),
		"Wasm: component":                   put([]byte(smallWasm), 4, 0x0d, 0, 1, 0),
		"Wasm: section past the end":        put([]byte(smallWasm), 9, 0x7f),
		"Wasm: four billion types":          []byte("\x00asm\x01\x00\x00\x00\x01\x05\xff\xff\xff\xff\x0f"),
		"Wasm: count does not fit 32 bits":  []byte("\x00asm\x01\x00\x00\x00\x01\x05\xff\xff\xff\xff\x7f"),
		"Wasm: bodies are missing":          []byte(smallWasm)[:25],
		"Wasm: section id 99":               put([]byte(smallWasm), 8, 99),
		"archive: ar_size":                  put(smallArchive(), 8+48, 'x'),
		"archive: member past the end":      put(smallArchive(), 8+48, '9', '9', '9', '9', '9', '9'),
		"archive: ar_fmag":                  put(smallArchive(), 8+58, 'x'),
		"archive: long name past its table": put(smallArchive(), 8, '/', '9'),
		"COFF: section data past the end":   put(smallCOFF(), 20+20, ff[:4]...),
		"COFF: 65535 sections":              put(smallCOFF(), 2, 0xff, 0xff),
	}
	for name, data := range cases {
		start := time.Now()
		f, err := Parse("malformed", data)
		if err == nil {
			t.Errorf("%s: accepted", name)
			touch(f)
			continue
		}
		var at *byteio.Error
		if !errors.As(err, &at) || time.Since(start) > time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(start))
		}
	}
}

// TestMemoryBound: a file of lies about sizes gets no more memory than 64 MB
// and four times its size.
func TestMemoryBound(t *testing.T) {
	// An object of 2 MB whose one compressed section claims 400 MB.
	claim := func(size uint64) []byte {
		packed := bytes.Repeat([]byte{0x78}, 2<<20)
		names := "\x00.debug_info\x00.shstrtab\x00"
		section := func(name, typ uint32, flags, off, size uint64) []byte {
			return pack(binary.LittleEndian, name, typ, flags, uint64(0), off, size, uint32(0), uint32(0), uint64(1), uint64(0))
		}
		body := pack(binary.LittleEndian, uint32(elfCompressZlib), uint32(0), size, uint64(1), packed)
		head := pack(binary.LittleEndian, "\x7fELF", uint8(2), uint8(1), uint8(1), strings.Repeat("\x00", 9), uint16(ET_REL), uint16(62), uint32(1), uint64(0), uint64(0), uint64(64), uint32(0),
			uint16(64), uint16(0), uint16(0), uint16(64), uint16(3), uint16(2))
		at := uint64(64 + 3*64)
		return pack(binary.LittleEndian, head, section(0, SHT_NULL, 0, 0, 0), section(1, SHT_PROGBITS, SHF_COMPRESSED, at, uint64(len(body))), section(13, SHT_STRTAB, 0, at+uint64(len(body)), uint64(len(names))), body, names)
	}
	zstdBomb := claim(64 << 30)
	for name, data := range map[string][]byte{
		"a compressed section of 64 GB": zstdBomb,
		"a Wasm module of empty types":  append([]byte("\x00asm\x01\x00\x00\x00\x01\x84\x80\x80\x01\x80\x80\x80\x01"), bytes.Repeat([]byte{0x5f, 0x00}, 1<<20)...),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if f, err := Parse("bomb", data); err == nil {
			touch(f)
		}
		runtime.ReadMemStats(&after)
		if used, limit := after.TotalAlloc-before.TotalAlloc, uint64(64<<20+4*len(data)); used > limit {
			t.Errorf("%s: %d bytes allocated for %d of file, the limit is %d", name, used, len(data), limit)
		}
	}
}
