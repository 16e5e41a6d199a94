package ladder

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/technique"
)

// tuner is a fake: it gives what it was told to.
type tuner struct {
	choices []string
	err     error
	asked   []Tuning
}

func (f *tuner) Tune(_ context.Context, _ *Build, p technique.Plan, budget Tuning) ([]string, string, error) {
	f.asked = append(f.asked, budget)
	return f.choices, "3 calls measured by 4 compiles", f.err
}

// TestTunedInlining: what the tuner finds is a rung like any other, on the
// machine code that was made again; nothing found, a failure and a refusal
// leave the rest as it was.
func TestTunedInlining(t *testing.T) {
	list := []string{"0123456789ab 1+"}
	for _, c := range []struct {
		name    string
		tuner   tuner
		saves   int64
		without string
		broken  string
		wins    bool
		asked   int
		said    string
	}{
		{"found", tuner{choices: list}, 40, "", "", true, 1, "inlining is tuned call by call: at most 24 compiles, 1m0s"},
		{"no smaller", tuner{choices: list}, 0, "", "", false, 1, ""},
		{"broken", tuner{choices: list}, 40, "", "stdout differs", false, 1, ""},
		{"nothing found", tuner{}, 40, "", "", false, 1, "inlining stays as it is: 3 calls measured"},
		{"failure", tuner{choices: list, err: errors.New("llc died\nmore")}, 40, "", "", false, 1, "inlining is not tuned: llc died"},
		{"refused", tuner{choices: list}, 40, "tuned-inlining", "", false, 0, ""},
		{"no pipeline", tuner{choices: list}, 40, "codegen-size,codegen-twice,codegen-lto", "", false, 0, ""},
	} {
		w := newWorld(t)
		w.saves["codegen-size"], w.saves["tuned-inlining"] = 600, c.saves
		if c.broken != "" {
			w.broken["tuned-inlining"] = c.broken
		}
		o := w.options(technique.Safe)
		o.Table = slices.Concat(o.Table, technique.InliningTable(), technique.PipelineTable())
		o.Tuner, o.Tuning = &c.tuner, DefaultTuning
		if c.without != "" {
			o.Policy.Without = strings.Split(c.without, ",")
		}
		r := w.run(o)
		if r.BestPlan.Has("tuned-inlining") != c.wins || c.wins != slices.Equal(r.BestPlan.Link.Inlining, list) || len(c.tuner.asked) != c.asked {
			t.Errorf("%s: won with %v, inlining %v, asked %d times", c.name, r.BestPlan.Techniques, r.BestPlan.Link.Inlining, len(c.tuner.asked))
		}
		if !strings.Contains(strings.Join(w.notes, "\n"), c.said) {
			t.Errorf("%s: %q is not said: %q", c.name, c.said, w.notes)
		}
		if !r.BestPlan.Has("section-headers-out") {
			t.Errorf("%s: what comes after it is missing: %v", c.name, r.BestPlan.Techniques)
		}
	}
	w, asked := newWorld(t), tuner{}
	w.saves["codegen-size"] = 600
	o := w.options(technique.Safe)
	o.Table, o.Tuner, o.Tuning = slices.Concat(o.Table, technique.PipelineTable()), &asked, Tuning{Compiles: 7, Time: time.Hour}
	if w.run(o); len(asked.asked) != 1 || asked.asked[0] != (Tuning{Compiles: 7, Time: time.Hour}) {
		t.Errorf("a budget of 7 compiles and an hour came as %v", asked.asked)
	}
}
