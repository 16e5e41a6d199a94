package attrib

import (
	"errors"
	"fmt"

	"github.com/minsize/minsize/internal/objfile"
)

// Load parses data and attributes it: one Input, or for an archive or a fat
// file one for what is around the members and one for each of them. Together
// they count every byte of data once.
func Load(name string, data []byte, o Options) ([]Input, error) {
	f, err := objfile.Parse(name, data)
	if err != nil {
		return nil, err
	}
	p, err := New(f, o)
	if err != nil {
		return nil, err
	}
	inputs := []Input{{Name: name, Program: p}}
	add := func(member string, data []byte, open func() (*objfile.File, error)) error {
		f, err := open()
		if err != nil && !errors.Is(err, objfile.ErrFormat) {
			p.warn("%s is counted whole: %v", member, err)
		}
		if err != nil || f.Format == objfile.Archive || f.Format == objfile.FatMach {
			f = objfile.Opaque(name, data) // a Rust library's metadata, and so on
		}
		q, err := New(f, o)
		if err != nil {
			return fmt.Errorf("%s: %w", member, err)
		}
		inputs = append(inputs, Input{Name: name, Member: member, Program: q})
		return nil
	}
	switch {
	case f.Ar != nil && !f.Ar.Thin:
		for i := range f.Ar.Members {
			m := &f.Ar.Members[i]
			if m.Special != "" {
				continue
			}
			if err := add(m.Name, f.Ar.Data(i), func() (*objfile.File, error) { return f.Ar.Open(i) }); err != nil {
				return nil, err
			}
		}
	case f.Fat != nil:
		for i := range f.Fat.Arches {
			a := &f.Fat.Arches[i]
			if err := add(a.Arch, data[a.Offset:a.Offset+a.Size], func() (*objfile.File, error) { return f.Fat.Open(i) }); err != nil {
				return nil, err
			}
		}
	}
	members := uint64(0)
	for _, in := range inputs[1:] {
		members += in.Program.File.Size
	}
	if members != p.holes() { // they overlap, which no tool writes
		for i := range p.extras {
			p.extras[i].hole = false
		}
		p.warn("members overlap: they are counted as one")
		return inputs[:1], nil
	}
	return inputs, nil
}
