// Command graph measures the reference graph: its edges against those that
// the linker kept, its retained sizes against rebuilt programs, what it calls
// unreachable, and its time against rivals.
//
//	go run ./bench/graph edges cuts reach wasm time
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	work := flag.String("work", "", "folder for builds (default: a temporary one)")
	programs := flag.String("programs", filepath.Join("bench", "graph", "programs"), "folder of the programs to build")
	flag.Parse()
	if *work == "" {
		dir, err := os.MkdirTemp("", "bench-graph")
		check(err)
		defer os.RemoveAll(dir)
		*work = dir
	}
	check(os.MkdirAll(*work, 0o755))
	for _, what := range flag.Args() {
		switch what {
		case "cuts":
			check(cutTable(*programs, *work))
		default:
			check(fmt.Errorf("unknown measurement %q (one of cuts)", what))
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "graph:", err)
		os.Exit(1)
	}
}
