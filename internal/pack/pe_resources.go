package pack

import (
	"encoding/binary"
	"slices"

	"github.com/minsize/minsize/internal/objfile"
)

// Resources that others read in the file while it does not run: icons by the
// shell, the version by installers, the manifest by the loader before the
// first instruction. They stay as they are, in a directory of their own; the stub
// copies them to where the original's directory has them.

const (
	peResourceIcon      = 3
	peResourceGroupIcon = 14
	peResourceVersion   = 16
	peResourceManifest  = 24

	peResourceLimit = 4096 // entries of all directories
)

// peResource is the data of one resource.
type peResource struct {
	path     [3]peResourceName // type, name, language
	at, size uint32            // RVA in the original
	codepage uint32
	data     []byte
}

// peResourceName is a number, or characters.
type peResourceName struct {
	id   uint32
	text string // UTF-16, as stored
}

// readResources finds what is to be kept; of a tree that is not as it should
// be, nothing: the program's own look-ups will find what they found.
func (p *windowsProgram) readResources() []peResource {
	le := binary.LittleEndian
	d := p.directories[objfile.PEDirectoryResource]
	var out []peResource
	left := peResourceLimit
	var walk func(off uint32, depth int, path [3]peResourceName) bool
	walk = func(off uint32, depth int, path [3]peResourceName) bool {
		head, ok := p.at(p.data, d.VirtualAddress+off, 16)
		if !ok || off > d.Size {
			return false
		}
		n := uint32(le.Uint16(head[12:])) + uint32(le.Uint16(head[14:]))
		entries, ok := p.at(p.data, d.VirtualAddress+off+16, 8*n)
		if left -= int(n); !ok || left < 0 {
			return false
		}
		for ; len(entries) > 0; entries = entries[8:] {
			id, to := le.Uint32(entries), le.Uint32(entries[4:])
			name := peResourceName{id: id}
			if id>>31 != 0 {
				at := d.VirtualAddress + id&^(1<<31)
				length, ok := p.at(p.data, at, 2)
				if !ok {
					return false
				}
				text, ok := p.at(p.data, at+2, 2*uint32(le.Uint16(length)))
				if !ok {
					return false
				}
				name.text = string(text)
			}
			if depth == 0 && !slices.Contains([]uint32{peResourceIcon, peResourceGroupIcon, peResourceVersion, peResourceManifest}, id) {
				continue
			}
			path[depth] = name
			if to>>31 != 0 {
				if depth == 2 || !walk(to&^(1<<31), depth+1, path) {
					return false
				}
				continue
			}
			entry, ok := p.at(p.data, d.VirtualAddress+to, 16)
			if !ok || depth != 2 {
				return false
			}
			r := peResource{path: path, at: le.Uint32(entry), size: le.Uint32(entry[4:]), codepage: le.Uint32(entry[8:])}
			if r.data, ok = p.at(p.data, r.at, r.size); !ok || r.at < p.first || r.at+r.size > p.filled {
				return false
			}
			if r.size > 0 {
				out = append(out, r)
			}
		}
		return true
	}
	if d.VirtualAddress == 0 || !walk(0, 0, [3]peResourceName{}) {
		return nil
	}
	slices.SortStableFunc(out, func(a, b peResource) int { return int(int64(a.at) - int64(b.at)) })
	for i := 1; i < len(out); i++ {
		if out[i].at < out[i-1].at+out[i-1].size { // one datum under two names
			return nil
		}
	}
	return out
}

// resourceTree writes directories for resources, at rva: tables, names, data
// entries, data. places are where each one's data lie.
func resourceTree(resources []peResource, rva uint32) (tree []byte, places []uint32) {
	le := binary.LittleEndian
	type node struct {
		name     peResourceName
		children []*node
		resource int
		at       int
	}
	root := &node{}
	for i, r := range resources {
		n := root
		for _, name := range r.path {
			k := slices.IndexFunc(n.children, func(c *node) bool { return c.name == name })
			if k < 0 {
				k = len(n.children)
				n.children = append(n.children, &node{name: name})
			}
			n = n.children[k]
		}
		n.resource = i
	}
	// Level by level, the tables first; named entries before numbered ones, in order.
	levels := [][]*node{{root}}
	for range 3 {
		var next []*node
		for _, n := range levels[len(levels)-1] {
			slices.SortStableFunc(n.children, func(a, b *node) int {
				if (a.name.text == "") != (b.name.text == "") {
					if a.name.text != "" {
						return -1
					}
					return 1
				}
				if a.name.text == "" {
					return int(int64(a.name.id) - int64(b.name.id))
				}
				return 0 // as they were: sorted by their linker
			})
			next = append(next, n.children...)
		}
		levels = append(levels, next)
	}
	size := 0
	for _, level := range levels[:3] {
		for _, n := range level {
			n.at = size
			size += 16 + 8*len(n.children)
		}
	}
	leaves := levels[3]
	for _, n := range leaves {
		n.at = size
		size += 16
	}
	tree = make([]byte, size)
	names := map[string]uint32{}
	for _, level := range levels[:3] {
		for _, n := range level {
			for i, c := range n.children {
				e := tree[n.at+16+8*i:]
				id, to := c.name.id, uint32(c.at)
				if c.name.text != "" {
					if names[c.name.text] == 0 {
						names[c.name.text] = uint32(len(tree))
						tree = le.AppendUint16(tree, uint16(len(c.name.text)/2))
						tree = append(tree, c.name.text...)
						e = tree[n.at+16+8*i:]
					}
					id = names[c.name.text] | 1<<31
					le.PutUint16(tree[n.at+12:], le.Uint16(tree[n.at+12:])+1)
				} else {
					le.PutUint16(tree[n.at+14:], le.Uint16(tree[n.at+14:])+1)
				}
				if len(c.children) > 0 {
					to |= 1 << 31
				}
				le.PutUint32(e, id)
				le.PutUint32(e[4:], to)
			}
		}
	}
	places = make([]uint32, len(resources))
	for _, n := range leaves {
		for len(tree)%4 != 0 {
			tree = append(tree, 0)
		}
		r := &resources[n.resource]
		places[n.resource] = rva + uint32(len(tree))
		le.PutUint32(tree[n.at:], places[n.resource])
		le.PutUint32(tree[n.at+4:], r.size)
		le.PutUint32(tree[n.at+8:], r.codepage)
		tree = append(tree, r.data...)
	}
	return tree, places
}
