package relocate

// Writing the new file: old bytes at their new places, and what changes in them.

import (
	"bytes"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// render is the new file.
func (l *layout) render() byteio.Content {
	p := l.packer
	head := bytes.Clone(p.data[:p.at])
	le.PutUint64(head[32:], l.phoff)                // e_phoff
	le.PutUint16(head[56:], uint16(len(l.headers))) // e_phnum
	if p.e.Ehdr.Shoff != 0 {
		le.PutUint64(head[40:], l.newOffset(p.e.Ehdr.Shoff)) // e_shoff
	}
	head = append(head, l.rela...)
	for _, h := range l.headers {
		head = appendPhdr(head, h)
	}
	head = append(head, l.table...)
	head = append(head, l.record...)
	if l.codeAt != 0 {
		head = append(head, make([]byte, l.codeAt-uint64(len(head)))...)
		head = append(head, l.bound...)
	}
	bodies := l.bodies()
	out := byteio.Content{{Data: head}}
	cursor := uint64(len(head))
	for i, body := range bodies {
		out[len(out)-1].Zeros = l.to[i] - cursor
		out = append(out, body...)
		cursor = l.to[i] + l.spans[i].size()
	}
	return out
}

func appendPhdr(b []byte, h objfile.Phdr) []byte {
	b = le.AppendUint32(b, h.Type)
	b = le.AppendUint32(b, h.Flags)
	for _, word := range []uint64{h.Off, h.Vaddr, h.Paddr, h.Filesz, h.Memsz, h.Align} {
		b = le.AppendUint64(b, word)
	}
	return b
}

// bodies are the bytes of the spans; those in which nothing changes are the old
// file's own.
func (l *layout) bodies() []byteio.Content {
	p := l.packer
	changed := make([][]byte, len(l.spans))
	own := func(i int) []byte {
		if changed[i] == nil {
			changed[i] = slices.Concat(p.data[l.spans[i].from:l.spans[i].to], l.spans[i].grown)
		}
		return changed[i]
	}
	put := func(old uint64, value uint64) { // at an offset of the old file
		for i, s := range l.spans {
			if s.from <= old && old+8 <= s.to {
				le.PutUint64(own(i)[old-s.from:], value)
			}
		}
	}
	for _, x := range p.packed {
		if !x.zero {
			continue
		}
		if i, at := p.place(x.address); i >= 0 {
			var word [8]byte
			le.PutUint64(word[:], x.addend)
			copy(own(i)[at:], word[:])
		}
	}
	for _, d := range p.e.Dynamic {
		switch d.Tag {
		case objfile.DT_RELASZ:
			put(d.Entry+8, uint64(len(l.rela)))
		case objfile.DT_RELACOUNT:
			put(d.Entry+8, l.relacount)
		}
	}
	for i, s := range p.e.Shdrs {
		header := p.e.Ehdr.Shoff + uint64(i)*shdrSize
		put(header+24, l.newOffset(s.Off)) // sh_offset
		if bytesOf(s) > 0 && s.Off == p.at {
			put(header+32, uint64(len(l.rela))) // sh_size
		}
	}
	out := make([]byteio.Content, len(l.spans))
	for i, s := range l.spans {
		if changed[i] != nil {
			out[i] = byteio.Content{{Data: changed[i]}}
			continue
		}
		out[i] = byteio.Content{{Data: p.data[s.from:s.to]}, {Data: s.grown}}
	}
	return out
}
