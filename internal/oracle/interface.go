package oracle

// What others see of an ELF library: the names that it exports and imports,
// with their versions, what it needs, what runs when it is loaded. Two builds
// of one library are different images, and still have to be one library to
// whoever was built against it.

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Interface is what a host is held to, and what the library asks of it.
type Interface struct {
	Soname   string
	Exports  map[string]string          // name@version -> what it is
	Imports  map[string]bool            // names
	Needed   []string                   // libraries, in the order of the search
	Versions map[string]map[string]bool // library -> versions that it must have
	Defined  []string                   // versions that it defines itself

	Constructors, Destructors int  // entries of the arrays
	Init, Fini                bool // DT_INIT, DT_FINI
	StaticTLS                 bool // thread-local data in the host's own block: dlopen may fail
	TextRelocations           bool
	Paths                     string // DT_RPATH, DT_RUNPATH
	Binding                   string // flags that change how symbols are bound
}

const (
	tagStrtab, tagSymtab, tagStrSize                       = 5, 6, 10
	tagHash, tagInit, tagFini, tagSymbolic, tagTextrel     = 4, 12, 13, 16, 22
	tagInitArraySize, tagFiniArraySize, tagFlags, tagFlag1 = 27, 28, 30, 0x6ffffffb
	tagGnuHash, tagVersym                                  = 0x6ffffef5, 0x6ffffff0
	tagVerdef, tagVerdefNum, tagVerneed, tagVerneedNum     = 0x6ffffffc, 0x6ffffffd, 0x6ffffffe, 0x6fffffff
)

const tagNeeded, tagSoname, tagRpath, tagRunpath int64 = 1, 14, 15, 29

// InterfaceOf reads it from the dynamic section. Errors: ErrUnknown,
// *byteio.Error.
func InterfaceOf(data []byte) (*Interface, error) {
	if !startsWith("\x7fELF")(data) {
		return nil, ErrUnknown
	}
	f, err := openELF(data)
	if err != nil {
		return nil, err
	}
	l := &loaded{elf: f, dynamic: map[uint64]uint64{}}
	i := &Interface{Exports: map[string]string{}, Imports: map[string]bool{}, Versions: map[string]map[string]bool{}}
	if err := i.dynamicOf(l); err != nil {
		return nil, err
	}
	names, err := i.versionsOf(l)
	if err != nil {
		return nil, err
	}
	return i, i.symbolsOf(l, names)
}

// text is a string of DT_STRTAB.
func (l *loaded) text(at uint64) string {
	pool, err := l.memory(l.dynamic[tagStrtab], l.dynamic[tagStrSize], "DT_STRTAB")
	if err != nil || at >= uint64(len(pool)) {
		return fmt.Sprintf("string %#x", at)
	}
	text, _, _ := bytes.Cut(pool[at:], []byte{0})
	return string(text)
}

// dynamicOf takes what the dynamic section says by itself.
func (i *Interface) dynamicOf(l *loaded) error {
	if err := l.readDynamic(); err != nil { // fills dynamic; the facts are not looked at
		return err
	}
	for _, p := range l.segments {
		if p.kind != kindDynamic {
			continue
		}
		for c := l.at0(p.offset); c.at < p.offset+p.filesz; {
			tag, value := c.word("d_tag"), c.word("d_val")
			if c.err != nil {
				return c.err
			}
			if tag == tagNull {
				break
			}
			switch int64(tag) {
			case tagNeeded:
				i.Needed = append(i.Needed, l.text(value))
			case tagSoname:
				i.Soname = l.text(value)
			case tagRpath, tagRunpath:
				i.Paths = strings.TrimPrefix(i.Paths+":"+l.text(value), ":")
			}
		}
	}
	_, i.Init = l.dynamic[tagInit]
	_, i.Fini = l.dynamic[tagFini]
	i.Constructors = int(l.dynamic[tagInitArraySize] / l.wordSize())
	i.Destructors = int(l.dynamic[tagFiniArraySize] / l.wordSize())
	flags, flags1 := l.dynamic[tagFlags], l.dynamic[tagFlag1]
	i.StaticTLS = flags&0x10 != 0
	_, textrel := l.dynamic[tagTextrel]
	i.TextRelocations = textrel || flags&4 != 0
	_, symbolic := l.dynamic[tagSymbolic]
	if symbolic || flags&2 != 0 {
		i.Binding = "symbolic "
	}
	for _, f := range []struct {
		bit  uint64
		name string
	}{{0x2, "global"}, {0x8, "nodelete"}, {0x20, "initfirst"}, {0x40, "noopen"}, {0x400, "interpose"}} {
		if flags1&f.bit != 0 {
			i.Binding += f.name + " "
		}
	}
	return nil
}

// versionsOf reads the versions that are needed and defined, and gives the
// name of each by its number in DT_VERSYM.
func (i *Interface) versionsOf(l *loaded) (map[uint16]string, error) {
	names := map[uint16]string{}
	at := func(addr uint64) *cursor {
		b, err := l.memory(addr, 20, "version table")
		c := &cursor{View: l.View, wide: l.wide, err: err}
		c.View.Data = b
		return c
	}
	addr := l.dynamic[tagVerneed]
	for range min(l.dynamic[tagVerneedNum], 0xffff) {
		c := at(addr)
		c.u16("vn_version")
		count, file, aux, next := c.u16("vn_cnt"), c.u32("vn_file"), c.u32("vn_aux"), c.u32("vn_next")
		if c.err != nil {
			return nil, c.err
		}
		library := l.text(uint64(file))
		if i.Versions[library] == nil {
			i.Versions[library] = map[string]bool{}
		}
		for a := addr + uint64(aux); count > 0; count-- {
			c := at(a)
			c.bytes(6, "vna_hash, vna_flags")
			number, name, more := c.u16("vna_other"), c.u32("vna_name"), c.u32("vna_next")
			if c.err != nil {
				return nil, c.err
			}
			names[number] = l.text(uint64(name))
			i.Versions[library][names[number]] = true
			a += uint64(more)
		}
		addr += uint64(next)
	}
	addr = l.dynamic[tagVerdef]
	for range min(l.dynamic[tagVerdefNum], 0xffff) {
		c := at(addr)
		c.u16("vd_version")
		flags, number := c.u16("vd_flags"), c.u16("vd_ndx")
		c.bytes(6, "vd_cnt, vd_hash")
		aux, next := c.u32("vd_aux"), c.u32("vd_next")
		if c.err != nil {
			return nil, c.err
		}
		d, err := l.memory(addr+uint64(aux), 4, "vda_name")
		if err != nil {
			return nil, err
		}
		if flags&1 == 0 { // not the file's own name
			names[number] = l.text(uint64(l.Order.Uint32(d)))
			i.Defined = append(i.Defined, names[number])
		}
		addr += uint64(next)
	}
	return names, nil
}

// symbolsOf goes through the dynamic symbols.
func (i *Interface) symbolsOf(l *loaded, versions map[uint16]string) error {
	table, there := l.dynamic[tagSymtab]
	if !there {
		return nil
	}
	count, err := l.symbolCount()
	if err != nil {
		return err
	}
	size := uint64(16)
	if l.wide {
		size = 24
	}
	for n := uint64(1); n < count; n++ {
		b, err := l.memory(table+n*size, size, "DT_SYMTAB")
		if err != nil {
			return err
		}
		c := cursor{View: l.View, wide: l.wide}
		c.View.Data = b
		name := l.text(uint64(c.u32("st_name")))
		var info, other uint8
		var section uint16
		var length uint64
		if l.wide {
			info, other, section = c.u8("st_info"), c.u8("st_other"), c.u16("st_shndx")
			c.u64("st_value")
			length = c.u64("st_size")
		} else {
			c.u32("st_value")
			length = uint64(c.u32("st_size"))
			info, other, section = c.u8("st_info"), c.u8("st_other"), c.u16("st_shndx")
		}
		if info>>4 == 0 || other&3 == 1 || other&3 == 2 || section == 0xfff1 && slices.Contains(i.Defined, name) { // local, internal, hidden; a version's own
			continue
		}
		if section == 0 {
			i.Imports[name] = true
			continue
		}
		if addr, versioned := l.dynamic[tagVersym]; versioned {
			v, err := l.memory(addr+2*n, 2, "DT_VERSYM")
			if err != nil {
				return err
			}
			number := l.Order.Uint16(v)
			if number&0x7fff == 0 {
				continue // local to the library
			}
			if version, ok := versions[number&0x7fff]; ok {
				name += "@" + version
			}
			if number&0x8000 != 0 {
				name += " (not the default)"
			}
		}
		i.Exports[name] = exported(info, length)
	}
	return nil
}

// exported is what a host may rely on: a function's bytes are its own, but
// data may have been copied into the host by its size.
func exported(info uint8, size uint64) string {
	weak := ""
	if info>>4 == 2 {
		weak = "weak "
	}
	switch info & 15 {
	case 2:
		return weak + "function"
	case 10:
		return weak + "indirect function"
	case 6:
		return weak + fmt.Sprintf("thread-local data of %d bytes", size)
	}
	return weak + fmt.Sprintf("data of %d bytes", size)
}

// symbolCount is how many dynamic symbols there are, which only the hash
// tables tell.
func (l *loaded) symbolCount() (uint64, error) {
	word := func(addr uint64) (uint64, error) {
		b, err := l.memory(addr, 4, "hash table")
		if err != nil {
			return 0, err
		}
		return uint64(l.Order.Uint32(b)), nil
	}
	if table, ok := l.dynamic[tagHash]; ok {
		return word(table + 4)
	}
	table, ok := l.dynamic[tagGnuHash]
	if !ok {
		return 0, nil
	}
	head, err := l.memory(table, 16, "DT_GNU_HASH")
	if err != nil {
		return 0, err
	}
	buckets, first, bloom := uint64(l.Order.Uint32(head)), uint64(l.Order.Uint32(head[4:])), uint64(l.Order.Uint32(head[8:]))
	list := table + 16 + bloom*l.wordSize()
	b, err := l.memory(list, 4*buckets, "DT_GNU_HASH's buckets")
	if err != nil {
		return 0, err
	}
	last := uint64(0)
	for ; len(b) > 0; b = b[4:] {
		last = max(last, uint64(l.Order.Uint32(b)))
	}
	if last < first {
		return first, nil
	}
	for chain := list + 4*buckets; ; last++ {
		hash, err := word(chain + 4*(last-first))
		if err != nil || hash&1 != 0 {
			return last + 1, err
		}
	}
}

// Differences are where a host that knew the old library would see the new one
// differ; what it cannot see, as that less is needed, is none.
func (i *Interface) Differences(new *Interface) (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, name := range slices.Sorted(maps.Keys(i.Exports)) {
		switch now, ok := new.Exports[name]; {
		case !ok:
			say("%s is no longer exported", name)
		case now != i.Exports[name]:
			say("%s is exported as %s, was %s", name, now, i.Exports[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(new.Exports)) {
		if _, ok := i.Exports[name]; !ok {
			say("%s is exported, and was not", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(new.Imports)) {
		if !i.Imports[name] {
			say("%s is imported, and was not", name)
		}
	}
	for _, f := range []struct {
		what     string
		was, now any
	}{
		{"its name (SONAME)", i.Soname, new.Soname}, {"its search path", i.Paths, new.Paths}, {"its binding", i.Binding, new.Binding},
		{"the versions that it defines", strings.Join(i.Defined, " "), strings.Join(new.Defined, " ")},
		{"the number of constructors", i.Constructors, new.Constructors}, {"the number of destructors", i.Destructors, new.Destructors},
		{"DT_INIT", i.Init, new.Init}, {"DT_FINI", i.Fini, new.Fini},
	} {
		if f.was != f.now {
			say("%s is %s, was %s", f.what, shown(f.now), shown(f.was))
		}
	}
	if new.StaticTLS && !i.StaticTLS {
		say("its thread-local data is of the static model, which dlopen may refuse")
	}
	if new.TextRelocations && !i.TextRelocations {
		say("its code is relocated (DT_TEXTREL)")
	}
	was := i.Needed
	for _, name := range new.Needed {
		at := slices.Index(was, name)
		switch {
		case !slices.Contains(i.Needed, name):
			say("it needs %s, and did not", name)
		case at < 0:
			say("it needs %s in another order", name)
		default:
			was = was[at+1:]
		}
	}
	for _, library := range slices.Sorted(maps.Keys(new.Versions)) {
		for _, v := range slices.Sorted(maps.Keys(new.Versions[library])) {
			if !i.Versions[library][v] && raises(i.Versions[library], v) {
				say("it needs %s of %s, and did not", v, library)
			}
		}
	}
	return list
}

func shown(v any) string {
	if v == "" {
		return "none"
	}
	return fmt.Sprint(v)
}

// Fewer says what the new library asks for less, for people.
func (i *Interface) Fewer(new *Interface) (list []string) {
	for _, name := range i.Needed {
		if !slices.Contains(new.Needed, name) {
			list = append(list, name)
		}
	}
	return list
}

// Newest is the highest version with a prefix, as GLIBC_, that is needed of
// any library: "2.34"; "" for none.
func (i *Interface) Newest(prefix string) string {
	newest := ""
	for _, versions := range i.Versions {
		for v := range versions {
			if number, ok := strings.CutPrefix(v, prefix); ok && isNumber(number) && compareVersions(number, newest) > 0 {
				newest = number
			}
		}
	}
	return newest
}

// raises says whether a version is no older one of a family that is needed
// anyway.
func raises(have map[string]bool, v string) bool {
	at := strings.LastIndexByte(v, '_') + 1
	if !isNumber(v[at:]) {
		return true
	}
	for h := range have {
		if strings.HasPrefix(h, v[:at]) && isNumber(h[at:]) && compareVersions(h[at:], v[at:]) > 0 {
			return false
		}
	}
	return true
}

func isNumber(v string) bool {
	return v != "" && strings.Trim(v, "0123456789.") == ""
}

func compareVersions(a, b string) int {
	if b == "" {
		return 1
	}
	parse := func(v string) (list []int) {
		for part := range strings.SplitSeq(v, ".") {
			n, _ := strconv.Atoi(part)
			list = append(list, n)
		}
		return list
	}
	return slices.CompareFunc(parse(a), parse(b), cmp.Compare[int])
}
