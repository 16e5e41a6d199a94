package strip

// Static libraries (.a, .rlib, .lib): member by member with the rule for
// objects. The index of symbols holds member offsets, so it is mended; which
// symbols there are never changes, for no symbol of an object goes.
//
// The format is the common one of System V, with GNU's long names ("//") and
// 64-bit index ("/SYM64/"); BSD's is read too, but where its index (__.SYMDEF)
// would have to change the archive is refused.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	arMagic      = "!<arch>\n"
	arThin       = "!<thin>\n"
	arHeaderSize = 60
)

type arMember struct {
	at   uint64 // of the header
	name string // as in the header, blanks trimmed
	data []byte
}

func isArchive(data []byte) bool {
	return bytes.HasPrefix(data, []byte(arMagic)) || bytes.HasPrefix(data, []byte(arThin))
}

func parseArchive(data []byte) ([]arMember, error) {
	if bytes.HasPrefix(data, []byte(arThin)) {
		return nil, refuse("strip its members", "a thin archive: its members are files of their own")
	}
	v := byteio.View{Data: data}
	var out []arMember
	for at := uint64(len(arMagic)); at < v.Len(); {
		h, err := v.Slice(at, arHeaderSize, "member header")
		if err != nil {
			return nil, err
		}
		if h[58] != '`' || h[59] != '\n' {
			return nil, byteio.Errorf(at+58, "ar_fmag", "not the end of a member header")
		}
		size, err := strconv.ParseUint(strings.TrimRight(string(h[48:58]), " "), 10, 64)
		if err != nil {
			return nil, byteio.Errorf(at+48, "ar_size", "%q is no decimal number", h[48:58])
		}
		body, err := v.Slice(at+arHeaderSize, size, "member")
		if err != nil {
			return nil, err
		}
		out = append(out, arMember{at, strings.TrimRight(string(h[:16]), " "), body})
		at += arHeaderSize + size + size%2
	}
	return out, nil
}

func planArchive(data []byte, o Options, r *Report) (byteio.Content, error) {
	members, err := parseArchive(data)
	if err != nil {
		return nil, err
	}
	content := byteio.Content{{Data: data[:len(arMagic)]}}
	at := uint64(len(arMagic))
	moved := map[uint64]uint64{} // member offsets, old to new
	changed := false
	var patches []func() // of indexes, when all offsets are known
	for i, m := range members {
		header := bytes.Clone(data[m.at : m.at+arHeaderSize])
		body := byteio.Content{{Data: m.data}}
		switch {
		case m.name == "/" && i == 0, m.name == "/SYM64/":
			index := bytes.Clone(m.data)
			body = byteio.Content{{Data: index}}
			wide := m.name != "/"
			patches = append(patches, func() { mendIndex(index, wide, moved) })
		case isELF(m.data):
			part := Report{Before: uint64(len(m.data))}
			stripped, err := planELF(m.data, o, &part)
			if err != nil {
				r.note("member %s left alone: %v", arName(members, m), err)
				break
			}
			if stripped.Len() >= uint64(len(m.data)) {
				break
			}
			body, changed = stripped, true
			for why, n := range part.Removed {
				r.remove(why, n)
			}
			for _, n := range part.Notes {
				r.note("%s", n)
			}
		}
		moved[m.at] = at
		size := body.Len()
		copy(header[48:58], fmt.Sprintf("%-10d", size))
		content = append(content, byteio.Piece{Data: header})
		content = append(content, body...)
		at += arHeaderSize + size
		if size%2 != 0 {
			content = append(content, byteio.Piece{Data: []byte("\n")})
			at++
		}
	}
	if !changed {
		r.Notes = nil
		return byteio.Content{{Data: data}}, nil
	}
	for i, m := range members {
		if strings.HasPrefix(m.name, "__.SYMDEF") || strings.HasPrefix(string(m.data), "__.SYMDEF") || m.name == "/" && i > 0 {
			return nil, refuse("strip the objects, and make the archive again", "an archive with an index of BSD or Microsoft")
		}
	}
	for _, mend := range patches {
		mend()
	}
	var sum int64
	for _, n := range r.Removed {
		sum += n
	}
	r.remove(ReasonPadding, int64(len(data))-int64(at)-sum)
	return content, nil
}

// mendIndex puts the new offsets of members into a System V index: a
// big-endian count, that many offsets, names.
func mendIndex(index []byte, wide bool, moved map[uint64]uint64) {
	size := 4
	if wide {
		size = 8
	}
	get := func(b []byte) uint64 {
		if wide {
			return binary.BigEndian.Uint64(b)
		}
		return uint64(binary.BigEndian.Uint32(b))
	}
	if len(index) < size {
		return
	}
	count := get(index)
	for i := uint64(1); i <= count && (i+1)*uint64(size) <= uint64(len(index)); i++ {
		b := index[i*uint64(size):]
		to, ok := moved[get(b)]
		switch {
		case !ok:
		case wide:
			binary.BigEndian.PutUint64(b, to)
		default:
			binary.BigEndian.PutUint32(b, uint32(to))
		}
	}
}

// arName resolves a long name, for notes.
func arName(members []arMember, m arMember) string {
	if at, err := strconv.Atoi(strings.TrimPrefix(m.name, "/")); err == nil && strings.HasPrefix(m.name, "/") {
		for _, t := range members {
			if t.name == "//" && at < len(t.data) {
				name, _, _ := strings.Cut(string(t.data[at:]), "\n")
				return strings.TrimSuffix(name, "/")
			}
		}
	}
	return strings.TrimSuffix(m.name, "/")
}
