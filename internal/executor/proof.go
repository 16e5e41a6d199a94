package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/objedit"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relink"
)

// Proof finds out whether the functions that a cut makes return at once
// return nothing. It asks the catalogue and the bitcode (package relink), then
// the debug information of the recorded objects. What nothing tells is refused
// without --yes; what returns something is refused always.
type Proof struct {
	confirmed bool         // --yes
	tools     relink.LLVM  // no folder: the bitcode cannot be read
	cuts      []relink.Cut // that need it: proved together, for reading the bitcode takes a second

	known map[string]map[string]error // by recording and cut: nil where it is proved
}

// NewProof takes the cuts that were typed.
func NewProof(typed []string, confirmed bool) *Proof {
	p := &Proof{confirmed: confirmed, known: map[string]map[string]error{}}
	for _, text := range typed {
		if cut, err := relink.ParseCut(text); err == nil && cut.NeedsProof() {
			p.cuts = append(p.cuts, cut)
		}
	}
	return p
}

// Cuts are those that need a proof, as they were typed.
func (p *Proof) Cuts() []string {
	var names []string
	for _, c := range p.cuts {
		names = append(names, c.Name)
	}
	return names
}

// ErrNothingProves says that neither bitcode nor debug information will tell
// what a function returns.
var ErrNothingProves = errors.New("nothing here can prove it")

// Prepare sees that there will be something to prove with: the merged bitcode
// of the builds, or debug information. It fails with ErrNothingProves before
// the first build where there will be neither.
func (p *Proof) Prepare(ctx context.Context, x *Executor) error {
	t := x.Project.Toolchain
	tools, err := x.llvmTools(ctx, t)
	if err == nil {
		p.tools, x.SaveTemps = tools, true
		return nil
	}
	if slices.Contains([]string{"true", "2", "full"}, x.profileKey("debug")) {
		return nil
	}
	return ErrNothingProves
}

// of says why a cut may not be made in a recorded link. A nil proof, and cuts
// that were not typed, need none.
func (p *Proof) of(ctx context.Context, r *relink.Recording, cut relink.Cut) error {
	if p == nil || !slices.ContainsFunc(p.cuts, func(c relink.Cut) bool { return c.Name == cut.Name }) {
		return nil
	}
	answers, done := p.known[r.Dir]
	if !done {
		functions, err := r.Returning(ctx, p.cuts, p.tools)
		if err == nil {
			err = askDebugInfo(r, functions)
		}
		if err != nil {
			return err
		}
		answers = p.judge(functions)
		p.known[r.Dir] = answers
	}
	return answers[cut.Name]
}

// judge says for each cut why it may not be made.
func (p *Proof) judge(functions []relink.Returning) map[string]error {
	answers := map[string]error{}
	for _, f := range functions {
		var err error
		switch {
		case f.Known && f.Result == "!":
			err = fmt.Errorf("refused: %s never returns (%s says so); =trap fits it", f.Function, f.From)
		case f.Known && f.Result != "":
			err = fmt.Errorf("refused: %s returns %s (%s says so), and a stub that returns at once would give its caller garbage; =trap fits every function", f.Function, f.Result, f.From)
		case !f.Known && !p.confirmed:
			err = fmt.Errorf("refused: whether %s returns something is not known here (no bitcode or debug information has it); --yes confirms that it returns nothing", f.Function)
		}
		if err != nil && answers[f.Cut] == nil {
			answers[f.Cut] = err
		}
	}
	return answers
}

// askDebugInfo fills in what the debug information of the recorded objects
// says of functions that are not known yet.
func askDebugInfo(r *relink.Recording, functions []relink.Returning) error {
	wanted := map[string]int{}
	for i, f := range functions {
		if !f.Known {
			wanted[f.Symbol] = i
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return r.ObjectFiles(func(o *objedit.Object) error {
		if !o.HasSection(func(name string) bool { return name == ".debug_info" || name == ".zdebug_info" }) ||
			!slices.ContainsFunc(o.Functions(), func(f objedit.Function) bool { _, ok := wanted[f.Name]; return ok }) {
			return nil
		}
		file, err := objfile.Parse(o.Name(), o.Data())
		if err != nil {
			return err
		}
		data, err := dwarf.Open(file, nil)
		if err != nil {
			return nil // debug information that cannot be read proves nothing
		}
		typed := map[uint64]bool{}
		isTyped := func(u *dwarf.Unit) bool {
			answer, known := typed[u.Offset]
			if !known {
				answer = data.Typed(u)
				typed[u.Offset] = answer
			}
			return answer
		}
		for i := range data.Units {
			code, _ := data.Code(&data.Units[i]) // with an error comes what stood before it
			for _, f := range code.Functions {
				names := data.Names(f.Offset)
				symbol := names.Link
				if symbol == "" {
					symbol = names.Name // C
				}
				at, ok := wanted[symbol]
				if !ok || functions[at].Known {
					continue
				}
				e := &functions[at]
				switch result, name := data.Returns(f.Offset, isTyped); result {
				case dwarf.ReturnsNothing:
					e.Known, e.From = true, "the debug information"
				case dwarf.ReturnsNever:
					e.Known, e.From, e.Result = true, "the debug information", "!"
				case dwarf.ReturnsSomething:
					if name == "" {
						name = "something"
					}
					e.Known, e.From, e.Result = true, "the debug information", strings.Clone(name) // dwarf's strings are views
				}
			}
		}
		return nil
	})
}
