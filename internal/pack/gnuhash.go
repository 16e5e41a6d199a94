package pack

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// .gnu.hash is a function of .dynsym and .dynstr and its own four header
// words. It looks random, so no coder can shorten it; it pays for programs
// that export symbols (bash: 3.4 %).
//
// Source: the layout as in glibc's elf/dl-lookup.c and binutils' bfd/elflink.c.

const (
	symSize = 24
)

// applyGNUHash's argument: image offsets of .gnu.hash, .dynsym, .dynstr, then
// the number of symbols.
func applyGNUHash(p *program, image []byte) ([]byte, bool) {
	le := binary.LittleEndian
	d := p.dynamic
	hash, symtab, strtab := d[objfile.DT_GNU_HASH]-p.first, d[objfile.DT_SYMTAB]-p.first, d[objfile.DT_STRTAB]-p.first
	if d[objfile.DT_GNU_HASH] == 0 || d[objfile.DT_SYMTAB] == 0 || d[objfile.DT_STRTAB] == 0 || !rangeIn(image, hash, 16) || hash%4 != 0 {
		return nil, false
	}
	buckets, first, bloom := uint64(le.Uint32(image[hash:])), uint64(le.Uint32(image[hash+4:])), uint64(le.Uint32(image[hash+8:]))
	chains := hash + 16 + bloom*8 + buckets*4
	if !rangeIn(image, hash, 16+bloom*8+buckets*4) || buckets == 0 || bloom == 0 {
		return nil, false
	}
	// The last symbol is the end of the chain of the highest bucket.
	last := uint64(0)
	for i := range buckets {
		last = max(last, uint64(le.Uint32(image[chains-buckets*4+i*4:])))
	}
	if last < first {
		return nil, false
	}
	for {
		c := chains + (last-first)*4
		if !rangeIn(image, c, 4) {
			return nil, false
		}
		last++
		if image[c]&1 != 0 {
			break
		}
	}
	if last-first < 16 {
		return nil, false
	}
	var arg []byte
	for _, v := range []uint64{hash, symtab, strtab, last} {
		arg = binary.AppendUvarint(arg, v)
	}
	clear(image[hash+16 : chains+(last-first)*4])
	return arg, true
}

func undoGNUHash(image, arg []byte) error {
	le := binary.LittleEndian
	f := fields{view: byteio.View{Data: arg}}
	size := uint64(len(image))
	hash, symtab, strtab := f.uint(".gnu.hash", size), f.uint(".dynsym", size), f.uint(".dynstr", size)
	last := f.uint("symbols", size/4)
	if f.err != nil || !rangeIn(image, hash, 16) {
		return errDamaged(".gnu.hash is outside the image")
	}
	buckets, first := uint64(le.Uint32(image[hash:])), uint64(le.Uint32(image[hash+4:]))
	bloom, shift := uint64(le.Uint32(image[hash+8:])), le.Uint32(image[hash+12:])
	if buckets == 0 || bloom == 0 || bloom&(bloom-1) != 0 || last < first || shift > 31 ||
		!rangeIn(image, hash, 16+bloom*8+buckets*4+(last-first)*4) || !rangeIn(image, symtab, last*symSize) {
		return errDamaged(".gnu.hash of %d buckets and %d symbols is outside the image", buckets, last)
	}
	filter := image[hash+16:]
	bucket := filter[bloom*8:]
	chain := bucket[buckets*4:]
	previous := uint64(1) << 32
	for i := first; i < last; i++ {
		name := strtab + uint64(le.Uint32(image[symtab+i*symSize:]))
		h := uint32(5381)
		for {
			if name >= size {
				return errDamaged("name of symbol %d is outside the image", i)
			}
			c := image[name]
			if c == 0 {
				break
			}
			h = h*33 + uint32(c)
			name++
		}
		w := filter[uint64(h>>6)&(bloom-1)*8:]
		le.PutUint64(w, le.Uint64(w)|1<<(h&63)|1<<(h>>shift&63))
		b := uint64(h) % buckets
		c := chain[(i-first)*4:]
		le.PutUint32(c, h&^1)
		if b != previous {
			le.PutUint32(bucket[b*4:], uint32(i))
			if i > first {
				chain[(i-first-1)*4] |= 1
			}
			previous = b
		}
		if i == last-1 {
			c[0] |= 1
		}
	}
	return nil
}
