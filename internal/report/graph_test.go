package report

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/minsize/minsize/internal/golden"
	"github.com/minsize/minsize/internal/refgraph"
)

// sampleNames are linker symbols by label.
type sampleNames []string

func (n sampleNames) Display(label int32) string { return n[label] }
func (n sampleNames) Mangled(label int32) string { return n[label] }

// sampleGraph is a program of eight items, one of which nothing reaches.
func sampleGraph() *GraphContext {
	names := sampleNames{"_start", "app::main", "app::parse", "core::fmt::write", "core::fmt::Formatter::pad", "std::panicking::begin_panic", "forgotten"}
	b := refgraph.NewBuilder(8)
	for i := range names {
		b.Add(refgraph.Node{Size: uint64(100 * (i + 1)), Label: int32(i), Kind: refgraph.KindCode, Uncertain: i == 4})
	}
	text := b.Add(refgraph.Node{Name: "[text of app::main]", Size: 20, Label: -1, Kind: refgraph.KindData})
	for _, e := range [][2]int32{{refgraph.Root, 1}, {1, 2}, {2, 3}, {2, text}, {2, 4}, {3, 6}, {6, 4}, {4, 5}} {
		b.Edge(e[0], e[1])
	}
	g := b.Freeze(names)
	g.Total = 3000
	g.Notes = []string{"a note of the graph"}
	return &GraphContext{File: "app", Graph: g}
}

// sampleDocuments are all reports of the sample graph, by verb.
func sampleDocuments(t *testing.T) map[string]*Document {
	c := sampleGraph()
	g := c.Graph
	tree := g.Dominators()
	why, err := g.Why(tree, refgraph.WhyOptions{
		Patterns: []refgraph.Pattern{{Text: "core::fmt"}}, Cuts: []refgraph.Pattern{{Text: "std::panicking"}}, Own: []string{"app"},
	})
	if err != nil {
		t.Fatal(err)
	}
	monos, err := g.Monos(refgraph.MonosOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dominators := g.DominatorTree(tree, nil, refgraph.TreeOptions{})
	return map[string]*Document{
		"top":        c.Top(g.Top(tree, refgraph.TopOptions{Max: 3, Retained: true, Paths: true}), true, true),
		"dominators": c.Dominators(dominators, tree, g.LargestBranches(tree, nil, 4)),
		"paths":      c.Paths(g.Paths(tree, []int32{4}, refgraph.PathOptions{Depth: 3, Width: 2})),
		"garbage":    c.Garbage(g.Garbage(tree, 0, false)),
		"why":        c.Why(why, []string{"core::fmt"}, []string{"std::panicking"}, &WhyVerified{How: "features: -x", Before: 3000, After: 2000, Predicted: 990}),
		"monos":      c.Monos(monos),
	}
}

func TestGraphReports(t *testing.T) {
	folder := golden.Open(t, filepath.Join("testdata", "graph"))
	for verb, d := range sampleDocuments(t) {
		for _, format := range []string{"text", "csv"} {
			t.Run(verb+"/"+format, func(t *testing.T) {
				var b bytes.Buffer
				if err := Write(&b, format, d, Options{ExactBytes: true}); err != nil {
					t.Fatal(err)
				}
				folder.Compare(t, verb+"."+format, b.Bytes())
			})
		}
		t.Run(verb+"/html", func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, "html", d, Options{ExactBytes: true}); err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b.Bytes(), []byte("http://")) || bytes.Contains(b.Bytes(), []byte("https://")) {
				t.Error("the page names a host: it must open without network")
			}
		})
	}
}

// TestWhyScreen: the default answer of `why` fits 24 lines of 80 columns, with
// the longest names, notes and advice that there are, and the saving comes first.
func TestWhyScreen(t *testing.T) {
	c := sampleGraph()
	c.Brief = true
	long := strings.Repeat("module::", 30) + "function"
	w := &refgraph.Why{Notes: []string{strings.Repeat("a note on crates ", 8)}, Advice: []refgraph.Advice{{Name: "it", Saves: strings.Repeat("words of advice ", 13)}, {Name: "b", Saves: "c"}}}
	w.Prediction = refgraph.Prediction{Estimate: 1_000_000, Low: 900_000, High: 9_000_000, Callers: refgraph.Rest{Count: 9, Size: 5}, CallerNames: []string{long}, Debug: true}
	for range 9 {
		item := refgraph.Item{Name: long, Size: 1 << 20, Retained: 1 << 30}
		w.Largest = append(w.Largest, item)
		w.Frontier = append(w.Frontier, refgraph.Referrer{Item: item, Saves: 1 << 30, Crate: long})
		w.Chain = append(w.Chain, refgraph.Step{Item: item, Crate: long})
	}
	var b bytes.Buffer
	if err := Write(&b, "text", c.Why(w, []string{"some::pattern"}, nil, nil), Options{ExactBytes: true, Width: 80}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) > 24 {
		t.Errorf("%d lines:\n%s", len(lines), b.String())
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.HasPrefix(lines[1], "A rebuild without it is smaller by about 1,000,000 bytes, between 900,000 and") {
		t.Errorf("the second line is %q", lines[1])
	}
	if all := strings.ReplaceAll(b.String(), "\n  ", " "); !strings.Contains(all, "1 more piece of advice") || strings.Count(all, "words of advice") < 10 {
		t.Errorf("advice is missing:\n%s", all)
	}
}
