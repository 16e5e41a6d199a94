package objfile

// Mach-O universal ("fat") files: mach-o/fat.h. Big-endian, whatever is in it.

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// FatFile is what only universal files have.
type FatFile struct {
	Wide   bool // fat_arch_64
	Arches []FatArch

	file *File
}

// FatArch is one fat_arch with its standard names.
type FatArch struct {
	Cputype    uint32
	Cpusubtype uint32
	Offset     uint64
	Size       uint64
	Align      uint32 // power of two
	Arch       string
}

const (
	fatMagic   = 0xcafebabe
	fatMagic64 = 0xcafebabf
)

// matchFat tells a universal file from a Java class, which has the same magic
// and, where the count of architectures is, its version (45 and up).
func matchFat(data []byte) bool {
	if len(data) < 8 {
		return false
	}
	magic, count := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
	return magic == fatMagic64 || magic == fatMagic && count < 43
}

func parseFat(f *File, v byteio.View) error {
	v.Order = binary.BigEndian
	fat := &FatFile{Wide: binary.BigEndian.Uint32(v.Data) == fatMagic64, file: f}
	f.Format, f.Fat, f.Order, f.Kind = FatMach, fat, binary.BigEndian, OtherKind
	count, size := uint64(binary.BigEndian.Uint32(v.Data[4:])), pick(fat.Wide, 32, 20)
	table, err := v.Table(8, count, size, "fat_arch table")
	if err != nil {
		return err
	}
	d := decoder{big: true, wide: fat.Wide}
	for i := uint64(0); i < count; i++ {
		b := table[i*size:]
		w := d.wordSize()
		a := FatArch{Cputype: d.u32(b), Cpusubtype: d.u32(b[4:]), Offset: d.word(b[8:]), Size: d.word(b[8+w:]), Align: d.u32(b[8+2*w:])}
		_, arch := machine.OfMachO(a.Cputype)
		a.Arch = arch.Name
		if _, err := v.Slice(a.Offset, a.Size, "fat_arch"); err != nil {
			return byteio.Errorf(v.Base+8+i*size+8, "fat_arch.offset", "slice %d: bytes %#x to %#x wanted, the file has %#x", i, a.Offset, a.Offset+a.Size, v.Len())
		}
		fat.Arches = append(fat.Arches, a)
	}
	return nil
}

// Open parses slice i; offsets in the result and its errors count from the
// slice's start.
func (fat *FatFile) Open(i int) (*File, error) {
	a := fat.Arches[i]
	return Parse(fat.file.Name+"("+a.Arch+")", fat.file.Data[a.Offset:a.Offset+a.Size])
}
