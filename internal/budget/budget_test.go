package budget

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/minsize/minsize/internal/attrib"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "400KiB": 409600, "1.5 MB": 1_500_000, "2M": 2 << 20, "12_345": 12345, "7B": 7} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "1 TiBB", "NaN", "1e99"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestReadAndJudge(t *testing.T) {
	b, err := Read([]byte("[budget]\nfile = \"1 KiB\"\nmemory = 4000\n\"crate:serde\" = 10\n\"kind:vtables\" = \"5B\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	limits := b.Limits
	sizes := &Sizes{File: 1024, Memory: 4001, Rows: map[string][]attrib.Row{
		"crates": {{Name: "serde", File: 11}, {Name: "app", File: 1000}},
		"kind":   {{Name: "code", File: 900}},
	}}
	if diff := cmp.Diff([]string{"crates", "kind"}, Views(limits)); diff != "" {
		t.Error(diff)
	}
	var over []string
	for _, v := range Judge(limits, sizes) {
		if v.Over {
			over = append(over, v.What)
		}
	}
	if diff := cmp.Diff([]string{"crate:serde", "memory"}, over); diff != "" {
		t.Error(diff)
	}
}

// TestRowsThatAreNotThere: a misspelt row fails with what may be meant, and
// never counts as one of no bytes; a row that may be absent says so.
func TestRowsThatAreNotThere(t *testing.T) {
	sizes := &Sizes{Rows: map[string][]attrib.Row{
		"crates":   {{Name: "miniz_oxide@0.8.9", File: 40}, {Name: "miniz_oxide@std", File: 2}, {Name: "serde_json", File: 70}, {Name: "serde", File: 11}, {Name: "app", File: 1000}, {Name: "[C or assembly]", File: 5}},
		"packages": {{Name: "serde_json 1.0.1", File: 70}, {Name: "app", File: 1000}},
		"symbols":  {{Name: "a-b", File: 3}},
	}}
	for _, c := range []struct {
		limit   string
		bytes   uint64
		missing bool
		nearest []string
	}{
		{"crates:serde-json=100", 70, false, nil},
		{"crates:serde_json=100", 70, false, nil},
		{"crates:miniz-oxide=100", 42, false, nil},
		{"crates:miniz_oxide@std=100", 2, false, nil},
		{"packages:serde-json=100", 70, false, nil},
		{"packages:serde_json 1.0.1=100", 70, false, nil},
		{"packages:serde_json 1.0.2=100", 0, true, []string{"serde_json 1.0.1"}},
		{"crates:serde_jsn=100", 0, true, []string{"serde", "serde_json"}},
		{"crates:SERDE-JSON=100", 0, true, []string{"serde", "serde_json"}},
		{"crates:assembly=1", 0, true, []string{"[C or assembly]"}},
		{"crates:zzzzzzz=100", 0, true, nil},
		{"crates:zzzzzzz?=100", 0, false, nil},
		{"crates:serde?=100", 11, false, nil},
		{"symbols:a_b=9", 0, true, []string{"a-b"}}, // no crate: another name
	} {
		l, err := ParseLimit(c.limit)
		if err != nil {
			t.Fatal(err)
		}
		v := Judge([]Limit{l}, sizes)[0]
		if v.Bytes != c.bytes || v.Missing != c.missing || v.Over || cmp.Diff(c.nearest, v.Nearest) != "" {
			t.Errorf("%s: %+v", c.limit, v)
		}
	}
}

func TestReadTables(t *testing.T) {
	got, err := Read([]byte("schema = 'other'\n[budget]\ngrowth = \"1%\"\nbaseline = \"old.json\"\n[budget.crates]\nserde = 5\n\"x?\" = \"1 KiB\"\n"))
	want := &Budget{Growth: []Growth{{Limit{What: "file"}, "1%"}}, Baseline: "old.json", Limits: []Limit{
		{What: "crates:serde", View: "crates", Name: "serde", Max: 5},
		{What: "crates:x?", View: "crates", Name: "x", Optional: true, Max: 1024}}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Limit{}, "Path")); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"", "[budget]", "[budget]\nfile = \"many\"", "[budget]\n\"nonsense:x\" = 1", "[budget]\ncrates = 1", "[budget]\nbaseline = \"old\"", "[budget.nonsense]\nx = 1", "[budget.crates]\nx = \"many\"", "budget = 1", "[budget"} {
		if got, err := Read([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	for _, text := range []string{"file", "file=x", "what=1", "file?=1", "crates:?=1"} {
		if got, err := ParseLimit(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
