package objedit

// What refers to what inside an object: the exact reference graph that a
// linker's --gc-sections walks, one node for each section.

import "strings"

// Reference is one edge: a place in a section needs a symbol or a section.
type Reference struct {
	From   int    // section
	To     int    // section of this object, or 0 when Symbol says what
	Symbol string // the name to resolve in other objects, for undefined, common and weak symbols
	Value  uint64 // offset in To
	Offset uint64 // of the place in From
}

// SectionInfo is a loaded section as a node of the graph.
type SectionInfo struct {
	Index int
	Name  string
	Size  uint64
	Code  bool
	Root  bool // a linker keeps it whatever refers to it
	Bits  bool // takes bytes of the file (not .bss)
}

// LoadedSections lists the sections that become part of the program, frames
// and LSDA aside: those belong to their functions.
func (o *Object) LoadedSections() []SectionInfo {
	var list []SectionInfo
	for i, s := range o.sections {
		if i == 0 || !s.loaded || s.unwinding {
			continue
		}
		list = append(list, SectionInfo{Index: i, Name: s.name, Size: s.size, Code: s.code, Root: s.root, Bits: s.bits})
	}
	return list
}

// Relocated says whether calls within a section have relocations, too: LLVM
// leaves every reference to a function of a COFF object to the linker.
func (o *Object) Relocated() bool { return !o.linux && strings.Contains(o.name, ".rcgu.o") }

// SectionData is the content of a loaded section, empty for .bss. It is not to
// be written to, nor used after the file is closed.
func (o *Object) SectionData(i int) []byte {
	if i <= 0 || i >= len(o.sections) || !o.sections[i].bits {
		return nil
	}
	s := &o.sections[i]
	return o.data[s.inOffset:][:s.inSize]
}

// HasSection says whether a section with that name has any bytes.
func (o *Object) HasSection(match func(name string) bool) bool {
	for i := range o.sections {
		if s := &o.sections[i]; i > 0 && s.size > 0 && s.data && match(s.name) {
			return true
		}
	}
	return false
}

// References lists every edge between loaded sections. A function's frame
// entry counts as part of the function: its LSDA is referred to by it.
func (o *Object) References() ([]Reference, error) {
	var list []Reference
	for i, s := range o.sections {
		if s.inCount == 0 || !s.loaded || s.unwinding {
			continue
		}
		relocations, err := o.relocations(i)
		if err != nil {
			return nil, err
		}
		for _, r := range relocations {
			list = append(list, o.reference(i, r))
		}
	}
	more, err := o.format.handlers()
	return append(list, more...), err
}

func (o *Object) reference(from int, r relocation) Reference {
	s := &o.symbols[r.symbol]
	ref := Reference{From: from, To: max(s.index, 0), Value: s.value + uint64(r.addend), Offset: r.offset}
	if s.bind != local && (s.index <= 0 || s.bind == weak) {
		ref.To, ref.Symbol = 0, s.name
	}
	return ref
}

// Definition is a symbol that other objects can refer to.
type Definition struct {
	Name    string
	Section int
	Value   uint64 // in the section
	Weak    bool
}

// Definitions lists the global symbols that the object defines.
func (o *Object) Definitions() []Definition {
	var list []Definition
	for i := range o.symbols {
		s := &o.symbols[i]
		if s.bind != local && s.index > 0 && s.name != "" {
			list = append(list, Definition{s.name, s.index, s.value, s.bind == weak})
		}
	}
	return list
}

// Undefined lists the symbols that the object needs from elsewhere.
func (o *Object) Undefined() []string {
	var list []string
	for i := range o.symbols {
		if s := &o.symbols[i]; i > 0 && s.bind != local && s.index == 0 {
			list = append(list, s.name)
		}
	}
	return list
}

// Symbols lists the named symbols with the sections that they are in, 0 for
// undefined ones.
func (o *Object) Symbols() []Definition {
	var list []Definition
	for i := range o.symbols {
		if s := &o.symbols[i]; s.name != "" && s.kind != sectionSymbol {
			list = append(list, Definition{s.name, max(s.index, 0), s.value, s.bind == weak})
		}
	}
	return list
}

// OnlyReads says whether the instruction at a reference is known to read what
// it refers to and no more: a load, a test or a comparison. What is not known
// (an address taken, data, any instruction of aarch64) may do more.
func (o *Object) OnlyReads(ref Reference) bool {
	s := &o.sections[ref.From]
	if o.machine.OnlyReads == nil || !s.data || !s.code {
		return false
	}
	return o.machine.OnlyReads(o.data[s.inOffset:][:s.inSize], ref.Offset)
}

// SectionSymbols gives each section the name of the first sized symbol in it,
// for reports on data.
func (o *Object) SectionSymbols() map[int]string {
	names := map[int]string{}
	for i := range o.symbols {
		s := &o.symbols[i]
		if s.index > 0 && s.name != "" && (s.kind == functionSymbol || s.kind == dataSymbol) {
			if _, known := names[s.index]; !known {
				names[s.index] = s.name
			}
		}
	}
	return names
}
