package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/strip"
)

// levelFlags say what of finished files goes, the same for a file by itself
// (strip) as for those in a package (wheel, npm).
type levelFlags struct {
	debug, sections, max bool

	relocations, keepRelocations, undoRelocations bool

	options strip.Options
}

func (f *levelFlags) register(flags *pflag.FlagSet) {
	flags.BoolVarP(&f.debug, "debug", "g", false, "drop debug info only")
	flags.BoolVar(&f.sections, "sections", false, "drop ELF section headers too")
	flags.BoolVar(&f.max, "max", false, "as small as it gets: close padding, cut trailing zeros, pack relative relocations, write Wasm modules anew")
	flags.BoolVar(&f.relocations, "relocations", false, "pack relative relocations, which the file then applies itself; without a\nlevel nothing else goes")
	flags.BoolVar(&f.keepRelocations, "keep-relocations", false, "with --max: leave relocations as they are")
	flags.BoolVar(&f.undoRelocations, "undo-relocations", false, "give the file as it was before its relocations were packed")

	o := &f.options
	flags.StringArrayVarP(&o.KeepSymbols, "keep-symbol", "K", nil, "keep symbols that match this `PATTERN`")
	flags.StringArrayVar(&o.KeepSections, "keep-section", nil, "keep sections that match this `PATTERN`")
	flags.StringArrayVarP(&o.RemoveSections, "remove-section", "R", nil, "drop unloaded sections that match this `PATTERN`")
	flags.BoolVar(&o.DropHeaders, "drop-section-headers", false, "with --sections and --max: drop them although a program or tool may look\nup a loaded section by its name")
	flags.Uint64Var(&o.PageSize, "page-size", 0, "`BYTES` of the largest page the program will meet, for --max and --relocations\n(default: the machine's largest)")
	flags.BoolVar(&o.KeepPayload, "keep-payload", false, "move appended data behind the new end")
	flags.BoolVar(&o.DropPayload, "drop-payload", false, "lose appended data")
	flags.BoolVar(&o.DropSignature, "drop-signature", false, "lose an Authenticode signature")
	flags.BoolVar(&o.Resign, "resign", false, "replace any Mach-O signature by an ad-hoc one")
	flags.BoolVar(&o.DropBuildID, "drop-build-id", false, "lossy: no build-id")
	flags.BoolVar(&o.DropUnwind, "drop-unwind", false, "lossy: no unwind tables, for programs that abort on panic and never unwind")
	flags.BoolVar(&o.WasmNames, "wasm-names", false, "keep the names of Wasm functions")
	flags.StringSliceVar(&o.Exports, "export", nil, "with --max: of a Wasm module's functions and globals export these `NAMES` alone, with commas\nbetween them; _start, _initialize, memories, tables and tags stay exported")
}

// resolve checks the combination and settles the options; usual is the level
// where none was typed.
func (f *levelFlags) resolve(usual strip.Level) error {
	levels := 0
	o := &f.options
	o.Level = usual
	for _, l := range []struct {
		on    bool
		level strip.Level
	}{{f.debug, strip.Debug}, {f.sections, strip.Sections}, {f.max, strip.Max}} {
		if l.on {
			levels++
			o.Level = l.level
		}
	}
	if len(o.Exports) > 0 && !f.max {
		return usageError("--max --export "+strings.Join(o.Exports, ","), "--export is for --max: what is no longer exported goes where a module is written anew")
	}
	asked := 0
	for _, r := range []struct {
		on   bool
		what strip.Relocations
	}{{f.relocations, strip.PackRelocations}, {f.keepRelocations, strip.KeepRelocations}, {f.undoRelocations, strip.UnpackRelocations}} {
		if r.on {
			asked++
			o.Relocations = r.what
		}
	}
	if levels == 0 && (f.relocations || f.undoRelocations) {
		o.Level = strip.Nothing
	}
	switch {
	case asked > 1:
		return usageError("one of them", "--relocations, --keep-relocations and --undo-relocations exclude each other")
	case o.Level == strip.Nothing && (len(o.KeepSymbols)+len(o.KeepSections)+len(o.RemoveSections) > 0 || o.DropBuildID || o.DropUnwind):
		return errDropsNothing()
	case levels > 1:
		return usageError("the highest level alone, it includes the others", "expected one of --debug, --sections and --max but got %d", levels)
	case o.KeepPayload && o.DropPayload:
		return usageError("one of them", "--keep-payload and --drop-payload exclude each other")
	case len(o.KeepSymbols) > 0 && o.Level >= strip.Sections:
		return usageError("leave --sections and --max out", "--keep-symbol needs the section headers")
	case o.DropHeaders && o.Level < strip.Sections:
		return usageError("--sections --drop-section-headers", "--drop-section-headers is for --sections and --max")
	case o.PageSize != 0 && (o.PageSize < 4096 || o.PageSize&(o.PageSize-1) != 0):
		return usageError("--page-size 65536", "--page-size %d: expected a power of two of at least 4096", o.PageSize)
	case o.PageSize != 0 && o.Level != strip.Max && !f.relocations:
		return usageError("--max --page-size 4096", "--page-size is for --max and --relocations")
	}
	return nil
}

func errDropsNothing() error {
	return usageError("a level, such as --debug; or strip first, and then --relocations alone", "--relocations and --undo-relocations without a level drop nothing")
}
