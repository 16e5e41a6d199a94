package budget

import (
	"path/filepath"
	"testing"
)

// TestWanted: what was typed replaces a file's limit on the same row, whether
// the row may be absent or not; a baseline lies beside the file that names it.
func TestWanted(t *testing.T) {
	b, err := Read([]byte("[budget]\nfile = 10\n\"crates:serde?\" = 20\n\"kind:code\" = 30\ngrowth = \"1%\"\nbaseline = \"old.json\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	var w Wanted
	w.Take(b, filepath.Join("dir", "size.toml"), 7)
	if w.Baseline != filepath.Join("dir", "old.json") || w.Growth != "1%" || w.Recorded != 7 {
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
		l, err := GrowthLimit(1000, growth)
		if err != nil || l.Max != want {
			t.Errorf("%s: %d, %v, want %d", growth, l.Max, err, want)
		}
		if v := Judge([]Limit{l}, want, 0, nil)[0]; v.Over || v.Bytes != want {
			t.Errorf("%s: %+v at the limit", growth, v)
		}
		if v := Judge([]Limit{l}, want+1, 0, nil)[0]; !v.Over {
			t.Errorf("%s: %+v above the limit", growth, v)
		}
	}
	for _, growth := range []string{"-1%", "x%", "NaN%", "1e99%", "much"} {
		if l, err := GrowthLimit(1000, growth); err == nil {
			t.Errorf("%s was read as %d", growth, l.Max)
		}
	}
}
