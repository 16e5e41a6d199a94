// Command graph measures the reference graph: its edges against those that
// the linker kept, its retained sizes against rebuilt programs, what it calls
// unreachable, and its time against rivals.
//
//	go run ./bench/graph edges [FILE...]  edges against --emit-relocs
//	go run ./bench/graph cuts             predicted savings against rebuilds
//	go run ./bench/graph reach FILE...    reachable bytes; without files the programs that were built
//	go run ./bench/graph walk             the walk of docs/graph.md
//	go run ./bench/graph wasm MODULE...   CPU time against twiggy
//	go run ./bench/graph time FILE...     CPU time and memory of whole runs
//
// Results are in docs/bench/graph.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	work := flag.String("work", "", "folder for builds (default: a temporary one)")
	programs := flag.String("programs", filepath.Join("bench", "graph", "programs"), "folder of the programs to build")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: go run ./bench/graph [-work DIR] edges|cuts|reach|walk|wasm|time [FILE...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *work == "" {
		dir, err := os.MkdirTemp("", "bench-graph")
		check(err)
		defer os.RemoveAll(dir)
		*work = dir
	}
	check(os.MkdirAll(*work, 0o755))
	files := flag.Args()[1:]
	switch what := flag.Arg(0); what {
	case "edges":
		versions("cargo")
		check(edgeTable(*programs, *work, files))
	case "cuts":
		versions("cargo")
		check(cutTable(*programs, *work))
	case "reach":
		if len(files) == 0 {
			for _, name := range []string{"mid", "tool", "system"} {
				path, err := build(*programs, *work, name, features[name])
				check(err)
				files = append(files, path)
			}
		}
		check(reachTable(files))
	case "walk":
		versions("rustc")
		check(walkTable(*programs, *work))
	case "wasm":
		versions("twiggy")
		check(wasmTable(buildMinsize(*work), files))
	case "time":
		versions("nm")
		check(timeTable(buildMinsize(*work), files))
	default:
		check(fmt.Errorf("unknown measurement %q (one of edges, cuts, reach, walk, wasm, time)", what))
	}
}

// versions prints what was measured with what.
func versions(tools ...string) {
	fmt.Printf("%s, %d processors", runtime.Version(), runtime.NumCPU())
	for _, tool := range tools {
		if out, err := exec.Command(tool, "--version").Output(); err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			fmt.Printf(", %s", line)
		}
	}
	fmt.Print("\n\n")
}

func buildMinsize(work string) string {
	out := filepath.Join(work, "minsize")
	cmd := exec.Command("go", "build", "-o", out, "./cmd/minsize")
	if text, err := cmd.CombinedOutput(); err != nil {
		check(fmt.Errorf("go build: %w\n%s", err, text))
	}
	return out
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "graph:", err)
		os.Exit(1)
	}
}
