package strip

// Relative relocations, packed and applied by the file itself (package
// relocate), as the last stage of a rewrite. The other stages never see a file
// whose relocations are packed: they are unpacked first and packed again, so
// that rewriting twice is rewriting once, and unpacking gives the file that the
// other stages made, to the byte.

import (
	"errors"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/relocate"
)

// Relocations says what a rewrite does with the table of relative relocations.
type Relocations int

const (
	// RelocationsByLevel packs them at Max where that is possible.
	RelocationsByLevel Relocations = iota
	// PackRelocations packs them, or refuses with the reason.
	PackRelocations
	// KeepRelocations leaves them as they are.
	KeepRelocations
	// UnpackRelocations gives the file as it was before they were packed.
	UnpackRelocations
)

// planRelocated is planELF for executables and shared objects: what was packed
// is unpacked, the level's own stages, packed again.
func planRelocated(data []byte, o Options, r *Report) (byteio.Content, error) {
	pack := o.Relocations == PackRelocations || o.Relocations == RelocationsByLevel && o.level() == Max
	before, wasPacked, err := unpackRelocations(data, o, r)
	if err != nil {
		return nil, err
	}
	if wasPacked {
		pack = o.Relocations != UnpackRelocations
		r.remove(ReasonRelative, int64(len(data))-int64(len(before)))
	}
	var content byteio.Content
	if o.level() == Nothing {
		content, err = planNothing(before, o, r)
	} else {
		content, err = planELF(before, o, r)
	}
	if err != nil || !pack {
		return content, err
	}
	if !loadedAnywhere(data) && o.Relocations != PackRelocations {
		return content, nil
	}
	stripped := content.Bytes()
	if o.Forget != nil && len(content) > 1 {
		o.Forget(data)
	}
	if len(stripped) >= len(before) && !o.asked() {
		stripped = before // as Plan does: what saves nothing changes nothing
		r.Removed = nil
		if wasPacked {
			r.remove(ReasonRelative, int64(len(data))-int64(len(before)))
		}
	}
	return packRelocations(stripped, o, r, wasPacked)
}

// unpackRelocations gives the file before its relocations were packed, or data
// where they were not.
func unpackRelocations(data []byte, o Options, r *Report) (before []byte, was bool, err error) {
	before, err = nil, relocate.ErrNotPacked
	if loadedAnywhere(data) {
		before, err = relocate.Unpack(data)
	}
	if err == nil && SameImage(before, data) != nil { // what the record does not tell is not as it was
		err = relocate.ErrChanged
	}
	switch {
	case err == nil:
		return before, true, nil
	case errors.Is(err, relocate.ErrNotPacked):
		if o.Relocations == UnpackRelocations {
			return nil, false, refuse("", "%v", err)
		}
	case errors.Is(err, relocate.ErrChanged):
		if o.Relocations == UnpackRelocations {
			return nil, false, refuse("the file as minsize wrote it", "%v", err)
		}
		r.note("%v: --undo-relocations will not work", err)
	}
	return data, false, nil // what is malformed is planELF's to say
}

// loadedAnywhere says at first sight whether a file may have what can be packed:
// 64 bits, little-endian, and no fixed address.
func loadedAnywhere(data []byte) bool {
	return len(data) > 64 && data[4] == 2 && data[5] == 1 && data[16] == etDyn && data[17] == 0
}

// planNothing is the level that drops nothing: only what no level may touch is
// refused.
func planNothing(data []byte, o Options, r *Report) (byteio.Content, error) {
	f, err := parseELF(data)
	if err != nil {
		return nil, err
	}
	r.Machine = f.machineName()
	if err := f.refusals(); err != nil {
		return nil, err
	}
	if f.head.Type == etRel || len(f.segments) == 0 {
		return nil, refuse("the program that it is linked into", "relocatable object: nothing loads it as it is")
	}
	p := &elfPlan{elfFile: f, o: o, level: Nothing, r: r}
	p.findEnd()
	return byteio.Content{{Data: data}}, p.decidePayload()
}

func packRelocations(data []byte, o Options, r *Report, already bool) (byteio.Content, error) {
	same := byteio.Content{{Data: data}}
	f, err := parseELF(data)
	if err != nil {
		return nil, err
	}
	p := &elfPlan{elfFile: f, o: o, level: o.level(), r: r}
	page := uint64(4096)
	for _, s := range f.segments {
		if s.Type == ptLoad {
			page = max(page, p.congruence(s))
		}
	}
	content, packed, err := relocate.Pack(data, page)
	switch {
	case errors.Is(err, relocate.ErrNoGain):
		if o.Relocations == PackRelocations {
			r.note("%v", err)
		}
		return same, nil
	case errors.Is(err, relocate.ErrNotApplicable) && o.Relocations == PackRelocations:
		return nil, refuse("", "%v", err)
	case errors.Is(err, relocate.ErrNotApplicable):
		if could := relocate.Worth(data); could > 0 {
			r.note("%v; %d bytes of them stay", err, could)
		}
		return same, nil
	case err != nil:
		return nil, err
	}
	r.remove(ReasonRelative, int64(len(data))-int64(content.Len()))
	if already {
		r.note("its relative relocations apply themselves already")
	} else {
		r.note("%d relative relocations are packed, and the file applies them itself; --undo-relocations takes that back", packed.Relocations)
	}
	return content, nil
}
