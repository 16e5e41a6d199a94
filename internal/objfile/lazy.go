package objfile

// What is computed on first use. Opening a file costs its headers; the sections
// view of a 150 MB library must not pay for half a million symbols.

import (
	"iter"
	"sync"
)

type lazyTables struct {
	symbols once[[]Symbol]
	relocs  once[[]Reloc]
	symtabs once[[]symtab]
}

// once is a value made on first use, with its error.
type once[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (o *once[T]) get(make func() (T, error)) (T, error) {
	o.once.Do(func() { o.value, o.err = make() })
	return o.value, o.err
}

// Symbols returns every symbol table's entries in one slice, without null
// entries. ELF: .symtab, then .dynsym; PE: the COFF table, then exports;
// Mach-O: the symbol table, then exports that it does not have; Wasm: functions
// and globals with the names that the name section, exports and imports give.
// With an error comes what could still be read. The slice is shared: do not
// change it.
func (f *File) Symbols() ([]Symbol, error) {
	return f.lazy.symbols.get(func() ([]Symbol, error) {
		switch {
		case f.ELF != nil:
			return f.ELF.elfSymbols()
		case f.Wasm != nil:
			return f.Wasm.wasmSymbols()
		case f.PE != nil:
			return f.PE.peSymbols()
		case f.MachO != nil:
			return f.MachO.machoSymbols()
		}
		return nil, nil
	})
}

// Relocs returns all relocations, static and dynamic. With an error comes what
// could still be read. The slice is shared: do not change it. A large library
// has millions, at 48 bytes each: EachReloc needs no slice.
func (f *File) Relocs() ([]Reloc, error) {
	return f.lazy.relocs.get(func() ([]Reloc, error) {
		var relocs []Reloc
		err := f.eachReloc(func(r *Reloc) bool {
			relocs = append(relocs, *r)
			return true
		})
		return relocs, err
	})
}

// EachReloc yields all relocations in the order of Relocs without keeping
// them; the Reloc is valid until the next one. The last step's error, if any,
// comes with a nil Reloc.
func (f *File) EachReloc() iter.Seq2[*Reloc, error] {
	return func(yield func(*Reloc, error) bool) {
		stopped := false
		err := f.eachReloc(func(r *Reloc) bool {
			stopped = !yield(r, nil)
			return !stopped
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

func (f *File) eachReloc(yield func(*Reloc) bool) error {
	switch {
	case f.ELF != nil:
		return f.ELF.eachReloc(yield)
	case f.PE != nil:
		return f.PE.eachReloc(yield)
	case f.MachO != nil:
		return f.MachO.eachReloc(yield)
	}
	return nil
}

// RelocSymbol returns the symbol that a relocation refers to, nil without one.
func (f *File) RelocSymbol(r *Reloc) *Symbol {
	if r.Symbol < 0 {
		return nil
	}
	symbols, _ := f.Symbols()
	at := r.Symbol
	switch {
	case f.ELF != nil:
		at = f.ELF.symbolPosition(r)
	case f.PE != nil:
		at = f.PE.symbolPosition(r, symbols)
	}
	if at < 0 || at >= len(symbols) {
		return nil
	}
	return &symbols[at]
}
