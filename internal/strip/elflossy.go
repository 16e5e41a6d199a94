package strip

// What goes only when it was asked for by name, because running programs can
// miss it: unwind tables and the build-id.
//
// Both are loaded, so taking them is a change of the memory image. It is made
// first, on a copy of the file, and that copy is what the oracle compares the
// rewritten file with: everything but what was named here still has to be the
// same.
//
// Unwind tables go for good where they end a segment, as GNU ld and lld lay
// them out; elsewhere they become zeros, since nothing behind them may move.
// The first word of .eh_frame stays, as a terminator: start files of static
// programs register the table at its address, and libgcc reads that word
// before it believes that there is anything (gcc, unwind-dw2-fde.c).

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/byteio"
)

// lossyRange is a range of the old file that becomes zero or goes.
type lossyRange struct {
	claim
	keep uint64 // bytes at its start that stay in the file, as zeros
}

// withoutLossy returns data without what o drops explicitly, and what that
// was. Data itself is not changed.
func withoutLossy(data []byte, o Options) ([]byte, []lossyRange, error) {
	if !o.DropBuildID && !o.DropUnwind {
		return data, nil, nil
	}
	f, err := parseELF(data)
	if err != nil {
		return nil, nil, err
	}
	if f.head.Type == etRel || f.companion() || f.head.Type == etCore {
		return data, nil, nil // the plan refuses it, or it stays as it is
	}
	out := bytes.Clone(data)
	segments := slices.Clone(f.segments)
	var ranges []lossyRange
	if o.DropUnwind {
		found, err := f.unwindSections(out)
		if err != nil {
			return nil, nil, err
		}
		if found == nil {
			return nil, nil, refuse("leave --drop-unwind out", "no unwind tables that section headers show")
		}
		ranges = append(ranges, found...)
		for i := range segments {
			if segments[i].Type == ptGNUEhFrame {
				segments[i] = elfSegment{Type: ptNull}
			}
		}
	}
	if o.DropBuildID {
		ranges = append(ranges, f.dropBuildID(out, segments)...)
	}
	for _, r := range ranges {
		clear(out[r.start:r.end])
	}
	cutTails(segments, ranges, out)
	if len(segments) > 0 {
		copy(out[f.head.Phoff:], f.encodeSegments(segments))
	}
	return out, ranges, nil
}

// unwindSections finds the tables and takes their headers out of out.
func (f *elfFile) unwindSections(out []byte) ([]lossyRange, error) {
	registered := f.mayRegisterFrames()
	var ranges []lossyRange
	for i, s := range f.sections {
		n := s.fileSize()
		if n == 0 || s.Flags&shfAlloc == 0 {
			continue
		}
		switch {
		case s.Name == ".eh_frame" && registered:
			ranges = append(ranges, lossyRange{claim{s.Offset, s.Offset + n, ReasonUnwind}, min(4, n)})
		case s.Name == ".eh_frame", s.Name == ".eh_frame_hdr", s.Name == ".gcc_except_table", strings.HasPrefix(s.Name, ".gcc_except_table."):
			ranges = append(ranges, lossyRange{claim: claim{s.Offset, s.Offset + n, ReasonUnwind}})
		default:
			continue
		}
		f.encodeSection(out[f.head.Shoff+uint64(i)*f.shentsize():], elfSection{})
	}
	return ranges, nil
}

// mayRegisterFrames says whether start files of the program could read
// .eh_frame by its address: they do when __register_frame_info is there. A
// program without symbols could have it inside.
func (f *elfFile) mayRegisterFrames() bool {
	for i, s := range f.sections {
		if s.Type == shtSymtab && int(s.Link) < len(f.sections) {
			return bytes.Contains(f.section(int(f.sections[i].Link)), []byte("register_frame_info"))
		}
	}
	return true
}

// dropBuildID makes the build-id's note an empty one of type 0, or takes its
// program header too where that holds nothing else.
func (f *elfFile) dropBuildID(out []byte, segments []elfSegment) (ranges []lossyRange) {
	const ntGNUBuildID = 3
	for i, p := range f.segments {
		if p.Type != ptNote || p.Filesz < 16 {
			continue
		}
		v := byteio.View{Data: f.data[p.Offset:p.end()], Base: p.Offset, Order: f.order}
		for at := uint64(0); at+16 <= v.Len(); {
			nameSize, _ := v.U32(at, "n_namesz")
			descSize, _ := v.U32(at+4, "n_descsz")
			kind, _ := v.U32(at+8, "n_type")
			name := alignUp(uint64(nameSize), 4)
			end := at + 12 + name + alignUp(uint64(descSize), 4)
			if end > v.Len() {
				break
			}
			if kind == ntGNUBuildID && nameSize == 4 && string(v.Data[at+12:at+15]) == "GNU" {
				whole := at == 0 && end == v.Len()
				from := p.Offset + at + 12 + name
				if whole {
					from = p.Offset
					segments[i] = elfSegment{Type: ptNull}
				} else {
					f.order.PutUint32(out[p.Offset+at+8:], 0)
				}
				ranges = append(ranges, lossyRange{claim: claim{from, p.Offset + end, ReasonBuildID}})
				for j, s := range f.sections {
					if whole && s.Type == shtNote && s.Offset == p.Offset && s.Size == p.Filesz {
						f.encodeSection(out[f.head.Shoff+uint64(j)*f.shentsize():], elfSection{})
					}
				}
			}
			at = end
		}
	}
	return ranges
}

// cutTails shortens segments that end with dropped ranges. What lies between
// two ranges, or behind the last one, must be zero: alignment.
func cutTails(segments []elfSegment, ranges []lossyRange, out []byte) {
	sorted := slices.Clone(ranges)
	arrange.Sort(sorted, func(a, b lossyRange) int { return cmp.Compare(b.start, a.start) })
	for i := range segments {
		p := &segments[i]
		if p.Type != ptLoad || p.Filesz != p.Memsz {
			continue
		}
		end := p.end()
		for _, r := range sorted {
			if r.start < p.Offset || r.end > end || !allZero(out[r.end:end]) {
				continue
			}
			end = r.start + r.keep
			if r.keep > 0 {
				break
			}
		}
		// Another program header may need bytes there.
		for _, q := range segments {
			if q.Type != ptNull && q.Type != ptLoad && q.Filesz > 0 && q.Offset < p.end() && q.end() > end && q.Offset >= p.Offset {
				end = min(q.end(), p.end())
			}
		}
		p.Filesz = end - p.Offset
		p.Memsz = p.Filesz
	}
}
