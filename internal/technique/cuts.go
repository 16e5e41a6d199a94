package technique

import (
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/relink"
)

// cutTable is the catalogue of cuts as techniques, in relink's order. What a
// cut does and loses is told by relink's own table.
var cutTable = sync.OnceValue(func() []*Technique {
	var list []*Technique
	for _, c := range relink.Catalogue {
		t := &Technique{Name: c.Name, Summary: "cut: " + c.Summary, Loses: c.Loses, Against: c.Against, Link: &Link{Cuts: []string{c.Name}}}
		switch c.Risk {
		case relink.RiskDebuggability:
			t.Risk, t.Level = Debuggability, Safe
		case relink.RiskBehaviour:
			t.Risk, t.Level = Behaviour, Max
			if c.Dead { // a program that aborts has no use for it
				t.Level = Abort
			}
		case relink.RiskSpeed:
			t.Risk, t.Level, t.ByName = Size, Asked, true
		default:
			t.Risk, t.Level, t.ByName = Behaviour, Asked, true
		}
		t.Needs = []Need{NeedReplay, NeedSections}
		for _, n := range c.Needs {
			t.Needs = append(t.Needs, cutNeeds[n])
		}
		list = append(list, t)
	}
	return list
})

// cutNeeds are relink's conditions as ours.
var cutNeeds = map[relink.Need]Need{
	relink.NeedAbort:    NeedPanicAbort,
	relink.NeedUnwind:   NeedUnwinding,
	relink.NeedStripped: NeedStripped,
	relink.NeedBaseline: NeedBaselineCPU,
}

// CutTable is the catalogue of cuts as techniques.
func CutTable() []*Technique { return cutTable() }

// Doubt is what has to be settled before a cut that was typed may be made.
type Doubt uint8

const (
	NoDoubt        Doubt = iota
	NeedProof            // the functions must return nothing: to be found out
	NeedConfirming       // the functions must return what the stub returns: somebody has to know
)

// UserCut is a cut that the user typed, PATTERN[=stub], as a technique: asked
// for by name, kept where the checks pass.
func UserCut(text string) (t *Technique, doubt Doubt, err error) {
	cut, err := relink.ParseCut(text)
	if err != nil {
		return nil, NoDoubt, err
	}
	switch {
	case cut.NeedsConfirmation():
		doubt = NeedConfirming
	case cut.NeedsProof():
		doubt = NeedProof
	}
	var stubs []string
	for _, s := range cut.Sites {
		if !slices.Contains(stubs, string(s.Stub)) {
			stubs = append(stubs, string(s.Stub))
		}
	}
	return &Technique{
		Name: "cut:" + text, Summary: "cut: functions of this name are replaced by a stub (" + strings.Join(stubs, ", ") + ")",
		Loses: relink.Losing("what these functions do, and all that only they used"),
		Risk:  Behaviour, Level: Asked, ByName: true, Needs: []Need{NeedReplay, NeedSections},
		Link: &Link{Cuts: []string{text}},
	}, doubt, nil
}

// pipelineTable is codegen replay: the program's machine code made again from
// the recorded bitcode. A plan has one pipeline; each excludes the others.
var pipelineTable = sync.OnceValue(func() []*Technique {
	var list []*Technique
	for _, p := range relink.Pipelines {
		t := &Technique{Name: "codegen-" + p.Name, Summary: "codegen replay: " + p.Summary,
			Against: p.Against, Needs: []Need{NeedLinked, NeedReplay, NeedPipelines}, Link: &Link{Pipeline: p.Name}}
		if p.MinSize {
			t.Loses = relink.Losing("speed of std's own code, which was compiled for speed, and of packages whose opt-level was raised")
		}
		if p.Slower {
			t.Level, t.ByName = Asked, true
			t.Loses = append(t.Loses, relink.Losing("speed everywhere, most in loops")...)
		}
		for _, n := range p.Needs {
			t.Needs = append(t.Needs, cutNeeds[n])
		}
		list = append(list, t)
	}
	for _, t := range list {
		for _, other := range list {
			if other != t {
				t.Excludes = append(t.Excludes, other.Name)
			}
		}
	}
	return list
})

// PipelineTable is codegen replay's pipelines as techniques.
func PipelineTable() []*Technique { return pipelineTable() }

// inliningTable has what is tuned on top of a pipeline. The choices are found
// for one program, so the table's entry has none.
var inliningTable = []*Technique{{
	Name: "tuned-inlining", Summary: "codegen replay: which calls get their callee's body is measured, call by call",
	Loses: relink.Losing("speed where a call is made that was inlined before"),
	Needs: []Need{NeedLinked, NeedUnixELF, NeedPipelines, NeedStripped}, Link: &Link{Inlining: []string{}},
}}

// InliningTable is the tuner's technique: the search gives it its choices.
func InliningTable() []*Technique { return inliningTable }

// Tuned is t with the choices for a program.
func (t *Technique) Tuned(choices []string) *Technique {
	tuned := *t
	tuned.Link = &Link{Inlining: choices}
	return &tuned
}

// Tunes says whether a technique is made of measurements on the program.
func (t *Technique) Tunes() bool { return t.Link != nil && t.Link.Inlining != nil }

// Recompiles says whether a technique is a pipeline of codegen replay.
func (t *Technique) Recompiles() bool { return t.pipeline() != nil }

// Slow says whether a technique costs speed everywhere, so that it enters only
// where speed is measured, or by name.
func (t *Technique) Slow() bool {
	p := t.pipeline()
	return p != nil && p.Slower
}

// CostsSpeed says whether a technique of the link makes the program slower.
func (t *Technique) CostsSpeed() bool {
	p := t.pipeline()
	return p != nil && (p.Slower || p.MinSize) || t.slowCut()
}

// slowCut says whether a cut of the catalogue costs speed.
func (t *Technique) slowCut() bool {
	if t.Link == nil || len(t.Link.Cuts) != 1 {
		return false
	}
	c := relink.CutByName(t.Link.Cuts[0])
	return c != nil && c.Risk == relink.RiskSpeed
}

func (t *Technique) pipeline() *relink.Pipeline {
	if t.Link == nil {
		return nil
	}
	return relink.PipelineByName(t.Link.Pipeline)
}
