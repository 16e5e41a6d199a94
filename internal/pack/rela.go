package pack

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// Relative relocations (R_*_RELATIVE): 24 bytes that say "add the load base to
// the word there", whose addend the word itself has room for. Left are the
// distances between the words, mostly 8. A position-independent Rust program
// has thousands of them.
//
// Source: System V ABI, AMD64 supplement, section 4.4; ELF for the Arm 64-bit
// Architecture, section 5.7.

const (
	relaSize = 24
)

// applyRela's argument: image offset of the table, entries, relocation type,
// whether the words hold the addend already, then the distances.
func applyRela(p *program, image []byte) ([]byte, bool) {
	le := binary.LittleEndian
	d := p.dynamic
	table, size := d[objfile.DT_RELA], d[objfile.DT_RELASZ]
	if p.first != 0 || size < relaSize || !rangeIn(image, table, size) {
		return nil, false
	}
	typ := uint64(p.machine.Relocations.Relative)
	entries := image[table : table+size]
	n := uint64(0)
	kept, zero := true, true
	var distances []byte
	at := uint64(0)
	for ; (n+1)*relaSize <= size; n++ {
		e := entries[n*relaSize:]
		off, addend := le.Uint64(e), le.Uint64(e[16:])
		if le.Uint64(e[8:]) != typ || off < at || !rangeIn(image, off, 8) || off+8 > table && off < table+size {
			break
		}
		word := le.Uint64(image[off:])
		kept = kept && word == addend
		zero = zero && word == 0
		if !kept && !zero {
			break
		}
		distances = binary.AppendUvarint(distances, off-at)
		at = off
	}
	if n < 4 {
		return nil, false
	}
	mode := uint64(0)
	if kept {
		mode = 1
	}
	arg := binary.AppendUvarint(nil, table)
	arg = binary.AppendUvarint(arg, n)
	arg = binary.AppendUvarint(arg, typ)
	arg = binary.AppendUvarint(arg, mode)
	arg = append(arg, distances...)
	for i := range n {
		e := entries[i*relaSize:]
		copy(image[le.Uint64(e):][:8], e[16:24])
	}
	clear(entries[:n*relaSize])
	return arg, true
}

func undoRela(image, arg []byte) error {
	le := binary.LittleEndian
	f := fields{view: byteio.View{Data: arg}}
	size := uint64(len(image))
	table := f.uint("relocation table", size)
	n := f.uint("relocations", size/relaSize)
	typ := f.uint("relocation type", 1<<32-1)
	mode := f.uint("relocation mode", 1)
	if f.err != nil || !rangeIn(image, table, n*relaSize) {
		return errDamaged("%d relocations at %#x in an image of %#x bytes", n, table, size)
	}
	at := uint64(0)
	for i := range n {
		at += f.uint("relocation distance", size)
		if f.err != nil || !rangeIn(image, at, 8) {
			return errDamaged("relocation %d is outside the image", i)
		}
		e := image[table+i*relaSize:]
		word := le.Uint64(image[at:])
		if mode == 0 {
			le.PutUint64(image[at:], 0)
		}
		le.PutUint64(e, at)
		le.PutUint64(e[8:], typ)
		le.PutUint64(e[16:], word)
	}
	return nil
}
