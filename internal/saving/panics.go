package saving

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/refgraph"
)

// The guide's "remove core::fmt", walked by the program: each line that can
// panic hands a place and a message to core::panicking, which formats them. In a
// program whose runtime formats nothing, formatting is there for those lines
// alone, and goes with the last of them.

// panicking is how a line panics, by the function that it calls, and what does
// the same without.
var panicking = []struct{ callee, how, instead string }{
	{"core::panicking::panic_bounds_check", "an index", "get(i)"},
	{"core::slice::index", "a range of a slice", "get(a..b)"},
	{"core::str::slice_error_fail", "a range of a str", "get(a..b)"},
	{"core::option::unwrap_failed", "unwrap of an Option", "a match"},
	{"core::option::expect_failed", "expect of an Option", "a match"},
	{"core::result::unwrap_failed", "unwrap of a Result", "a match"},
	{"core::panicking::panic_const", "arithmetic", "checked_* or wrapping_*"},
	{"core::panicking::assert_failed", "an assertion", "a comparison"},
	{"core::cell", "a RefCell", "Cell, or try_borrow"},
	{"core::panicking::panic_fmt", "a message with values", "a message without"},
	{"core::panicking", "a panic", "an error that is returned"},
	{"alloc::raw_vec", "a capacity", "try_reserve"},
	{"core::slice::copy_from_slice", "slices of different lengths", "zip, or get(..n)"},
	{"core::unicode", "", ""},
	{"alloc::alloc::handle_alloc_error", "", ""},
}

// panicsBy is the row of panicking for a function, -1 for none.
func panicsBy(name string) int {
	return slices.IndexFunc(panicking, func(p struct{ callee, how, instead string }) bool {
		return p.how != "" && (name == p.callee || strings.HasPrefix(name, p.callee+"::") || strings.HasPrefix(name, p.callee+"_"))
	})
}

func panics(s *Subject) []Saving {
	p := s.program
	if p == nil {
		return nil
	}
	type line struct {
		path     string
		line     uint32
		instead  string
		from, to int32
	}
	locations := map[int32]line{}
	for _, l := range p.PanicLocations() {
		if atom := p.AtomAtAddr(l.Addr); atom >= 0 && !filepath.IsAbs(l.Path) && !strings.HasPrefix(l.Path, "library/") {
			locations[atom+1] = line{path: l.Path, line: l.Line}
		}
	}
	var lines []line
	handed := map[[2]int32]bool{} // calls of core::panicking by lines of the user's
	for n := int32(1); n < int32(s.Graph.Len()); n++ {
		if !s.now[n] || s.Graph.Node(n).Kind != refgraph.KindCode || std(s.crates[n]) {
			continue
		}
		a := &p.Atoms[n-1]
		if a.End > p.Space.File || !slices.ContainsFunc(s.Graph.Successors(n), func(to int32) bool { return locations[to].path != "" }) {
			continue
		}
		rq := machinecode.Request{Code: p.File.Data[a.Start:a.End], Addr: a.Addr}
		refs, _ := p.File.CPU.Decode(&rq, nil)
		arrange.Stable(refs, func(x, y machinecode.Ref) int { return cmp.Compare(x.Offset, y.Offset) })
		var at line
		for _, r := range refs {
			to := p.AtomOrSlot(r.Target) + 1
			if l, is := locations[to]; is {
				at = l
				at.from, at.to = n, to
			} else if k := panicsBy(s.Graph.Name(to)); k >= 0 {
				handed[[2]int32{n, to}] = true
				if at.path != "" {
					at.instead = panicking[k].how + ": " + panicking[k].instead
					lines, at = append(lines, at), line{}
				}
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	ours := map[[2]int32]bool{}
	for _, l := range lines {
		ours[[2]int32{l.from, l.to}] = true
	}
	set, gone := s.gone(func(from, to int32) bool { return !ours[[2]int32{from, to}] && !handed[[2]int32{from, to}] })
	formats := uint64(0)
	for n, in := range set {
		if name := s.Graph.Name(int32(n)); in && (strings.HasPrefix(name, "core::fmt::") || strings.Contains(name, " as core::fmt::")) {
			formats += s.Graph.Node(int32(n)).Size
		}
	}
	if formats == 0 {
		return nil // something else keeps formatting
	}
	arrange.Sort(lines, func(a, b line) int { return cmp.Or(strings.Compare(a.path, b.path), cmp.Compare(a.line, b.line)) })
	x := Saving{File: lines[0].path, Line: int(lines[0].line)}
	for _, l := range lines {
		item := fmt.Sprintf("%s:%d %s", l.path, l.line, l.instead)
		if !slices.Contains(x.Items, item) {
			x.Items = append(x.Items, item)
		}
	}
	x.What = fmt.Sprintf("core::fmt is there for %d lines of yours that can panic, and for nothing else", len(x.Items))
	x.Step = "do the same without a panic in each of them: " + strings.Join(x.Items, "; ")
	calls := uint64(len(lines)) * 20 // the arguments and the call of each
	return []Saving{x.within(gone-gone/20, gone+calls, gone+gone/20+4*calls+512)}
}
