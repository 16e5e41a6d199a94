package strip

import (
	"slices"
	"strconv"
	"strings"
)

// stringPool makes an ELF string table in which a string that is the tail of
// another one (.text of .rela.text) takes no bytes.
type stringPool struct {
	strings map[string]uint32
	data    []byte
}

func newStringPool() *stringPool { return &stringPool{strings: map[string]uint32{}} }

// add must precede bytes.
func (p *stringPool) add(s string) { p.strings[s] = 0 }

// bytes lays the table out; offset answers from then on.
func (p *stringPool) bytes() []byte {
	type entry struct{ name, reversed string }
	entries := make([]entry, 0, len(p.strings))
	for s := range p.strings {
		b := []byte(s)
		slices.Reverse(b)
		entries = append(entries, entry{s, string(b)})
	}
	// Descending by reversed text, a tail directly follows a string it ends.
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(b.reversed, a.reversed) })
	p.data = []byte{0}
	var last entry
	var lastAt uint32
	for _, e := range entries {
		switch {
		case e.name == "":
			p.strings[""] = 0
			continue
		case strings.HasPrefix(last.reversed, e.reversed):
			p.strings[e.name] = lastAt + uint32(len(last.name)-len(e.name))
			continue
		}
		last, lastAt = e, uint32(len(p.data))
		p.strings[e.name] = lastAt
		p.data = append(append(p.data, e.name...), 0)
	}
	return p.data
}

func (p *stringPool) offset(s string) uint32 { return p.strings[s] }

func itoa(n int) string { return strconv.Itoa(n) }
