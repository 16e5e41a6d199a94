package strip

// Wasm components (Component Model, binary format): a row of sections like a
// module's, of which some hold whole core modules and whole components. Those
// are rewritten; every other byte stays.
//
// A component names imports and exports of its modules, never their functions
// by number, and a rewritten module keeps all exports; what is passed to an
// import that is gone is not looked at.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

const (
	componentModule    = 1
	componentComponent = 4
	componentHeader    = 8
	deepestComponent   = 16 // what any tool nests, times four
)

// componentSection is a section: whole as it lies in the file, and its payload.
type componentSection struct {
	id          byte
	whole, data []byte
}

// holdsWasm says whether the payload is a file by itself.
func (s *componentSection) holdsWasm() bool {
	return (s.id == componentModule || s.id == componentComponent) && isWasm(s.data)
}

func componentSections(data []byte) iter.Seq2[componentSection, error] {
	return func(yield func(componentSection, error) bool) {
		v := byteio.View{Data: data, Order: binary.LittleEndian}
		for at := uint64(componentHeader); at < v.Len(); {
			size, start, err := v.Uleb128(at+1, "section size")
			if err == nil && size > v.Len()-start {
				err = byteio.Errorf(at, "section size", "%d bytes wanted, %d there", size, v.Len()-start)
			}
			if err != nil {
				yield(componentSection{}, err)
				return
			}
			end := start + size
			if !yield(componentSection{data[at], data[at:end], data[start:end]}, nil) {
				return
			}
			at = end
		}
	}
}

// planComponent plans what planWasm does for each module inside.
func planComponent(data []byte, o Options, r *Report, depth int) (byteio.Content, error) {
	if depth > deepestComponent {
		return nil, refuse("strip the core modules before they are put together", "components nested more than %d deep", deepestComponent)
	}
	content := byteio.Content{{Data: data[:componentHeader]}}
	modules := 0
	for s, err := range componentSections(data) {
		if err != nil {
			return nil, err
		}
		if !s.holdsWasm() {
			content = append(content, byteio.Piece{Data: s.whole})
			continue
		}
		inner := Report{}
		var planned byteio.Content
		if objfile.WasmComponent(s.data) {
			planned, err = planComponent(s.data, o, &inner, depth+1)
		} else {
			planned, err = planWasm(s.data, o, &inner)
		}
		if err != nil {
			return nil, err
		}
		modules++
		small := planned.Bytes()
		whole := append(binary.AppendUvarint([]byte{s.id}, uint64(len(small))), small...)
		if len(small) >= len(s.data) || len(whole) >= len(s.whole) {
			content = append(content, byteio.Piece{Data: s.whole})
			continue
		}
		content = append(content, byteio.Piece{Data: whole})
		for reason, n := range inner.Removed {
			r.remove(reason, n)
		}
		// The length before it may take fewer bytes now.
		r.remove(ReasonModule, int64(len(s.whole)-len(s.data))-int64(len(whole)-len(small)))
		for _, note := range inner.Notes {
			r.note("module %d: %s", modules, note)
		}
	}
	return content, nil
}

// sameComponent says whether two components differ in nothing but modules that
// do the same.
func sameComponent(old, new []byte) error {
	next, stop := iter.Pull2(componentSections(new))
	defer stop()
	for s, err := range componentSections(old) {
		now, err2, more := next()
		switch {
		case err != nil:
			return err
		case err2 != nil:
			return err2
		case !more:
			return fmt.Errorf("sections of the component are missing")
		case bytes.Equal(s.whole, now.whole):
			continue
		case s.id != now.id || !s.holdsWasm() || !now.holdsWasm():
			return fmt.Errorf("a section of kind %d of the component is not what it was", s.id)
		}
		if err := SameImage(s.data, now.data); err != nil {
			return err
		}
	}
	if _, _, more := next(); more {
		return fmt.Errorf("the component has more sections than before")
	}
	return nil
}
