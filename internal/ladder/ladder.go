// Package ladder searches for the smallest program that still passes its
// checks.
//
// What is hard: a full build of a real program with LTO takes minutes, the
// techniques interact, and any of them may break the program in a way that
// only running it shows. An exhaustive search over the build settings alone is
// 48 builds. Measured on programs from hello to 110 crates, LTO and the panic
// strategy always rank the same way, z against s and the number of codegen
// units flip within one per cent. So the search starts at the corner where the
// recipe ends (z, fat LTO, one codegen unit, and abort where allowed), flips z
// to s, and is done with full builds: three with the baseline, five with std
// from source, never more than Limits.Hard. Everything else is replayed on the
// recorded link of the best build, under a second a rung, so there the search
// is greedy in the table's order and tries everything, also what the user did
// not allow, to say what it would save.
//
// Rank is the stripped size, for the raw file ranks s before z where stripped
// z is smaller. A rung that does not build, link, load or pass is dropped with
// its reason and the search goes on; the last combination is verified whole.
// Rejected: bisecting over sets of techniques. It finds the same corner and
// spends its builds on telling apart what the link rungs tell apart for free.
//
// The package declares what it needs of the world (Builder, Verifier, Bencher,
// Observer); executor, verify and speed are the real ones, which cli passes in,
// and the tests have fakes.
package ladder

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/minsize/minsize/internal/technique"
)

// Builder turns plans into programs.
type Builder interface {
	// Build does the full build of p's toolchain and setting with its final
	// link recorded, or finds it in the cache.
	Build(ctx context.Context, p technique.Plan) (*Build, error)
	// Finish replays b's link with p's link changes, then rewrites the file.
	Finish(ctx context.Context, b *Build, p technique.Plan) (*File, error)
}

// Build is a full build whose final link can be replayed.
type Build struct {
	Key      string               `json:"key"`     // Plan.BuildKey
	Dir      string               `json:"-"`       // of the cache entry
	Program  string               `json:"program"` // as cargo leaves it, inside Dir
	Size     int64                `json:"size"`    // bytes of Program
	CPU      time.Duration        `json:"cpu"`     // user and system time of cargo and its children
	Wall     time.Duration        `json:"wall"`
	Linkers  []string             `json:"linkers"`             // kinds that link this very program: lld, mold, bfd
	Evidence []technique.Evidence `json:"-"`                   // what the recorded link tells of the program
	Replay   string               `json:"replay"`              // folder of the recorded link, "" where it cannot be replayed
	NoReplay string               `json:"no_replay,omitempty"` // why not
	Cached   bool                 `json:"-"`                   // found, not made
}

// File is a finished program.
type File struct {
	Path     string
	Raw      int64         // bytes of the file
	Bare     int64         // the same without symbols
	Size     int64         // the same by the objective: compressed, where that is what counts
	Stripped int64         // without symbols, the rank; Size where it is stripped
	Filled   int64         // Stripped, less what only rounds up to the blocks of its format
	Wall     time.Duration // to make it
	Notes    []Note        // what the reader must know
}

// Note is what a link has to say about one of its cuts, as that it matched
// nothing, or a rewrite about what it left alone.
type Note struct {
	About string // a cut or option as in technique.Link, a codec as in technique.Rewrite, or a technique of the file
	Text  string
}

// of says whether the note is about what t does.
func (n Note) of(t *technique.Technique) bool {
	return t.Link != nil && (slices.Contains(t.Link.Cuts, n.About) || slices.Contains(t.Link.Options, n.About)) || t.Rewrite != nil && (t.Rewrite.Pack == n.About || t.Name == n.About)
}

// Verifier runs the checks.
type Verifier interface {
	// Baseline runs every check on the untouched program and keeps the
	// outcomes. An error means that the baseline fails its own check, as where
	// two runs of it differ.
	Baseline(ctx context.Context, program string) (Verdict, error)
	// Verify runs every check on program and compares. An error is the
	// machinery's (interrupted, no disk space), never the program's.
	Verify(ctx context.Context, program string) (Verdict, error)
}

// Status of a verification.
type Status string

// What checks can say.
const (
	Passed Status = "passed"
	Failed Status = "failed"
	NotRun Status = "not run"
)

// Verdict is what the checks said.
type Verdict struct {
	Status Status `json:"status"`
	Checks int    `json:"checks"`        // how many ran
	Why    string `json:"why,omitempty"` // of Failed and NotRun
}

// Bencher measures speed.
type Bencher interface {
	// Compare runs the baseline and the programs interleaved and returns the
	// median of each as a ratio to the baseline's: 1.05 is 5 % slower.
	Compare(ctx context.Context, baseline string, programs []string) ([]float64, error)
}

// Profiler finds the packages that a slow variant spends its time in.
type Profiler interface {
	// Hot returns packages by their share of the bench's time, largest first.
	Hot(ctx context.Context, b *Build, p technique.Plan) ([]HotPackage, error)
}

// Suggester finds functions and crates that keep much alive.
type Suggester interface {
	// Suggest returns cuts worth trying on top of p, the largest first.
	Suggest(ctx context.Context, b *Build, p technique.Plan) ([]Suggestion, error)
}

// CutKind is what a suggested cut takes out.
type CutKind string

const (
	CutsFunction CutKind = "function"
	CutsCrate    CutKind = "crate"
)

// Suggestion is a cut that somebody might want.
type Suggestion struct {
	Cut      string               `json:"cut"` // as typed behind --cut
	Kind     CutKind              `json:"kind"`
	Retained int64                `json:"retained"`
	Saves    int64                `json:"saves"` // measured by a relink
	Check    Verdict              `json:"check"`
	Why      string               `json:"why,omitempty"` // why it could not be tried
	Try      *technique.Technique `json:"-"`
}

// FeaturePrune is the winner built without the default features of one direct
// dependency. It is shown apart and never kept: the manifest is the user's.
type FeaturePrune struct {
	Dependency string   `json:"dependency"`
	Features   []string `json:"features_kept,omitempty"` // that the manifest lists
	Size       int64    `json:"size"`
	Saves      int64    `json:"saves"` // against the winner
	CPU        float64  `json:"cpu_seconds"`
	Cached     bool     `json:"cached"`
	Check      Verdict  `json:"check"`
	Why        string   `json:"why,omitempty"` // why it is no use
}

// Rung is the try as a rung, for observers.
func (f FeaturePrune) Rung(base int64) Rung {
	return Rung{Name: "without " + f.Dependency + "'s defaults", Kind: technique.OfBuild, Size: f.Size, Stripped: f.Size, Change: -f.Saves,
		Share: share(f.Size, base), CPU: f.CPU, Cached: f.Cached, Check: f.Check, Why: f.Why, Kept: f.Why == ""}
}

// HotPackage is a package of the graph and its share of the time.
type HotPackage struct {
	Package string
	Share   float64 // 0..1
}

// Observer is told what happens while it happens.
type Observer interface {
	Begin(name string, full bool) // a rung starts; full: it is a full build
	Done(r Rung)                  // it has finished
	Note(text string)
}

// Rung is one step of the ladder.
type Rung struct {
	Name     string         `json:"name"`
	Added    []string       `json:"techniques"` // what it adds to the rung it stands on
	Kind     technique.Kind `json:"kind"`
	Risk     string         `json:"risk"`
	Loses    []string       `json:"loses"`
	Size     int64          `json:"size"`     // bytes of the finished file
	Stripped int64          `json:"stripped"` // bytes without symbols: the rank
	Change   int64          `json:"change"`   // of Stripped (of Size for file rungs) against the rung it stands on
	Share    float64        `json:"share"`    // of the stripped baseline
	CPU      float64        `json:"cpu_seconds"`
	Wall     float64        `json:"wall_seconds"`
	Cached   bool           `json:"cached"`
	Check    Verdict        `json:"check"`
	Speed    float64        `json:"speed,omitempty"` // time against the baseline's, 1.05 is 5 % slower; 0 not measured
	Kept     bool           `json:"kept"`
	Why      string         `json:"why,omitempty"` // why it was not kept
	Notes    []string       `json:"notes,omitempty"`
	Plan     technique.Plan `json:"-"`
	File     string         `json:"-"`
	Raw      int64          `json:"-"` // bytes of File
}

// Start is what the first rung is called in words.
func (r *Result) Start() string {
	if r.Finished {
		return "file"
	}
	return "release build"
}

// Transfer is what a file weighs in a compressed form, before and after.
type Transfer struct {
	As     string `json:"as"`
	Before int64  `json:"before,omitempty"`
	After  int64  `json:"after"`
}

// Baseline is the Kind of the rung that all others are measured against.
const Baseline technique.Kind = "baseline"

// Bytes is what a rung weighs: the release build and rewritten files as they
// are, all others as strip would leave them.
func (r *Rung) Bytes() int64 {
	if r.Kind == Baseline || r.Kind == technique.OfFile {
		return r.Size
	}
	return r.Stripped
}

// file is what the rung made.
func (r *Rung) file() *File {
	return &File{Path: r.File, Raw: r.Raw, Size: r.Size, Stripped: r.Stripped}
}

// LeftOut is a technique that was not allowed or cannot be used here.
type LeftOut struct {
	Name   string         `json:"name"`
	Kind   technique.Kind `json:"kind"`
	Risk   string         `json:"risk"`
	Loses  string         `json:"loses"`
	Why    string         `json:"why"`                                 // what is missing, or which flag allows it
	Allow  bool           `json:"allowed_by_flag"`                     // Why names flags
	Spoken bool           `json:"program_speaks_against_it,omitempty"` // Why is something of this very program, which breaks with it or relies on it
	Saves  int64          `json:"saves"`                               // measured bytes; only where Known
	Known  bool           `json:"measured"`
	Result string         `json:"result,omitempty"` // why it could not be measured
}

// GivenUp is what one technique of the winner costs.
type GivenUp struct {
	Name  string `json:"name"`
	Risk  string `json:"risk"`
	Loses string `json:"loses"`
}

// Mild says that the program does the same as before: what is lost is speed, or
// the comfort of debugging.
func (g GivenUp) Mild() bool {
	return g.Risk == technique.Size.String() || g.Risk == technique.Debuggability.String()
}

// Result is the whole search.
type Result struct {
	Program   string `json:"program"`            // name of the binary
	Finished  bool   `json:"finished,omitempty"` // what is searched on is a finished file, and no build
	Package   string `json:"package"`
	Target    string `json:"target"`
	Level     string `json:"level"`
	Toolchain string `json:"toolchain"` // of the baseline
	// Toolchains says in words which compiler did what, where that is not the
	// project's own alone.
	Toolchains  []string             `json:"toolchain_notes,omitempty"`
	Rungs       []Rung               `json:"rungs"`
	GivenUp     []GivenUp            `json:"given_up"`
	Relies      []technique.Reliance `json:"relies_on"` // who in the program relies on what was given up
	Left        []LeftOut            `json:"left_out"`
	Best        int                  `json:"best"` // index in Rungs
	Builds      int                  `json:"full_builds"`
	Cached      int                  `json:"builds_from_cache"`
	Relinks     int                  `json:"relinks"`
	CPU         float64              `json:"cpu_seconds"`
	Relink      float64              `json:"seconds_per_relink"`
	Codegens    int                  `json:"codegen_variants"` // links of machine code made again, beside Relinks
	Codegen     float64              `json:"seconds_per_codegen_variant"`
	Checks      []string             `json:"checks"`
	CheckNote   string               `json:"check_note,omitempty"`
	Advice      []string             `json:"advice,omitempty"`
	Pruned      []FeaturePrune       `json:"without_default_features,omitempty"`
	PruneBuilds int                  `json:"prune_builds,omitempty"` // full builds for Pruned, beside Builds
	Suggested   []Suggestion         `json:"suggested_cuts,omitempty"`
	Output      string               `json:"output,omitempty"`       // where the winner was written
	Recipe      string               `json:"recipe,omitempty"`       // where minsize.toml was written
	Symbols     string               `json:"symbols,omitempty"`      // the winner's symbol file
	SymbolsNote string               `json:"symbols_note,omitempty"` // why there is none

	// Sizes are by the objective: those of rungs, of what is left out, and these.
	Objective  string         `json:"objective"`              // raw: bytes of the file; else as compressed
	Baseline   int64          `json:"baseline_size"`          // as cargo leaves it
	BaseStrip  int64          `json:"baseline_stripped_size"` // the denominator of every share
	FinalSize  int64          `json:"final_size"`
	BaseRaw    int64          `json:"baseline_stripped_bytes"` // of the file, whatever the objective
	FinalRaw   int64          `json:"final_bytes"`
	Transfer   []Transfer     `json:"transfer,omitempty"` // of a Wasm module
	BestBuild  *Build         `json:"-"`
	BestPlan   technique.Plan `json:"-"`
	BestFile   string         `json:"-"`
	BestVerify Verdict        `json:"final_check"`
	Final      bool           `json:"-"` // the last combination was verified whole: the search is at its end
}

// LinkSavings are the bytes that each kept change to the link saved.
func (r *Result) LinkSavings() map[string]int64 {
	saves := map[string]int64{}
	for _, rung := range r.Rungs {
		if rung.Kept && rung.Kind == technique.OfLink && len(rung.Added) > 0 && r.BestPlan.Has(rung.Name) {
			saves[rung.Name] = -rung.Change
		}
	}
	return saves
}

// ErrInterface is wrapped by Finish's error where a library would no longer be
// the same one to its hosts.
var ErrInterface = errors.New("the library's interface changes")

// ErrNoBuilds is why a rung was dropped when the budget of builds is spent.
var ErrNoBuilds = errors.New("the budget of full builds is spent")

// BaselineError says that the project as it is cannot be built or fails its
// own check; nothing can be searched on top of it.
type BaselineError struct {
	Stage string // build, check or bench
	Err   error
}

func (e *BaselineError) Error() string { return e.Err.Error() }
func (e *BaselineError) Unwrap() error { return e.Err }
