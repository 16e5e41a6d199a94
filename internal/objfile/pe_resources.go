package objfile

import (
	"encoding/binary"
	"strconv"
	"unicode/utf16"

	"github.com/minsize/minsize/internal/byteio"
)

// PEResource is one resource of a PE file: what it is, which of them, and in
// which language.
type PEResource struct {
	Type, Name, Language string
	Addr                 uint64 // virtual address
	Size                 uint32
}

// peResourceTypes are the RT_ constants of the Windows headers.
var peResourceTypes = map[uint32]string{1: "cursor", 2: "bitmap", 3: "icon", 4: "menu", 5: "dialog", 6: "strings", 7: "font directory", 8: "font", 9: "accelerators",
	10: "data", 11: "message table", 12: "cursor group", 14: "icon group", 16: "version", 17: "dialog include", 19: "plug and play", 20: "VxD",
	21: "animated cursor", 22: "animated icon", 23: "HTML", 24: "manifest"}

// peLanguages are identifiers of languages that are met most (MS-LCID).
var peLanguages = map[uint32]string{0: "neutral", 0x404: "zh-TW", 0x407: "de-DE", 0x409: "en-US", 0x40a: "es-ES", 0x40c: "fr-FR", 0x410: "it-IT", 0x411: "ja-JP",
	0x412: "ko-KR", 0x415: "pl-PL", 0x416: "pt-BR", 0x419: "ru-RU", 0x41f: "tr-TR", 0x804: "zh-CN", 0x809: "en-GB", 0x816: "pt-PT", 0xc0a: "es-ES"}

// maxPEResources is more than any program has; a tree that has more is broken.
const maxPEResources = 1 << 16

// Resources reads the resource table (PE format, ".rsrc section"): a tree of
// three levels, type, name, language.
func (p *PEFile) Resources() (list []PEResource, err error) {
	data, off, err := p.directory(PEDirectoryResource)
	if err != nil || data == nil {
		return nil, err
	}
	broken := func(at uint64, what string) error { return byteio.Errorf(off+at, "resource table", "%s", what) }
	seen := 0
	var labels [3]string
	var walk func(at uint64, level int) error
	walk = func(at uint64, level int) error {
		if at+16 > uint64(len(data)) {
			return broken(at, "a directory outside of it")
		}
		count := uint64(binary.LittleEndian.Uint16(data[at+12:])) + uint64(binary.LittleEndian.Uint16(data[at+14:]))
		if at+16+8*count > uint64(len(data)) {
			return broken(at, "a directory that is longer")
		}
		for i := range count {
			if seen++; seen > maxPEResources {
				return broken(at, "too many entries")
			}
			entry := data[at+16+8*i:]
			name, to := binary.LittleEndian.Uint32(entry), binary.LittleEndian.Uint32(entry[4:])
			labels[level] = p.resourceLabel(data, name, level)
			if below := uint64(to &^ (1 << 31)); to>>31 != 0 {
				if level == 2 {
					return broken(below, "more than three levels")
				}
				if err := walk(below, level+1); err != nil {
					return err
				}
				continue
			}
			if uint64(to)+16 > uint64(len(data)) {
				return broken(uint64(to), "an entry outside of it")
			}
			leaf := data[to:]
			x := PEResource{Type: labels[0], Addr: p.va(binary.LittleEndian.Uint32(leaf)), Size: binary.LittleEndian.Uint32(leaf[4:])}
			if level > 0 {
				x.Name = labels[1]
			}
			if level > 1 {
				x.Language = labels[2]
			}
			list = append(list, x)
		}
		return nil
	}
	return list, walk(0, 0)
}

// resourceLabel is the name of an entry: a string, or a number that says
// something at the first level and the last.
func (p *PEFile) resourceLabel(data []byte, name uint32, level int) string {
	if at := uint64(name &^ (1 << 31)); name>>31 != 0 {
		if at+2 > uint64(len(data)) {
			return "?"
		}
		n := uint64(binary.LittleEndian.Uint16(data[at:]))
		var units []uint16
		for k := range min(n, 64) {
			if at+2+2*k+2 <= uint64(len(data)) {
				units = append(units, binary.LittleEndian.Uint16(data[at+2+2*k:]))
			}
		}
		return string(utf16.Decode(units))
	}
	known := ""
	switch level {
	case 0:
		known = peResourceTypes[name]
	case 2:
		if known = peLanguages[name]; known == "" {
			known = "language 0x" + strconv.FormatUint(uint64(name), 16)
		}
	}
	if known == "" {
		known = strconv.FormatUint(uint64(name), 10)
	}
	return known
}
