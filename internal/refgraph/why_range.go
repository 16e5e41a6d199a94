package refgraph

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/machinecode"
)

// What a removal saves, as a range.
//
// The graph knows functions; a removal takes calls out of source. Between them
// stands inlining: code of the part that goes lies inside functions that stay,
// with references of its own. Debug information says which bytes of a function
// were inlined from where, so such a function is taken as two nodes, of which
// one goes. Without it only bounds are known: nothing of a caller goes, or all of
// it, with what only it uses of the standard library.
//
// And a program without the part is compiled anew: what stays is cut into other
// codegen units, inlined elsewhere, aligned anew. That was measured (docs/graph.md)
// and is the rest of the range.

// Prediction is what is smaller in a rebuilt program without the part.
type Prediction struct {
	Estimate, Low, High uint64
	Inlined             Rest     // of it, code inside functions that stay; Count is of those functions
	Callers             Rest     // functions outside that refer to the part
	CallerNames         []string // the largest of them
	Debug               bool     // debug information told what is inlined
}

// Measured spread of rebuilt programs around the estimate: a share of it, and,
// since code that stays is compiled anew, a share of the program and some bytes.
// See the tests of removals.
const (
	spreadShare   = 10 // one part in ten
	spreadProgram = 700
	spreadBytes   = 512
)

// predict says what goes with the members.
func (g *Graph) predict(m *membership, patterns []Pattern, now NodeSet) Prediction {
	var p Prediction
	parts, known := g.inlinedParts(m, patterns, now)
	p.Debug = known
	set := m.likely
	rest := map[int32][]int32{}
	for n, x := range parts {
		if !set[n] {
			rest[n] = x.rest
		}
	}
	then := g.reachWith(set, func(n int32) []int32 {
		if edges, ok := rest[n]; ok {
			return edges
		}
		return g.out.of(n)
	})
	p.Estimate = g.gone(now, then)
	for n := range rest {
		if then[n] && parts[n].bytes > 0 {
			p.Estimate += parts[n].bytes
			p.Inlined.add(parts[n].bytes)
		}
	}
	p.Low = min(p.Estimate, g.gone(now, g.Reach(m.set)))
	p.High = p.Estimate
	if known {
		p.Low = p.Estimate
	}
	p.High = max(p.High, g.callersToo(m, now, parts, &p))
	spread := func(n uint64) uint64 { return n/spreadShare + g.Total/spreadProgram + spreadBytes }
	p.Low -= min(p.Low, spread(p.Low))
	p.High = min(p.High+spread(p.High), g.Total)
	return p
}

// gone sums what now has and then has not.
func (g *Graph) gone(now, then NodeSet) (bytes uint64) {
	for n := range now {
		if now[n] && !then[n] {
			bytes += g.nodes[n].Size
		}
	}
	return bytes
}

// reachWith is Reach over other edges.
func (g *Graph) reachWith(without NodeSet, edges func(int32) []int32) NodeSet {
	seen := g.NewSet(Root)
	stack := []int32{Root}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, to := range edges(n) {
			if !seen[to] && !without[to] {
				seen[to] = true
				stack = append(stack, to)
			}
		}
	}
	return seen
}

// callersToo is what goes if the code of those who refer to the members goes as
// well, but for what these use of other crates and of their own. Of a main
// function only what debug information calls one caller (a function that is
// inlined into it) goes; without it all of main counts.
func (g *Graph) callersToo(m *membership, now NodeSet, parts map[int32]*part, p *Prediction) uint64 {
	crates := g.crates()
	frontier := g.NewSet()
	var largest []int32
	for n := int32(1); n < int32(g.Len()); n++ {
		if !now[n] || m.likely[n] || g.nodes[n].Kind != KindCode {
			continue
		}
		x := parts[n]
		if x == nil && !slices.ContainsFunc(g.out.of(n), func(to int32) bool { return m.likely[to] }) {
			continue
		}
		frontier[n] = true
		size := g.nodes[n].Size
		if x != nil && isMain(g.Name(n)) {
			size = x.callerBytes
		}
		p.Callers.add(size)
		largest = append(largest, n)
	}
	slices.SortStableFunc(largest, func(a, b int32) int { return cmp.Compare(g.nodes[b].Size, g.nodes[a].Size) })
	for _, n := range largest[:min(len(largest), 3)] {
		p.CallerNames = append(p.CallerNames, g.Name(n))
	}
	then := g.reachWith(m.likely, func(n int32) []int32 {
		if !frontier[n] {
			return g.out.of(n)
		}
		if x := parts[n]; x != nil && isMain(g.Name(n)) {
			return x.callerRest
		}
		var stays []int32
		for _, to := range g.out.of(n) {
			if crate := crates.of(to); frontier[to] || g.nodes[to].Kind == KindCode && crate != "" && !prebuilt[strings.TrimSuffix(crate, "@std")] {
				stays = append(stays, to)
			}
		}
		return stays
	})
	bytes := g.gone(now, then)
	for n, in := range frontier {
		if in && then[n] {
			if x := parts[int32(n)]; x != nil && isMain(g.Name(int32(n))) {
				bytes += x.callerBytes
			} else {
				bytes += g.nodes[n].Size
			}
		}
	}
	return bytes
}

// isMain: a program's main stays when a part goes.
func isMain(name string) bool { return name == "main" || strings.HasSuffix(name, "::main") }

// part is what of a function was inlined from members.
type part struct {
	bytes uint64
	rest  []int32 // successors that the other code of the function has

	// The same when the inlined functions that refer to members go as a whole.
	callerBytes uint64
	callerRest  []int32
}

// inlinedParts reads from debug information what of functions outside the set
// is inlined code of the patterns. known is false where the program's own code
// has no such information.
func (g *Graph) inlinedParts(m *membership, patterns []Pattern, now NodeSet) (parts map[int32]*part, known bool) {
	p := g.Program
	if p == nil {
		return nil, true // a Wasm module: what is there is in its graph
	}
	d, err := dwarf.Open(p.File, nil)
	if err != nil || d == nil {
		return nil, false
	}
	var matchers []*matcher
	for _, x := range patterns {
		if y, err := g.matcher(x); err == nil {
			matchers = append(matchers, y)
		}
	}
	var parser demangle.Parser
	answers := map[string]bool{}
	ours := func(names *dwarf.Names, data *dwarf.Data) bool {
		link := names.Link
		if link == "" {
			return false
		}
		answer, done := answers[link]
		if !done {
			name := parser.Parse(link)
			answer = slices.ContainsFunc(matchers, func(x *matcher) bool {
				return x.covers(&name) && (x.copies == nil || slices.Contains(x.copies, g.declaredIn(name.Crate, names, data)))
			})
			answers[link] = answer
		}
		return answer
	}
	ranges := map[int32][]dwarf.Range{}
	callers := map[int32][][]dwarf.Range{} // functions inlined into a main, outermost ones
	covered, named := uint64(0), false
	for i := range d.Units {
		data, u := d.Full(&d.Units[i])
		code, err := data.Code(u)
		if err != nil {
			continue
		}
		origins := map[uint64]bool{}
		for k := range code.Functions {
			f := &code.Functions[k]
			for _, r := range code.RangesOf(f.First, f.Count) {
				if n := p.AtomAtAddr(r.Low) + 1; n > 0 && !m.standard(g, n) {
					covered += r.High - r.Low
				}
			}
		}
		for k := range code.Inlined {
			in := &code.Inlined[k]
			answer, done := origins[in.Origin]
			if !done {
				names := data.Names(in.Origin)
				named = named || names.Link != "" && u.Language == dwarf.DW_LANG_Rust
				answer = ours(&names, data)
				origins[in.Origin] = answer
			}
			if in.Parent < 0 {
				for _, r := range code.RangesOf(in.First, in.Count)[:min(1, in.Count)] {
					if n := p.AtomAtAddr(r.Low) + 1; n > 0 && now[n] && isMain(g.Name(n)) && !library(demangle.Display(data.Names(in.Origin).Link)) {
						callers[n] = append(callers[n], code.RangesOf(in.First, in.Count))
					}
				}
			}
			if !answer {
				continue
			}
			for _, r := range code.RangesOf(in.First, in.Count) {
				if n := p.AtomAtAddr(r.Low) + 1; n > 0 && now[n] && !m.set[n] {
					ranges[n] = append(ranges[n], r)
				}
			}
		}
	}
	own := uint64(0)
	for n := int32(1); n < int32(g.Len()); n++ {
		if a := &p.Atoms[g.nodes[n].Label]; a.Kind == attrib.Code && a.Size() > 0 && !m.standard(g, n) {
			own += a.Size()
		}
	}
	if covered < own/2 || !named { // line tables alone name no paths
		return nil, false
	}
	parts = map[int32]*part{}
	for n, list := range ranges {
		parts[n] = g.split(n, list)
		parts[n].callerBytes, parts[n].callerRest = parts[n].bytes, parts[n].rest
	}
	for n, list := range callers {
		ours := slices.Clone(ranges[n])
		for _, call := range list {
			if overlap(call, ours) || g.refersFrom(n, call, m.likely) {
				ours = append(ours, call...)
			}
		}
		if len(ours) == 0 || m.likely[n] {
			continue
		}
		whole := g.split(n, ours)
		if parts[n] == nil {
			parts[n] = &part{rest: g.out.of(n)}
		}
		parts[n].callerBytes, parts[n].callerRest = whole.bytes, whole.rest
	}
	return parts, true
}

// declaredIn is the copy of a crate that an inlined function was declared in.
func (g *Graph) declaredIn(crate string, n *dwarf.Names, data *dwarf.Data) *attrib.CrateCopy {
	if n.Unit == nil {
		return nil
	}
	files, err := data.Files(n.Unit)
	if err != nil {
		return nil
	}
	return g.Program.CopyByPath(crate, files.File(n.DeclFile))
}

// standard says whether a function was compiled with the standard library,
// whose debug information says nothing about the program.
func (m *membership) standard(g *Graph, n int32) bool {
	mangled := g.Mangled(n)
	if mangled == "" {
		return true
	}
	name := demangle.Parse(mangled)
	return !name.Rust() || name.Scheme == demangle.RustV0 && name.Instantiating == "" && prebuilt[name.Crate] || prebuilt[name.Instantiating]
}

func overlap(a, b []dwarf.Range) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Low < y.High && y.Low < x.High {
				return true
			}
		}
	}
	return false
}

// refersFrom says whether code of n in ranges refers to a member of set.
func (g *Graph) refersFrom(n int32, ranges []dwarf.Range, set NodeSet) bool {
	p := g.Program
	a := &p.Atoms[g.nodes[n].Label]
	if a.End > p.Space.File {
		return false
	}
	rq := machinecode.Request{Code: p.File.Data[a.Start:a.End], Addr: a.Addr}
	refs, _ := p.File.CPU.Decode(&rq, nil)
	for _, r := range refs {
		at := a.Addr + uint64(r.Offset)
		if !overlap(ranges, []dwarf.Range{{Low: at, High: at + 1}}) {
			continue
		}
		if to := p.AtomOrSlot(r.Target); to >= 0 && set[to+1] {
			return true
		}
	}
	return false
}

// split decodes a function once more and tells its inlined part from the rest.
func (g *Graph) split(n int32, ranges []dwarf.Range) *part {
	p := g.Program
	a := &p.Atoms[g.nodes[n].Label]
	slices.SortFunc(ranges, func(x, y dwarf.Range) int {
		switch {
		case x.Low < y.Low:
			return -1
		case x.Low > y.Low:
			return 1
		}
		return 0
	})
	merged := ranges[:0]
	body := uint64(0)
	for _, r := range ranges {
		r.High = min(r.High, a.Addr+a.Size())
		if k := len(merged); k > 0 && r.Low <= merged[k-1].High {
			merged[k-1].High = max(merged[k-1].High, r.High)
		} else {
			merged = append(merged, r)
		}
	}
	for _, r := range merged {
		if r.High > r.Low {
			body += r.High - r.Low
		}
	}
	x := &part{}
	if a.Size() > 0 {
		x.bytes = g.nodes[n].Size * min(body, a.Size()) / a.Size() // its tables shrink with it
	}
	inside := map[int32]bool{}
	outside := map[int32]bool{}
	if a.End <= p.Space.File {
		rq := machinecode.Request{Code: p.File.Data[a.Start:a.End], Addr: a.Addr}
		refs, _ := p.File.CPU.Decode(&rq, nil)
		for _, r := range refs {
			to := p.AtomOrSlot(r.Target)
			if to < 0 {
				continue
			}
			at := a.Addr + uint64(r.Offset)
			i := sort.Search(len(merged), func(i int) bool { return merged[i].High > at })
			if i < len(merged) && at >= merged[i].Low {
				inside[to+1] = true
			} else {
				outside[to+1] = true
			}
		}
	}
	for _, to := range g.out.of(n) {
		if outside[to] || !inside[to] {
			x.rest = append(x.rest, to)
		}
	}
	return x
}
