package dwarf

// Line tables (6.2). A program for a state machine that yields rows; here rows
// that change neither file nor line are dropped as they come, for columns and
// statement flags are nobody's bytes.

import (
	"path"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

// LineTable is one unit's table. Rows of one sequence ascend; a row holds
// until the next one's address.
type LineTable struct {
	Files []string // joined with their folder and the unit's; counted as DW_AT_decl_file counts (before DWARF 5 from 1, [0] is the unit itself)
	Rows  []Row

	Offset, Size uint64 // in .debug_line
}

// Row is a place where file or line change. EndSequence rows end a run of
// addresses; they have no file.
type Row struct {
	Addr uint64
	File uint32 // index in Files, EndSequence at the end of a run
	Line uint32
}

// EndSequence is the File of rows that end a run.
const EndSequence = ^uint32(0)

// File returns a name of the table, "" for an index that it does not have.
func (t *LineTable) File(i uint32) string {
	if t == nil || uint64(i) >= uint64(len(t.Files)) {
		return ""
	}
	return t.Files[i]
}

// maxRows bounds a table, for one byte of program can make a row of 16. The
// largest honest ones (a whole program as one unit) have some millions.
const maxRows = 1 << 24

type lineHeader struct {
	version                  uint16
	minInstruction, lineBase int64
	lineRange, opcodeBase    uint8
	lengths                  []byte // standard_opcode_lengths
	addrSize                 uint8
	program, end             uint64
}

// Lines reads the unit's line table; nil without one.
func (d *Data) Lines(u *Unit) (*LineTable, error) {
	if !u.HasLine && u.skeleton != nil {
		return u.other.Lines(u.skeleton)
	}
	t, h, err := d.lineHeader(u)
	if t == nil || err != nil {
		return t, err
	}
	if !d.spend(h.end - h.program) {
		return t, byteio.Errorf(u.LineOffset, ".debug_line", "units share tables without end")
	}
	r := d.reader(d.line, h.program, ".debug_line")
	r.end = h.end
	var addr uint64
	var file, line uint32 = 1, 1
	sequence := len(t.Rows) // where the current sequence began
	dead := false
	emit := func() {
		if n := len(t.Rows); n > sequence {
			last := &t.Rows[n-1]
			if last.File == file && last.Line == line {
				return
			}
			if last.Addr == addr { // only the last row of an address counts
				last.File, last.Line = file, line
				return
			}
		}
		t.Rows = append(t.Rows, Row{addr, file, line})
	}
	advance := func(n uint64) { addr += n * uint64(h.minInstruction) }
	for r.at < r.end && !r.bad && len(t.Rows) < maxRows {
		op := r.u8()
		if op >= h.opcodeBase {
			adjusted := op - h.opcodeBase
			advance(uint64(adjusted / h.lineRange))
			line = uint32(int64(line) + h.lineBase + int64(adjusted%h.lineRange))
			emit()
			continue
		}
		switch op {
		case 0: // extended
			size := r.uleb()
			start := r.at
			if size == 0 || size > r.end-r.at {
				r.bad = true
				break
			}
			switch r.u8() {
			case 1: // DW_LNE_end_sequence
				if n := len(t.Rows); n > sequence && !dead {
					t.Rows = append(t.Rows, Row{addr, EndSequence, 0})
				} else {
					t.Rows = t.Rows[:sequence]
				}
				sequence = len(t.Rows)
				addr, file, line, dead = 0, 1, 1, false
			case 2: // DW_LNE_set_address
				addr = r.offset(uint8(min(size-1, 8)))
				if !d.live(addr, addr+1, u.AddrSize) && len(t.Rows) == sequence {
					dead = true
				}
			case 3: // DW_LNE_define_file
				name := r.cstring()
				t.Files = append(t.Files, name)
			}
			if r.at > start+size { // a length that is a lie
				r.bad = true
			}
			r.at = start + size
		case 1: // DW_LNS_copy
			emit()
		case 2:
			advance(r.uleb())
		case 3:
			line = uint32(int64(line) + r.sleb())
		case 4:
			file = uint32(r.uleb())
		case 5: // set_column
			r.uleb()
		case 6, 7, 10, 11: // negate_stmt, set_basic_block, set_prologue_end, set_epilogue_begin
		case 8: // const_add_pc
			advance(uint64((255 - h.opcodeBase) / h.lineRange))
		case 9: // fixed_advance_pc
			addr += uint64(r.u16())
		case 12: // set_isa
			r.uleb()
		default:
			for n := h.lengths[op-1]; n > 0; n-- {
				r.uleb()
			}
		}
	}
	if len(t.Rows) > sequence { // a sequence without its end is no code
		t.Rows = t.Rows[:sequence]
	}
	if r.bad {
		return t, byteio.Errorf(r.at, ".debug_line", "the program of the table at %#x runs past its end", u.LineOffset)
	}
	return t, nil
}

// Files reads only the line table's header: its file names.
func (d *Data) Files(u *Unit) (*LineTable, error) {
	t, _, err := d.lineHeader(u)
	return t, err
}

func (d *Data) lineHeader(u *Unit) (*LineTable, lineHeader, error) {
	var h lineHeader
	if !u.HasLine && u.skeleton != nil { // a split unit's files are its skeleton's
		return u.other.lineHeader(u.skeleton)
	}
	if !u.HasLine {
		return nil, h, nil
	}
	fail := func(at uint64, format string, args ...any) (*LineTable, lineHeader, error) {
		return nil, h, byteio.Errorf(at, ".debug_line header", format, args...)
	}
	r := d.reader(d.line, u.LineOffset, ".debug_line")
	size, offsetSize := uint64(r.u32()), uint8(4)
	if size == 0xffffffff {
		size, offsetSize = r.u64(), 8
	}
	if r.bad || size > r.end-r.at {
		return fail(u.LineOffset, "%d bytes wanted, %d there", size, r.end-min(r.at, r.end))
	}
	h.end = r.at + size
	r.end = h.end
	if h.version = r.u16(); h.version < 2 || h.version > 5 {
		return fail(u.LineOffset, "expected version 2 to 5, got %d", h.version)
	}
	h.addrSize = u.AddrSize
	if h.version >= 5 {
		h.addrSize = r.u8()
		r.u8()
	}
	length := r.offset(offsetSize)
	h.program = r.at + length
	h.minInstruction = int64(r.u8())
	if h.version >= 4 {
		r.u8() // maximum_operations_per_instruction: VLIW only
	}
	r.u8() // default_is_stmt
	h.lineBase, h.lineRange, h.opcodeBase = int64(int8(r.u8())), r.u8(), r.u8()
	if h.opcodeBase == 0 || h.lineRange == 0 || h.program > h.end || length > size {
		return fail(u.LineOffset, "opcode_base %d, line_range %d, header of %d bytes", h.opcodeBase, h.lineRange, length)
	}
	h.lengths = r.take(uint64(h.opcodeBase - 1))
	t := &LineTable{Offset: u.LineOffset, Size: h.end - u.LineOffset}
	r.end = h.program
	if h.version >= 5 {
		d.names5(&r, u, t, offsetSize)
	} else {
		d.names4(&r, u, t)
	}
	if r.bad {
		return fail(r.at, "the file names run past the header")
	}
	return t, h, nil
}

func (d *Data) names4(r *reader, u *Unit, t *LineTable) {
	dirs := []string{u.CompDir}
	for !r.bad {
		dir := r.cstring()
		if dir == "" {
			break
		}
		dirs = append(dirs, dir)
	}
	t.Files = append(t.Files, join(u.CompDir, u.Name))
	for !r.bad {
		name := r.cstring()
		if name == "" {
			break
		}
		dir := r.uleb()
		r.uleb()
		r.uleb()
		t.Files = append(t.Files, joinDir(u, dirs, dir, name))
	}
}

// names5 reads both tables of DWARF 5, which describe their own entries (6.2.4.1).
func (d *Data) names5(r *reader, u *Unit, t *LineTable, offsetSize uint8) {
	inner := *u
	inner.OffsetSize = offsetSize
	var dirs []string
	table := func(yield func(name string, dir uint64)) {
		var formats []attr
		for n := r.u8(); n > 0 && !r.bad; n-- {
			formats = append(formats, attr{name: uint16(r.uleb()), form: uint16(r.uleb())})
		}
		count := r.uleb()
		if len(formats) == 0 || count > r.end {
			r.bad = r.bad || count > 0
			return
		}
		for i := uint64(0); i < count && !r.bad; i++ {
			name, dir, before := "", uint64(0), r.at
			for _, f := range formats {
				v := r.value(&inner, f)
				switch f.name {
				case 1: // DW_LNCT_path
					name = d.stringOf(&inner, v)
				case 2: // DW_LNCT_directory_index
					dir = v.number
				}
			}
			if r.at == before { // entries of no bytes have no end
				r.bad = true
			}
			yield(name, dir)
		}
	}
	table(func(name string, _ uint64) { dirs = append(dirs, name) })
	table(func(name string, dir uint64) { t.Files = append(t.Files, joinDir(u, dirs, dir, name)) })
}

func joinDir(u *Unit, dirs []string, dir uint64, name string) string {
	if absolute(name) {
		return name
	}
	if dir < uint64(len(dirs)) {
		name = join(dirs[dir], name)
	}
	if absolute(name) {
		return name
	}
	return join(u.CompDir, name)
}

func absolute(name string) bool {
	return strings.HasPrefix(name, "/") || len(name) > 2 && name[1] == ':' || strings.HasPrefix(name, `\\`)
}

func join(dir, name string) string {
	switch {
	case dir == "" || name == "" || absolute(name):
		return name
	case strings.Contains(dir, `\`):
		return strings.TrimSuffix(dir, `\`) + `\` + name
	}
	return path.Join(dir, name)
}
