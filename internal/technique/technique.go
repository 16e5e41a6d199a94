// Package technique is the catalogue of what makes a program smaller.
//
// What multiplies is a table: every technique is one entry that says what it
// changes, what is lost by it in one plain sentence, how risky that is, at
// which level it enters by itself, and what it needs of the machine. The
// search, `apply`, the help, the docs and the reports all read the same
// entries; a consistency test tells the next author which field is missing.
//
// A technique changes exactly one of three things. A Setting is given to cargo
// and costs a full build. A Link is a change to the recorded final link and
// costs a relink, well under a second. A Rewrite changes the finished file.
// The kinds are kept apart because their price differs by a factor of a
// hundred: the search spends full builds as if they were money and link rungs
// as if they were free. Rejected: one closure per technique that "applies
// itself" to a build. Closures cannot be written to minsize.toml, compared,
// hashed into a cache key, or shown to the user; plain data can.
package technique

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/relink"
)

// Risk classes, in the order of how much they can hurt.
type Risk uint8

const (
	Size          Risk = iota // only the size changes (and perhaps the speed)
	Debuggability             // debuggers, backtraces and profilers see less
	Deployment                // runs on fewer machines
	Behaviour                 // the program may do something else in some corner
	Security                  // a mitigation against attacks is given up
)

var risks = []struct {
	name, loses string
}{
	{"size", "nothing but size and perhaps speed changes"},
	{"debuggability", "debuggers, backtraces and profilers see less; the program does the same"},
	{"deployment", "the program runs on fewer machines"},
	{"behaviour", "the program does something else in some situations, usually after a panic"},
	{"security", "a mitigation that makes attacks harder is given up"},
}

func (r Risk) String() string { return risks[r].name }

// Explain is one plain sentence: what the class gives up.
func (r Risk) Explain() string { return risks[r].loses }

// Level names a bundle of techniques that are tried without being asked for
// one by one. A level holds everything of the levels before it.
type Level uint8

const (
	Safe    Level = iota // size and debuggability
	Abort                // a panic ends the program
	Nightly              // what needs an unstable compiler and std from source
	Max                  // everything but security
	Asked                // at no level: only by its own flag
)

var levels = []string{"safe", "abort", "nightly", "max", "asked"}

func (l Level) String() string { return levels[l] }

// LevelNames are what --level takes.
func LevelNames() []string { return levels[:Asked] }

// ParseLevel reads a level's name.
func ParseLevel(s string) (Level, error) {
	if i := slices.Index(levels[:Asked], s); i >= 0 {
		return Level(i), nil
	}
	return 0, fmt.Errorf("unknown level %q (one of %s)", s, strings.Join(LevelNames(), ", "))
}

// Loss is one thing that a program can no longer do.
type Loss = relink.Loss

// Technique is one way to make a program smaller. Exactly one of Set, Link
// and Rewrite is given.
type Technique struct {
	Name    string        // as typed in --with and --without, and written to minsize.toml
	Short   string        // in the name of a rung of several techniques; Name where it is empty
	Summary string        // what it does, a phrase
	Loses   []Loss        // all that is lost; none where it is nothing
	Against []relink.Kind // evidence where it is wrong, not merely a loss: it stays out unless it is asked for by name
	Risk    Risk
	Level   Level  // where it enters by itself
	Needs   []Need // conditions, looked up in needs
	ByName  bool   // never by its level or class: only where it is asked for by name
	Aborts  bool   // a panic ends the program, whatever the profile says
	Glibc   [2]int // from this oldest glibc on it enters at level abort, whatever Level says; zero: never

	Set     *Setting
	Link    *Link
	Rewrite *Rewrite

	// Twin is the nearest thing that cargo can express by itself, for
	// techniques that are no build setting: what `minsize apply` writes.
	Twin *Setting
	// Suspect ranks build settings by how often they break programs: 4 what a
	// panic does, 3 what is printed, 2 another std or the whole program compiled
	// as one, 1 the rest. Where a build of several breaks, the highest is
	// suspected first. A rank that is wrong costs a build, never another
	// technique.
	Suspect int
	// Stage puts build settings into the searches' builds: see ladder.
	Stage Stage
	// Excludes names techniques that cannot hold at the same time: the
	// later one replaces the earlier one in a plan.
	Excludes []string
}

// Stage says in which full build of the search a setting is first tried.
type Stage uint8

const (
	StageNone   Stage = iota // not by the search itself (link and file rungs, or asked for)
	StageCorner              // the recipe's corner: the first build after the baseline
	StageFlip                // tried against the corner, one at a time
	StageNight               // settings of an unstable compiler on the prebuilt std
	StageStd                 // std built from source
)

// Title is how the technique is called in a rung's name.
func (t *Technique) Title() string {
	if t.Short != "" {
		return t.Short
	}
	return t.Name
}

// Foreign says whether t can never be had for this kind of target or compiler,
// so that it is not worth a line in a report.
func (t *Technique) Foreign(f Facts) bool {
	return t.otherFlavour(f) || slices.ContainsFunc(t.Needs, func(n Need) bool {
		return needs[n].foreign && needs[n].missing(f, Plan{}) != ""
	})
}

// otherFlavour says that the linkers of the target do not have t's option.
func (t *Technique) otherFlavour(f Facts) bool {
	return t.Link != nil && slices.ContainsFunc(t.Link.Options, func(o string) bool { return relink.FlavourOf(f.Target).Option(o) == nil })
}

// Lost is what a program of f has to lose by t: one that cannot unwind loses
// nothing where a panic no longer does.
func (t *Technique) Lost(f Facts) []Loss {
	return slices.DeleteFunc(slices.Clone(t.Loses), func(l Loss) bool { return l.Unwinding && f.aborts(Plan{}) })
}

// Losses is all that a program of f loses by t as one phrase, "" for nothing.
func (t *Technique) Losses(f Facts) string {
	var words []string
	for _, l := range t.Lost(f) {
		words = append(words, l.In(f.Target))
	}
	return strings.Join(words, "; ")
}

// Kind is what has to be done again for a technique.
type Kind string

const (
	OfBuild Kind = "build" // a build by cargo
	OfLink  Kind = "link"  // a replay of the recorded link
	OfFile  Kind = "file"  // a rewrite of the finished file
)

// Kind is the dearest of what it changes.
func (t *Technique) Kind() Kind {
	switch {
	case t.Set != nil:
		return OfBuild
	case t.Link != nil:
		return OfLink
	default:
		return OfFile
	}
}

// Losses are the plain sentences of what a plan of these techniques gives up.
func Losses(names []string, f Facts) []string {
	var lines []string
	for _, name := range names {
		if t := Find(name); t != nil && len(t.Lost(f)) > 0 {
			lines = append(lines, name+": "+t.Losses(f))
		}
	}
	return lines
}

// KeyValue is one key of a cargo profile. Value is a TOML literal: `"z"`, `1`.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Decoded is the value itself: a string, a bool or an int.
func (kv KeyValue) Decoded() (any, error) {
	if text, ok := strings.CutPrefix(kv.Value, `"`); ok {
		return strings.TrimSuffix(text, `"`), nil
	}
	switch kv.Value {
	case "true", "false":
		return kv.Value == "true", nil
	}
	n, err := strconv.Atoi(kv.Value)
	if err != nil {
		return nil, fmt.Errorf("profile setting %s = %s: neither a string, a bool nor a number", kv.Key, kv.Value)
	}
	return n, nil
}

// PackageSetting overrides profile keys for one package of the graph.
type PackageSetting struct {
	Package string     `json:"package"`
	Profile []KeyValue `json:"profile"`
}

// What settings and rewrites hold that is no word of cargo's.
const (
	MuslTwin = "musl"     // Setting.Target: the musl twin of the project's triple
	WasmOpt  = "wasm-opt" // Rewrite.Optimizer: Binaryen's
)

// Setting is what cargo is told.
type Setting struct {
	Profile           []KeyValue       `json:"profile,omitempty"`
	Packages          []PackageSetting `json:"packages,omitempty"`
	Rustflags         []string         `json:"rustflags,omitempty"` // appended to the project's own
	BuildStd          []string         `json:"build_std,omitempty"` // crates of -Z build-std; empty: the prebuilt std
	StdFeatures       []string         `json:"std_features,omitempty"`
	NoStdDefaults     bool             `json:"no_std_defaults,omitempty"` // -Z build-std-features without cargo's own defaults
	Unstable          []string         `json:"unstable,omitempty"`        // further cargo -Z flags, without the -Z
	Target            string           `json:"target,omitempty"`          // another target than the project's
	NoDefaultFeatures bool             `json:"no_default_features,omitempty"`
	Features          []string         `json:"features,omitempty"`
}

// Link is a change to the recorded final link. Options are names in
// relink.Options.
type Link struct {
	Linker   string   `json:"linker,omitempty"` // lld, mold or bfd; "" as recorded
	Options  []string `json:"options,omitempty"`
	Add      []string `json:"add,omitempty"`      // arguments to the linker driver that no option names
	Cuts     []string `json:"cuts,omitempty"`     // of the catalogue, or as typed: PATTERN=stub
	Pipeline string   `json:"pipeline,omitempty"` // of the codegen replay; "" for none
	Inlining []string `json:"inlining,omitempty"` // choices for calls, as package tune writes them
}

// Rewrite is a change to the finished file.
type Rewrite struct {
	StripSymbols   bool   `json:"strip_symbols,omitempty"`
	SectionHeaders bool   `json:"drop_section_headers,omitempty"`
	Layout         bool   `json:"pack_layout,omitempty"` // padding between segments taken out; a module written anew
	Optimizer      string `json:"optimizer,omitempty"`   // the tool that optimises the finished file: wasm-opt; "" for none
	Pack           string `json:"pack,omitempty"`        // codec of the self-unpacking file; "" for none
}

// merge adds b to a; later values win.
func (a *Setting) merge(b *Setting) {
	for _, kv := range b.Profile {
		a.Profile = setKey(a.Profile, kv)
	}
	for _, p := range b.Packages {
		i := slices.IndexFunc(a.Packages, func(q PackageSetting) bool { return q.Package == p.Package })
		if i < 0 {
			a.Packages = append(a.Packages, PackageSetting{Package: p.Package})
			i = len(a.Packages) - 1
		}
		for _, kv := range p.Profile {
			a.Packages[i].Profile = setKey(slices.Clone(a.Packages[i].Profile), kv)
		}
	}
	a.Rustflags = appendNew(a.Rustflags, b.Rustflags)
	a.BuildStd = appendNew(a.BuildStd, b.BuildStd)
	a.StdFeatures = appendNew(a.StdFeatures, b.StdFeatures)
	a.NoStdDefaults = a.NoStdDefaults || b.NoStdDefaults
	a.Unstable = appendNew(a.Unstable, b.Unstable)
	if b.Target != "" {
		a.Target = b.Target
	}
	a.NoDefaultFeatures = a.NoDefaultFeatures || b.NoDefaultFeatures
	a.Features = appendNew(a.Features, b.Features)
}

func (a *Link) merge(b *Link) {
	if b.Linker != "" {
		a.Linker = b.Linker
	}
	a.Options = appendNew(a.Options, b.Options)
	a.Add = appendNew(a.Add, b.Add)
	a.Cuts = appendNew(a.Cuts, b.Cuts)
	if b.Pipeline != "" {
		a.Pipeline = b.Pipeline
	}
	if len(b.Inlining) > 0 {
		a.Inlining = b.Inlining
	}
}

func (a *Rewrite) merge(b *Rewrite) {
	a.StripSymbols = a.StripSymbols || b.StripSymbols
	a.SectionHeaders = a.SectionHeaders || b.SectionHeaders
	a.Layout = a.Layout || b.Layout
	if b.Optimizer != "" {
		a.Optimizer = b.Optimizer
	}
	if b.Pack != "" {
		a.Pack = b.Pack
	}
}

// setKey replaces or appends, on a list of its own.
func setKey(list []KeyValue, kv KeyValue) []KeyValue {
	list = slices.Clone(list)
	if i := slices.IndexFunc(list, func(k KeyValue) bool { return k.Key == kv.Key }); i >= 0 {
		list[i] = kv
		return list
	}
	return append(list, kv)
}

// appendNew appends what is not there yet, on a list of its own.
func appendNew[T comparable](list, more []T) []T {
	list = slices.Clone(list)
	for _, m := range more {
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list
}

// Key returns the profile's value of key, and whether the setting has one.
func (a *Setting) Key(key string) (string, bool) {
	for _, kv := range a.Profile {
		if kv.Key == key {
			return kv.Value, true
		}
	}
	return "", false
}

// Zero says that the link is left as recorded.
func (a *Link) Zero() bool {
	return a.Linker == "" && len(a.Options) == 0 && len(a.Add) == 0 && len(a.Cuts) == 0 && a.Pipeline == "" && len(a.Inlining) == 0
}

// Enters says where a technique comes in by itself, or how it is asked for.
func (t *Technique) Enters() string {
	switch {
	case t.ByName:
		return "`--with " + t.Name + "`"
	case t.Level == Asked:
		return "`--allow-" + t.Risk.String() + "`"
	}
	return t.Level.String()
}
