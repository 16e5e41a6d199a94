// Command outline measures `minsize outline`: predicted against real savings on
// a project with known instances, and what comes of it on projects named on
// the command line. It prints a Markdown table.
//
//	go run ./bench/outline [PROJECT...]
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/minsize/minsize/bench/harness"
)

type result struct {
	Program   string
	Before    int64
	After     int64
	Functions []struct {
		Function         string
		Instances        int
		Predicted, Saved int64
		Tried, Kept      bool
		Why              string
	}
	Refused []struct{ Function string }
}

func main() {
	harness.Main(func() error {
		return harness.InScratch(func(dir, minsize string) error { return run(dir, minsize, os.Args[1:]) })
	})
}

func run(dir, minsize string, projects []string) error {
	known := filepath.Join(dir, "known")
	if err := os.CopyFS(known, os.DirFS("bench/outline/known")); err != nil {
		return err
	}
	r, err := outline(minsize, known, "--check", "{}")
	if err != nil {
		return err
	}
	harness.Versions("rustc")
	fmt.Print("opt-level z, fat LTO, panic=abort\n\n")
	fmt.Println("| generic | instances | predicted | saved | off by |\n|---|--:|--:|--:|--:|")
	for _, f := range r.Functions {
		fmt.Printf("| %s | %d | %d | %d | %.1f %% |\n", f.Function, f.Instances, f.Predicted, f.Saved, 100*float64(f.Predicted-f.Saved)/float64(max(f.Saved, 1)))
	}
	fmt.Printf("\nThe program: %d bytes before, %d after.\n", r.Before, r.After)
	if len(projects) == 0 {
		return nil
	}
	fmt.Println("\n| project | can be outlined | refused | two instances or more | kept | before | after |\n|---|--:|--:|--:|--:|--:|--:|")
	for _, project := range projects {
		r, err := outline(minsize, project, "--no-tests")
		if err != nil {
			fmt.Printf("| %s | %v | | | | | |\n", filepath.Base(project), err)
			continue
		}
		tried, kept := 0, 0
		for _, f := range r.Functions {
			if f.Tried {
				tried++
			}
			if f.Kept {
				kept++
			}
		}
		fmt.Printf("| %s | %d | %d | %d | %d | %d | %d |\n", r.Program, len(r.Functions), len(r.Refused), tried, kept, r.Before, r.After)
	}
	return nil
}

func outline(minsize, dir string, args ...string) (*result, error) {
	cmd := exec.Command(minsize, append([]string{"outline", "--json", "--refused", "-q"}, args...)...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("minsize outline in %s: %w", dir, err)
	}
	r := &result{}
	return r, json.Unmarshal(out, r)
}
