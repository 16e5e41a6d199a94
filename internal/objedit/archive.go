package objedit

// Archives (rlibs, lib*.a): the members that are objects can be edited, all
// else stays. As long as no member changes its length, and only a stub longer
// than its function makes it, the archive is patched in place. Otherwise it is
// laid out again and the symbol table's member offsets are moved with it.
//
// Format: the common ar format with System V's symbol table "/" (32-bit
// offsets) or "/SYM64/" and name table "//", and Microsoft's second "/", which
// is little-endian; BSD's "#1/length" names are read.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	archiveMagic = "!<arch>\n"
	thinMagic    = "!<thin>\n"
	memberHeader = 60
)

// File is an input of a link: one object, or an archive of them.
type File struct {
	name    string
	data    []byte
	objects []*Object
	members []member        // of an archive; nil for a bare object
	mapping *byteio.Mapping // OpenFile's; nil for Open's
}

type member struct {
	header  uint64 // offset in the archive
	body    uint64
	size    uint64
	name    string
	object  *Object // nil for what is none
	trouble error   // why a member that looks like an object could not be read
}

// IsObject says whether data may be for Open: by the magic, and by what a format
// says of its objects, so that a shared library among a link's inputs is passed by.
func IsObject(data []byte) bool {
	if f := formatOf(data); f != nil {
		may, _ := f.object(data)
		return may
	}
	magic := string(data[:min(len(data), 8)])
	return magic == archiveMagic || magic == thinMagic
}

// Open reads an object or an archive. Members of archives that are no
// editable objects (Rust's metadata, bitcode, other machines) are left alone;
// see Trouble.
func Open(name string, data []byte) (*File, error) {
	f := &File{name: name, data: data}
	switch {
	case formatOf(data) != nil:
		o, err := Parse(name, data, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		f.objects = []*Object{o}
		return f, nil
	case strings.HasPrefix(string(data[:min(len(data), 8)]), archiveMagic):
		if err := f.readMembers(); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return f, nil
	case strings.HasPrefix(string(data[:min(len(data), 8)]), thinMagic):
		return nil, fmt.Errorf("%s: %w: a thin archive, its members are elsewhere", name, ErrUnsupported)
	}
	return nil, fmt.Errorf("%s: %w: no ELF or COFF object and no archive", name, ErrUnsupported)
}

func (f *File) readMembers() error {
	v := byteio.View{Data: f.data, Order: binary.BigEndian}
	var names []byte
	for at := uint64(len(archiveMagic)); at < v.Len(); {
		if at+1 == v.Len() && f.data[at] == '\n' { // padding behind the last member
			break
		}
		header, err := v.Slice(at, memberHeader, "archive member header")
		if err != nil {
			return err
		}
		if header[58] != '`' || header[59] != '\n' {
			return byteio.Errorf(at+58, "ar_fmag", "expected \"`\\n\" but got %q", header[58:60])
		}
		size, err := strconv.ParseUint(strings.TrimRight(string(header[48:58]), " "), 10, 63)
		if err != nil {
			return byteio.Errorf(at+48, "ar_size", "%q is no number", header[48:58])
		}
		m := member{header: at, body: at + memberHeader, size: size, name: strings.TrimRight(string(header[:16]), " ")}
		body, err := v.Slice(m.body, size, "archive member")
		if err != nil {
			return err
		}
		switch {
		case m.name == "//":
			names = body
		case m.name == "/" || m.name == "/SYM64/":
		case strings.HasPrefix(m.name, "#1/"):
			n, err := strconv.ParseUint(m.name[3:], 10, 31)
			if err != nil || n > size {
				return byteio.Errorf(at, "ar_name", "%q: a name of that length is not there", m.name)
			}
			m.name = strings.TrimRight(string(body[:n]), "\x00")
			body, m.body, m.size = body[n:], m.body+n, m.size-n
		case strings.HasPrefix(m.name, "/"):
			if n, err := strconv.ParseUint(m.name[1:], 10, 31); err == nil && n < uint64(len(names)) {
				m.name, _, _ = strings.Cut(string(names[n:min(n+maxNameLength, uint64(len(names)))]), "/\n")
			}
		default:
			m.name = strings.TrimSuffix(m.name, "/")
		}
		if IsObject(body) && formatOf(body) != nil {
			m.object, m.trouble = Parse(fmt.Sprintf("%s(%s)", f.name, m.name), body, m.body)
			if m.object != nil {
				f.objects = append(f.objects, m.object)
			}
		}
		f.members = append(f.members, m)
		at, _ = byteio.AlignUp(m.body+m.size, 2)
	}
	return nil
}

// OpenFile maps the object or archive at path and opens it under a name for
// errors; nil for a file that is neither. Close ends the mapping: no byte of
// it may be looked at afterwards.
func OpenFile(name, path string) (*File, error) {
	m, err := byteio.Open(path)
	if err != nil {
		return nil, err
	}
	if !IsObject(m.Data) {
		return nil, m.Close()
	}
	f, err := Open(name, m.Data)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	f.mapping = m
	return f, nil
}

// Close ends what OpenFile began.
func (f *File) Close() error {
	if f.mapping == nil {
		return nil
	}
	return f.mapping.Close()
}

// IsArchive says whether the file is an archive.
func (f *File) IsArchive() bool { return formatOf(f.data) == nil }

// Objects are the object itself or the editable members, in file order.
func (f *File) Objects() []*Object { return f.objects }

// Trouble says which members look like objects but cannot be edited, and why.
func (f *File) Trouble() error {
	var errs []error
	for _, m := range f.members {
		if m.trouble != nil {
			errs = append(errs, fmt.Errorf("%s(%s): %w", f.name, m.name, m.trouble))
		}
	}
	return errors.Join(errs...)
}

// Edited says whether any object in it was changed.
func (f *File) Edited() bool { return slices.ContainsFunc(f.objects, (*Object).Edited) }

// Bytes is the file with all edits; without any, the very bytes of Open.
func (f *File) Bytes() ([]byte, error) {
	if !f.Edited() {
		return f.data, nil
	}
	if f.members == nil {
		return f.objects[0].Bytes(), nil
	}
	grown := false
	for _, m := range f.members {
		grown = grown || m.object != nil && uint64(len(m.object.Bytes())) != m.size
	}
	if grown {
		return f.layOut()
	}
	out := slices.Clone(f.data)
	for _, m := range f.members {
		if m.object != nil {
			copy(out[m.body:], m.object.Bytes())
		}
	}
	return out, nil
}

// layOut writes the members one behind the other and moves the symbol
// table's offsets.
func (f *File) layOut() ([]byte, error) {
	out := []byte(archiveMagic)
	moved := map[uint64]uint64{} // member header offsets, old to new
	for _, m := range f.members {
		moved[m.header] = uint64(len(out))
		header := slices.Clone(f.data[m.header:m.body]) // with a BSD name behind it
		body := f.data[m.body : m.body+m.size]
		if m.object != nil {
			body = m.object.Bytes()
		}
		size := fmt.Sprintf("%-10d", uint64(len(header))-memberHeader+uint64(len(body)))
		if len(size) != 10 {
			return nil, fmt.Errorf("%s(%s): %d bytes are too many for an archive", f.name, m.name, len(body))
		}
		copy(header[48:58], size)
		out = append(append(out, header...), body...)
		if len(out)%2 == 1 {
			out = append(out, '\n')
		}
	}
	first := true
	for _, m := range f.members {
		order := binary.ByteOrder(binary.BigEndian)
		width := uint64(4)
		switch m.name {
		case "/":
			if !first { // Microsoft's second one
				order = binary.LittleEndian
			}
			first = false
		case "/SYM64/":
			width = 8
		default:
			continue
		}
		at := moved[m.header] + memberHeader
		v := byteio.View{Data: out[at : at+m.size], Base: m.body, Order: order}
		number := func(off uint64) (uint64, error) {
			if width == 8 {
				return v.U64(off, "archive symbol table")
			}
			n, err := v.U32(off, "archive symbol table")
			return uint64(n), err
		}
		count, err := number(0)
		if err != nil {
			return nil, err
		}
		if _, err := v.Table(width, count, width, "archive symbol table"); err != nil {
			return nil, err
		}
		for i := range count {
			old, _ := number(width * (i + 1))
			now, known := moved[old]
			if !known {
				return nil, byteio.Errorf(m.body+width*(i+1), "archive symbol table", "offset %#x is no member's", old)
			}
			if width == 8 {
				order.PutUint64(v.Data[width*(i+1):], now)
			} else {
				order.PutUint32(v.Data[width*(i+1):], uint32(now))
			}
		}
	}
	return out, nil
}
