package ladder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/minsize/minsize/internal/technique"
)

// leastCodegen is the budget of a small program, whose builds take less than
// its machine may lose to other work.
const leastCodegen = time.Minute

// codegenRungs makes the machine code again from the winner's bitcode, by the
// pipelines of the table. One costs as much as a build and is a step beyond
// those before it, so the farthest comes first, and what it leaves behind is
// not tried. With a bench the milder ones are wanted, too: for the speed limit.
func (s *search) codegenRungs(best *candidate) (*candidate, error) {
	var list []*technique.Technique
	for _, t := range s.Table {
		if ok, _ := s.Policy.Allows(t); ok && t.Recompiles() && t.Missing(best.side.Facts, best.plan) == "" {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return best, nil
	}
	how := "--codegen-budget"
	if s.codegen = s.Codegen; s.codegen == 0 {
		s.codegen, how = max(s.wall, leastCodegen), "as long as the builds took"
		if s.codegen == leastCodegen {
			how = "the least that is given"
		}
	}
	s.Observer.Note(fmt.Sprintf("the machine code is made again from the bitcode: %s at most (%s; --codegen-budget 0: not at all)",
		s.codegen.Round(time.Second), how))
	if s.Bencher == nil {
		slices.Reverse(list)
	}
	for _, t := range list {
		next, err := s.step(best, t)
		if err != nil {
			return nil, err
		}
		if next != nil && s.Bencher == nil && !t.Slow() {
			return next, nil
		}
		best = orElse(next, best)
	}
	return best, nil
}

// finish is Builder.Finish for a plan whose machine code is there.
func (s *search) finish(b *Build, plan technique.Plan) (*File, error) {
	return s.Builder.Finish(s.ctx, b, plan)
}

// recompiled is Builder.Finish for a plan whose machine code has to be made
// again first: within what is left of the budget.
func (s *search) recompiled(b *Build, plan technique.Plan) (*File, error) {
	if s.codegen <= 0 {
		return nil, errors.New("the time of --codegen-budget is used up")
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.codegen)
	defer cancel()
	began := time.Now()
	file, err := s.Builder.Finish(ctx, b, plan)
	s.codegen -= time.Since(began)
	if err != nil && s.ctx.Err() == nil && ctx.Err() != nil {
		err = errors.New("not done within --codegen-budget")
	}
	return file, err
}

// measurable is c without what hides or delays what a technique of a kind
// saves: compressed sizes tell nothing, and machine code that is made again
// for another link costs the time of a build.
func (s *search) measurable(c *candidate, link bool) (*candidate, error) {
	var hide []string
	for _, t := range c.plan.Parts() {
		if link && (t.Recompiles() || t.Tunes()) || t.Rewrite != nil && t.Rewrite.Pack != "" {
			hide = append(hide, t.Name)
		}
	}
	if len(hide) == 0 {
		return c, nil
	}
	plan := c.plan.Without(hide...)
	file, err := s.Builder.Finish(s.ctx, c.build, plan)
	if err != nil {
		return nil, s.fatal(err)
	}
	return &candidate{side: c.side, plan: plan, build: c.build, file: file, rung: c.rung}, nil
}
