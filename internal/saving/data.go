package saving

import (
	"bytes"
	"cmp"
	"compress/flate"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/attrib"
)

// Data that costs more than what it says: each finding is measured in the bytes
// of the program, the range is what the ways to do without it leave.

// deflated is the size that a text has as DEFLATE.
func deflated(text []byte) int {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return len(text)
	}
	_, _ = w.Write(text)
	_ = w.Close()
	return b.Len()
}

// datum is a piece of data of the program that is not the standard library's.
type datum struct {
	node, owner int32
	text        []byte
	writable    bool
}

// size with what is charged to it.
func (d *datum) size(s *Subject) uint64 { return s.Graph.Node(d.node).Size }

// data are all pieces from a size on, which some of the program refers to.
func (s *Subject) data(least uint64) (list []datum) {
	p := s.program
	if p == nil {
		return nil
	}
	for i := range p.Atoms {
		a := &p.Atoms[i]
		n := int32(i) + 1
		if a.Size() < least || a.End > p.Space.File || a.Section < 0 || !s.now[n] || !slices.Contains([]attrib.Kind{attrib.ReadOnly, attrib.String, attrib.Data}, a.Kind) {
			continue
		}
		if a.Symbol >= 0 && p.Symbols[a.Symbol].Size != a.Size() {
			continue // a symbol without a size: what follows it may be another's
		}
		owner := s.owner(n)
		if a.Symbol < 0 && owner < 0 {
			continue // a stripped program: nothing tells where it ends
		}
		if owner > 0 && std(s.crates[owner]) || owner < 0 && len(s.owns) > 0 {
			continue
		}
		list = append(list, datum{n, max(owner, n), p.File.Data[a.Start:a.End], p.File.Sections[a.Section].Write})
	}
	return list
}

// about is how a report speaks of a datum, and where it is.
func (s *Subject) about(d *datum) (name string, at place) {
	name = s.Graph.Name(d.node)
	if d.owner != d.node {
		at = s.declared(d.owner)
	} else {
		at = s.defined(d.node)
	}
	return name, at
}

// leastTable is from where on a table is worth a line of its own.
func (s *Subject) leastTable() uint64 { return max(s.worth()*2, 4096) }

func tables(s *Subject) (found []Saving) {
	files := s.includedFiles(s.leastTable())
	twice := map[string]int{}
	list := s.data(s.leastTable())
	for _, d := range list {
		twice[string(d.text)]++
	}
	for _, d := range list {
		_, run := longestRun(d.text)
		if d.writable && run >= len(d.text)/2 || slices.ContainsFunc(files, func(f included) bool { return bytes.HasPrefix(f.text, d.text) || bytes.Contains(d.text, f.text) }) {
			continue // zeros and includes say more
		}
		foreign := len(s.owns) > 0 && !s.own(d.owner)
		if foreign && d.size(s) < s.Size/50 {
			continue // nothing that anybody leaves a dependency for
		}
		name, at := s.about(&d)
		step := fmt.Sprintf("compute it at start, read it from a file, use smaller types; or keep it compressed (%d bytes deflated)", deflated(d.text))
		if foreign {
			step = fmt.Sprintf("it is the dependency's: ask for a feature without it, or use another crate (%d bytes deflated)", deflated(d.text))
		}
		what := fmt.Sprintf("%s: %d bytes of constants", name, len(d.text))
		if twice[string(d.text)] > 1 {
			what += ", there more than once"
		}
		found = append(found, Saving{
			What: what, Step: step, File: at.file, Line: at.line,
		}.within(d.size(s)-d.size(s)/50, d.size(s), d.size(s)+d.size(s)/50+512))
	}
	return found
}

// longestRun is the longest run of one byte.
func longestRun(text []byte) (value byte, length int) {
	for i := 0; i < len(text); {
		j := i + 1
		for j < len(text) && text[j] == text[i] {
			j++
		}
		if j-i > length {
			value, length = text[i], j-i
		}
		i = j
	}
	return value, length
}

// zeros finds writable data that is stored although most of it is one value.
// Memory that begins as zeros costs no bytes, but a static is stored whole as
// soon as one byte of it is not zero.
func zeros(s *Subject) (found []Saving) {
	for _, d := range s.data(1024) {
		value, run := longestRun(d.text)
		if !d.writable || run < len(d.text)/2 {
			continue
		}
		name, at := s.about(&d)
		step := "make the part that is zero a static of its own, which then costs nothing"
		if value != 0 {
			step = fmt.Sprintf("let the memory begin as zeros: %#02x may be written at start, or be what 0 stands for", value)
		}
		found = append(found, Saving{
			What: fmt.Sprintf("%s: %d of %d writable bytes begin as %#02x", name, run, len(d.text), value), Step: step, File: at.file, Line: at.line,
		}.within(uint64(run)-uint64(run)/50, uint64(run), d.size(s)+512))
	}
	return found
}

// sameData finds constants that are there more than once.
func sameData(s *Subject) (found []Saving) {
	groups := map[string][]datum{}
	for _, d := range s.data(256) {
		if !d.writable && !uniform(d.text) {
			groups[string(d.text)] = append(groups[string(d.text)], d)
		}
	}
	for _, list := range groups {
		if len(list) < 2 {
			continue
		}
		arrange.Sort(list, func(a, b datum) int { return cmp.Compare(a.node, b.node) })
		x := Saving{Step: "keep one of them, public, and let the others use it"}
		bytes := uint64(0)
		for i, d := range list {
			name, at := s.about(&d)
			if i == 0 {
				x.File, x.Line = at.file, at.line
			} else {
				bytes += d.size(s)
			}
			x.Items = append(x.Items, strings.TrimSpace(fmt.Sprintf("%s:%d %s", at.file, at.line, name)))
		}
		x.What = fmt.Sprintf("the same %d bytes %d times: %s, %s", len(list[0].text), len(list), s.Graph.Name(list[0].node), s.Graph.Name(list[1].node))
		found = append(found, x.within(bytes-bytes/20, bytes, bytes+bytes/20+512))
	}
	arrange.Sort(found, func(a, b Saving) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.What, b.What)) })
	return found
}

func uniform(text []byte) bool {
	_, run := longestRun(text)
	return run == len(text)
}
