package relocate

// The record by which Unpack makes the old file again, to the byte. It lies
// behind the packed table, and is as short as that allows: the old program
// headers are where they were, the relocations follow from the table and the
// words that it names.
//
//	"mzrl"       magic
//	u32          CRC-32 (IEEE) of the old file
//	uvarints     old e_phoff, e_phnum, e_shoff
//	             number of runs, and their lengths: of the packed places in the
//	             order of their addresses, by turns those that held their addend
//	             and those that held zero
//	             number of spans, and for each the zeros before it, its length, and
//	             where it is now
//	             zeros at the end
//	             number of section headers whose sh_offset does not follow from
//	             that, and for each its index and sh_offset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relr"
)

const magic = "mzrl"

// ErrNotPacked says that Pack did not make a file.
var ErrNotPacked = errors.New("its relocations were not packed by minsize")

// ErrChanged says that a packed file was rewritten since, so that the file
// before cannot be told any more.
var ErrChanged = errors.New("the file was rewritten since its relocations were packed")

func (l *layout) makeRecord() []byte {
	p := l.packer
	if p.sum == nil {
		sum := crc32.ChecksumIEEE(p.data)
		p.sum = &sum
	}
	b := le.AppendUint32([]byte(magic), *p.sum)
	add := func(n uint64) { b = binary.AppendUvarint(b, n) }
	add(p.e.Ehdr.Phoff)
	add(uint64(len(p.e.Phdrs)))
	add(p.e.Ehdr.Shoff)
	runs := zeroRuns(p.packed)
	add(uint64(len(runs)))
	for _, n := range runs {
		add(n)
	}
	old := l.spans
	for len(old) > 0 && old[len(old)-1].fresh {
		old = old[:len(old)-1]
	}
	add(uint64(len(old)))
	cursor := p.end
	for i, s := range old {
		add(s.from - cursor)
		add(s.to - s.from)
		add(l.to[i])
		cursor = s.to
	}
	add(uint64(len(p.data)) - cursor)
	var odd []int
	for i, s := range p.e.Shdrs {
		if old := l.oldOffset(l.newOffset(s.Off)); old != s.Off {
			odd = append(odd, i)
		}
	}
	add(uint64(len(odd)))
	for _, i := range odd {
		add(uint64(i))
		add(p.e.Shdrs[i].Off)
	}
	return b
}

// zeroRuns are the lengths of runs of places that held their addend, and zero,
// by turns. Where the addend is zero both is true.
func zeroRuns(places []pointer) []uint64 {
	runs := []uint64{0}
	zero := false
	for _, x := range places {
		if x.addend != 0 && x.zero != zero {
			zero = !zero
			runs = append(runs, 0)
		}
		runs[len(runs)-1]++
	}
	return runs
}

func (l *layout) oldOffset(new uint64) uint64 {
	moves := moves{at: l.at}
	for i, s := range l.spans {
		if s.fresh {
			continue
		}
		moves.list = append(moves.list, move{s.from, l.to[i], s.to - s.from})
	}
	return moves.old(new)
}

// moves tells where the ranges of a packed file were before.
type moves struct {
	at   uint64 // what is before stays
	list []move
}

type move struct{ old, new, size uint64 }

func (m *moves) old(new uint64) uint64 {
	old := min(new, m.at)
	for _, x := range m.list {
		if x.new <= new {
			old = x.old + min(new-x.new, x.size)
		}
	}
	return old
}

// packedFile is a file that Pack made, as its record tells it.
type packedFile struct {
	f        *objfile.File
	at       uint64 // file offset of DT_RELA
	left     []byte // relative relocations that stayed
	others   []byte
	bound    relr.Bound
	relative uint32
	slot     uint64 // where the loader puts the answer
	record   []byte
}

// IsPacked says whether Pack made a file.
func IsPacked(f *objfile.File) bool {
	_, err := openPacked(f)
	return err == nil
}

func openPacked(f *objfile.File) (*packedFile, error) {
	if f.Format != objfile.ELF || f.ELF == nil || f.Bits != 64 || f.Order != binary.LittleEndian {
		return nil, ErrNotPacked
	}
	stub, err := relr.StubOf(f.CPU)
	if err != nil {
		return nil, ErrNotPacked
	}
	rela, at, err := relaTable(f)
	count, counted := f.ELF.DynValue(objfile.DT_RELACOUNT)
	if err != nil || count >= uint64(len(rela))/relaEntry {
		return nil, ErrNotPacked
	}
	entry := rela[count*relaEntry:]
	offset, mapped := f.OffsetOf(le.Uint64(entry[16:]))
	if le.Uint64(entry[8:]) != uint64(stub.IRelative) || !mapped {
		return nil, ErrNotPacked
	}
	bound, found := stub.Find(f.Data[offset:], le.Uint64(entry[16:]))
	if !found || !bound.Answers {
		return nil, ErrNotPacked
	}
	p := &packedFile{f: f, at: at, left: rela[:count*relaEntry], others: entry[relaEntry:], bound: bound, relative: stub.Relative, slot: le.Uint64(entry)}
	if !counted {
		n := leading(p.others, stub.Relative) * relaEntry
		p.left, p.others = p.others[:n], p.others[n:]
	}
	i := f.SegmentAt(bound.End)
	if i < 0 || bound.End-f.Segments[i].Addr >= f.Segments[i].FileSize {
		return nil, ErrNotPacked
	}
	s := f.Segments[i]
	p.record = f.Data[s.Offset+bound.End-s.Addr : s.Offset+s.FileSize]
	if !bytes.HasPrefix(p.record, []byte(magic)) || len(p.record) < 8 {
		return nil, ErrNotPacked
	}
	return p, nil
}

// Unpack makes the file that Pack was given. Errors: ErrNotPacked, ErrChanged.
func Unpack(data []byte) ([]byte, error) {
	f, err := objfile.Parse("packed", data)
	if err != nil {
		return nil, err
	}
	p, err := openPacked(f)
	if err != nil {
		return nil, err
	}
	out, err := p.restore()
	if err != nil {
		return nil, err
	}
	if crc32.ChecksumIEEE(out) != le.Uint32(p.record[4:]) {
		return nil, ErrChanged
	}
	return out, nil
}

// numbers reads uvarints; after the first that is not there all are 0.
type numbers struct {
	rest []byte
	bad  bool
}

func (n *numbers) next(limit uint64) uint64 {
	value, size := binary.Uvarint(n.rest)
	if size <= 0 || value > limit {
		n.bad, n.rest = true, nil
		return 0
	}
	n.rest = n.rest[size:]
	return value
}

// restore makes the old file, without a look at its checksum. What a damaged
// record could say is bounded first.
func (p *packedFile) restore() ([]byte, error) {
	size := uint64(len(p.f.Data))
	places, err := p.places()
	if err != nil {
		return nil, err
	}
	n := numbers{rest: p.record[8:]}
	phoff, phnum, shoff := n.next(size), n.next(1000), n.next(64*size)
	zeroed := make([]bool, len(places))
	filled := uint64(0)
	for i, runs := uint64(0), n.next(uint64(len(places))+1); i < runs && !n.bad; i++ {
		run := n.next(uint64(len(places)) - filled)
		for ; run > 0; run-- {
			zeroed[filled] = i%2 == 1
			filled++
		}
	}
	old := p.oldTable(places)
	out := slices.Concat(p.f.Data[:p.at], old, p.others)
	relaSize := uint64(len(out)) - p.at
	moves := moves{at: p.at}
	var cursor uint64
	for spans := n.next(1000); spans > 0 && !n.bad; spans-- {
		gap, length, from := n.next(maxPage), n.next(size), n.next(size)
		if from < cursor || length > size-from {
			return nil, ErrChanged
		}
		out = append(out, make([]byte, gap)...)
		moves.list = append(moves.list, move{uint64(len(out)), from, length})
		out = append(out, p.f.Data[from:from+length]...)
		cursor = from + length
	}
	out = append(out, make([]byte, n.next(maxPage))...)
	if n.bad || len(out) < 64 || shoff > uint64(len(out)) {
		return nil, ErrChanged
	}
	le.PutUint64(out[32:], phoff)
	le.PutUint64(out[40:], shoff)
	le.PutUint16(out[56:], uint16(phnum))
	for i, x := range places {
		if zeroed[i] {
			p.clearWord(out, &moves, x.address)
		}
	}
	for _, d := range p.f.ELF.Dynamic {
		at := moves.old(d.Entry + 8)
		if at+8 > uint64(len(out)) {
			return nil, ErrChanged
		}
		switch d.Tag {
		case objfile.DT_RELASZ:
			le.PutUint64(out[at:], relaSize)
		case objfile.DT_RELACOUNT:
			le.PutUint64(out[at:], uint64(len(old))/relaEntry)
		}
	}
	return out, p.restoreSections(out, &moves, &n, shoff, relaSize)
}

// places are the packed ones without the answered, in order.
func (p *packedFile) places() ([]pointer, error) {
	table, ok := p.f.BytesAt(p.bound.Table, p.bound.End-p.bound.Table)
	if !ok || len(table)%8 != 0 {
		return nil, ErrChanged
	}
	var out []pointer
	var next uint64
	segment := 0
	add := func(address uint64) bool {
		if n := len(out); n > 0 && address <= out[n-1].address {
			return false
		}
		s := p.f.Segments
		if !s[segment].Load || address < s[segment].Addr || address-s[segment].Addr >= s[segment].MemSize {
			segment = max(p.f.SegmentAt(address), 0)
		}
		x := s[segment]
		var word [8]byte
		if at := address - x.Addr; address >= x.Addr && at < x.FileSize {
			copy(word[:], p.f.Data[x.Offset+at:x.Offset+x.FileSize])
		}
		out = append(out, pointer{address: address, addend: le.Uint64(word[:])})
		return len(out) <= len(p.f.Data)/8
	}
	for ; len(table) > 0; table = table[8:] {
		entry := le.Uint64(table)
		if entry&1 == 0 {
			if !add(entry) {
				return nil, ErrChanged
			}
			next = entry + 8
			continue
		}
		for bit := uint64(0); entry>>(bit+1) != 0; bit++ {
			if entry>>(bit+1)&1 != 0 && !add(next+8*bit) {
				return nil, ErrChanged
			}
		}
		next += 63 * 8
	}
	return out, nil
}

// oldTable are the relative relocations as they were, sorted by address.
func (p *packedFile) oldTable(places []pointer) []byte {
	first := pointer{address: p.slot, addend: p.bound.Answer}
	left := p.left
	out := make([]byte, 0, (len(places)+1)*relaEntry+len(left))
	emit := func(x pointer) {
		for len(left) > 0 && le.Uint64(left) < x.address {
			out = append(out, left[:relaEntry]...)
			left = left[relaEntry:]
		}
		out = le.AppendUint64(out, x.address)
		out = le.AppendUint64(out, uint64(p.relative))
		out = le.AppendUint64(out, x.addend)
	}
	pending := true
	for _, x := range places {
		if pending && first.address < x.address {
			emit(first)
			pending = false
		}
		emit(x)
	}
	if pending {
		emit(first)
	}
	return append(out, left...)
}

// clearWord zeroes the word at an address where the old file has bytes for it.
func (p *packedFile) clearWord(out []byte, m *moves, address uint64) {
	at, ok := p.f.OffsetOf(address)
	if !ok {
		return
	}
	for _, x := range m.list {
		for k := uint64(0); k < 8; k++ {
			if at+k >= x.new && at+k-x.new < x.size {
				out[x.old+(at+k-x.new)] = 0
			}
		}
	}
}

func (p *packedFile) restoreSections(out []byte, m *moves, n *numbers, shoff, relaSize uint64) error {
	count := uint64(len(p.f.ELF.Shdrs))
	if count > 0 && (shoff < m.at || shoff+count*shdrSize > uint64(len(out))) {
		return ErrChanged
	}
	for i, s := range p.f.ELF.Shdrs {
		header := out[shoff+uint64(i)*shdrSize:]
		le.PutUint64(header[24:], m.old(s.Off))
		if bytesOf(s) > 0 && s.Off == p.at {
			le.PutUint64(header[32:], relaSize)
		}
	}
	for odd := n.next(count); odd > 0 && !n.bad; odd-- {
		i, off := n.next(count-1), n.next(1<<62)
		le.PutUint64(out[shoff+i*shdrSize+24:], off)
	}
	if n.bad {
		return ErrChanged
	}
	return nil
}
