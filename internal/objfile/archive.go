package objfile

// Archives: the Unix ar format as GNU, BSD (macOS), and Microsoft's linkers
// write it, GNU's thin archives, and Rust's .rlib, which is a GNU archive with
// a member lib.rmeta.
//
// ar was never standardised: a 60-byte text header per member (ar.h), and long
// names and symbol tables each in a flavour of its own. Members are opened one
// by one with Open, since an archive's members may well be of different
// machines.

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

// ArchiveFile is what only archives have.
type ArchiveFile struct {
	Thin    bool
	Members []ArchiveMember // in file order, symbol tables and name tables included

	file *File
}

// ArchiveMember is one member. A thin archive's members have Size but no
// bytes: Name is then the path of a file, relative to the archive.
type ArchiveMember struct {
	Name    string
	Special string // "symbol table", "64-bit symbol table", "name table", "" for ordinary members
	Header  uint64 // file offset of the 60-byte ar_hdr
	Offset  uint64 // of the contents, behind a BSD name
	Size    uint64 // of the contents, without a BSD name
	Stored  uint64 // bytes of header, name, contents and padding in the file
	Mode    uint32
}

const (
	arMagic     = "!<arch>\n"
	arThinMagic = "!<thin>\n"
	arHeader    = 60
)

func matchArchive(data []byte) bool {
	return len(data) >= 8 && (string(data[:8]) == arMagic || string(data[:8]) == arThinMagic)
}

func parseArchive(f *File, v byteio.View) error {
	a := &ArchiveFile{Thin: string(v.Data[:8]) == arThinMagic, file: f}
	f.Format, f.Ar, f.Kind = Archive, a, OtherKind
	var names []byte
	scanned := uint64(0) // of names, which may overlap
	for at := uint64(8); at < v.Len(); {
		header, err := v.Slice(at, arHeader, "ar_hdr")
		if err != nil {
			if len(bytes.Trim(v.Data[at:], "\n\x00")) == 0 { // padding at the end
				break
			}
			return err
		}
		if string(header[58:60]) != "`\n" {
			return byteio.Errorf(v.Base+at+58, "ar_fmag", "expected %q, got %q", "`\n", header[58:60])
		}
		size, err := strconv.ParseUint(strings.TrimRight(string(header[48:58]), " "), 10, 64)
		if err != nil {
			return byteio.Errorf(v.Base+at+48, "ar_size", "expected a decimal number, got %q", header[48:58])
		}
		mode, _ := strconv.ParseUint(strings.TrimRight(string(header[40:48]), " "), 8, 32)
		m := ArchiveMember{Header: at, Offset: at + arHeader, Size: size, Mode: uint32(mode)}
		name := strings.TrimRight(view(header[:16]), " ")
		switch {
		case name == "/" || name == "__.SYMDEF" || name == "__.SYMDEF SORTED":
			m.Name, m.Special = name, "symbol table"
		case name == "/SYM64/":
			m.Name, m.Special = name, "64-bit symbol table"
		case name == "//" || name == "ARFILENAMES/":
			m.Name, m.Special = name, "name table"
		case strings.HasPrefix(name, "/<"): // Microsoft's second linker members: <ECSYMBOLS>, <XFGHASHMAP>
			m.Name, m.Special = name, "symbol table"
		case strings.HasPrefix(name, "#1/"):
			length, err := strconv.ParseUint(name[3:], 10, 32)
			if err != nil || length > size {
				return byteio.Errorf(v.Base+at, "ar_name", "a name of %q bytes in a member of %d", name[3:], size)
			}
			b, err := v.Slice(m.Offset, length, "member name")
			if err != nil {
				return err
			}
			m.Name = cutNUL(b)
			m.Offset, m.Size = m.Offset+length, m.Size-length
			if strings.HasPrefix(m.Name, "__.SYMDEF") {
				m.Special = "symbol table"
				if strings.HasPrefix(m.Name, "__.SYMDEF_64") {
					m.Special = "64-bit symbol table"
				}
			}
		case strings.HasPrefix(name, "/"):
			off, err := strconv.ParseUint(name[1:], 10, 32)
			if err != nil || off >= uint64(len(names)) {
				return byteio.Errorf(v.Base+at, "ar_name", "no name at %q of the name table of %d bytes", name[1:], len(names))
			}
			long := names[off:]
			if scanned > 16*uint64(len(names))+1<<20 {
				return byteio.Errorf(v.Base+at, "ar_name", "names overlap without end")
			}
			if end := bytes.IndexAny(long, "\n\x00"); end >= 0 { // GNU ends with "/\n", Microsoft with NUL
				long = long[:end]
			}
			scanned += uint64(len(long))
			m.Name = strings.TrimSuffix(view(long), "/")
		default:
			m.Name = strings.TrimSuffix(name, "/")
		}
		end := at + arHeader
		if !a.Thin || m.Special != "" {
			if _, err := v.Slice(at+arHeader, size, "member "+m.Name); err != nil {
				return err
			}
			end += size
		}
		end += end & 1
		end = min(end, v.Len())
		m.Stored = end - at
		if m.Special == "name table" {
			names = v.Data[m.Offset : m.Offset+size]
		}
		a.Members = append(a.Members, m)
		at = end
	}
	return nil
}

// Data returns a member's bytes, never a copy; none in a thin archive.
func (a *ArchiveFile) Data(i int) []byte {
	m := &a.Members[i]
	if a.Thin && m.Special == "" {
		return nil
	}
	return a.file.Data[m.Offset : m.Offset+m.Size : m.Offset+m.Size]
}

// Open parses member i; the errors of Parse, with offsets in the member. A
// member that is no object file (lib.rmeta, a symbol table) gives ErrFormat.
func (a *ArchiveFile) Open(i int) (*File, error) {
	m := &a.Members[i]
	if m.Special != "" {
		return nil, ErrFormat
	}
	name := a.file.Name + "(" + m.Name + ")"
	if a.Thin {
		return nil, byteio.Errorf(m.Header, "thin archive", "the member's bytes are in the file %s", m.Name)
	}
	return Parse(name, a.Data(i))
}
