package oracle

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/byteio"
)

// Bits of DllCharacteristics, and others.
const (
	highEntropy, dynamicBase, nxCompat, guardCF = 0x20, 0x40, 0x100, 0x4000
	relocationsStripped, configDirectory        = 1, 10 // the first of Characteristics
)

// Protections are what the loader of Windows does for a program against
// attacks, as the program lets it; nil for files of other formats, whose links
// say it themselves.
func Protections(data []byte) ([]string, error) {
	if !isPE(data) {
		return nil, nil
	}
	f := &pe{cursor: cursor{View: byteio.View{Data: data, Order: binary.LittleEndian}}, image: &Image{}}
	if err := f.headers(); err != nil {
		return nil, err
	}
	var list []string
	movable := f.flags&dynamicBase != 0 && f.kept&relocationsStripped == 0
	for _, p := range []struct {
		name string
		has  bool
	}{
		{"addresses that differ from run to run (ASLR)", movable},
		{"addresses out of 64 bits", movable && f.flags&highEntropy != 0},
		{"data that is never executed (NX)", f.flags&nxCompat != 0},
		{"checked indirect calls (CFG)", f.flags&guardCF != 0 && f.entries > configDirectory && f.size[configDirectory] > 0},
	} {
		if p.has {
			list = append(list, p.name)
		}
	}
	return list, nil
}
