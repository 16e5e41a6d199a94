// Package relocate makes programs and libraries apply their packed relative
// relocations themselves (package relr tells why and how).
//
// A link step gives the linker one more object (objedit.RelocatorObject) and
// has it pack the table; Conceal then turns the object's own relocation into
// that of a resolver, tells the code where the table is, and takes the tags of
// the table away: a loader that knows them would add the base twice, and
// glibc 2.36 refuses them without a version that older ones do not have.
package relocate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relr"
)

// ErrNotApplicable is wrapped where a file cannot have it, with the reason.
var ErrNotApplicable = errors.New("its relocations cannot apply themselves")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrNotApplicable}, args...)...)
}

// Applicable says whether the loader of a file calls resolvers before anything
// could read what is not relocated yet; nil where it does.
func Applicable(f *objfile.File) (*relr.Stub, error) {
	if f.Format != objfile.ELF || f.ELF == nil || f.Bits != 64 || f.Order != binary.LittleEndian {
		return nil, refuse("%s", relr.ErrMachine)
	}
	stub, err := relr.StubOf(f.CPU)
	if err != nil {
		return nil, refuse("%v", err)
	}
	if len(f.ELF.Dynamic) == 0 {
		return nil, refuse("it has no dynamic section: no loader relocates it")
	}
	if !slices.Contains(f.ELF.DynStrings(objfile.DT_NEEDED), "libc.so.6") {
		return nil, refuse("it does not load glibc, and other loaders call no resolvers")
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	if newest := newestGlibc(f.ELF.VersionNeeds()); stub.Glibc > oldestGlibc && newest < stub.Glibc {
		return nil, refuse("it may run on glibc 2.%d, and on this machine resolvers are called since 2.%d", max(newest, oldestGlibc), stub.Glibc)
	}
	for i := range symbols {
		if s := &symbols[i]; s.Dynamic && !s.Undefined && s.Kind == objfile.SymIFunc {
			return nil, refuse("its own function %s is resolved by code that runs first", s.Name)
		}
	}
	return stub, nil
}

// oldestGlibc is the 2.N below which nobody ships programs any more: what Rust
// asks for on the machines that it had then.
const oldestGlibc = 17

// newestGlibc is the N of the newest GLIBC_2.N that a file needs, and so of the
// oldest glibc that it runs with; 0 where it needs none.
func newestGlibc(needs []objfile.VersionNeed) int {
	newest := 0
	for _, need := range needs {
		var n int
		if _, err := fmt.Sscanf(need.Version, "GLIBC_2.%d", &n); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}

// Conceal makes a linked program or library apply its DT_RELR table itself.
// data is the file and is changed in place; it holds objedit.RelocatorObject.
func Conceal(data []byte) error {
	f, err := objfile.Parse("linked", data)
	if err != nil {
		return err
	}
	stub, err := Applicable(f)
	if err != nil {
		return err
	}
	e := f.ELF
	table, packed := e.DynValue(objfile.DT_RELR)
	size, _ := e.DynValue(objfile.DT_RELRSZ)
	if !packed || size == 0 {
		return refuse("the linker packed no relocations")
	}
	rela, at, err := relaTable(f)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	relacount, _ := e.DynValue(objfile.DT_RELACOUNT)
	for i := uint64(0); i < uint64(len(rela))/relaEntry; i++ {
		mine := data[at+relaEntry*i:][:relaEntry]
		address := le.Uint64(mine[16:])
		code, ok := f.OffsetOf(address)
		if !ok || le.Uint64(mine[8:]) != uint64(stub.Relative) || !bytes.HasPrefix(data[code:], stub.Code()) {
			continue
		}
		bound, err := stub.Bind(address, relr.Bound{Table: table, End: table + size})
		if err != nil {
			return refuse("%v", err)
		}
		copy(data[code:], bound)
		// The loader adds the base to the first DT_RELACOUNT entries without a
		// look at their type. The resolver's is the first behind them.
		if i < relacount {
			relacount--
		}
		le.PutUint64(mine[8:], uint64(stub.IRelative))
		first := data[at+relaEntry*relacount:][:relaEntry]
		was := bytes.Clone(first)
		copy(first, mine)
		if i != relacount {
			copy(mine, was)
		}
		hideTags(data, e, relacount)
		return nil
	}
	return refuse("the linker packed or dropped the resolver's own relocation")
}

const relaEntry = 24 // sizeof(Elf64_Rela)

// relaTable is DT_RELA's table and its file offset.
func relaTable(f *objfile.File) (table []byte, at uint64, err error) {
	addr, ok := f.ELF.DynValue(objfile.DT_RELA)
	size, _ := f.ELF.DynValue(objfile.DT_RELASZ)
	at, mapped := f.OffsetOf(addr)
	if !ok || !mapped || size > uint64(len(f.Data)) || at+size > uint64(len(f.Data)) {
		return nil, 0, refuse("it has no table of relocations (DT_RELA)")
	}
	return f.Data[at : at+size], at, nil
}

// hideTags takes DT_RELR's three tags out of the dynamic section, the rest
// moving up, and sets DT_RELACOUNT.
func hideTags(data []byte, e *objfile.ELFFile, relacount uint64) {
	next := 0
	put := func(tag int64, value uint64) {
		entry := e.Dynamic[next].Entry
		binary.LittleEndian.PutUint64(data[entry:], uint64(tag))
		binary.LittleEndian.PutUint64(data[entry+8:], value)
		next++
	}
	for _, d := range e.Dynamic {
		switch d.Tag {
		case objfile.DT_RELR, objfile.DT_RELRSZ, objfile.DT_RELRENT:
			continue
		case objfile.DT_RELACOUNT:
			if relacount == 0 {
				continue
			}
			d.Val = relacount
		}
		put(d.Tag, d.Val)
	}
	for next < len(e.Dynamic) {
		put(objfile.DT_NULL, 0)
	}
}
