package objfile

// GNU symbol versions (Linux Standard Base Core, "Symbol Versioning"): one
// half-word per dynamic symbol that names an entry of the definitions or of
// the needs, both linked lists of linked lists.

import "github.com/minsize/minsize/internal/byteio"

type versionTable struct {
	versym []byte
	names  map[uint16]string
	d      decoder
}

func (t *versionTable) of(symbol uint64, undefined bool) string {
	if 2*symbol+2 > uint64(len(t.versym)) {
		return ""
	}
	return t.names[t.d.u16(t.versym[2*symbol:])&0x7fff]
}

// VersionNeed is one version that the file needs of a library.
type VersionNeed struct{ Library, Version string }

// versions reads what is there; a broken list ends early, versions are only names.
func (e *ELFFile) versions(t symtab) versionTable {
	table := versionTable{d: e.d, names: map[uint16]string{}}
	addr, ok := e.DynValue(DT_VERSYM)
	if !ok {
		return table
	}
	if b, ok := e.file.BytesAt(addr, 2*t.count); ok {
		table.versym = b
	}
	e.eachNeed(func(_, version string, index uint16) { table.names[index&0x7fff] = version })
	e.eachDefinition(func(version string, index uint16, base bool) {
		if !base {
			table.names[index&0x7fff] = version
		}
	})
	return table
}

// VersionNeeds lists the versions that the file needs (Verneed, Vernaux).
func (e *ELFFile) VersionNeeds() []VersionNeed {
	var needs []VersionNeed
	e.eachNeed(func(library, version string, _ uint16) {
		needs = append(needs, VersionNeed{library, version})
	})
	return needs
}

func (e *ELFFile) eachNeed(yield func(library, version string, index uint16)) {
	addr, ok := e.DynValue(DT_VERNEED)
	count, _ := e.DynValue(DT_VERNEEDNUM)
	if !ok {
		return
	}
	v := byteio.View{Data: e.file.tailAt(addr), Order: e.file.Order}
	strings, budget := e.dynStrings(), versionBudget
	for at := uint64(0); count > 0 && budget > 0; count-- {
		need, err := v.Slice(at, 16, "Verneed")
		if err != nil {
			return
		}
		library, _ := strings.at(uint64(e.d.u32(need[4:])))
		aux := at + uint64(e.d.u32(need[8:]))
		for n := e.d.u16(need[2:]); n > 0 && budget > 0; n-- {
			budget--
			b, err := v.Slice(aux, 16, "Vernaux")
			if err != nil {
				return
			}
			version, _ := strings.at(uint64(e.d.u32(b[8:])))
			yield(library, version, e.d.u16(b[6:]))
			next := uint64(e.d.u32(b[12:]))
			if next == 0 {
				break
			}
			aux += next
		}
		budget--
		next := uint64(e.d.u32(need[12:]))
		if next == 0 {
			return
		}
		at += next
	}
}

func (e *ELFFile) eachDefinition(yield func(version string, index uint16, base bool)) {
	addr, ok := e.DynValue(DT_VERDEF)
	count, _ := e.DynValue(DT_VERDEFNUM)
	if !ok {
		return
	}
	v := byteio.View{Data: e.file.tailAt(addr), Order: e.file.Order}
	strings := e.dynStrings()
	count = min(count, versionBudget)
	for at := uint64(0); count > 0; count-- {
		def, err := v.Slice(at, 20, "Verdef")
		if err != nil {
			return
		}
		aux, err := v.Slice(at+uint64(e.d.u32(def[12:])), 8, "Verdaux")
		if err != nil {
			return
		}
		version, _ := strings.at(uint64(e.d.u32(aux)))
		yield(version, e.d.u16(def[4:]), e.d.u16(def[2:])&1 != 0)
		next := uint64(e.d.u32(def[16:]))
		if next == 0 {
			return
		}
		at += next
	}
}

// versionBudget bounds the lists, which may be loops: version indices have 15 bits.
const versionBudget = 1 << 16
