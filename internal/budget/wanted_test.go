package budget

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/minsize/minsize/internal/attrib"
)

// TestWanted: what was typed replaces a file's limit on the same row, whether
// the row may be absent or not; a baseline lies beside the file that names it.
func TestWanted(t *testing.T) {
	b, err := Read([]byte("[budget]\nfile = 10\n\"crates:serde?\" = 20\n\"kind:code\" = 30\ngrowth = \"1%\"\nbaseline = \"old.json\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	var w Wanted
	w.Take(b, filepath.Join("dir", "size.toml"), nil, 7)
	if w.Baseline != filepath.Join("dir", "old.json") || len(w.Growth) != 1 || w.Growth[0].By != "1%" || w.Recorded != 7 {
		t.Errorf("%+v", w)
	}
	typed, err := ParseLimit("crate:serde=5")
	if err != nil {
		t.Fatal(err)
	}
	typed.What = "crates:serde"
	w.Prefer([]Limit{typed})
	sizes := map[string]uint64{}
	for _, l := range w.Limits {
		sizes[l.What] = l.Max
	}
	if len(sizes) != 3 || sizes["crates:serde"] != 5 || sizes["file"] != 10 || sizes["kind:code"] != 30 {
		t.Errorf("%v", sizes)
	}
}

// TestGrowthLimit: the bound is exact, and judged on the file.
func TestGrowthLimit(t *testing.T) {
	for growth, want := range map[string]uint64{"1%": 1010, "0%": 1000, " 2.5 %": 1025, "4KiB": 5096, "0": 1000} {
		g, err := TypedGrowth(growth)
		if err != nil {
			t.Fatal(err)
		}
		l, err := GrowthLimit(&g, 1000)
		if err != nil || l.Max != want || l.Base != 1000 {
			t.Errorf("%s: %d, %v, want %d", growth, l.Max, err, want)
		}
		if v := Judge([]Limit{l}, &Sizes{File: want})[0]; v.Over || v.Bytes != want {
			t.Errorf("%s: %+v at the limit", growth, v)
		}
		if v := Judge([]Limit{l}, &Sizes{File: want + 1})[0]; !v.Over {
			t.Errorf("%s: %+v above the limit", growth, v)
		}
	}
	for _, growth := range []string{"-1%", "x%", "NaN%", "1e99%", "much"} {
		if g, err := TypedGrowth(growth); err == nil {
			t.Errorf("%s was read as %+v", growth, g)
		}
	}
}

// TestForTarget: a target's own limit goes before the one for all.
func TestForTarget(t *testing.T) {
	b, err := Read([]byte("[budget]\nfile = 10\nmemory = 20\n[budget.growth]\nfile = \"1%\"\n\"crates:a\" = 4\n[budget.target.t]\nfile = 11\ngrowth = \"2%\"\n[budget.target.t.crates]\nb = 5\n"))
	if err != nil {
		t.Fatal(err)
	}
	limits := func(b *Budget) (list string) {
		for _, l := range b.Limits {
			list += fmt.Sprintf("%s=%d ", l.What, l.Max)
		}
		for _, g := range b.Growth {
			list += fmt.Sprintf("%s+%s ", g.What, g.By)
		}
		return list
	}
	if got := limits(b.For("other")); got != "file=10 memory=20 crates:a+4 file+1% " {
		t.Error(got)
	}
	if got := limits(b.For("t")); got != "memory=20 crates:b=5 file=11 crates:a+4 file+2% " {
		t.Error(got)
	}
	if path := b.For("t").Limits[1].Path; !slices.Equal(path, []string{"budget", "target", "t", "crates", "b"}) {
		t.Error(path)
	}
	for _, text := range []string{"[budget.target]\nt = 1", "[budget.target.t]\nbaseline = \"x\"\ngrowth = 1", "[budget.target.t]\nfile = \"x\"", "[budget.growth]\nfile = \"much\"", "[budget.growth]\n\"nonsense:x\" = 1"} {
		if got, err := Read([]byte(text)); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

// TestRaise: the limits that are exceeded get what was measured; the rest of
// the file stays as it is, and growth is for nobody to raise.
func TestRaise(t *testing.T) {
	text := "# ours\n[budget]\nfile = \"10 B\" # tight\nmemory = 90\ngrowth = 1\n[budget.target.t.crates]\na = 3\n"
	b, err := Read([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var w Wanted
	w.Take(b.For("t"), "minsize.toml", []byte(text), 5)
	grown, err := GrowthLimit(&w.Growth[0], w.Recorded)
	if err != nil {
		t.Fatal(err)
	}
	sizes := &Sizes{File: 12, Memory: 80, Rows: map[string][]attrib.Row{"crates": {{Name: "a", File: 4}}}}
	verdicts := Judge(append(w.Limits, grown), sizes)
	w.Place(verdicts)
	got, raised, err := w.Raise(verdicts)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# ours\n[budget]\nfile = 12 # tight\nmemory = 90\ngrowth = 1\n[budget.target.t.crates]\na = 4\n"; string(got) != want {
		t.Errorf("%s", got)
	}
	lines := map[string]int{}
	for _, v := range verdicts {
		lines[v.What] = v.Line
		if v.Over != v.Grown {
			t.Errorf("%+v", v)
		}
	}
	if len(raised) != 2 || lines["file"] != 3 || lines["crates:a"] != 7 || lines["file against the baseline"] != 5 {
		t.Errorf("%v %v", raised, lines)
	}
}
