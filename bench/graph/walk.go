package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/refgraph"
)

// walkTable follows docs/graph.md: a program from println! to one without
// core::fmt, and what `why core::fmt` says at each step.
func walkTable(programs, work string) error {
	sources, err := filepath.Glob(filepath.Join(programs, "walk", "*.rs"))
	if err != nil || len(sources) == 0 {
		return fmt.Errorf("no sources in %s: %w", programs, err)
	}
	fmt.Println("| step | file, stripped | core::fmt alone | with what it keeps | share | the last steps of the chain |")
	fmt.Println("|---|--:|--:|--:|--:|---|")
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".rs")
		out := filepath.Join(work, name)
		cmd := exec.Command("rustc", "--edition", "2021", "-C", "opt-level=z", "-C", "lto=fat", "-C", "codegen-units=1", "-C", "panic=abort",
			"--crate-name", "step_"+strings.ReplaceAll(name, "-", "_"), "-o", out, source)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("rustc %s: %w\n%s", source, err, text)
		}
		if got, err := exec.Command(out).Output(); err != nil || string(got) != "Hello, world!\n" {
			return fmt.Errorf("%s printed %q: %v", out, got, err)
		}
		x, err := load(out, attrib.Options{References: true}, false)
		if err != nil {
			return err
		}
		w, err := x.g.Why(x.g.Dominators(), refgraph.WhyOptions{Patterns: []refgraph.Pattern{{Text: "core::fmt"}}})
		var none *refgraph.NoMatchError
		if errors.As(err, &none) {
			fmt.Printf("| %s | %d | 0 | 0 | 0 %% | %v |\n", name, x.g.Total, none)
			continue
		}
		if err != nil {
			return err
		}
		var chain []string
		for _, s := range w.Chain {
			chain = append(chain, s.Name)
		}
		fmt.Printf("| %s | %d | %d | %d | %.1f %% | %s |\n", name, x.g.Total, w.Set.Size, w.Retained.Size, 100*float64(w.Retained.Size)/float64(w.Total),
			strings.ReplaceAll(strings.Join(chain[max(0, len(chain)-3):], " → "), "|", "\\|"))
	}
	return nil
}
