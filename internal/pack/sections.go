package pack

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// The section header table, which nothing loads but Unpack must give back.
// Of its 64 bytes a section hardly two are news: names say what a section is,
// the program headers where it lies. Every field is coded as its difference
// from a prediction, sizes in a column of their own; a table that follows no
// linker's habits costs more and comes back all the same.
//
// Source: System V ABI, chapter 4 (sections); the habits are those of GNU ld,
// lld, mold and Go's linker.

const sectionSize = 64

// habit is what a section of that name usually has.
type habit struct {
	typ, flags, align, entsize uint64
	link                       string
}

var habits = map[string]habit{
	".interp": {1, 2, 1, 0, ""}, ".note.gnu.property": {7, 2, 8, 0, ""}, ".note.gnu.build-id": {7, 2, 4, 0, ""}, ".note.ABI-tag": {7, 2, 4, 0, ""},
	".hash": {5, 2, 8, 4, ".dynsym"}, ".gnu.hash": {0x6ffffff6, 2, 8, 0, ".dynsym"}, ".dynsym": {11, 2, 8, 24, ".dynstr"}, ".dynstr": {3, 2, 1, 0, ""},
	".gnu.version": {0x6fffffff, 2, 2, 2, ".dynsym"}, ".gnu.version_r": {0x6ffffffe, 2, 8, 0, ".dynstr"}, ".gnu.version_d": {0x6ffffffd, 2, 8, 0, ".dynstr"},
	".rela.dyn": {4, 2, 8, 24, ".dynsym"}, ".rela.plt": {4, 0x42, 8, 24, ".dynsym"}, ".relr.dyn": {19, 2, 8, 8, ""},
	".init": {1, 6, 4, 0, ""}, ".plt": {1, 6, 16, 16, ""}, ".plt.got": {1, 6, 8, 8, ""}, ".plt.sec": {1, 6, 16, 16, ""}, ".text": {1, 6, 16, 0, ""}, ".fini": {1, 6, 4, 0, ""},
	".rodata": {1, 2, 32, 0, ""}, ".eh_frame_hdr": {1, 2, 4, 0, ""}, ".eh_frame": {1, 2, 8, 0, ""}, ".gcc_except_table": {1, 2, 4, 0, ""},
	".tdata": {1, 0x403, 8, 0, ""}, ".tbss": {8, 0x403, 8, 0, ""}, ".init_array": {14, 3, 8, 8, ""}, ".fini_array": {15, 3, 8, 8, ""},
	".data.rel.ro": {1, 3, 32, 0, ""}, ".dynamic": {6, 3, 8, 16, ".dynstr"}, ".got": {1, 3, 8, 8, ""}, ".got.plt": {1, 3, 8, 8, ""}, ".data": {1, 3, 32, 0, ""}, ".bss": {8, 3, 32, 0, ""},
	".comment": {1, 0x30, 1, 1, ""}, ".shstrtab": {3, 0, 1, 0, ""}, ".symtab": {2, 0, 8, 24, ".strtab"}, ".strtab": {3, 0, 1, 0, ""}, ".gnu_debuglink": {1, 0, 4, 0, ""},
	".gopclntab": {1, 2, 32, 0, ""}, ".typelink": {1, 2, 32, 0, ""}, ".itablink": {1, 2, 32, 0, ""}, ".go.buildinfo": {1, 3, 16, 0, ""}, ".go.fipsinfo": {1, 3, 32, 0, ""},
	".go.module": {1, 3, 32, 0, ""}, ".noptrdata": {1, 3, 32, 0, ""}, ".noptrbss": {8, 3, 32, 0, ""}, ".note.go.buildid": {7, 2, 4, 0, ""},
}

// columns codes numbers as differences from predictions: writing, field
// appends; reading, it fills in.
type columns struct {
	write bool
	sizes []byte // written so far, or still to be read
	rest  []byte
	err   error
}

func (c *columns) field(v *uint64, predicted uint64, column *[]byte) {
	if c.write {
		*column = binary.AppendUvarint(*column, zigzag(*v-predicted))
		return
	}
	d, n := binary.Uvarint(*column)
	if n <= 0 {
		c.err = errDamaged("the section headers end early")
		return
	}
	*column = (*column)[n:]
	*v = predicted + unzigzag(d)
}

func zigzag(v uint64) uint64   { return v<<1 ^ uint64(int64(v)>>63) }
func unzigzag(v uint64) uint64 { return v>>1 ^ -(v & 1) }

// sectionTable codes the table in file, whose other bytes are all there
// already: size of the section names and their offset first, for names
// predict the most.
func (c *columns) sectionTable(file []byte, shoff, shnum, shstrndx uint64, headers []objfile.Phdr) error {
	le := binary.LittleEndian
	table := file[shoff : shoff+shnum*sectionSize]
	var namesAt, namesSize uint64
	if c.write && shstrndx < shnum {
		namesAt, namesSize = le.Uint64(table[shstrndx*sectionSize+24:]), le.Uint64(table[shstrndx*sectionSize+32:])
		if !rangeIn(file, namesAt, namesSize) {
			namesAt, namesSize = 0, 0
		}
	}
	c.field(&namesAt, shoff, &c.rest)
	c.field(&namesSize, 0, &c.rest)
	if c.err != nil || !rangeIn(file, namesAt, namesSize) || namesSize > 1<<24 {
		return errDamaged("section names at %#x are outside the file", namesAt)
	}
	names := byteio.View{Data: file[namesAt : namesAt+namesSize]}
	index := map[string]uint64{}
	previous := habit{}
	nameAt, addr, offset := uint64(0), uint64(0), uint64(64)
	segment := 0
	var loads []objfile.Phdr
	sizes := map[uint64]uint64{} // of what a program header describes alone
	for _, h := range headers {
		switch h.Type {
		case objfile.PT_LOAD:
			loads = append(loads, h)
		case objfile.PT_INTERP, objfile.PT_DYNAMIC, objfile.PT_GNU_EH_FRAME:
			sizes[h.Vaddr] = h.Filesz
		}
	}
	for i := range shnum {
		b := table[i*sectionSize:]
		var f [10]uint64 // sh_name, type, flags, addr, offset, size, link, info, addralign, entsize
		if c.write {
			f = [10]uint64{uint64(le.Uint32(b)), uint64(le.Uint32(b[4:])), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:]),
				uint64(le.Uint32(b[40:])), uint64(le.Uint32(b[44:])), le.Uint64(b[48:]), le.Uint64(b[56:])}
		}
		if i == 0 { // the null section
			for j := range f {
				c.field(&f[j], 0, &c.rest)
			}
		} else {
			c.field(&f[0], nameAt, &c.rest)
			name := ""
			if f[0] < names.Len() {
				short := byteio.View{Data: names.Data[f[0]:min(f[0]+256, names.Len())]}
				name, _ = short.CString(0, "section name")
			}
			nameAt = f[0] + uint64(len(name)) + 1
			index[name] = i
			h, known := habits[name]
			if !known {
				h = previous
			}
			c.field(&f[1], h.typ, &c.rest)
			c.field(&f[2], h.flags, &c.rest)
			c.field(&f[8], h.align, &c.rest)
			c.field(&f[9], h.entsize, &c.rest)
			c.field(&f[6], linkOf(h.link, index, i, name), &c.rest)
			c.field(&f[7], map[string]uint64{".dynsym": 1}[name], &c.rest)
			previous = habit{f[1], f[2], f[8], f[9], ""}
			alloc := f[2]&objfile.SHF_ALLOC != 0
			if alloc {
				addr, _ = byteio.AlignUp(addr, f[8])
				for segment < len(loads) && (addr >= loads[segment].Vaddr+loads[segment].Memsz || i == 1) {
					if addr < loads[segment].Vaddr {
						break
					}
					if segment+1 == len(loads) {
						break
					}
					segment++
					addr = max(addr, loads[segment].Vaddr)
				}
				c.field(&f[3], addr, &c.rest)
				for _, l := range loads {
					if f[3] >= l.Vaddr && f[3]-l.Vaddr <= l.Memsz {
						offset = l.Off + f[3] - l.Vaddr
						if f[1] == 8 && f[2]&0x400 == 0 {
							offset = l.Off + l.Filesz
						}
					}
				}
			} else {
				c.field(&f[3], 0, &c.rest)
				offset, _ = byteio.AlignUp(offset, f[8])
			}
			c.field(&f[4], offset, &c.rest)
			c.field(&f[5], sizes[f[3]], &c.sizes)
			if alloc && f[2]&0x400 == 0 || f[1] != 8 && alloc { // .tbss takes no addresses
				addr = f[3] + f[5]
			}
			offset = f[4]
			if f[1] != 8 {
				offset += f[5]
			}
		}
		if c.err != nil {
			return c.err
		}
		if !c.write {
			for j, at := range [10]int{0, 4, 8, 16, 24, 32, 40, 44, 48, 56} {
				switch at {
				case 0, 4, 40, 44:
					le.PutUint32(b[at:], uint32(f[j]))
				default:
					le.PutUint64(b[at:], f[j])
				}
			}
		}
	}
	return c.err
}

// linkOf predicts sh_link: the section of that name, or else the next one.
func linkOf(link string, index map[string]uint64, i uint64, name string) uint64 {
	if link == "" {
		return 0
	}
	if at, ok := index[link]; ok {
		return at
	}
	return i + 1
}
