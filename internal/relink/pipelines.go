package relink

// Pipeline is one way from merged bitcode to an object: what is changed in
// the module first, what opt runs, what llc is told.
type Pipeline struct {
	Name    string
	Summary string
	Passes  string   // for opt --passes
	LLC     []string // further arguments for llc
	Needs   []Need

	MinSize bool // every function gets minsize and optsize, std's too, which was compiled for speed
	Slower  bool // costs running time: only with a benchmark, or asked for
}

// lto is LLVM's own fat LTO pipeline at the level of -Oz.
const lto = "lto<Oz>"

// noCleanup turns calls that may unwind into plain ones and removes the
// landing pads: right where a panic aborts.
const noCleanup = "function(lower-invoke,simplifycfg),"

// Pipelines is the table, in the order of trying: each is a step beyond the
// one before.
var Pipelines = []Pipeline{
	{
		Name: "lto", Summary: "LLVM's LTO pipeline for size again, with the cuts made before it",
		Passes: lto,
	},
	{
		Name: "size", Summary: "every function compiled for size, std's too",
		Passes: lto, MinSize: true,
	},
	{
		Name: "twice", Summary: "every function for size, and the pipeline twice, with equal functions merged before and after",
		Passes: "mergefunc," + lto + "," + lto + ",mergefunc", MinSize: true,
	},
	{
		Name: "no-cleanup", Summary: "every function for size; no landing pads",
		Passes: noCleanup + lto, MinSize: true, Needs: []Need{NeedAbort},
	},
	{
		Name: "no-cleanup-twice", Summary: "every function for size, no landing pads, the pipeline twice, equal functions merged",
		Passes: noCleanup + "mergefunc," + lto + "," + lto + ",mergefunc", MinSize: true, Needs: []Need{NeedAbort},
	},
	{
		Name: "outline", Summary: "every function for size, the pipeline twice, and equal runs of instructions moved into functions of their own",
		Passes: "mergefunc," + lto + "," + lto + ",mergefunc", MinSize: true, LLC: []string{"--enable-machine-outliner=always"}, Slower: true,
	},
	{
		Name: "no-cleanup-outline", Summary: "as outline, without landing pads",
		Passes: noCleanup + "mergefunc," + lto + "," + lto + ",mergefunc", MinSize: true, LLC: []string{"--enable-machine-outliner=always"},
		Needs: []Need{NeedAbort}, Slower: true,
	},
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
