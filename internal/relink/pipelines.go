package relink

import (
	"slices"
	"strings"
)

// Pipeline is one way from merged bitcode to an object: what is changed in
// the module first, what opt runs, what llc is told.
type Pipeline struct {
	Name    string
	Summary string
	Passes  string   // for opt --passes
	LLC     []string // further arguments for llc
	Needs   []Need
	Against []Kind // see Option

	MinSize bool // every function gets minsize and optsize, std's too, which was compiled for speed
	Slower  bool // costs running time wherever it finds something: only with a benchmark, or asked for
}

// lto is LLVM's own fat LTO pipeline at the level of -Oz.
const lto = "lto<Oz>"

// noCleanup turns calls that may unwind into plain ones and removes the
// landing pads: right where a panic aborts.
const noCleanup = "function(lower-invoke,simplifycfg),"

// merged runs the pipeline twice, equal functions merged before and after.
const merged = "mergefunc," + lto + "," + lto + ",mergefunc"

// small is for the pipelines that compile everything for size. Measured on a
// program of 1.17 MB: a jump table of few entries is larger than the
// comparisons that it saves (-0.3 %; 8 entries gave less, none at all too);
// instructions moved apart to hide their latency need more registers and
// spills (-0.17 %); spills placed for size (-0.04 %). Blocks in the order that
// saves the most jumps: -1.4 % of hello, -2 % where panics abort.
var small = []string{"--min-jump-table-entries=16", "--enable-misched=false", "--split-spill-mode=size", "--apply-ext-tsp-for-size"}

// lean costs speed: what does not change in a loop is computed in it each time.
// -0.9 % of hello beyond small.
var lean = slices.Concat(small, []string{"--disable-machine-licm", "--disable-postra-machine-licm", "--sink-insts-to-avoid-spills",
	"--disable-constant-hoisting", "--disable-tail-duplicate", "--disable-post-ra"})

// outliner is for programs that abort: the unwind tables of its functions are
// larger than what it saves (+1.8 % of hello).
var outliner = slices.Concat(lean, []string{"--enable-machine-outliner=always"})

// asRustc are rustc's own settings of the code generator, which llc has other
// defaults for: running off the end of a function that cannot return is a trap.
var asRustc = []string{"--trap-unreachable", "--no-trap-after-noreturn"}

// Pipelines is the table, in the order of trying, each a step beyond the one
// before. Compiling std for size is no more than opt-level asks of the crates,
// and what building std from source gives; lean loops and the outliner, whose
// calls run in the middle of them, are another matter.
var Pipelines = []Pipeline{
	{
		Name: "lto", Summary: "LLVM's LTO pipeline for size again, with the cuts made before it",
		Passes: lto, Needs: []Need{NeedUnwind},
	},
	{
		Name: "twice", Summary: "the pipeline twice, with equal functions merged before and after",
		Passes: merged, Needs: []Need{NeedUnwind},
	},
	{
		Name: "no-cleanup", Summary: "no landing pads, which only unwinding would reach",
		Passes: noCleanup + lto, Needs: []Need{NeedAbort}, Against: []Kind{ForeignUnwind},
	},
	{
		Name: "no-cleanup-twice", Summary: "no landing pads, the pipeline twice, equal functions merged",
		Passes: noCleanup + merged, Needs: []Need{NeedAbort}, Against: []Kind{ForeignUnwind},
	},
	{
		Name: "size", Summary: "as twice, and every function compiled for size, std's too",
		Passes: merged, MinSize: true, LLC: small, Needs: []Need{NeedUnwind},
	},
	{
		Name: "no-cleanup-size", Summary: "as no-cleanup-twice, and every function compiled for size, std's too",
		Passes: noCleanup + merged, MinSize: true, LLC: small, Needs: []Need{NeedAbort}, Against: []Kind{ForeignUnwind},
	},
	{
		Name: "lean", Summary: "as size, and nothing is computed before a loop or kept apart to be faster",
		Passes: merged, MinSize: true, LLC: lean, Needs: []Need{NeedUnwind}, Slower: true,
	},
	{
		Name: "no-cleanup-outline", Summary: "as no-cleanup-size, nothing is computed before a loop, and equal runs of instructions moved into functions of their own",
		Passes: noCleanup + merged, MinSize: true, LLC: outliner, Needs: []Need{NeedAbort}, Against: []Kind{ForeignUnwind}, Slower: true,
	},
}

// halves are a pipeline's two runs, where it has two: between them functions
// are as they will be, but for the calls that could still be inlined.
func (p *Pipeline) halves() (first, second string, ok bool) {
	before, after, ok := strings.Cut(p.Passes, lto+","+lto)
	return before + lto, lto + after, ok
}

// PipelineByName returns the table's entry, or nil.
func PipelineByName(name string) *Pipeline {
	for i := range Pipelines {
		if Pipelines[i].Name == name {
			return &Pipelines[i]
		}
	}
	return nil
}
