package refgraph

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/objfile"
)

func programGraph(t testing.TB, path string) *Graph {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := objfile.Parse(path, data)
	if err != nil {
		t.Fatal(err)
	}
	p, err := attrib.New(f, attrib.Options{References: true, Bodies: true})
	if err != nil {
		t.Fatal(err)
	}
	return FromProgram(p)
}

// lost sums unreachable bytes and counts unreachable functions.
func lost(g *Graph) (bytes uint64, functions int, names []string) {
	t := g.Dominators()
	for n := int32(1); n < int32(g.Len()); n++ {
		if t.Reachable(n) {
			continue
		}
		bytes += g.Node(n).Size
		if g.Node(n).Kind == KindCode {
			functions++
			names = append(names, g.Name(n))
		}
	}
	return bytes, functions, names
}

// checkSums: nodes and what nobody owns add up to the stripped file.
func checkSums(t testing.TB, g *Graph) {
	t.Helper()
	sum := g.Unowned
	for n := range int32(g.Len()) {
		sum += g.Node(n).Size
	}
	if sum != g.Total {
		t.Errorf("nodes and unowned bytes sum to %d, the file has %d", sum, g.Total)
	}
}

// TestGoProgram: the Go linker drops what is unreachable, so nearly all of a
// Go program is reached, with and without symbols, fixed and not.
func TestGoProgram(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not installed")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	text := "package main\n\nimport (\n\t\"encoding/json\"\n\t\"os\"\n)\n\nfunc main() { json.NewEncoder(os.Stdout).Encode(os.Args) }\n"
	if err := os.WriteFile(source, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, goos, goarch string
		flags              []string
	}{
		{"fixed", "linux", "amd64", nil}, {"stripped", "linux", "amd64", []string{"-ldflags=-s -w"}},
		{"pie", "linux", "amd64", []string{"-buildmode=pie", "-ldflags=-s -w"}}, {"arm64", "linux", "arm64", nil},
		{"windows", "windows", "amd64", nil}, {"darwin", "darwin", "arm64", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(dir, c.name)
			cmd := exec.Command("go", append(append([]string{"build", "-o", out}, c.flags...), source)...)
			cmd.Env = append(os.Environ(), "GOOS="+c.goos, "GOARCH="+c.goarch, "CGO_ENABLED=0", "GO111MODULE=off")
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Skipf("go build: %v\n%s", err, text)
			}
			g := programGraph(t, out)
			checkSums(t, g)
			bytes, functions, names := lost(g)
			t.Logf("%d nodes, %d edges, %d of %d bytes and %d functions unreachable", g.Len(), g.EdgeCount(), bytes, g.Total, functions)
			if bytes*100 > g.Total*2 {
				t.Errorf("%d of %d bytes are unreachable: %q", bytes, g.Total, names[:min(20, len(names))])
			}
		})
	}
}

// TestRustProgram: on a program that the linker has collected garbage from, no
// function is unreachable, and core::fmt keeps what the backtrace printer is.
func TestRustProgram(t *testing.T) {
	if _, err := exec.LookPath("rustc"); err != nil {
		t.Skip("rustc is not installed")
	}
	dir := t.TempDir()
	source, out := filepath.Join(dir, "hello.rs"), filepath.Join(dir, "hello")
	if err := os.WriteFile(source, []byte("fn main() { println!(\"Hello, {}!\", std::env::args().count()); }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command("rustc", "-O", "-o", out, source).CombinedOutput(); err != nil {
		t.Skipf("rustc: %v\n%s", err, text)
	}
	g := programGraph(t, out)
	checkSums(t, g)
	bytes, functions, names := lost(g)
	if functions > 0 || bytes*200 > g.Total {
		t.Errorf("%d of %d bytes and %d functions are unreachable: %q", bytes, g.Total, functions, names)
	}
	tree := g.Dominators()
	w, err := g.Why(tree, WhyOptions{Patterns: []Pattern{{Text: "core::fmt"}}})
	if err != nil {
		t.Fatal(err)
	}
	if w.Retained.Size*2 < g.Total || w.Retained.Size > g.Total || w.Retained.Size < w.Set.Size {
		t.Errorf("core::fmt retains %d of %d bytes, %d of its own", w.Retained.Size, g.Total, w.Set.Size)
	}
	if len(w.Chain) < 3 || !w.Chain[len(w.Chain)-1].InSet || w.Own[0] != "hello" {
		t.Errorf("chain %+v, own crates %q", w.Chain, w.Own)
	}
	ours := false
	for _, s := range w.Chain {
		ours = ours || s.Name == "hello::main"
	}
	if !ours {
		t.Errorf("the chain does not lead through hello::main: %+v", w.Chain)
	}
	// The same questions on the stripped program give the same sizes.
	if text, err := exec.Command("strip", out).CombinedOutput(); err != nil {
		t.Skipf("strip: %v\n%s", err, text)
	}
	bare := programGraph(t, out)
	checkSums(t, bare)
	if _, functions, names := lost(bare); functions > 3 {
		t.Errorf("stripped, %d functions are unreachable: %q", functions, names)
	}
	a, b := tree.Retained[Root], bare.Dominators().Retained[Root]
	if diff := int64(a) - int64(b); diff*diff > int64(a/50)*int64(a/50) {
		t.Errorf("the root retains %d bytes with symbols, %d without", a, b)
	}
}

// TestNoTables: without symbols and unwind tables functions are cut where
// something refers to them, and found by their address.
func TestNoTables(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("gcc is not installed")
	}
	dir := t.TempDir()
	source, whole, bare := filepath.Join(dir, "a.c"), filepath.Join(dir, "whole"), filepath.Join(dir, "bare")
	text := `#include <stdio.h>
__attribute__((noinline)) int leaf(int x) { return x * 3 + 1; }
__attribute__((noinline)) int middle(int x) { return leaf(x) + leaf(x + 1); }
int pointed(int x) { return x - 7; }
int (*table[])(int) = {pointed, middle};
int main(int argc, char **argv) { printf("%d\n", table[argc & 1](argc)); return 0; }
`
	if err := os.WriteFile(source, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	flags := []string{"-O1", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-o", whole, source}
	if text, err := exec.Command("gcc", flags...).CombinedOutput(); err != nil {
		t.Skipf("gcc: %v\n%s", err, text)
	}
	if text, err := exec.Command("gcc", append([]string{"-s"}, append(flags[:3:3], "-o", bare, source)...)...).CombinedOutput(); err != nil {
		t.Skipf("gcc: %v\n%s", err, text)
	}
	named, cut := programGraph(t, whole), programGraph(t, bare)
	checkSums(t, cut)
	nodes, err := named.Named([]string{"leaf"}, false)
	if err != nil {
		t.Fatal(err)
	}
	leaf := named.Program.Atoms[named.Node(nodes[0]).Label]
	found, err := cut.Named([]string{fmt.Sprintf("%#x", leaf.Addr)}, false)
	if err != nil {
		t.Fatal(err)
	}
	got := cut.Program.Atoms[cut.Node(found[0]).Label]
	if got.Addr != leaf.Addr || got.Flags&attrib.Inferred == 0 {
		t.Errorf("leaf is at %#x; found %+v", leaf.Addr, got)
	}
	if _, functions, names := lost(cut); functions > 0 {
		t.Errorf("%d functions are unreachable: %q", functions, names)
	}
	if _, err := cut.Matching([]Pattern{{Text: "0x1"}}); err == nil {
		t.Error("nothing is at address 1")
	}
}

func TestPacked(t *testing.T) {
	if Packed([]byte("\x7fELF....UPX!....")) == "" || Packed([]byte("\x7fELF")) != "" {
		t.Error("UPX's magic tells a packed file")
	}
}

func TestTableLength(t *testing.T) {
	for _, c := range []struct {
		table []byte
		want  uint64
	}{
		{[]byte{0xff, 0xff, 0x01, 4, 1, 2, 3, 4, 0xaa, 0xbb}, 8},           // no types: header, sites
		{[]byte{0xff, 0x9b, 9, 0x01, 4, 1, 2, 3, 4, 1, 0, 0, 0, 0, 0}, 12}, // the types' end is told
		{[]byte{0xff, 0xff, 0x01, 200, 1}, 0},
		{[]byte{0x00}, 0},
		{nil, 0},
	} {
		if got := tableLength(c.table); got != c.want {
			t.Errorf("% x: got %d, want %d", c.table, got, c.want)
		}
	}
}

func TestMatching(t *testing.T) {
	for _, c := range []struct {
		path, text string
		want       bool
	}{
		{"core::fmt::write", "core::fmt", true}, {"core::fmt", "core::fmt", true}, {"core::fmt_helper", "core::fmt", false},
		{"core::fmt::Formatter<T>", "core::fmt::Formatter", true}, {"core", "core::fmt", false}, {"x", "", false},
	} {
		if got := under(c.path, c.text); got != c.want {
			t.Errorf("under(%q, %q) = %v", c.path, c.text, got)
		}
	}
}

// FuzzWasm: any bytes are a graph or an error with an offset, and every byte
// of a module belongs to one item.
func FuzzWasm(f *testing.F) {
	for _, file := range []string{"testdata/tables.wasm", "testdata/data.wasm"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, edges := range []WasmEdges{WasmTwiggy, WasmAll} {
			g, err := FromWasm(data, edges)
			if err != nil {
				if !strings.Contains(err.Error(), "offset") {
					t.Errorf("%v names no offset", err)
				}
				continue
			}
			sum := uint64(0)
			for n := range int32(g.Len()) {
				sum += g.Node(n).Size
			}
			if sum != uint64(len(data)) {
				t.Errorf("items sum to %d of %d bytes", sum, len(data))
			}
			g.Dominators()
		}
	})
}
