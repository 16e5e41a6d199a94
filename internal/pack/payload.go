package pack

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// Programs that carry a payload in their own file: self-extractors, AppImage,
// interpreters with a script or an archive behind them. They open
// /proc/self/exe (or argv[0]) and look for it at an offset, or by a section's
// name; in the packed file it is not there, and the program would start
// without what it is for.
//
// That string says nothing: Rust's and Go's standard libraries have it, and so
// has whatever starts itself again, which works packed. What tells is the
// payload: bytes that the kernel does not load, and that are neither headers
// nor a section that compilers, linkers and debuggers make. None of 1238
// programs of a Debian system with Rust, Go and node has such bytes, so that
// the rule needs no guess about what the program does. A payload that is
// loaded (go:embed, include_bytes!, a note that is found by the program
// headers, as in node's single executable applications) works packed.

// toolSections are beginnings of names of sections that are not loaded and
// that only tools read. Sections of types that say so (symbols, strings,
// relocations, notes, and those of operating systems and machines) need no
// entry.
var toolSections = []string{
	".debug", ".zdebug", ".comment", ".gnu.", ".gnu_debug", ".gdb_index", ".note.", ".stab", ".line", ".ident", ".GCC.", ".annobin", ".BTF", ".ctf", ".sframe",
	".mdebug", ".llvm", ".rustc", ".deplibs", ".linker-options", ".go_export", ".symtab_shndx", ".SUNW_", ".dep-v0", ".eh_frame", ".discard", ".ARM.",
}

const (
	shtProgbits = 1
	shtNobits   = 8
)

// payloadMarks name what begins, or lies near the end of, a payload.
var payloadMarks = []struct {
	what, mark string
	atEnd      bool // within the last 64 KiB instead of at the first byte
}{
	{"a zip archive", "PK\x03\x04", false},
	{"a zip archive", "PK\x05\x06", true},
	{"a 7z archive", "7z\xbc\xaf\x27\x1c", false},
	{"a squashfs file system", "hsqs", false},
	{"gzip data", "\x1f\x8b\x08", false},
	{"xz data", "\xfd7zXZ\x00", false},
	{"zstd data", "\x28\xb5\x2f\xfd", false},
	{"an archive of PyInstaller", "MEI\x0c\x0b\x0a\x0b\x0e", true},
	{"a module of Bun", "\n---- Bun! ----\n", true},
	{"a module of Deno", "d3n0l4nd", true},
	{"OCaml bytecode", "Caml1999X", true},
}

// payloadKind names what b seems to be, "" if nothing known.
func payloadKind(b []byte) string {
	end := b[max(0, len(b)-1<<16):]
	for _, m := range payloadMarks {
		if !m.atEnd && bytes.HasPrefix(b, []byte(m.mark)) || m.atEnd && bytes.Contains(end, []byte(m.mark)) {
			return m.what
		}
	}
	return ""
}

// allowPayload is the way round, for bytes that others read (signatures).
const allowPayload = "--allow-payload, if the program itself does not read them"

// slackBytes is how many zeros a linker may leave at the file's end.
const slackBytes = 4096

// outsideReaders are sections that others than the program read in its file,
// and what they miss in the packed one. For loaded sections that are looked up
// by name objfile has the list.
var outsideReaders = []struct{ section, loss string }{
	{".dep-v0", "the list of crates (.dep-v0) is packed: what audits dependencies (cargo audit bin) finds nothing in the packed file"},
	{".go.buildinfo", "Go's build information is packed: go version -m and govulncheck find none in the packed file"},
	{".note.package", "the distributor's package note is packed: core dumps do not name the package"},
	{".note.stapsdt", "static probes are packed: SystemTap, bpftrace and perf cannot attach to them"},
}

func (p *program) noteReader(section string) {
	for _, r := range outsideReaders {
		if r.section == section {
			p.note("%s", r.loss)
		}
	}
}

// note adds what the user should know of the packed form.
func (p *source) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(p.notes, n) {
		p.notes = append(p.notes, n)
	}
}

// protections: all that the loader looks for in an ELF file is kept.
func (p *program) protections() string { return "" }

// refusePayload finds bytes that the program would look for in vain, counts
// those of symbols and debug information, and notes what others will miss.
func (p *program) refusePayload() error {
	le := binary.LittleEndian
	size := uint64(len(p.data))
	covered := [][2]uint64{{0, 64}}
	cover := func(off, n uint64) {
		if end, ok := byteio.Add(off, n); ok && off < size && n > 0 {
			covered = append(covered, [2]uint64{off, min(end, size)})
		}
	}
	cover(le.Uint64(p.data[32:]), uint64(len(p.headers))*56)
	for _, h := range p.loads {
		cover(h.Off, h.Filesz)
	}
	v := byteio.View{Data: p.data, Order: le}
	shoff, shnum, shstrndx := le.Uint64(p.data[40:]), uint64(le.Uint16(p.data[60:])), uint64(le.Uint16(p.data[62:]))
	table, err := v.Table(shoff, shnum, sectionSize, "section headers")
	if err != nil || shoff == 0 {
		table, shnum = nil, 0
	}
	cover(shoff, shnum*sectionSize)
	var names byteio.View
	if shstrndx < shnum {
		b := table[shstrndx*sectionSize:]
		if n, err := v.Slice(le.Uint64(b[24:]), le.Uint64(b[32:]), "section names"); err == nil {
			names.Data = n
		}
	}
	var refusal error
	var lookups objfile.NameLookups
	for _, h := range p.loads {
		lookups.Loaded = append(lookups.Loaded, p.data[h.Off:h.Off+h.Filesz])
	}
	for i := range shnum {
		b := table[i*sectionSize:]
		typ, off, n := le.Uint32(b[4:]), le.Uint64(b[24:]), le.Uint64(b[32:])
		if typ == 0 || typ == shtNobits || n == 0 {
			continue
		}
		cover(off, n)
		name := ""
		if at := uint64(le.Uint32(b)); at < names.Len() {
			short := byteio.View{Data: names.Data[at:min(at+64, names.Len())]}
			name, _ = short.CString(0, "section name")
		}
		p.noteReader(name)
		if flags := le.Uint64(b[8:]); flags&objfile.SHF_ALLOC != 0 {
			named, ok := lookups.LookedUp(name, typ, flags, n)
			switch {
			case ok && named.Reader != "":
				p.note("section %s (%d bytes) is packed: %s does not find it in the packed file", name, n, named.Reader)
			case ok && refusal == nil:
				refusal = refuse(allowPayload, "section %q (%d bytes at %#x) has a name that no toolchain gives: the program may look it up by name, and would not find it in the packed file", name, n, off)
			}
			continue
		}
		if off < size && (strings.HasPrefix(name, ".debug_") || strings.HasPrefix(name, ".zdebug_") || name == ".symtab" || name == ".strtab") {
			p.symbols += min(n, size-off)
		}
		if typ != shtProgbits {
			continue
		}
		if refusal == nil && !slices.ContainsFunc(toolSections, func(known string) bool { return strings.HasPrefix(name, known) }) {
			refusal = refuse(allowPayload, "section %q (%d bytes at %#x) is not loaded and none that compilers, linkers or debuggers make: the program would not find it in the packed file", name, n, off)
		}
	}
	if refusal != nil {
		return refusal
	}
	slices.SortFunc(covered, func(a, b [2]uint64) int { return cmp.Compare(a[0], b[0]) })
	at := uint64(0)
	for _, c := range append(covered, [2]uint64{size, size}) {
		if c[0] > at {
			gap := p.data[at:c[0]]
			zeros := len(bytes.TrimLeft(gap, "\x00")) == 0
			last := c[0] == size
			if !zeros || last && len(gap) > slackBytes {
				where := "between its parts"
				if last {
					where = "appended behind the program"
				}
				kind := payloadKind(gap)
				if len(p.data) > 11 && string(p.data[8:10]) == "AI" && last {
					kind = "an AppImage's file system"
				}
				if kind != "" {
					kind = fmt.Sprintf(", %s,", kind)
				}
				return refuse(allowPayload, "%d bytes%s are %s (at %#x): it would not find them in the packed file", len(gap), kind, where, at)
			}
		}
		at = max(at, c[1])
	}
	return nil
}
