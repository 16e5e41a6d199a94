package attrib

import (
	"hash/maphash"
	"unsafe"
)

// interner numbers names. A large program has a million, so that it matters how
// they lie in memory: a map of strings has a pointer for each that the collector
// follows in every round, where this table has numbers alone.
type interner struct {
	seed   maphash.Seed
	slots  []int32  // number+1 by hash, 0 for none; a power of two, at most three quarters full
	hashes []uint32 // of each number
	names  []string
	made   textBlocks // of names that were put together in scratch
	// scratch is where a caller puts a name together for idOf.
	scratch []byte
}

func newInterner() *interner {
	return &interner{seed: maphash.MakeSeed(), slots: make([]int32, 16)}
}

// find is the number of a name that has one, and else the slot that is free for it.
func (n *interner) find(name string, hash uint32) (id int32, slot uint32) {
	mask := uint32(len(n.slots) - 1)
	for slot = hash & mask; ; slot = (slot + 1) & mask {
		switch id := n.slots[slot] - 1; {
		case id < 0:
			return -1, slot
		case n.hashes[id] == hash && n.names[id] == name:
			return id, slot
		}
	}
}

func (n *interner) hash(name string) uint32 { return uint32(maphash.String(n.seed, name)) }

// known is the number of a name, false where it has none.
func (n *interner) known(name string) (int32, bool) {
	id, _ := n.find(name, n.hash(name))
	return id, id >= 0
}

// id is the number of a name, which must stay as it is.
func (n *interner) id(name string) int32 {
	hash := n.hash(name)
	id, slot := n.find(name, hash)
	if id >= 0 {
		return id
	}
	return n.add(name, hash, slot)
}

// idOf is the number of the name in b, which is copied where it is a new one.
func (n *interner) idOf(b []byte) int32 {
	name := unsafe.String(unsafe.SliceData(b), len(b))
	hash := n.hash(name)
	id, slot := n.find(name, hash)
	if id >= 0 {
		return id
	}
	return n.add(n.made.keep(name), hash, slot)
}

func (n *interner) add(name string, hash, slot uint32) int32 {
	id := int32(len(n.names))
	n.names = append(n.names, name)
	n.hashes = append(n.hashes, hash)
	if len(n.names) <= len(n.slots)/4*3 {
		n.slots[slot] = id + 1
		return id
	}
	n.slots = make([]int32, 2*len(n.slots))
	mask := uint32(len(n.slots) - 1)
	for k, hash := range n.hashes {
		at := hash & mask
		for n.slots[at] != 0 {
			at = (at + 1) & mask
		}
		n.slots[at] = int32(k) + 1
	}
	return id
}

// textBlocks keeps many short texts in few allocations.
type textBlocks struct{ block []byte }

const textBlock = 64 << 10

// keep copies text.
func (t *textBlocks) keep(text string) string {
	if len(text) > cap(t.block)-len(t.block) {
		t.block = make([]byte, 0, max(textBlock, len(text)))
	}
	from := len(t.block)
	t.block = append(t.block, text...)
	return unsafe.String(unsafe.SliceData(t.block[from:]), len(text))
}
