package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/budget"
)

// TestCauses: what came, what went, what is there twice, which versions, and who grew.
func TestCauses(t *testing.T) {
	before := []attrib.Row{{Name: "app", File: 1000}, {Name: "std", File: 5000}, {Name: "old", File: 70}, {Name: "syn", File: 300}, {Name: "[Padding]", File: 1}}
	after := []attrib.Row{{Name: "app", File: 1400}, {Name: "std", File: 5100}, {Name: "re_gex", File: 90}, {Name: "syn@1.0.1", File: 300}, {Name: "syn@2.0.0", File: 200}, {Name: "[Padding]", File: 999}}
	rows, err := attrib.Diff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	generic := func(file, items uint64) []attrib.Row {
		return []attrib.Row{{Name: "core::sort::<_>", File: file, Items: items}, {Name: "main", File: file * 9, Items: 1}}
	}
	instances, err := attrib.Diff(generic(100, 2), generic(300, 6))
	if err != nil {
		t.Fatal(err)
	}
	old := &SizeResult{Locked: map[string][]string{"re-gex": {"1.0.0"}, "syn": {"1.0.1"}, "gone": {"1.0.0"}, "not-in-it": {"1.0.0"}, "std": {"1.0.0"}},
		Parts: []SizePart{{View: "crates", Rows: before}, {View: "generics", Rows: generic(100, 2)}}}
	now := &SizeResult{Locked: map[string][]string{"re-gex": {"1.1.0"}, "syn": {"1.0.1", "2.0.0"}, "not-in-it": {"2.0.0"}, "std": {"1.0.0"}},
		Parts: []SizePart{{View: "crates", Rows: after}, {View: "generics", Rows: generic(300, 6)}}}
	got := Causes(&DiffResult{Parts: []DiffPart{{View: "kind"}, {View: "crates", Rows: rows}, {View: "generics", Rows: instances}}}, old, now)
	want := []string{
		"New crates: re_gex (+90 bytes).",
		"Other versions: re-gex 1.1.0, was 1.0.0 (+90 bytes).",
		"In several versions now: syn 1.0.1 and 2.0.0.",
		"Crates that went: old.",
		"app grew most: +400 bytes.",
		"Of generic functions core::sort::<_> grew most: +200 bytes; 6 copies in the program, 2 before.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Causes(&DiffResult{Parts: []DiffPart{{View: "kind"}}}, old, now); got != nil {
		t.Errorf("%q", got)
	}
}

// TestFindings: a message cannot end its line, nor a name its property.
func TestFindings(t *testing.T) {
	verdicts := []budget.Verdict{{Limit: budget.Limit{What: "symbols:a\nb", Max: 1}, Bytes: 2, Over: true, Line: 4}, {Limit: budget.Limit{What: "file", Max: 9}, Bytes: 2}}
	d := Check(NewCheck("app", "dir,1/50%:x.toml", verdicts))
	var b strings.Builder
	if err := Write(&b, "github", d, Options{}); err != nil {
		t.Fatal(err)
	}
	if want := "::error file=dir%2C1/50%25%3Ax.toml,line=4,title=size budget::app: symbols:a%0Ab has 2 bytes, the limit is 1\n"; b.String() != want {
		t.Errorf("got %q\nwant %q", b.String(), want)
	}
	for _, format := range Names(Findings) {
		b.Reset()
		err := Write(&b, format, &Document{Title: "x", Data: struct{}{}}, Options{})
		if judges := format == "github" || format == "gitlab" || format == "sarif"; judges != (err == ErrNoFindings) {
			t.Errorf("%s: %v", format, err)
		}
	}
}
