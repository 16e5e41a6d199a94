// Command graph measures the reference graph: its edges against those that
// the linker kept, its retained sizes against rebuilt programs, what it calls
// unreachable, and its time against rivals.
//
//	go run ./bench/graph                  all of the following, one after the other
//	go run ./bench/graph edges [FILE...]  edges against --emit-relocs
//	go run ./bench/graph cuts             predicted savings against rebuilds
//	go run ./bench/graph reach [FILE...]  reachable bytes; without files the programs that were built
//	go run ./bench/graph walk             the walk of docs/graph.md
//	go run ./bench/graph removals         parts taken out of programs with published crates
//	go run ./bench/graph wasm [MODULE...] CPU time against twiggy (TWIGGY=path)
//	go run ./bench/graph time [FILE...]   CPU time and memory of whole runs
//
// Results are in docs/bench/graph.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/bench/harness"
)

func main() {
	work := flag.String("work", "", "folder for builds (default: a temporary one)")
	programs := flag.String("programs", filepath.Join("bench", "graph", "programs"), "folder of the programs to build")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: go run ./bench/graph [-work DIR] [edges|cuts|reach|walk|removals|wasm|time [FILE...]]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *work == "" {
		dir, err := os.MkdirTemp("", "bench-graph")
		check(err)
		defer os.RemoveAll(dir)
		*work = dir
	}
	check(os.MkdirAll(*work, 0o755))
	harness.Versions("rustc", "nm", "twiggy")
	if flag.NArg() == 0 {
		for _, what := range []string{"edges", "cuts", "reach", "walk", "removals", "wasm", "time"} {
			fmt.Printf("### %s\n\n", what)
			check(measure(what, *programs, *work, nil))
			fmt.Println()
		}
		return
	}
	check(measure(flag.Arg(0), *programs, *work, flag.Args()[1:]))
}

// measure prints one table. Without files it takes programs that it builds, the
// modules of the tests, or what most machines have.
func measure(what, programs, work string, files []string) error {
	switch what {
	case "edges":
		return edgeTable(programs, work, files)
	case "cuts":
		return cutTable(programs, work)
	case "reach":
		if len(files) == 0 {
			for _, name := range []string{"mid", "tool", "system"} {
				path, err := build(programs, work, name, features[name])
				if err != nil {
					return err
				}
				files = append(files, path)
			}
		}
		return reachTable(files)
	case "walk":
		return walkTable(programs, work)
	}
	minsize, err := harness.Minsize(work)
	if err != nil {
		return err
	}
	switch what {
	case "removals":
		return removalTable(minsize, programs, work)
	case "wasm":
		if len(files) == 0 {
			if files, err = filepath.Glob("internal/refgraph/testdata/*.wasm"); err != nil {
				return err
			}
		}
		return wasmTable(minsize, files)
	case "time":
		if len(files) == 0 {
			if files, err = harness.Programs(); err != nil {
				return err
			}
		}
		return timeTable(minsize, files)
	}
	return fmt.Errorf("unknown measurement %q (one of edges, cuts, reach, walk, removals, wasm, time)", what)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "graph:", err)
		os.Exit(1)
	}
}
