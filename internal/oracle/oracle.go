// Package oracle reads a finished file as a loader does and gives the memory
// image that the loader would make, so that a rewriter can be judged by what
// counts: whatever it did to the file, the image must be the old one's. Objects
// and archives, which nobody loads, it compares as a linker sees them.
//
// A judge that shares code with the accused repeats the accused's mistakes: a
// planner that misreads a field and an oracle with the same parser agree that
// all is well. So this package imports no writer and none of their parsers,
// only byteio's bounded reads, and goes through each format by itself, in its
// own way: with a cursor, front to back.
//
// An image has three kinds of parts. Facts are what a loader acts on: the
// machine, the entry point, a load command, an import. Regions are ranges of
// memory with their bytes. Faults are what a strict loader would refuse; a
// rewriter must not add any. Labels are not the loader's at all: section
// headers of ELF, custom sections of Wasm. They may go, but must not lie.
//
// A format is one file here and one line in formats.
package oracle

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
)

// Image is what a loader makes of a file.
type Image struct {
	Format  string
	Facts   []Fact
	Regions []Region
	Faults  []string
	Labels  []Label

	// Fresh are the labels that a rewriter may not invent (Wasm), as opposed to
	// those that have to be complete where there are any (ELF).
	Fresh       bool
	words       []word // of Loaded: what relocations make
	relocations []relocation

	// Signed is the digest of what a signature in the file covers, where this
	// package cannot verify the signature itself; nil without one.
	Signed []byte
}

// Fact is something that a loader reads and acts on.
type Fact struct{ What, Value string }

// Region is a range of memory, or a table that the loader reads by itself.
type Region struct {
	Name   string
	Addr   uint64
	Size   uint64 // bytes in memory; what Data does not give is zero
	Access string
	Data   []byte
	// Places are the parts of Data that hold offsets in the file, which nobody
	// needs once the file is mapped.
	Places []Span
	// Align is where the loader would put it, modulo; Need is the most that
	// anything in it asks for.
	Align, Need uint64
	// Unfilled says that not every loader makes zeros of what Data does not give.
	Unfilled bool
	// Tools says that only debuggers look: it may be empty, or missing.
	Tools bool

	exact bool   // it takes no more memory than before
	slack uint64 // so many bytes at its end may be missing, if they are zero
}

// Span is a range, relative to Region.Data or in memory.
type Span struct{ Start, End uint64 }

// Label is a name that a tool gives to a part of the file.
type Label struct {
	What, Value string
	Data        []byte
	Optional    bool // it may go alone, or be another one of another size
}

func (i *Image) fact(what, format string, args ...any) {
	i.Facts = append(i.Facts, Fact{what, fmt.Sprintf(format, args...)})
}

func (i *Image) fault(format string, args ...any) {
	i.Faults = append(i.Faults, fmt.Sprintf(format, args...))
}

// ErrUnknown is for files that no loader of ours takes: objects, archives,
// text.
var ErrUnknown = errors.New("nothing that a loader takes")

type format struct {
	name  string
	match func(data []byte) bool
	read  func(data []byte) (*Image, error)
	same  func(old, new []byte) error // where two images do not say it
}

// formats are tried in order.
var formats []format

func init() { // whose members are files again
	formats = []format{
		{"ELF", startsWith("\x7fELF"), readELF, sameELF},
		{"PE", isPE, readPE, nil},
		{"Mach-O", isMachO, readMachO, nil},
		{"Mach-O fat", isFat, readFat, nil},
		{"Wasm", startsWith("\x00asm"), readWasm, nil},
		{"archive", startsWith(archiveMagic), nil, sameArchives},
	}
}

func startsWith(magic string) func([]byte) bool {
	return func(data []byte) bool { return bytes.HasPrefix(data, []byte(magic)) }
}

// Read gives the image of a file. Errors: ErrUnknown, *byteio.Error.
func Read(data []byte) (*Image, error) {
	for _, f := range formats {
		if f.read != nil && f.match(data) {
			image, err := f.read(data)
			if err != nil {
				return nil, err
			}
			image.Format = f.name
			return image, nil
		}
	}
	return nil, ErrUnknown
}

// Same says where a loader would see a difference between two files, or a linker
// between two objects or archives; nil is the same.
func Same(old, new []byte) error {
	for _, f := range formats {
		switch {
		case !f.match(old):
		case !f.match(new):
			return fmt.Errorf("the new file is no %s file", f.name)
		case f.same != nil:
			return f.same(old, new)
		}
	}
	return sameRead(old, new)
}

func sameRead(old, new []byte) error {
	a, err := Read(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := Read(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	return Compare(a, b)
}

// Compare is Same for images.
func Compare(old, new *Image) error {
	if old.Format != new.Format {
		return fmt.Errorf("the new file is no %s file", old.Format)
	}
	for _, same := range []func(old, new *Image) error{sameFacts, sameRelocations, sameRegions} {
		if err := same(old, new); err != nil {
			return err
		}
	}
	if err := sameLabels(old, new); err != nil {
		return err
	}
	known := make(map[string]bool, len(old.Faults))
	for _, fault := range old.Faults {
		known[fault] = true
	}
	for _, fault := range new.Faults {
		if !known[fault] {
			return errors.New(fault)
		}
	}
	if new.Signed != nil && !bytes.Equal(old.Signed, new.Signed) {
		return errors.New("the signature is of another file")
	}
	return nil
}

func sameFacts(a, b *Image) error {
	old, new := a.Facts, b.Facts
	if slices.Equal(old, new) {
		return nil
	}
	have := make(map[string]string, len(new))
	for _, f := range new {
		have[f.What] = f.Value
	}
	for _, f := range old {
		value, ok := have[f.What]
		switch {
		case !ok:
			return fmt.Errorf("%s is gone; it was %.80s", f.What, f.Value)
		case value != f.Value:
			return fmt.Errorf("%s is %.80s, was %.80s", f.What, value, f.Value)
		}
		delete(have, f.What)
	}
	for _, f := range new {
		if _, left := have[f.What]; left {
			return fmt.Errorf("%s is new: %.80s", f.What, f.Value)
		}
	}
	return nil
}

func sameRegions(was, is *Image) error {
	old, new := was.Regions, is.Regions
	next := 0
	for i := range old {
		a := &old[i]
		if next == len(new) || new[next].Name != a.Name {
			if a.Tools {
				continue
			}
			return fmt.Errorf("%s is gone", a.Name)
		}
		b := &new[next]
		next++
		if err := sameRegion(a, b); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	if next != len(new) {
		return fmt.Errorf("%s is new", new[next].Name)
	}
	return nil
}

func sameRegion(a, b *Region) error {
	switch {
	case a.Addr != b.Addr:
		return fmt.Errorf("its address is %#x, was %#x", b.Addr, a.Addr)
	case a.Access != b.Access:
		return fmt.Errorf("its access is %s, was %s", b.Access, a.Access)
	case a.Tools:
		return nil
	case a.exact && b.Size > a.Size+b.slack:
		return fmt.Errorf("it takes %#x bytes of memory, were %#x", b.Size, a.Size)
	case b.Size+a.slack < a.Size:
		return fmt.Errorf("it takes %#x bytes of memory, were %#x", b.Size, a.Size)
	case b.Align > a.Align:
		return fmt.Errorf("its alignment grew from %#x to %#x", a.Align, b.Align)
	case b.Align < a.Align && b.Align < max(a.Need, smallestPage):
		return fmt.Errorf("its alignment fell from %#x to %#x, below a page or what it holds", a.Align, b.Align)
	case a.Unfilled && len(b.Data)+int(a.slack) < len(a.Data):
		return fmt.Errorf("it is read-only and lost %d bytes at its end, which not every loader fills with zeros", len(a.Data)-len(b.Data))
	}
	if at, differs := firstDifference(a.Data, b.Data, a.Places); differs {
		return fmt.Errorf("byte %#x is %s, was %s", a.Addr+at, byteAt(b.Data, at), byteAt(a.Data, at))
	}
	return nil
}

const smallestPage = 4 << 10

func byteAt(data []byte, at uint64) string {
	if at >= uint64(len(data)) {
		return "0x00 (not in the file)"
	}
	return fmt.Sprintf("%#02x", data[at])
}

// firstDifference compares two contents, the shorter continued by zeros, but
// for the ranges to skip.
func firstDifference(a, b []byte, skip []Span) (uint64, bool) {
	byStart := func(x, y Span) int { return cmp.Compare(x.Start, y.Start) }
	if !slices.IsSortedFunc(skip, byStart) {
		skip = slices.SortedFunc(slices.Values(skip), byStart)
	}
	end := uint64(max(len(a), len(b)))
	at := uint64(0)
	for i := 0; i <= len(skip); i++ {
		to := end
		if i < len(skip) {
			to = min(end, skip[i].Start)
		}
		if at < to {
			if d, differs := differsIn(a, b, at, to); differs {
				return d, true
			}
		}
		if i < len(skip) {
			at = max(at, skip[i].End)
		}
	}
	return 0, false
}

func differsIn(a, b []byte, from, to uint64) (uint64, bool) {
	cut := func(data []byte) []byte {
		n := uint64(len(data))
		return data[min(from, n):min(to, n)]
	}
	x, y := cut(a), cut(b)
	n := min(len(x), len(y))
	if !bytes.Equal(x[:n], y[:n]) {
		for i := range n {
			if x[i] != y[i] {
				return from + uint64(i), true
			}
		}
	}
	rest := x
	if len(y) > n {
		rest = y
	}
	for i := n; i < len(rest); i++ {
		if rest[i] != 0 {
			return from + uint64(i), true
		}
	}
	return 0, false
}

// sameLabels: what is named is what it was.
func sameLabels(old, new *Image) error {
	if len(new.Labels) == 0 {
		return nil
	}
	if old.Fresh {
		return fewerLabels(old.Labels, new.Labels)
	}
	have := map[string]*Label{}
	for i := range new.Labels {
		have[new.Labels[i].What] = &new.Labels[i]
	}
	for i := range old.Labels {
		a := &old.Labels[i]
		b := have[a.What]
		switch {
		case a.Optional && (b == nil || len(b.Data) != len(a.Data)):
		case b == nil:
			return fmt.Errorf("%s is gone", a.What)
		case a.Value != b.Value:
			return fmt.Errorf("%s is %s, was %s", a.What, b.Value, a.Value)
		case a.Data != nil && !bytes.Equal(a.Data, b.Data):
			return fmt.Errorf("%s has other bytes", a.What)
		}
	}
	return nil
}

// fewerLabels: the new ones are some of the old ones, in their order.
func fewerLabels(old, new []Label) error {
	for i := range new {
		n := slices.IndexFunc(old, func(l Label) bool { return l.What == new[i].What && bytes.Equal(l.Data, new[i].Data) })
		if n < 0 {
			return fmt.Errorf("section %q is new, or has other bytes", new[i].What)
		}
		old = old[n+1:]
	}
	return nil
}

// numbered gives each of several things of one name a name of its own.
type numbered map[string]int

func (n numbered) name(name string) string {
	if n[name]++; n[name] > 1 {
		return fmt.Sprintf("%s (%d)", name, n[name])
	}
	return name
}

// cursor reads fields one behind the other; the first failure stays.
type cursor struct {
	byteio.View
	at   uint64
	wide bool // words have 64 bits
	err  error
}

func (c *cursor) bytes(n uint64, what string) []byte {
	if c.err != nil {
		return nil
	}
	var b []byte
	if b, c.err = c.Slice(c.at, n, what); c.err != nil {
		return nil
	}
	c.at += n
	return b
}

func (c *cursor) u8(what string) uint8 {
	if b := c.bytes(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16(what string) uint16 {
	if b := c.bytes(2, what); b != nil {
		return c.Order.Uint16(b)
	}
	return 0
}

func (c *cursor) u32(what string) uint32 {
	if b := c.bytes(4, what); b != nil {
		return c.Order.Uint32(b)
	}
	return 0
}

func (c *cursor) u64(what string) uint64 {
	if b := c.bytes(8, what); b != nil {
		return c.Order.Uint64(b)
	}
	return 0
}

func (c *cursor) word(what string) uint64 {
	if c.wide {
		return c.u64(what)
	}
	return uint64(c.u32(what))
}

func (c *cursor) uleb(what string) uint64 {
	if c.err != nil {
		return 0
	}
	var value, next uint64
	if value, next, c.err = c.Uleb128(c.at, what); c.err == nil {
		c.at = next
	}
	return value
}
