// Package strip drops from a finished file what running it does not need.
//
// What is hard is not dropping bytes but not losing any: every stripper in
// use damages some kind of file (appended payloads, signatures, patched
// layouts, foreign machines). Chosen: segments are the truth and sections
// only advice; a rewrite is planned in memory as a list of pieces of the
// input and small new tables, and package oracle, which shares no code with
// this one, compares what a loader or linker would see in the old and the new
// file before anybody gets to use the new one. What the oracle fails is an error,
// never an output. Where a file holds something whose loss cannot be judged
// from outside, the answer is a byteio.Refusal that names the flag that overrides.
//
// Rejected: working through sections as BFD and LLVM do (they move loaded
// bytes when sections and segments disagree), and truncating in place as
// sstrip does (dangling header fields).
//
// A format is one file here and one line in formats.
package strip

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/oracle"
	"github.com/minsize/minsize/internal/wasmedit"
	"github.com/minsize/minsize/internal/wasmoracle"
)

// Level is how far a rewrite goes; each includes those before it.
type Level int

const (
	// Nothing drops nothing: relocations are packed or unpacked alone.
	Nothing Level = -1
	// Debug drops debug info only; symbols stay.
	Debug Level = iota
	// All drops symbols, debug info, comments and what else only tools read.
	All
	// Sections drops the section headers of ELF files too. For other
	// formats, which need theirs, it is All.
	Sections
	// Max closes padding between segments and cuts trailing zeros too.
	Max
)

// Levels are the levels' names, for help and errors.
var Levels = map[Level]string{Nothing: "relocations", Debug: "debug", All: "all", Sections: "sections", Max: "max"}

func (l Level) String() string { return Levels[l] }

// Options of a rewrite. The zero value is the default level with no flag.
type Options struct {
	Level Level // 0 stands for All

	KeepSymbols    []string // patterns (path.Match) of symbols that stay
	KeepSections   []string // patterns of sections that stay though nothing loads them
	RemoveSections []string // patterns of unloaded sections that go though they are unknown

	// DropHeaders drops the section headers at Sections and Max although
	// somebody may look a loaded section up by its name.
	DropHeaders bool

	// PageSize is the congruence of file offsets and addresses in bytes that
	// Max keeps; 0 for the largest page that the machine's kernels use.
	PageSize uint64

	KeepPayload bool // move appended bytes behind the new end
	DropPayload bool // drop appended bytes

	DropSignature bool // drop an Authenticode or Mach-O signature that the rewrite would break
	Resign        bool // Mach-O: replace any signature by an ad-hoc one

	DropBuildID bool // ELF: zero the build-id, or drop it where it ends a segment
	DropUnwind  bool // ELF: drop unwind tables where they end a segment, zero them elsewhere

	// Relocations is what becomes of the relative ones of ELF programs.
	Relocations Relocations

	WasmNames bool     // Wasm: the name section stays
	Exports   []string // Wasm, at Max: of functions and globals these are exported, and no others; nil for all

	// Forget, if not nil, is told of input that is not looked at again while the
	// plan is made: a copy has taken its place.
	Forget func(part []byte)

	// DebugLink, if not nil, is recorded in the stripped file so that
	// debuggers find the companion.
	DebugLink *DebugLink
}

// DebugLink is the content of .gnu_debuglink: the companion's base name and
// the CRC-32 (IEEE) of its bytes (GDB manual, "Debugging Information in
// Separate Files").
type DebugLink struct {
	Name string
	CRC  uint32
}

// asked says whether something was asked for that is worth a file of the same
// size. Else what saves nothing changes nothing: the hash of a file and its
// bytes on disk are worth more than headers in another order.
func (o Options) asked() bool {
	return o.DebugLink != nil || o.DropBuildID || o.DropUnwind || o.DropSignature || o.Resign || o.DropPayload || len(o.RemoveSections) > 0 ||
		o.Relocations == UnpackRelocations
}

func (o Options) level() Level {
	if o.Level == 0 {
		return All
	}
	return o.Level
}

// Reason says why bytes are no longer there.
type Reason string

const (
	ReasonDebug     Reason = "debug info"
	ReasonSymbols   Reason = "symbols"
	ReasonComments  Reason = "comments and tool notes"
	ReasonRelocs    Reason = "relocations kept for the linker"
	ReasonHeaders   Reason = "section headers"
	ReasonRelative  Reason = "relative relocations"
	ReasonSections  Reason = "other sections that nothing loads"
	ReasonPadding   Reason = "padding"
	ReasonZeros     Reason = "trailing zeros"
	ReasonPayload   Reason = "appended payload"
	ReasonSignature Reason = "signature"
	ReasonUnwind    Reason = "unwind tables"
	ReasonBuildID   Reason = "build-id"
	ReasonModule    Reason = "what no export reaches, equal functions, long numbers"
)

// Reasons in the order of reports.
var Reasons = []Reason{ReasonDebug, ReasonSymbols, ReasonComments, ReasonRelocs, ReasonSections,
	ReasonHeaders, ReasonRelative, ReasonPadding, ReasonZeros, ReasonModule, ReasonUnwind, ReasonBuildID, ReasonSignature, ReasonPayload}

// Report says what a rewrite did. The sum of Removed is always Before - After.
type Report struct {
	Format  string // "ELF", "PE", ...
	Machine string // the format's own word for the machine; may be empty
	Before  uint64 // bytes
	After   uint64
	Removed map[Reason]int64 // bytes by reason; negative where something was added
	Notes   []string         // what was kept against expectation, and why; one line each
	Same    bool             // nothing to do: the output is the input
}

// Saved is Before - After in bytes.
func (r Report) Saved() int64 { return int64(r.Before) - int64(r.After) }

func (r *Report) note(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(r.Notes, s) {
		r.Notes = append(r.Notes, s)
	}
}

func (r *Report) remove(why Reason, bytes int64) {
	if r.Removed == nil {
		r.Removed = map[Reason]int64{}
	}
	if r.Removed[why] += bytes; r.Removed[why] == 0 {
		delete(r.Removed, why)
	}
}

func refuse(hint, format string, args ...any) error { return byteio.Refuse(hint, format, args...) }

// ErrOracle is wrapped when the rewritten file is not the same to a loader.
// It stands for a mistake of this program and is never a file's fault.
var ErrOracle = errors.New("the rewritten file would not load the same, nothing was written")

// ErrFormat is what Plan answers for bytes that no format knows.
var ErrFormat = objfile.ErrFormat

// format is one kind of file.
type format struct {
	name  string
	match func(data []byte) bool // looks at the magic only
	plan  func(data []byte, o Options, r *Report) (byteio.Content, error)
}

// formats is tried in order.
var formats []format

func init() { // a variable's initialiser could not name planArchive, which uses formats
	formats = []format{
		{"ELF", isELF, planRelocated},
		{"PE", isPE, planPE},
		{"Mach-O", isMachO, planMachO},
		{"Mach-O fat", isFat, planFat},
		{"Wasm", isWasm, planWasm},
		{"archive", isArchive, planArchive},
	}
}

func formatOf(data []byte) (format, error) {
	for _, f := range formats {
		if f.match(data) {
			return f, nil
		}
	}
	return format{}, objfile.Unknown(data)
}

// Plan decides what the rewritten file shall hold. The content aliases data.
// It is never longer than data, unless a DebugLink or UnpackRelocations was asked for. The caller
// must compare the result by SameImage before it replaces anything.
//
// Errors: ErrFormat; *byteio.Refusal; *byteio.Error for malformed input, with the
// offset; a wrong option for this format.
func Plan(data []byte, o Options) (byteio.Content, Report, error) {
	r := Report{Before: uint64(len(data))}
	f, err := formatOf(data)
	if err != nil {
		return nil, r, err
	}
	r.Format = f.name
	same := byteio.Content{{Data: data}}
	if by := packedBy(data); by != "" {
		r.After, r.Same = r.Before, true
		r.note("already packed by %s: there is nothing left to strip", by)
		return same, r, nil
	}
	if (o.DropBuildID || o.DropUnwind) && f.name != "ELF" {
		return nil, r, refuse("leave them out", "--drop-build-id and --drop-unwind are for ELF programs")
	}
	if len(o.Exports) > 0 && (f.name != "Wasm" || objfile.WasmComponent(data)) {
		return nil, r, refuse("leave it out", "--export is for core modules of Wasm")
	}
	if (o.Level == Nothing || o.Relocations == UnpackRelocations) && f.name != "ELF" {
		return nil, r, refuse("a level", "%s files have no relative relocations that could be packed", f.name)
	}
	content, err := f.plan(data, o, &r)
	if err != nil {
		return nil, r, err
	}
	r.After = content.Len()
	grew, equal := r.After > r.Before, r.After == r.Before
	if grew && o.DebugLink == nil && o.Relocations != UnpackRelocations || equal && (!o.asked() || sameContent(content, data)) {
		content, r.After, r.Same, r.Removed = same, r.Before, true, nil
	}
	return content, r, nil
}

// sameContent compares without joining the pieces.
func sameContent(c byteio.Content, data []byte) bool {
	for _, p := range c {
		if uint64(len(data)) < uint64(len(p.Data))+p.Zeros || !bytes.Equal(p.Data, data[:len(p.Data)]) {
			return false
		}
		data = data[len(p.Data):]
		if !allZero(data[:p.Zeros]) {
			return false
		}
		data = data[p.Zeros:]
	}
	return len(data) == 0
}

// Rewrite strips data in memory: Plan, joined, and checked by SameImage. The
// output may alias data.
func Rewrite(data []byte, o Options) ([]byte, Report, error) {
	content, r, err := Plan(data, o)
	if err != nil {
		return nil, r, err
	}
	out := content.Bytes()
	if !r.Same {
		if err := Verify(data, out, o); err != nil {
			return nil, r, err
		}
	}
	return out, r, nil
}

// Verify is SameImage for the output of a rewrite with o: what o drops
// explicitly from loaded memory is taken out of the comparison. Errors wrap
// ErrOracle.
func Verify(old, new []byte, o Options) error {
	masked := old
	var err error
	switch {
	case isELF(old):
		masked, _, err = withoutLossy(old, o)
	case len(o.Exports) > 0:
		masked, err = wasmedit.Exporting(old, o.Exports)
	}
	if err != nil {
		return err
	}
	if err := SameImage(masked, new); err != nil {
		return fmt.Errorf("%w: %w", ErrOracle, err)
	}
	return nil
}

// SameImage asks package oracle whether loaders and linkers see the same in two
// files, and of Wasm modules that were written anew package wasmoracle.
func SameImage(old, new []byte) error {
	if objfile.WasmComponent(old) && objfile.WasmComponent(new) {
		return sameComponent(old, new)
	}
	err := oracle.Same(old, new)
	if err != nil && isWasm(old) && isWasm(new) {
		return wasmoracle.Same(old, new)
	}
	return err
}

// matches says whether name matches one of the patterns.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok || p == name {
			return true
		}
	}
	return false
}

func allZero(b []byte) bool {
	for len(b) >= len(zeros) {
		if !bytes.Equal(b[:len(zeros)], zeros[:]) {
			return false
		}
		b = b[len(zeros):]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// trailingZeros counts the zero bytes that end b.
func trailingZeros(b []byte) uint64 {
	n := len(b)
	for n >= len(zeros) && bytes.Equal(b[n-len(zeros):n], zeros[:]) {
		n -= len(zeros)
	}
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return uint64(len(b) - n)
}

var zeros [4096]byte
