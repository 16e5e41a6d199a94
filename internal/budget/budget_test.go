package budget

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
	limits, err := Read([]byte("[budget]\nfile = \"1 KiB\"\nmemory = 4000\n\"crate:serde\" = 10\n\"kind:vtables\" = \"5B\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	reports := map[string]*attrib.Report{
		"crates": {Rows: []attrib.Row{{Name: "serde", File: 11}, {Name: "app", File: 1000}}},
		"kind":   {Rows: []attrib.Row{{Name: "code", File: 900}}},
	}
	if diff := cmp.Diff([]string{"crates", "kind"}, Views(limits)); diff != "" {
		t.Error(diff)
	}
	var over []string
	for _, v := range Judge(limits, 1024, 4001, reports) {
		if v.Over {
			over = append(over, v.What)
		}
	}
	if diff := cmp.Diff([]string{"crate:serde", "memory"}, over); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{"", "[budget]", "[budget]\nfile = \"many\"", "[budget]\n\"nonsense:x\" = 1", "[budget]\ncrates = 1", "[budget"} {
		if got, err := Read([]byte(text)); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	for _, text := range []string{"file", "file=x", "what=1"} {
		if got, err := ParseLimit(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
