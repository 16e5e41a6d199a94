package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/refgraph"
)

// A cut leaves one feature of a program out: the function at Path then has an
// empty body. What the graph of the whole program says that this saves is held
// against the rebuilt program.
type cut struct {
	program, feature, path string
}

var cuts = []cut{
	{"mid", "words", "mid::words::run"}, {"mid", "search", "mid::search::run"}, {"mid", "json", "mid::json::run"},
	{"tool", "calculator", "tool::calculator::run"}, {"tool", "sorting", "tool::sorting::run"},
	{"tool", "hashing", "tool::hashing::run"}, {"tool", "threads", "tool::threads::run"},
	{"system", "files", "system::files::run"}, {"system", "network", "system::network::run"},
	{"system", "processes", "system::processes::run"}, {"system", "time", "system::time::run"},
}

var features = map[string][]string{
	"mid":    {"words", "search", "json"},
	"tool":   {"calculator", "sorting", "hashing", "threads"},
	"system": {"files", "network", "processes", "time"},
}

// build compiles a program with the features and returns its path, in a
// target folder that all builds of the program share.
func build(programs, work, name string, with []string) (string, error) {
	out := filepath.Join(work, fmt.Sprintf("%s-%s", name, strings.Join(with, "-")))
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	target := filepath.Join(work, "target-"+name)
	cmd := exec.Command("cargo", "build", "--release", "--quiet", "--no-default-features", "--features", strings.Join(with, ","),
		"--manifest-path", filepath.Join(programs, name, "Cargo.toml"), "--target-dir", target)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cargo build of %s: %w\n%s", name, err, text)
	}
	data, err := os.ReadFile(filepath.Join(target, "release", name))
	if err != nil {
		return "", err
	}
	return out, os.WriteFile(out, data, 0o755)
}

// cutTable prints predicted against real for every cut.
func cutTable(programs, work string) error {
	fmt.Println("| program | cut | whole, stripped | predicted saving | real saving | off by |")
	fmt.Println("|---|---|--:|--:|--:|--:|")
	var off []float64
	for _, c := range cuts {
		all := features[c.program]
		whole, err := build(programs, work, c.program, all)
		if err != nil {
			return err
		}
		without, err := build(programs, work, c.program, slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == c.feature }))
		if err != nil {
			return err
		}
		before, err := load(whole, attrib.Options{References: true}, false)
		if err != nil {
			return err
		}
		after, err := load(without, attrib.Options{References: true}, false)
		if err != nil {
			return err
		}
		set, err := before.g.Matching([]refgraph.Pattern{{Text: c.path}})
		if err != nil {
			return err
		}
		predicted, _ := before.g.Size(before.g.Gone(set))
		real := int64(before.g.Total) - int64(after.g.Total)
		percent := 100 * (float64(predicted) - float64(real)) / float64(real)
		off = append(off, math.Abs(percent))
		fmt.Printf("| %s | %s | %d | %d | %d | %+.2f %% |\n", c.program, c.feature, before.g.Total, predicted, real, percent)
	}
	slices.Sort(off)
	fmt.Printf("\n%d cuts: median %.2f %%, worst %.2f %%\n", len(off), off[len(off)/2], off[len(off)-1])
	return nil
}
