package refgraph

import (
	"encoding/binary"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/demangle"
)

// Exception tables that stay when their function goes.
//
// lld keeps the exception table (LSDA) of every function that an object file
// describes, also of those that --gc-sections has removed (ELF/MarkLive.cpp
// follows unwind entries to them unless they are in a section group). So a
// program that lld made of prebuilt objects, which is what Rust's standard
// library is, holds tables of functions that are long gone, and cutting a
// function of the standard library saves its code but not its table. Tables of
// functions that are compiled with the program are not made at all once the
// function is out of use.
//
// Whether a file is of that kind shows in it: tables that belong to nobody
// stand between those that functions refer to.

// prebuilt are the crates of the standard library's objects.
var prebuilt = map[string]bool{"std": true, "core": true, "alloc": true, "panic_unwind": true, "panic_abort": true,
	"std_detect": true, "rustc_demangle": true, "addr2line": true, "gimli": true, "object": true, "miniz_oxide": true, "unwind": true}

// standardLibrary knows how the standard library of a program is mangled.
type standardLibrary struct{ v0 bool }

// newStandardLibrary looks whether std has v0 names, as in recent Rust, while
// crates that users compile may have legacy ones.
func newStandardLibrary(p *attrib.Program) standardLibrary {
	var parser demangle.Parser
	for i := range p.Atoms {
		if a := &p.Atoms[i]; a.Kind == attrib.Code && !a.Anonymous() {
			if name := parser.Parse(p.RawName(int32(i))); name.Scheme == demangle.RustV0 && name.Crate == "std" {
				return standardLibrary{v0: true}
			}
		}
	}
	return standardLibrary{}
}

// has says whether a function was compiled with the standard library: v0 names
// tell who instantiated it. Legacy names do not; where the library has them
// too, a function counts as the library's when std itself defines it.
func (s standardLibrary) has(n *demangle.Name) bool {
	switch {
	case n.Instantiating != "":
		return prebuilt[n.Instantiating]
	case n.Scheme == demangle.RustV0:
		return prebuilt[n.Crate]
	}
	return !s.v0 && n.Scheme == demangle.RustLegacy && n.Crate == "std"
}

// tableLength is the number of bytes of the LSDA at the start of b (Itanium
// C++ ABI: Exception Handling, "Exception Tables"; LSB 5, 10.5 for encodings),
// 0 when it makes no sense.
func tableLength(b []byte) uint64 {
	at := 0
	byteAt := func() (byte, bool) {
		if at >= len(b) {
			return 0, false
		}
		at++
		return b[at-1], true
	}
	uleb := func() (uint64, bool) {
		v, n := binary.Uvarint(b[min(at, len(b)):])
		at += max(n, 0)
		return v, n > 0
	}
	start, ok := byteAt()
	if !ok || start != 0xff { // landing pads relative to another place than the function: no compiler does it
		return 0
	}
	types, ok := byteAt()
	if !ok {
		return 0
	}
	end := uint64(0)
	if types != 0xff {
		offset, ok := uleb()
		if !ok {
			return 0
		}
		end = uint64(at) + offset
	}
	if _, ok := byteAt(); !ok {
		return 0
	}
	sites, ok := uleb()
	if !ok {
		return 0
	}
	end = max(end, uint64(at)+sites)
	if end > uint64(len(b)) {
		return 0
	}
	return (end + 3) &^ 3
}

// strayTables says how many bytes of exception tables belong to no function,
// and how many to some.
func strayTables(p *attrib.Program) (stray, used uint64) {
	p.Pieces(func(x attrib.Piece) {
		if x.Kind != attrib.Exception || x.End > p.Space.File {
			return
		}
		n := x.End - x.Start
		if x.Atom < 0 {
			stray += n
			return
		}
		if length := tableLength(p.File.Data[x.Start:x.End]); length > 0 && length < n {
			used += length
			stray += n - length
		} else {
			used += n
		}
	})
	return stray, used
}
