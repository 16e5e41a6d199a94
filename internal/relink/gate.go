package relink

// The gate of a cut: a cut that traps what another of its stubs makes
// unreachable is right as a whole only.
//
// std_detect finds out what the processor can do, once, and keeps the answer
// in a static. A stub for the function that finds out leaves the answer at
// "nothing"; then no variant for a larger processor is ever chosen, and may be
// a trap. Where the compiler has put that function into a caller, or std has
// renamed it, the variants are chosen after all. So the gate is open only
// where the function is there and nothing else may write the answer. A check
// that runs on a small processor would not show it.

import "github.com/minsize/minsize/internal/objedit"

// Gate is what has to hold in the recorded objects for a cut to be made.
type Gate struct {
	Function string // normal name of the only function that may write Answer
	Answer   string // normal name of a static
}

// closed lists the indices of cuts whose gate is closed in the recorded
// objects.
func (r *Recording) closed(cuts []Cut) (map[int]bool, error) {
	shut := map[int]bool{}
	for i, c := range cuts {
		if c.Gate == nil {
			continue
		}
		open, known := r.edit.gates.Load(*c.Gate)
		if !known {
			answer, err := r.gateOpen(*c.Gate)
			if err != nil {
				return nil, err
			}
			r.edit.gates.Store(*c.Gate, answer)
			open = answer
		}
		if !open.(bool) {
			shut[i] = true
		}
	}
	return shut, nil
}

// gateOpen looks at every reference to the answer.
func (r *Recording) gateOpen(g Gate) (bool, error) {
	found, safe := false, true
	err := r.ObjectFiles(func(o *objedit.Object) error {
		writer := map[int]bool{} // sections
		for _, f := range o.Functions() {
			if r.edit.of(f.Name).normal != g.Function {
				continue
			}
			found = true
			writer[f.Index()] = true
			safe = safe && f.Alone() // merged with others, or among them
		}
		answers, names := map[int]bool{}, map[string]bool{}
		for _, s := range o.Symbols() {
			if r.edit.of(s.Name).normal == g.Answer {
				answers[s.Section] = s.Section > 0
				names[s.Name] = true
			}
		}
		delete(answers, 0)
		if len(answers) == 0 && len(names) == 0 {
			return nil
		}
		refs, err := o.References()
		if err != nil {
			return err
		}
		for _, ref := range refs {
			if !answers[ref.To] && !names[ref.Symbol] || writer[ref.From] {
				continue
			}
			safe = safe && o.OnlyReads(ref)
		}
		return nil
	})
	return found && safe, err
}
