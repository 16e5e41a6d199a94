package attrib

// Crates of one name in one program: two versions of a dependency, or one that
// the standard library has a copy of as well (miniz_oxide, gimli, memchr).
//
// Names of the v0 scheme hold a number that tells them apart; legacy names
// hold nothing of that kind. What tells for both is where the source lies:
// compile units name their crate's root file, functions the file that they are
// declared in, and panic locations a path. A program and the library beside it
// are two crates of one name as well, and nobody means one without the other:
// they count as one.

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/dwarf"
)

// CrateCopy is one of several crates of one name.
type CrateCopy struct {
	Label   string // how people name it: parse@1.0.1, parse#h4sh, miniz_oxide@std
	Crate   string
	Version string // "" where nothing tells it
	Hash    string // the number in its v0 names, or in the names of its units; "" where there is none
	Std     bool   // the standard library's own

	folder string // of its sources, "" where nothing tells it
}

// Is says whether a selector (what stands behind the @ or #, sign included)
// means this copy.
func (c *CrateCopy) Is(selector string) bool {
	switch selector[0] {
	case '@':
		return selector[1:] == c.Version && !c.Std || selector == "@std" && c.Std
	default:
		return selector[1:] == c.Hash
	}
}

// copyTable is filled once, when a view or a pattern asks for a crate.
type copyTable struct {
	once   sync.Once
	all    []*CrateCopy // of crates that have several
	byAtom []*CrateCopy // nil for most
	byUnit []*CrateCopy
	crates map[string][]*CrateCopy
}

// CrateCopies are the copies of crates whose name several crates have.
func (p *Program) CrateCopies() []*CrateCopy {
	p.copies.once.Do(p.findCopies)
	return p.copies.all
}

// CopyOf is which copy of its crate an atom belongs to; nil where there is only
// one crate of that name, or nothing tells.
func (p *Program) CopyOf(atom int32) *CrateCopy {
	p.copies.once.Do(p.findCopies)
	if p.copies.byAtom == nil || atom < 0 {
		return nil
	}
	return p.copies.byAtom[atom]
}

// MarkStd says that a copy is the standard library's: references told it.
func (p *Program) MarkStd(c *CrateCopy) {
	c.Std = true
	labels(p.copies.crates[c.Crate])
}

// CopyByPath is the copy of a crate whose sources hold a file.
func (p *Program) CopyByPath(crate, file string) *CrateCopy {
	p.copies.once.Do(p.findCopies)
	root := p.sourceRoot(file)
	for _, c := range p.copies.crates[crate] {
		if c.folder != "" && (c.folder == root || strings.HasPrefix(file, c.folder+"/")) {
			return c
		}
	}
	return nil
}

// OnlyVersion is the version of a crate that there is one of, as far as its
// sources tell it: "std" for the standard library's own, "" where nothing does.
func (p *Program) OnlyVersion(crate string) string {
	if p.debug == nil || p.debug.data == nil {
		return ""
	}
	for i := range p.debug.data.Units {
		if p.debug.crates[i] != crate {
			continue
		}
		switch folder := p.unitFolder(&p.debug.data.Units[i]); folder {
		case "":
		case stdFolder:
			return "std"
		default:
			return p.versionOf(folder)
		}
	}
	return ""
}

// unitLabel is how the crate of a unit is named.
func (p *Program) unitLabel(unit int32, crate string) string {
	p.copies.once.Do(p.findCopies)
	if p.copies.byUnit != nil {
		if c := p.copies.byUnit[unit]; c != nil && c.Crate == crate {
			return c.Label
		}
	}
	return crate
}

// stdFolder stands for all that the standard library was compiled from.
const stdFolder = "the standard library"

// sourceRoot is the folder of the package that a source file belongs to, as far
// as its path tells, else "".
func (p *Program) sourceRoot(file string) string {
	file = strings.ReplaceAll(file, `\`, "/")
	if strings.HasPrefix(file, "/rust/deps/") || strings.HasPrefix(file, "/rustc/") || strings.Contains(file, "/rustlib/src/rust/library/") {
		return stdFolder
	}
	longest := ""
	for folder := range p.folders {
		if len(folder) > len(longest) && strings.HasPrefix(file, folder+"/") && !strings.Contains(file[len(folder):], "/vendor/") {
			longest = folder
		}
	}
	if longest != "" {
		return longest
	}
	for _, root := range []string{"/registry/src/", "/vendor/", "/git/checkouts/"} {
		before, rest, ok := strings.Cut(file, root)
		if !ok {
			continue
		}
		parts := strings.Split(rest, "/")
		depth := 1
		if root != "/vendor/" {
			depth = 2
		}
		if len(parts) <= depth {
			return ""
		}
		return before + root + strings.Join(parts[:depth], "/")
	}
	return ""
}

// versionOf reads the version off a package's folder.
func (p *Program) versionOf(folder string) string {
	if v, ok := p.folders[folder]; ok {
		return v
	}
	base := path.Base(folder)
	for i := 0; i+1 < len(base); i++ {
		if base[i] == '-' && base[i+1] >= '0' && base[i+1] <= '9' && strings.Contains(base[i:], ".") {
			return base[i+1:]
		}
	}
	return ""
}

// copyKey is what one source of knowledge says of a copy.
type copyKey struct {
	crate        int32
	hash, folder string
}

func (p *Program) findCopies() {
	p.names.demangleAll()
	t := &p.copies
	several, legacy := p.crowdedNames()
	if len(several) == 0 {
		return
	}
	found := map[copyKey]*CrateCopy{}
	at := func(k copyKey) *CrateCopy {
		c := found[k]
		if c == nil {
			c = &CrateCopy{Crate: p.names.strings.names[k.crate], Hash: k.hash, folder: k.folder, Std: k.folder == stdFolder}
			if k.folder != "" && !c.Std {
				c.Version = p.versionOf(k.folder)
			}
			found[k] = c
		}
		return c
	}
	folders := p.copyFolders(several)

	// The folder of each v0 number: that of the first function that has one.
	numbers := map[copyKey]string{}
	for i := range p.Atoms {
		parts := &p.names.parts[i]
		if folder := folders[int32(i)]; parts.v0 && several[parts.crate] && folder != "" {
			k := copyKey{crate: parts.crate, hash: p.names.strings.names[parts.hash]}
			if numbers[k] == "" {
				numbers[k] = folder
			}
		}
	}
	mains := p.mainCrates()
	t.byAtom = make([]*CrateCopy, len(p.Atoms))
	vague := map[int32][]int32{} // legacy atoms without a folder, by crate
	for i := range p.Atoms {
		parts := &p.names.parts[i]
		if !parts.rust || !several[parts.crate] || mains[parts.crate] {
			continue
		}
		k := copyKey{crate: parts.crate, folder: folders[int32(i)]}
		switch {
		case parts.v0:
			k.hash = p.names.strings.names[parts.hash]
			if k.folder = numbers[k.number()]; k.folder == "" && legacy {
				k.folder = stdFolder // the program's own crates have legacy names
			}
			if k.folder != "" {
				c := at(copyKey{crate: k.crate, folder: k.folder})
				c.Hash = k.hash
				t.byAtom[i] = c
				continue
			}
		case k.folder == "":
			vague[k.crate] = append(vague[k.crate], int32(i))
			continue
		}
		t.byAtom[i] = at(k)
	}
	p.placeVague(vague, found, at)
	p.labelCopies(found)
	if len(t.all) == 0 {
		t.byAtom = nil
		return
	}
	for i, c := range t.byAtom {
		if c != nil && c.Label == "" {
			t.byAtom[i] = nil // the only one of its name after all
		}
	}
	if p.debug == nil || p.debug.data == nil {
		return
	}
	t.byUnit = make([]*CrateCopy, len(p.debug.data.Units))
	for i := range p.debug.data.Units {
		u := &p.debug.data.Units[i]
		t.byUnit[i] = p.copyByFolder(p.debug.crates[i], p.unitFolder(u))
		if c := t.byUnit[i]; c != nil && c.Hash == "" {
			c.Hash = unitHash(u)
		}
	}
	for _, copies := range t.crates {
		labels(copies) // with what the units told
	}
}

func (k copyKey) number() copyKey { return copyKey{crate: k.crate, hash: k.hash} }

func (p *Program) copyByFolder(crate, folder string) *CrateCopy {
	for _, c := range p.copies.crates[crate] {
		if folder != "" && c.folder == folder {
			return c
		}
	}
	return nil
}

// placeVague gives legacy functions that nothing tells a copy: where the other
// copies are the standard library's, they are the program's own. But for
// hashbrown, whose generic code std hands on to all who use a HashMap.
func (p *Program) placeVague(vague map[int32][]int32, found map[copyKey]*CrateCopy, at func(copyKey) *CrateCopy) {
	for crate, atoms := range vague {
		var std, own []*CrateCopy
		for k, c := range found {
			if k.crate != crate {
				continue
			}
			if c.Std {
				std = append(std, c)
			} else {
				own = append(own, c)
			}
		}
		var c *CrateCopy
		switch {
		case len(own) == 0 && len(std) > 0 && std[0].Crate == "hashbrown":
			c = std[0]
		case len(own) == 0 && len(std) > 0:
			c = at(copyKey{crate: crate})
		case len(own) == 1 && own[0].Crate != "hashbrown":
			c = own[0]
		}
		for _, atom := range atoms {
			p.copies.byAtom[atom] = c
		}
	}
}

// labelCopies drops crates that turn out to be the only ones of their name.
func (p *Program) labelCopies(found map[copyKey]*CrateCopy) {
	t := &p.copies
	t.crates = map[string][]*CrateCopy{}
	for _, c := range found {
		t.crates[c.Crate] = append(t.crates[c.Crate], c)
	}
	for crate, copies := range t.crates {
		if len(copies) < 2 {
			delete(t.crates, crate)
			continue
		}
		slices.SortFunc(copies, func(a, b *CrateCopy) int {
			return cmp.Or(cmp.Compare(a.folder, b.folder), cmp.Compare(a.Hash, b.Hash))
		})
		labels(copies)
		t.all = append(t.all, copies...)
	}
	slices.SortFunc(t.all, func(a, b *CrateCopy) int { return cmp.Compare(a.Label, b.Label) })
}

// labels names copies by version where that is enough.
func labels(copies []*CrateCopy) {
	versions := map[string]int{}
	for _, c := range copies {
		if !c.Std {
			versions[c.Version]++
		}
	}
	for _, c := range copies {
		switch {
		case c.Std:
			c.Label = c.Crate + "@std"
		case c.Version != "" && versions[c.Version] == 1:
			c.Label = c.Crate + "@" + c.Version
		case c.Hash != "":
			c.Label = c.Crate + "#" + c.Hash
		default:
			c.Label = c.Crate
		}
	}
}

// crowdedNames are the crates that may have several copies; legacy says whether
// the program has names of the old scheme.
func (p *Program) crowdedNames() (several map[int32]bool, legacy bool) {
	type knowledge struct {
		hash   string
		v0     bool
		legacy bool
	}
	several = map[int32]bool{}
	known := map[int32]knowledge{}
	for i := range p.Atoms {
		parts := &p.names.parts[i]
		if p.Atoms[i].Kind != Code || !parts.rust {
			continue
		}
		k := known[parts.crate]
		if parts.v0 {
			hash := p.names.strings.names[parts.hash]
			if k.v0 && k.hash != hash || k.legacy {
				several[parts.crate] = true
			}
			k.v0, k.hash = true, hash
		} else {
			if k.v0 {
				several[parts.crate] = true
			}
			k.legacy, legacy = true, true
		}
		known[parts.crate] = k
	}
	if p.debug != nil && p.debug.data != nil {
		hashes := map[string]string{}
		for i := range p.debug.data.Units {
			crate, hash := p.debug.crates[i], unitHash(&p.debug.data.Units[i])
			if hash == "" {
				continue
			}
			if old, ok := hashes[crate]; ok && old != hash {
				if id, ok := p.names.strings.known(crate); ok {
					several[id] = true
				}
			}
			hashes[crate] = hash
		}
	}
	for path := range p.locations.paths {
		if crate := crateOfPath(path); crate != "" {
			id, ok := p.names.strings.known(crate)
			if !ok {
				continue
			}
			root := p.sourceRoot(path)
			k := known[id]
			if k.legacy && root != "" && root != stdFolder {
				if k.hash != "" && k.hash != root && !k.v0 {
					several[id] = true
				}
				if !k.v0 {
					k.hash = root
					known[id] = k
				}
			}
		}
	}
	for id := range several {
		switch p.names.strings.names[id] {
		case "core", "alloc", "std": // of these there is one, compiled for std or into the program
			delete(several, id)
		}
	}
	return several, legacy
}

// mainCrates have a function main: the program, with its library.
func (p *Program) mainCrates() map[int32]bool {
	out := map[int32]bool{}
	for i, display := range p.names.display {
		if parts := &p.names.parts[i]; parts.rust && display == p.names.strings.names[parts.crate]+"::main" {
			out[parts.crate] = true
		}
	}
	return out
}

// unitHash is the number in a unit's name: "lib.rs/@/regex.8a1f-cgu.3".
func unitHash(u *dwarf.Unit) string {
	if _, rest, ok := strings.Cut(u.Name, "/@/"); ok {
		if _, rest, ok = strings.Cut(rest, "."); ok {
			hash, _, _ := strings.Cut(rest, "-")
			return hash
		}
	}
	return ""
}

// unitFolder is the folder of a unit's package: what its path tells, else that
// of its root file without src.
func (p *Program) unitFolder(u *dwarf.Unit) string {
	file, _, ok := strings.Cut(u.Name, "/@/")
	if !ok {
		return ""
	}
	if !path.IsAbs(file) && u.CompDir != "" {
		file = path.Join(u.CompDir, file)
	}
	if root := p.sourceRoot(file); root != "" {
		return root
	}
	return strings.TrimSuffix(path.Dir(file), "/src")
}

// copyFolders tells where the functions of crates come from.
func (p *Program) copyFolders(several map[int32]bool) map[int32]string {
	out := map[int32]string{}
	for _, l := range p.locations.list {
		owner := p.owner(p.AtomAt(l.where))
		if owner < 0 || out[owner] != "" || !several[p.names.parts[owner].crate] {
			continue
		}
		// What is inlined has locations of its own: the path has to be of that crate.
		if crateOfPath(l.path) == p.names.strings.names[p.names.parts[owner].crate] {
			out[owner] = p.sourceRoot(l.path)
		}
	}
	if p.debug == nil || p.debug.data == nil {
		return out
	}
	d := p.debug.data
	foreign := map[int32][]int32{} // by unit: functions of crates that the unit is not of
	for i := range p.Atoms {
		parts := &p.names.parts[i]
		unit := p.debug.atomUnits[i]
		if p.Atoms[i].Kind != Code || !parts.rust || !several[parts.crate] || unit < 0 {
			continue
		}
		if crate := p.names.strings.names[parts.crate]; p.debug.crates[unit] == crate {
			out[int32(i)] = p.unitFolder(&d.Units[unit])
		} else {
			foreign[unit] = append(foreign[unit], int32(i))
		}
	}
	folders := map[string][]string{} // of each crate, as its units tell
	for i := range d.Units {
		crate := p.debug.crates[i]
		if folder := p.unitFolder(&d.Units[i]); folder != "" && !slices.Contains(folders[crate], folder) {
			folders[crate] = append(folders[crate], folder)
		}
	}
	for unit, atoms := range foreign {
		data, u := d.Full(&d.Units[unit])
		code, err := data.Code(u)
		if err != nil {
			continue
		}
		declared := map[uint64]uint64{} // address -> entry
		for k := range code.Functions {
			f := &code.Functions[k]
			for _, r := range code.RangesOf(f.First, f.Count) {
				declared[r.Low] = cmp.Or(f.Origin, f.Offset)
			}
		}
		for _, atom := range atoms {
			entry, ok := declared[p.Atoms[atom].Addr]
			if !ok {
				continue
			}
			n := data.Names(entry)
			if n.Unit == nil {
				continue
			}
			files, err := data.Files(n.Unit)
			if err != nil {
				continue
			}
			file := files.File(n.DeclFile)
			root := p.sourceRoot(file)
			for _, folder := range folders[p.names.strings.names[p.names.parts[atom].crate]] {
				if root == "" && strings.HasPrefix(file, folder+"/") {
					root = folder
				}
			}
			if root != "" {
				out[atom] = root
			}
		}
	}
	return out
}
