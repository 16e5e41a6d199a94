package relink

// Cuts: functions replaced by stubs while the link is replayed.
//
// An LTO object has one section per function. When a function's code becomes
// a stub and its relocations go, --gc-sections takes away all that only it
// kept. A cut is found by the function's demangled name with hashes and
// generic arguments taken out (names.go), so that one pattern serves both
// manglings and every build.

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objedit"
	"github.com/minsize/minsize/internal/target"
)

// Stub is what takes a function's place.
type Stub string

const (
	StubReturn        Stub = "return"         // returns at once: functions that return nothing
	StubZero          Stub = "zero"           // returns 0: Ok(()), None, false, a null pointer, by the function's type
	StubZeroFloat     Stub = "zero-float"     // returns 0.0
	StubZeroPair      Stub = "zero-pair"      // returns 0 in two registers: a 128-bit number, a pair
	StubTrap          Stub = "trap"           // an illegal instruction: fits every signature
	StubReport        Stub = "report"         // writes "minsize: cut function NAME was reached" to stderr, then SIGABRT
	StubDefaultSignal Stub = "default-signal" // a signal handler that gives the signal its default action and returns
)

// Stubs lists every stub; each must have code for every machine and for LLVM.
var Stubs = []Stub{StubReturn, StubZero, StubZeroFloat, StubZeroPair, StubTrap, StubReport, StubDefaultSignal}

// Site is a set of functions by name, and their stub.
type Site struct {
	Pattern string // a normal name, in which * stands for any text
	Stub    Stub
}

// Cut is a named list of sites: a catalogue entry's, or the user's own.
type Cut struct {
	Name  string // the catalogue's name; the typed text for the user's own
	Sites []Site
	Gate  *Gate // nil: none
}

func (c Cut) String() string {
	var b strings.Builder
	b.WriteString(c.Name)
	for _, s := range c.Sites {
		fmt.Fprintf(&b, " %s=%s", s.Pattern, s.Stub)
	}
	return b.String()
}

// CutOutcome is what a cut met in one link.
type CutOutcome struct {
	Cut       Cut
	Functions []string // normal names of the functions replaced, sorted; empty: nothing matched
	Merged    []string // left alone, since the compiler has merged them with a function that the cut does not name
	Unsafe    bool     // not made, since what it relies on is not so here; see Gate
	Gone      bool     // nothing is left of what it names, for codegen has made the program without
	Bytes     uint64   // the replaced functions' own code, before; what only they kept is seen in the program's size
}

// ErrCut is wrapped by errors in a cut that was typed.
var ErrCut = errors.New("cut")

// ParseCut reads what a user types: PATTERN[=trap|report|return|zero|zero-float]. Without a
// stub it is a trap, which fits every signature.
func ParseCut(text string) (Cut, error) {
	pattern, stub := text, string(StubTrap)
	if i := strings.LastIndexByte(text, '='); i >= 0 {
		pattern, stub = text[:i], text[i+1:]
	}
	switch Stub(stub) {
	case StubTrap, StubReport, StubReturn, StubZero, StubZeroFloat:
	default:
		return Cut{}, fmt.Errorf("%w %q: stub %q is not one of trap, report, return, zero, zero-float", ErrCut, text, stub)
	}
	if strings.Trim(pattern, "*:") == "" {
		return Cut{}, fmt.Errorf("%w %q: the pattern names nothing", ErrCut, text)
	}
	if strings.Count(pattern, "*") > maxStars {
		return Cut{}, fmt.Errorf("%w %q: more than %d *", ErrCut, text, maxStars)
	}
	return Cut{Name: text, Sites: []Site{{Pattern: pattern, Stub: Stub(stub)}}}, nil
}

// NeedsConfirmation says whether a typed cut is only right for functions that
// return what the stub returns, which nothing here can know.
func (c Cut) NeedsConfirmation() bool {
	return slices.ContainsFunc(c.Sites, func(s Site) bool { return s.Stub == StubZero || s.Stub == StubZeroFloat })
}

// NeedsProof says whether a typed cut is only right for functions that return
// nothing; see Recording.Returning.
func (c Cut) NeedsProof() bool {
	return slices.ContainsFunc(c.Sites, func(s Site) bool { return s.Stub == StubReturn })
}

const maxStars = 16

// matchPattern says whether name is pattern, * standing for any text.
func matchPattern(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, last)
}

// maxMatches bounds what one pattern that was typed may replace: beyond it, it
// names a language and not a part of a program.
const maxMatches = 1000

// editCache keeps what every link of a recording would work out again.
type editCache struct {
	names   sync.Map // symbol -> names
	digests sync.Map // stored path -> string

	gates      sync.Map // Gate -> bool
	evidence   sync.Map // 0 -> []Evidence
	startFiles sync.Map // name -> where the driver has it
}

// of is namesOf, remembered.
func (c *editCache) of(symbol string) names {
	if n, ok := c.names.Load(symbol); ok {
		return n.(names)
	}
	n := namesOf(symbol)
	c.names.Store(symbol, n)
	return n
}

// digest is the SHA-256 of a recorded file, remembered.
func (c *editCache) digest(path string) (string, error) {
	if d, ok := c.digests.Load(path); ok {
		return d.(string), nil
	}
	d, err := byteio.SHA256(path)
	if err == nil {
		c.digests.Store(path, d)
	}
	return d, err
}

// cuts edits the objects: where functions begin, the variant's cuts, where
// the bitcode has not had them already, and the unwind tables. What is edited is written to the
// link's own folder.
func (p *plan) cuts() error {
	if err := p.writeRelocator(); err != nil {
		return err
	}
	if err := p.writeStart(); err != nil {
		return err
	}
	cuts := p.variant.Cuts
	m, err := p.recording.matcher(cuts)
	if err != nil {
		return err
	}
	if len(cuts) == 0 && !p.dropUnwind && !p.align && !p.plainStart && !p.shortStart && !p.foldLocations {
		return nil
	}
	for i := range p.files {
		if err := p.editInput(&p.files[i], m); err != nil {
			return err
		}
	}
	if err := p.stubImports(m); err != nil {
		return err
	}
	return p.tell(m)
}

// tell gives the cuts their outcomes: what they met in the bitcode, and in what
// m saw of the link. A cut that met nothing may be one that codegen has made
// needless: without landing pads nobody calls the unwinder.
func (p *plan) tell(m *matcher) error {
	for i := range p.inBitcode {
		for name := range p.inBitcode[i] {
			m.found[i][name]++
		}
	}
	p.outcomes = m.outcomes()
	if p.inBitcode == nil || !slices.ContainsFunc(p.outcomes, func(o CutOutcome) bool { return len(o.Functions) == 0 }) {
		return nil
	}
	for _, f := range p.files {
		if f.Bitcode == "" {
			continue
		}
		file, err := objedit.OpenFile(filepath.Base(f.Path), p.recording.file(f.Stored))
		if errors.Is(err, objedit.ErrUnsupported) || err == nil && file == nil {
			continue // a module's object
		}
		if err != nil {
			return err
		}
		for _, o := range file.Objects() {
			for _, name := range o.Undefined() {
				if at, named := m.exact[name]; named {
					p.outcomes[at.cut].Gone = len(p.outcomes[at.cut].Functions) == 0
				}
			}
		}
		file.Close()
	}
	return nil
}

// editInput writes an edited copy of one input, where there is something to
// edit, into the link's own folder. One input is in memory at a time.
func (p *plan) editInput(f *planFile, m *matcher) error {
	file, err := objedit.OpenFile(filepath.Base(f.Path), f.now)
	if errors.Is(err, objedit.ErrUnsupported) {
		return fmt.Errorf("%w: %w", ErrNotApplicable, err)
	}
	if err != nil || file == nil { // a linker script, a shared library
		return err
	}
	defer file.Close()
	for _, o := range file.Objects() {
		m.sawImports(o)
		if (p.plainStart || p.shortStart) && o.HasSection(oldConstructors) {
			return fmt.Errorf("%w: %s has code that the C runtime's start is to call (constructors, .init, .fini)", ErrNotApplicable, o.Name())
		}
		if p.align {
			o.AlignFunctions()
		}
		if p.foldLocations {
			if _, err := o.FoldLocations(); err != nil {
				return err
			}
		}
		if err := m.stub(o); err != nil {
			return err
		}
		if p.dropUnwind && !p.keepsTables(o) {
			if _, err := o.TakeOut(objedit.UnwindTables); err != nil {
				return err
			}
		}
	}
	if !file.Edited() {
		return nil
	}
	return f.write(p.scratch, file)
}

// write puts the edited input into the link's own folder.
func (f *planFile) write(folder string, file *objedit.File) error {
	edited, err := file.Bytes()
	if err != nil {
		return err
	}
	// Not over a file that is still read from: sweep edits what was edited.
	f.now = filepath.Join(folder, fmt.Sprintf("%d-%s", f.written, filepath.Base(f.Stored)))
	f.written++
	return os.WriteFile(f.now, edited, 0o666)
}

// stubImports gives the link an object with the functions that a cut names
// and that would come from a shared library: the program's own calls go to
// the stub, and a library that nothing else needs is not loaded any more.
func (p *plan) stubImports(m *matcher) error {
	if !slices.Contains(p.flavour.Formats, target.ELF) {
		return nil // there an archive brings the function, with others that are needed
	}
	stubs := map[string][]byte{}
	for name := range m.undefined {
		at, ok := m.exact[name]
		if !ok || m.defined[name] {
			continue
		}
		code, err := objedit.StubCode(m.machine, machine.Stub(m.cuts[at.cut].Sites[at.site].Stub), name)
		if err != nil {
			return err
		}
		stubs[name] = code
		m.met(at, name, 0)
	}
	if len(stubs) == 0 {
		return nil
	}
	object, err := objedit.StubObject(m.machine, stubs, slices.Sorted(maps.Keys(stubs)))
	if err != nil {
		return err
	}
	return p.addObject("imports.o", object)
}

// matcher finds the functions of a list of cuts and counts what it met.
type matcher struct {
	cuts   []Cut
	names  *editCache
	exact  map[string]siteIndex
	globs  []glob
	found  []map[string]int // by cut: normal name -> how often
	merged [][]string       // by cut: normal names left alone
	bytes  []uint64
	count  map[siteIndex]int
	shut   []int // cuts whose gate is closed: they match nothing

	machine            *machine.Machine
	undefined, defined map[string]bool // C names that exact patterns name
}

type siteIndex struct{ cut, site int }

type glob struct {
	at      siteIndex
	pattern string
}

// matcher is a matcher of the cuts that may be made in this recording.
func (r *Recording) matcher(cuts []Cut) (*matcher, error) {
	shut, err := r.closed(cuts)
	if err != nil {
		return nil, err
	}
	if r.flavour.Name == target.Bare {
		for _, c := range cuts {
			for _, s := range c.Sites {
				if s.Stub == StubReport || s.Stub == StubDefaultSignal {
					return nil, fmt.Errorf("cut %s: %w: the stub %s calls Linux, and this machine has no operating system; %s ends it, too", c.Name, ErrNotApplicable, s.Stub, StubTrap)
				}
			}
		}
	}
	return openMatcher(cuts, shut, &r.edit), nil
}

// openMatcher is a matcher of cuts, of which some are shut and match nothing.
func openMatcher(cuts []Cut, shut map[int]bool, names *editCache) *matcher {
	open := slices.Clone(cuts)
	for i := range shut {
		open[i].Sites = nil
	}
	m := newMatcher(open, names)
	m.cuts = cuts
	m.shut = slices.Sorted(maps.Keys(shut))
	return m
}

func newMatcher(cuts []Cut, names *editCache) *matcher {
	m := &matcher{cuts: cuts, names: names, exact: map[string]siteIndex{}, count: map[siteIndex]int{}, bytes: make([]uint64, len(cuts)), merged: make([][]string, len(cuts)),
		undefined: map[string]bool{}, defined: map[string]bool{}}
	for i, c := range cuts {
		m.found = append(m.found, map[string]int{})
		for j, s := range c.Sites {
			at := siteIndex{i, j}
			if strings.Contains(s.Pattern, "*") {
				m.globs = append(m.globs, glob{at, s.Pattern})
			} else if _, taken := m.exact[s.Pattern]; !taken {
				m.exact[s.Pattern] = at
			}
		}
	}
	return m
}

// match finds the first site that names the symbol.
func (m *matcher) match(symbol string) (siteIndex, string, bool) {
	n := m.names.of(symbol)
	if at, ok := m.exact[n.normal]; ok {
		return at, n.normal, true
	}
	for _, g := range m.globs {
		if matchPattern(g.pattern, n.normal) || matchPattern(g.pattern, n.full) {
			return g.at, n.normal, true
		}
	}
	return siteIndex{}, "", false
}

// matchAll finds the site for a function with several names. LLVM's mergefunc
// gives equal functions one body, so a cut must name all of them: what shares
// its code with something else is left alone, and noted.
func (m *matcher) matchAll(symbol string, aliases []string) (siteIndex, string, bool) {
	at, name, ok := m.match(symbol)
	found, foundOK := at, ok
	for _, alias := range aliases {
		other, otherName, otherOK := m.match(alias)
		if !foundOK && otherOK {
			found, name, foundOK = other, otherName, true
		}
		ok = ok && otherOK && other.cut == at.cut
	}
	if foundOK && !ok {
		m.merged[found.cut] = append(m.merged[found.cut], name)
	}
	return at, name, ok
}

// met counts a replaced function.
func (m *matcher) met(at siteIndex, name string, size uint64) {
	m.found[at.cut][name]++
	m.bytes[at.cut] += size
	m.count[at]++
}

// stub replaces the object's functions that the cuts name.
func (m *matcher) stub(o *objedit.Object) error {
	if len(m.cuts) == 0 {
		return nil
	}
	for i, f := range o.Functions() {
		at, name, ok := m.matchAll(f.Name, f.Aliases)
		if !ok {
			continue
		}
		if m.count[at] >= maxMatches && CutByName(m.cuts[at.cut].Name) == nil {
			return m.tooMany(at)
		}
		code, err := o.Code(i, machine.Stub(m.cuts[at.cut].Sites[at.site].Stub), name)
		if err != nil {
			return err
		}
		if err := o.Stub(i, code); err != nil {
			return fmt.Errorf("cut %s: %w: %w", m.cuts[at.cut].Name, ErrNotApplicable, err)
		}
		m.met(at, name, f.Size)
	}
	return nil
}

func (m *matcher) tooMany(at siteIndex) error {
	return fmt.Errorf("%w %s: pattern %q matches more than %d functions; name a narrower one", ErrCut, m.cuts[at.cut].Name, m.cuts[at.cut].Sites[at.site].Pattern, maxMatches)
}

// sawImports notes which of the wanted names the object imports or defines.
func (m *matcher) sawImports(o *objedit.Object) {
	m.machine = o.Machine()
	for _, name := range o.Undefined() {
		if _, wanted := m.exact[name]; wanted {
			m.undefined[name] = true
		}
	}
	for _, d := range o.Definitions() {
		if _, wanted := m.exact[d.Name]; wanted {
			m.defined[d.Name] = true
		}
	}
}

func (m *matcher) outcomes() []CutOutcome {
	var list []CutOutcome
	for i, c := range m.cuts {
		list = append(list, CutOutcome{Cut: c, Functions: slices.Sorted(maps.Keys(m.found[i])), Merged: slices.Compact(slices.Sorted(slices.Values(m.merged[i]))), Bytes: m.bytes[i], Unsafe: slices.Contains(m.shut, i)})
	}
	return list
}
