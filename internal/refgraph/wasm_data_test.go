package refgraph

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWasmDataParts: with all edges data goes with the function that uses it;
// by Twiggy's rules a segment stays whole. Either way every byte is an item's.
func TestWasmDataParts(t *testing.T) {
	for _, file := range modules(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		segments := map[WasmEdges]uint64{}
		for _, edges := range []WasmEdges{WasmTwiggy, WasmAll} {
			g, err := FromWasm(data, edges)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			total := uint64(0)
			for n := int32(1); n < int32(g.Len()); n++ {
				total += g.Node(n).Size
				if g.Node(n).Kind == KindData {
					segments[edges] += g.Node(n).Size
				}
				if name := g.Name(n); edges == WasmTwiggy && (strings.HasPrefix(name, "[data") || strings.HasPrefix(name, "[text")) {
					t.Errorf("%s: %s is no item of Twiggy's", file, name)
				}
			}
			if total != uint64(len(data)) {
				t.Errorf("%s: items of %d bytes in a module of %d", file, total, len(data))
			}
		}
		if segments[WasmAll] != segments[WasmTwiggy] {
			t.Errorf("%s: %d bytes of data, Twiggy's items have %d", file, segments[WasmAll], segments[WasmTwiggy])
		}
	}
	data, err := os.ReadFile(filepath.Join("testdata", "data.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := FromWasm(data, WasmAll)
	if err != nil {
		t.Fatal(err)
	}
	tree := g.Dominators()
	retained := map[string]uint64{}
	for n := int32(1); n < int32(g.Len()); n++ {
		if name := g.Name(n); g.Node(n).Kind == KindCode {
			retained[name] = tree.Retained[n] - g.Node(n).Size
		}
	}
	// say keeps its counters; pick the table, the names, and what they point at.
	if n := retained["say"]; n < 32 || n > 40 {
		t.Errorf("say keeps %d bytes beside itself, expected its 32 bytes of counters", n)
	}
	if n := retained["pick"]; n < 64+16+19 || n > 64+16+19+16 {
		t.Errorf("pick keeps %d bytes beside itself, expected its table, names and their texts: 99 bytes", n)
	}
}
