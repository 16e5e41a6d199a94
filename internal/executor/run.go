package executor

import (
	"context"
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/verify"
)

// Runner is what runs the program here: nothing for this machine's own,
// cargo's configured runner, or an emulator that is installed. why says that
// nothing does.
func Runner(p *cargo.Project) (runner []string, why string) {
	if len(p.Runner) > 0 || !p.Foreign() {
		return p.Runner, ""
	}
	if p.Triple.Native() {
		return nil, "" // another C library of this machine
	}
	runner, why = p.Triple.Runner()
	if runner == nil {
		why = fmt.Sprintf("not run: %s, and no target.%s.runner is configured; no rung that can change behaviour is kept", why, p.Triple.Name)
	}
	return runner, why
}

// SuiteVerifier is verify's suite as the ladder wants it.
type SuiteVerifier struct {
	Suite *verify.Suite
	NoRun string // why nothing can be run here; "" where it can
}

// Baseline implements ladder.Verifier.
func (s *SuiteVerifier) Baseline(ctx context.Context, program string) (ladder.Verdict, error) {
	if s.NoRun != "" {
		return ladder.Verdict{Status: ladder.NotRun, Why: s.NoRun}, nil
	}
	if err := s.Suite.Baseline(ctx, program); err != nil {
		return ladder.Verdict{}, err
	}
	return ladder.Verdict{Status: s.passed(), Checks: len(s.Suite.Commands())}, nil
}

// passed is what a run without a difference says: nothing where nothing ran.
func (s *SuiteVerifier) passed() ladder.Status {
	if len(s.Suite.Commands()) == 0 {
		return ladder.NotRun
	}
	return ladder.Passed
}

// Verify implements ladder.Verifier.
func (s *SuiteVerifier) Verify(ctx context.Context, program string) (ladder.Verdict, error) {
	if s.NoRun != "" {
		return ladder.Verdict{Status: ladder.NotRun, Why: s.NoRun}, nil
	}
	v, err := s.Suite.Verify(ctx, program)
	if err != nil {
		return ladder.Verdict{}, err
	}
	if !v.Same {
		return ladder.Verdict{Status: ladder.Failed, Checks: v.Checks, Why: v.Why}, nil
	}
	verdict := ladder.Verdict{Status: s.passed(), Checks: v.Checks}
	if verdict.Status == ladder.NotRun {
		verdict.Why = strings.Join(s.Suite.Notes(), "; ")
	}
	return verdict, nil
}
