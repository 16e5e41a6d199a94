package pack

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack/codec"
)

// Fuzzing lives from many executions. A real program takes a quarter of a
// second to pack, and what is packed is mostly stub, which Unpack does not
// look at: seeds are therefore made by hand, 8 KB mostly of zeros, with all
// that transforms look for, and packed ones have no stub.

// tinyProgram is a position-independent program that nobody could run, but
// that every transform applies to.
func tinyProgram(arch codec.Arch) []byte {
	le := binary.LittleEndian
	machine, word := uint16(62), []byte{0xe8, 0x10, 0, 0, 0, 0x48, 0x8d, 0x05, 0x40, 1, 0, 0, 0x90, 0xc3, 0x90, 0x90}
	if arch == codec.AArch64 {
		machine, word = 183, []byte{0x20, 0, 0, 0x94, 0, 0, 0, 0xb0, 0, 0, 0x40, 0xf9, 0xc0, 3, 0x5f, 0xd6}
	}
	const code, rela, hdr, frame, dyn, words, shoff = 0x400, 0x600, 0x700, 0x780, 0x1000, 0x1800, 0x2000
	b := make([]byte, shoff+2*sectionSize)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], objfile.ET_DYN)
	le.PutUint16(b[18:], machine)
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[24:], code)
	le.PutUint64(b[32:], 64)
	le.PutUint64(b[40:], shoff)
	for i, v := range []uint16{64, 56, 5, 64, 2, 0} {
		le.PutUint16(b[52+2*i:], v)
	}
	for i, h := range []objfile.Phdr{
		{Type: objfile.PT_LOAD, Flags: 5, Filesz: 0x1000, Memsz: 0x1000, Align: 0x1000},
		{Type: objfile.PT_LOAD, Flags: 6, Off: dyn, Vaddr: dyn, Paddr: dyn, Filesz: 0x1000, Memsz: 0x1100, Align: 0x1000},
		{Type: objfile.PT_DYNAMIC, Flags: 6, Off: dyn, Vaddr: dyn, Paddr: dyn, Filesz: 64, Memsz: 64, Align: 8},
		{Type: objfile.PT_GNU_EH_FRAME, Flags: 4, Off: hdr, Vaddr: hdr, Paddr: hdr, Filesz: 12 + 5*8, Memsz: 12 + 5*8, Align: 4},
		{Type: objfile.PT_GNU_STACK, Flags: 6, Align: 16},
	} {
		at := b[64+56*i:]
		le.PutUint32(at, h.Type)
		le.PutUint32(at[4:], h.Flags)
		for k, v := range []uint64{h.Off, h.Vaddr, h.Paddr, h.Filesz, h.Memsz, h.Align} {
			le.PutUint64(at[8+8*k:], v)
		}
	}
	for at := code; at < rela; at += len(word) {
		copy(b[at:], word)
	}
	for i, v := range []uint64{objfile.DT_RELA, rela, objfile.DT_RELASZ, 6 * relaSize, 9, relaSize, dtDebug, 0} {
		le.PutUint64(b[dyn+8*i:], v)
	}
	for i := range 6 {
		at := b[rela+i*relaSize:]
		le.PutUint64(at, uint64(words+8*i))
		le.PutUint64(at[8:], uint64(portOf(func(p *port) bool { return p.arch == arch }).machine.Relocations.Relative))
		le.PutUint64(at[16:], uint64(code+16*i))
	}
	copy(b[hdr:], ehFrameHeader)
	put := func(at int, v int) { le.PutUint32(b[at:], uint32(v)) }
	put(hdr+4, frame-hdr-4)
	put(hdr+8, 5)
	put(frame, 20) // the common entry
	for i := range 5 {
		at, function := frame+24+24*i, code+16*i
		put(at, 20)
		put(at+4, at+4-frame)
		put(at+8, function-at-8)
		put(at+12, 16)
		put(hdr+12+8*i, function-hdr)
		put(hdr+16+8*i, at-hdr)
	}
	text := b[shoff+sectionSize:]
	le.PutUint32(text[4:], 1)
	for i, v := range []uint64{objfile.SHF_ALLOC | objfile.SHF_EXECINSTR, code, code, rela - code} {
		le.PutUint64(text[8+8*i:], v)
	}
	return b
}

// TestTinyProgram: the seeds are worth their name.
func TestTinyProgram(t *testing.T) {
	for _, arch := range []codec.Arch{codec.X86_64, codec.AArch64} {
		data := tinyProgram(arch)
		p, err := readProgram(data)
		if err != nil {
			t.Fatal(err)
		}
		out, r, err := p.pack(codec.LZMA, p.packRest(), nil)
		if err != nil || len(r.Transforms) != 2 || len(p.regions) != 1 {
			t.Fatalf("%v, transforms %v, regions %v", err, r.Transforms, p.regions)
		}
		small := withoutStub(out)
		if back, err := Unpack(small); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%d bytes without the stub do not unpack: %v", len(small), err)
		}
	}
}

// withoutStub takes out of a packed file the code that Unpack never reads.
func withoutStub(packed []byte) []byte {
	h, err := readHeader(packed)
	if err != nil {
		panic(err)
	}
	cut := h.payload - headerSize
	small := append(bytes.Clone(packed[:headerOffset+headerSize]), packed[headerOffset+h.payload:]...)
	h.payload, h.packed = headerSize, h.packed-cut
	copy(small[headerOffset:], h.append(nil))
	putChecksum(small[headerOffset:], h)
	return small
}

// FuzzUnpack: hostile packed files give errors within bounds.
func FuzzUnpack(f *testing.F) {
	for _, arch := range []codec.Arch{codec.X86_64, codec.AArch64} {
		p, err := readProgram(tinyProgram(arch))
		if err != nil {
			f.Fatal(err)
		}
		for _, m := range []codec.Method{codec.LZMA, codec.XLZ, codec.Mix} {
			out, _, err := p.pack(m, p.packRest(), nil)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(withoutStub(out))
		}
	}
	p, err := readWindowsProgram(tinyWindowsProgram())
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []codec.Method{codec.LZMA, codec.XLZ} {
		out, _, err := p.packLeanest(m, p.packRest())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHeaderUnchecked(data)
		if err != nil || h.stream > 1<<18 || h.original > 1<<18 {
			return // larger ones are the same code, only slower
		}
		// Sums would keep nearly all inputs from what lies behind them.
		if out, err := unpack(data, h, false); err != nil && out != nil {
			t.Fatal("bytes beside an error")
		}
		if out, err := Unpack(data); err != nil && out != nil {
			t.Fatal("bytes beside an error")
		}
	})
}

// FuzzPack: hostile programs are refused, or packed and given back.
func FuzzPack(f *testing.F) {
	for _, arch := range []codec.Arch{codec.X86_64, codec.AArch64} {
		f.Add(tinyProgram(arch), false)
		f.Add(tinyProgram(arch), true)
	}
	f.Add(tinyWindowsProgram(), false)
	f.Add(tinyWindowsProgram(), true)
	f.Fuzz(func(t *testing.T, data []byte, fast bool) {
		p, err := read(data)
		if err != nil || p.common().size > 1<<15 || len(data) > 1<<15 {
			return
		}
		// One form, whether smaller or not: Pack would try all of them.
		m := codec.XLZ
		if fast {
			m = codec.LZMA
		}
		if p.refusePayload() != nil {
			return
		}
		pack := func() ([]byte, *Report, error) { return p.packLeanest(m, p.packRest()) }
		if elf, ok := p.(*program); ok { // one form, not those without each transform
			pack = func() ([]byte, *Report, error) { return elf.pack(m, p.packRest(), nil) }
		}
		out, _, err := pack()
		if err != nil {
			return
		}
		if back, err := Unpack(out); err != nil || !bytes.Equal(back, data) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}
