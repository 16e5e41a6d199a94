package relocate

// Finished files: the table of relative relocations of a program or library,
// 24 bytes for each pointer, becomes the packed table of package relr, and the
// file applies it to itself. No byte of code or data gets another address.
//
// What was the table, in the file's first segment, then holds
//
//	the relocations that are left, with one that calls the code
//	the program headers, one or two more than before
//	the packed table
//	the record that Unpack needs (record.go)
//	the code, where the segment is executable
//
// and behind that the segment is cut in two: nothing is mapped where the rest
// of the table was, and the file is shorter by whole pages. Where the segment is
// not executable the code goes behind the one that is, if the file has padding
// there, or else into a segment of its own in the hole.
//
// Why no word is spent for the resolver's value: the loader puts it where the
// first packed pointer belongs, and the code returns that pointer.
//
// The packed table has no addends: they stand at their places. Linkers differ
// in what they leave there, zeros (lld) or the addend (GNU ld, mold); both can be
// told apart and restored. A relocation whose place holds anything else stays.

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relr"
)

// ErrNoGain says that a file would not get smaller.
var ErrNoGain = errors.New("packing its relocations saves nothing")

var le = binary.LittleEndian

// Packed says what Pack did.
type Packed struct {
	Relocations int // that are in the packed table now
}

// pointer is a relative relocation that can be packed.
type pointer struct {
	address, addend uint64
	zero            bool // its place holds 0 rather than the addend
}

// packer is the rewrite of one file.
type packer struct {
	data []byte
	f    *objfile.File
	e    *objfile.ELFFile
	stub *relr.Stub
	page uint64

	home      int    // index of the program header of the segment that holds the table
	at, end   uint64 // file offsets of the table, and behind it
	address   uint64 // of the table
	relacount uint64 // how many relative relocations the table begins with
	counted   bool   // the dynamic section says so

	left   []byte    // relative relocations that stay, in their order
	others []byte    // all other relocations
	packed []pointer // without the first, by address
	first  pointer

	taken []taken // what other relocations write to, by address; none touch
	spans []span  // what stays of the file, by its old offset
	sum   *uint32 // CRC-32 of data
}

type taken struct{ from, to uint64 }

// Pack is the rewrite of a finished file. page is what file offsets and
// addresses of a segment must be congruent by: the largest page that it may be
// loaded with. Errors: ErrNotApplicable with the reason, ErrNoGain.
func Pack(data []byte, page uint64) (byteio.Content, Packed, error) {
	f, err := objfile.Parse("program", data)
	if err != nil {
		return nil, Packed{}, err
	}
	if IsPacked(f) {
		return nil, Packed{}, refuse("they do already")
	}
	p := &packer{data: data, f: f, e: f.ELF, page: page}
	for _, step := range []func() error{p.applicable, p.findTable, p.findTaken, p.choose, p.cut} {
		if err := step(); err != nil {
			return nil, Packed{}, err
		}
	}
	content, err := p.smallest()
	if err != nil {
		return nil, Packed{}, err
	}
	if content.Len() >= uint64(len(data)) {
		return nil, Packed{}, ErrNoGain
	}
	return content, Packed{Relocations: len(p.packed) + 1}, nil
}

// Worth is how many bytes the relative relocations of a file take, where those
// of a page or more could be packed if nothing else stood against it; else 0.
func Worth(data []byte) uint64 {
	f, err := objfile.Parse("program", data)
	if err != nil || f.ELF == nil || f.Bits != 64 {
		return 0
	}
	count, counted := f.ELF.DynValue(objfile.DT_RELACOUNT)
	if rela, _, err := relaTable(f); err == nil && !counted {
		count = leading(rela, relative(f))
	}
	if count > uint64(len(data))/relaEntry || count*relaEntry < 8<<10 {
		return 0
	}
	return count * relaEntry
}

// relative is the type of a file's relative relocations, 0 where there is no stub.
func relative(f *objfile.File) uint32 {
	if stub, err := relr.StubOf(f.CPU); err == nil {
		return stub.Relative
	}
	return 0
}

// applicable refuses what the loader or others would stumble over.
func (p *packer) applicable() error {
	var err error
	if p.stub, err = Applicable(p.f); err != nil {
		return err
	}
	e := p.e
	if e.Ehdr.Type != objfile.ET_DYN {
		return refuse("it is loaded at a fixed address: there are no relative relocations")
	}
	if e.SectionsError != nil {
		return refuse("its section headers make no sense: %v", e.SectionsError)
	}
	for _, h := range e.Phdrs {
		if _, loaded := p.f.BytesAt(h.Vaddr, h.Filesz); h.Type == objfile.PT_DYNAMIC && !loaded {
			return refuse("its dynamic section is not loaded")
		}
	}
	for _, d := range e.Dynamic {
		switch d.Tag {
		case objfile.DT_RELR, dtAndroidRelr, dtAndroidRela, dtAndroidRel:
			return refuse("they are packed already, for loaders that know it")
		case objfile.DT_TEXTREL:
			return refuse("its code is relocated (DT_TEXTREL)")
		case objfile.DT_FLAGS:
			if d.Val&dfTextrel != 0 {
				return refuse("its code is relocated (DF_TEXTREL)")
			}
		case objfile.DT_REL:
			return refuse("it has relocations without addends (DT_REL)")
		case dtGNUPrelinked:
			return refuse("it is prelinked")
		}
	}
	return nil
}

// Dynamic tags and flags that objfile does not name.
const (
	dfTextrel      = 4
	dtGNUPrelinked = 0x6ffffdf5
	dtAndroidRel   = 0x6000000f
	dtAndroidRela  = 0x60000011
	dtAndroidRelr  = 0x6fffe000
)

// findTable finds the table and the segment that it lies in.
func (p *packer) findTable() error {
	rela, at, err := relaTable(p.f)
	if err != nil {
		return err
	}
	p.at, p.end = at, at+uint64(len(rela))
	p.address, _ = p.e.DynValue(objfile.DT_RELA)
	if p.relacount, p.counted = p.e.DynValue(objfile.DT_RELACOUNT); !p.counted { // mold does not count them
		p.relacount = leading(rela, p.stub.Relative)
	}
	if p.relacount < 2 {
		return ErrNoGain
	}
	if uint64(len(rela))%relaEntry != 0 || p.relacount > uint64(len(rela))/relaEntry || p.at%8 != 0 || p.address%8 != 0 {
		return refuse("its table of relocations is odd")
	}
	if p.page > maxPage {
		return refuse("its segments are aligned to pages of %d bytes", p.page)
	}
	p.home = -1
	var last uint64
	for i, h := range p.e.Phdrs {
		if h.Type != objfile.PT_LOAD {
			continue
		}
		if h.Align < smallestPage || h.Align&(h.Align-1) != 0 || (h.Vaddr-h.Off)&(h.Align-1) != 0 {
			return refuse("a segment at %#x is not aligned to pages", h.Vaddr)
		}
		if h.Vaddr < last {
			return refuse("its segments are not in the order of their addresses")
		}
		last = h.Vaddr + h.Memsz
		if h.Off <= p.at && p.end <= h.Off+h.Filesz && p.home < 0 {
			p.home = i
		}
	}
	if p.home < 0 {
		return refuse("its relocations lie in no segment")
	}
	home := p.e.Phdrs[p.home]
	table := p.e.Ehdr.Phoff + uint64(len(p.e.Phdrs))*phdrSize
	switch {
	case home.Off != 0 || home.Flags&^objfile.PF_X != objfile.PF_R || home.Filesz != home.Memsz:
		return refuse("its relocations are not in a first, read-only segment")
	case home.Vaddr+p.at != p.address:
		return refuse("two segments claim its table of relocations")
	case table > p.at:
		return refuse("its program headers are behind its relocations")
	case len(p.e.Phdrs) > 1000:
		return refuse("it has %d program headers", len(p.e.Phdrs))
	}
	return nil
}

// leading is how many entries at the head of a table are relative.
func leading(rela []byte, relative uint32) (n uint64) {
	for ; uint64(len(rela)) >= relaEntry && le.Uint64(rela[8:]) == uint64(relative); rela = rela[relaEntry:] {
		n++
	}
	return n
}

// maxPage is the largest page whose padding Unpack has to make again.
const maxPage = 4 << 20

const smallestPage = 4 << 10

const phdrSize = 56 // sizeof(Elf64_Phdr)
const shdrSize = 64 // sizeof(Elf64_Shdr)

// findTaken lists what relocations that are not relative write to.
func (p *packer) findTaken() error {
	p.others = p.data[p.at+p.relacount*relaEntry : p.end]
	if err := p.take(p.others); err != nil {
		return err
	}
	if jmprel, ok := p.e.DynValue(objfile.DT_JMPREL); ok {
		size, _ := p.e.DynValue(objfile.DT_PLTRELSZ)
		table, ok := p.f.BytesAt(jmprel, size)
		if kind, _ := p.e.DynValue(objfile.DT_PLTREL); !ok || kind != objfile.DT_RELA {
			return refuse("its table of imported functions is odd")
		}
		if jmprel < p.address+(p.end-p.at) && p.address < jmprel+size {
			return refuse("its two tables of relocations overlap")
		}
		if err := p.take(table); err != nil {
			return err
		}
	}
	slices.SortFunc(p.taken, func(a, b taken) int { return cmp.Compare(a.from, b.from) })
	apart := p.taken[:0]
	for _, t := range p.taken {
		if n := len(apart); n > 0 && t.from <= apart[n-1].to {
			apart[n-1].to = max(apart[n-1].to, t.to)
			continue
		}
		apart = append(apart, t)
	}
	p.taken = apart
	return nil
}

func (p *packer) take(table []byte) error {
	for ; len(table) >= relaEntry; table = table[relaEntry:] {
		from, size := le.Uint64(table), uint64(8)
		switch info := le.Uint64(table[8:]); uint32(info) {
		case p.stub.TLSDesc:
			size = 16
		case p.stub.Copy:
			symtab, _ := p.e.DynValue(objfile.DT_SYMTAB)
			symbol, ok := p.f.BytesAt(symtab+info>>32*24, 24)
			if !ok {
				return refuse("a copied variable at %#x has no symbol", from)
			}
			size = le.Uint64(symbol[16:])
		}
		p.taken = append(p.taken, taken{from, from + min(size, ^from)})
	}
	return nil
}

func (p *packer) isTaken(address uint64) bool {
	i, _ := slices.BinarySearchFunc(p.taken, address+8, func(t taken, a uint64) int { return cmp.Compare(t.from, a) })
	return i > 0 && p.taken[i-1].to > address
}

// choose sorts the relative relocations into those that can be packed and
// those that stay.
func (p *packer) choose() error {
	table := p.data[p.at : p.at+p.relacount*relaEntry]
	p.packed = make([]pointer, 0, p.relacount) // a large library has millions
	var before uint64
	segment := -1
	for i := uint64(0); i < p.relacount; i++ {
		entry := table[i*relaEntry:][:relaEntry]
		x := pointer{address: le.Uint64(entry), addend: le.Uint64(entry[16:])}
		if le.Uint64(entry[8:]) != uint64(p.stub.Relative) || i > 0 && x.address <= before {
			return refuse("its relative relocations are not sorted by address, and their order could not be restored")
		}
		if i > 0 && x.address-before < 8 {
			return refuse("two of its relocations overlap at %#x", x.address)
		}
		before = x.address
		if segment < 0 || !inMemory(p.e.Phdrs[segment], x.address) {
			segment = slices.IndexFunc(p.e.Phdrs, func(h objfile.Phdr) bool {
				return h.Type == objfile.PT_LOAD && inMemory(h, x.address)
			})
		}
		if segment >= 0 && x.address-p.e.Phdrs[segment].Vaddr > p.e.Phdrs[segment].Filesz+maxPage {
			return refuse("a pointer at %#x is far from what the file holds", x.address)
		}
		if segment < 0 || p.e.Phdrs[segment].Flags&objfile.PF_W == 0 {
			return refuse("a pointer at %#x is in no writable segment", x.address)
		}
		if !p.packable(&x, p.e.Phdrs[segment]) {
			p.left = append(p.left, entry...)
			continue
		}
		p.packed = append(p.packed, x)
	}
	first := slices.IndexFunc(p.packed, func(x pointer) bool { return x.addend < 1<<31 })
	if first < 0 || len(p.packed) < 2 {
		return ErrNoGain
	}
	p.first = p.packed[first]
	p.packed = slices.Delete(p.packed, first, first+1)
	return nil
}

func inMemory(h objfile.Phdr, address uint64) bool {
	return address >= h.Vaddr && address-h.Vaddr < h.Memsz && h.Memsz-(address-h.Vaddr) >= 8
}

// packable says whether a relocation can go, and what its place holds.
func (p *packer) packable(x *pointer, h objfile.Phdr) bool {
	if x.address%8 != 0 || p.isTaken(x.address) {
		return false
	}
	var word [8]byte
	if n := x.address - h.Vaddr; n < h.Filesz {
		copy(word[:], p.data[h.Off+n:h.Off+h.Filesz])
	}
	x.zero = le.Uint64(word[:]) == 0 && x.addend != 0
	return x.zero || le.Uint64(word[:]) == x.addend
}

// encode is the packed table of addresses, which are multiples of 8 and sorted
// (gABI, "Relative Relocation Table").
func encode(pointers []pointer) []byte {
	var out []byte
	for i := 0; i < len(pointers); {
		out = le.AppendUint64(out, pointers[i].address)
		next := pointers[i].address + 8
		for i++; ; next += 63 * 8 {
			var bits uint64
			for ; i < len(pointers) && pointers[i].address-next < 63*8; i++ {
				bits |= 1 << ((pointers[i].address - next) / 8)
			}
			if bits == 0 {
				break
			}
			out = le.AppendUint64(out, bits<<1|1)
		}
	}
	return out
}

// relocations is the new DT_RELA table, and DT_RELACOUNT: how many of its
// entries come first that only add the base. The one that calls the code is the
// next, which is where readers look for it.
func (p *packer) relocations(code uint64) (table []byte, relacount uint64) {
	var calls []byte
	for _, word := range []uint64{p.first.address, uint64(p.stub.IRelative), code} {
		calls = le.AppendUint64(calls, word)
	}
	if !p.counted {
		return slices.Concat(calls, p.left, p.others), 0
	}
	return slices.Concat(p.left, calls, p.others), uint64(len(p.left)) / relaEntry
}

func reach(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotApplicable, err)
	}
	return nil
}
