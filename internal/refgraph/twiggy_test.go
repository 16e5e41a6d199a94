package refgraph

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// twiggyItem is a row of `twiggy top --retained -f json`.
type twiggyItem struct {
	Name     string `json:"name"`
	Shallow  uint64 `json:"shallow_size"`
	Retained uint64 `json:"retained_size"`
}

// modules are Wasm files to compare on: what this repository holds, and those
// that MINSIZE_WASM names (a glob) for sweeps.
func modules(t *testing.T) []string {
	var out []string
	for _, pattern := range []string{"testdata/*.wasm", os.Getenv("MINSIZE_WASM")} {
		found, _ := filepath.Glob(pattern)
		out = append(out, found...)
	}
	if len(out) == 0 {
		t.Skip("no module to compare on")
	}
	return out
}

// TestAgainstTwiggy: every item has Twiggy's shallow and retained size, in
// Twiggy's order.
func TestAgainstTwiggy(t *testing.T) {
	twiggy, err := exec.LookPath("twiggy")
	if err != nil {
		t.Skip("twiggy is not installed")
	}
	for _, file := range modules(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			out, err := exec.Command(twiggy, "top", "--retained", "-f", "json", file).Output()
			if err != nil {
				t.Skipf("twiggy cannot read it: %v", err)
			}
			var want []twiggyItem
			if err := json.Unmarshal(out, &want); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g, err := FromWasm(data, WasmTwiggy)
			if err != nil {
				t.Fatal(err)
			}
			tree := g.Dominators()
			var got []twiggyItem
			for n := int32(1); n < int32(g.Len()); n++ {
				retained := tree.Retained[n]
				got = append(got, twiggyItem{g.Name(n), g.Node(n).Size, retained})
			}
			slices.SortStableFunc(got, func(a, b twiggyItem) int { return int(b.Retained) - int(a.Retained) })
			if len(got) != len(want) {
				t.Errorf("%d items, Twiggy has %d", len(got), len(want))
			}
			for i := range min(len(got), len(want)) {
				if got[i].Shallow != want[i].Shallow || got[i].Retained != want[i].Retained {
					t.Fatalf("row %d: got %+v, want %+v", i, got[i], want[i])
				}
			}
		})
	}
}
