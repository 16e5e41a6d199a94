package ladder

import (
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/technique"
)

// TestCodegenFarthestFirst: one pipeline is enough where it passes, and what
// breaks leads to the next milder one.
func TestCodegenFarthestFirst(t *testing.T) {
	for _, c := range []struct {
		breaks string
		wins   string
		tried  []string
	}{
		{"", "codegen-size", []string{"codegen-size"}},
		{"codegen-size", "codegen-twice", []string{"codegen-size", "codegen-twice"}},
	} {
		w := newWorld(t)
		w.saves["codegen-lto"], w.saves["codegen-twice"], w.saves["codegen-size"], w.saves["locations-out"] = 400, 500, 600, 70
		if c.breaks != "" {
			w.broken[c.breaks] = "exit status: 101, the baseline's is 0"
		}
		o := w.options(technique.Safe)
		o.Table = slices.Concat(o.Table, technique.PipelineTable())
		r := w.run(o)
		var tried []string
		for _, x := range r.Rungs {
			if strings.HasPrefix(x.Name, "codegen-") {
				tried = append(tried, x.Name)
			}
		}
		if !r.BestPlan.Has(c.wins) || !slices.Equal(tried, c.tried) {
			t.Errorf("%q breaks: won with %v, tried %q", c.breaks, r.BestPlan.Techniques, tried)
		}
		if n := r.Codegens; n != len(c.tried)+1 { // and the other build with the same link: nothing that is only measured
			t.Errorf("%q breaks: %d variants of machine code", c.breaks, n)
		}
		for _, l := range r.Left {
			if l.Name == "locations-out" && l.Saves != 70 || l.Name == "codegen-lto" {
				t.Errorf("left out: %+v", l)
			}
		}
		if !strings.Contains(strings.Join(w.notes, "\n"), "1m0s at most") {
			t.Errorf("the budget is not said beforehand: %q", w.notes)
		}
	}
}

// TestCodegenBudget: what is not done in time is left out, and costs neither
// what was found nor what comes after it.
func TestCodegenBudget(t *testing.T) {
	w := newWorld(t)
	w.endless = true
	w.saves["codegen-twice"], w.saves["codegen-size"] = 500, 600
	o := w.options(technique.Safe)
	o.Table, o.Codegen = slices.Concat(o.Table, technique.PipelineTable()), 1
	r := w.run(o)
	var why []string
	for _, x := range r.Rungs {
		if strings.HasPrefix(x.Name, "codegen-") {
			why = append(why, x.Why)
		}
	}
	if len(why) != 3 || why[0] != "not done within --codegen-budget" || why[1] != "the time of --codegen-budget is used up" {
		t.Errorf("%q", why)
	}
	if r.BestPlan.Link.Pipeline != "" || !r.BestPlan.Has("section-headers-out") {
		t.Errorf("won with %v", r.BestPlan.Techniques)
	}
}
