package ladder

import (
	"context"
	"fmt"
	"time"

	"github.com/minsize/minsize/internal/technique"
)

// Tuner decides by measurement which calls of a program are inlined.
type Tuner interface {
	// Tune returns the choices for b's program as p makes it, none where
	// nothing was gained, and a phrase about what was done.
	Tune(ctx context.Context, b *Build, p technique.Plan, budget Tuning) (choices []string, said string, err error)
}

// Tuning is a budget: what is used up first ends it. 0 is no limit.
type Tuning struct {
	Compiles int
	Time     time.Duration
	Default  bool // nobody asked for it: no longer than the builds took
}

// DefaultTuning is for who says nothing. Half of what a thousand compiles find
// is found by the first two dozen.
var DefaultTuning = Tuning{Compiles: 24, Default: true}

// tuned has the calls of best's machine code tuned, which asks for a pipeline
// that makes it again.
func (s *search) tuned(best *candidate) (*candidate, error) {
	t := technique.InliningTable()[0]
	if ok, _ := s.Policy.Allows(t); s.Tuner == nil || !ok || best.plan.Link.Pipeline == "" || t.Missing(best.side.Facts, best.plan) != "" {
		return best, nil
	}
	budget := s.Tuning
	limit := ""
	if budget.Default {
		budget.Time = max(s.wall, leastCodegen)
	}
	if budget.Compiles > 0 {
		limit = fmt.Sprintf(", %d compiles", budget.Compiles)
	}
	if budget.Time > 0 {
		limit += fmt.Sprintf(", %s", budget.Time.Round(time.Second))
	}
	s.Observer.Note(fmt.Sprintf("inlining is tuned call by call: at most%s (--tune 10m finds more; --tune 0: not at all)", limit[1:]))
	s.tried[t.Name] = true
	choices, said, err := s.Tuner.Tune(s.ctx, best.build, best.plan, budget)
	switch {
	case s.ctx.Err() != nil:
		return nil, s.ctx.Err()
	case err != nil:
		s.Observer.Note("inlining is not tuned: " + firstLine(err))
		return best, nil
	case len(choices) == 0:
		s.Observer.Note("inlining stays as it is: " + said)
		return best, nil
	}
	next, err := s.step(best, t.Tuned(choices))
	if next != nil {
		r := &s.result.Rungs[next.rung]
		r.Notes = append(r.Notes, said)
	}
	return orElse(next, best), err
}
