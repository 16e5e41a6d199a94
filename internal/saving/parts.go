package saving

import (
	"slices"

	"github.com/minsize/minsize/internal/refgraph"
)

// parts are heavy parts whose smaller ways are known, where one of the user's
// own lines leads there: what the standard library's start-up code keeps anyway
// is no line's fault.
func parts(s *Subject) (found []Saving) {
	if s.program == nil {
		return nil
	}
	kept := s.byStd()
	tree := s.Graph.Dominators()
	var own []string
	for crate := range s.owns {
		own = append(own, crate)
	}
	slices.Sort(own)
	for _, part := range refgraph.Parts() {
		if part.Runtime {
			continue
		}
		var patterns []refgraph.Pattern
		all, anyway := uint64(0), uint64(0)
		for _, text := range part.Under {
			one := refgraph.Pattern{Text: text}
			set, err := s.Graph.Matching([]refgraph.Pattern{one})
			if err != nil {
				continue
			}
			patterns = append(patterns, one)
			for n, in := range set {
				if in && s.now[n] {
					all += s.Graph.Node(int32(n)).Size
					if kept[n] {
						anyway += s.Graph.Node(int32(n)).Size
					}
				}
			}
		}
		if all < s.worth() || anyway > all/2 {
			continue
		}
		why, err := s.Graph.Why(tree, refgraph.WhyOptions{Patterns: patterns, Own: own, Max: 5})
		if err != nil {
			continue
		}
		if why.Prediction.Low < s.worth() {
			continue // it may be nothing
		}
		x := Saving{Step: part.Saves}
		by := ""
		for _, step := range why.Chain {
			if step.Own && !step.InSet {
				by = step.Name
				at := s.declared(s.node(step.Name))
				x.File, x.Line = at.file, at.line
			}
		}
		x.What = part.Name
		if by != "" {
			x.What += ", which " + by + " leads to"
		}
		found = append(found, x.within(why.Prediction.Low, why.Prediction.Estimate, why.Prediction.High))
	}
	return found
}

// node is the first node of a name, 0 for none.
func (s *Subject) node(name string) int32 {
	for n := int32(1); n < int32(s.Graph.Len()); n++ {
		if s.Graph.Name(n) == name {
			return n
		}
	}
	return 0
}

// byStd is what is reached without any code of the program's own crates and
// their dependencies.
func (s *Subject) byStd() refgraph.NodeSet {
	without := s.Graph.NewSet()
	for n := range without {
		without[n] = n > 0 && s.crates[n] != "" && !std(s.crates[n])
	}
	return s.Graph.Reach(without)
}
