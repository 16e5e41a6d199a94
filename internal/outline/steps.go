package outline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/strip"
	"github.com/minsize/minsize/internal/verify"
)

// CargoSteps is Steps by cargo, strip and the checks.
type CargoSteps struct {
	// Build is cargo.Build, or that with something for the user to look at.
	Build func(context.Context, *cargo.Project, cargo.Request) (cargo.Result, error)
	// Request is what each build is asked for.
	Request cargo.Request

	project *cargo.Project // of the copy
	suite   *verify.Suite
	based   bool // the suite has its baseline
	tests   bool
}

// OutsideError says that a scratch copy of the workspace would not find a package.
type OutsideError struct{ Manifest string }

func (e *OutsideError) Error() string {
	return e.Manifest + " is outside of the workspace: a scratch copy would not find it"
}

// ProofOptions are how proposals are proved.
type ProofOptions struct {
	Name   string        // of its folder below target/minsize; "" is outline
	Cargo  cargo.Options // that the project was loaded with
	Checks []string
	Ignore []*regexp.Regexp
	Tests  bool // run the project's own
}

// OpenProof copies a project's workspace and makes the steps that are done with
// the copy; both are to be closed. Errors: *OutsideError, *verify.CommandError,
// and cargo's.
func OpenProof(ctx context.Context, p *cargo.Project, o ProofOptions) (scratch *Scratch, steps *CargoSteps, err error) {
	for _, pkg := range p.Metadata.Packages {
		rel, err := filepath.Rel(p.Root, pkg.ManifestPath)
		if pkg.Source == "" && (err != nil || !filepath.IsLocal(rel)) {
			return nil, nil, &OutsideError{pkg.ManifestPath}
		}
	}
	v := verify.Options{Dir: p.Dir, Ignore: o.Ignore}
	for _, check := range o.Checks {
		v.Checks = append(v.Checks, verify.Check{Command: check})
	}
	if !p.Kind.Starts() {
		v.Default = func(string) []string { return nil } // a library does nothing by itself
	}
	name := cmp.Or(o.Name, "outline")
	steps = &CargoSteps{Build: cargo.Build, tests: o.Tests}
	if steps.suite, err = verify.New(v); err != nil {
		return nil, nil, err
	}
	if scratch, err = NewScratch(ctx, p.Root, p.Metadata.TargetDirectory, filepath.Join(p.OutputDir(), name)); err == nil {
		err = steps.load(ctx, p, o.Cargo, scratch)
	}
	if err != nil {
		steps.Close()
		if scratch != nil {
			scratch.Close()
		}
		return nil, nil, err
	}
	return scratch, steps, nil
}

// Close removes what the checks left.
func (s *CargoSteps) Close() error { return s.suite.Close() }

// load reads the project of the scratch copy as o says.
func (s *CargoSteps) load(ctx context.Context, p *cargo.Project, o cargo.Options, scratch *Scratch) error {
	rel, err := filepath.Rel(p.Root, p.Package.ManifestPath)
	if err != nil {
		return err
	}
	o.ManifestPath = filepath.Join(scratch.Root, rel)
	p.Choose(&o)
	s.project, err = cargo.Load(ctx, o)
	if err == nil {
		s.Request = cargo.Request{Profile: []cargo.KeyValue{{Key: "strip", Value: "none"}}, Target: s.project.Triple.Name, TargetDir: scratch.Root + "-target", Log: io.Discard}
	}
	return err
}

// Program builds the copy as it is now. The first program is the baseline of
// the checks.
func (s *CargoSteps) Program(ctx context.Context) (cargo.Result, error) {
	result, err := s.Build(ctx, s.project, s.Request)
	if err == nil {
		err = s.Base(ctx, result.Executable)
	}
	return result, err
}

// Base makes a program the baseline of the checks, where there is none yet.
func (s *CargoSteps) Base(ctx context.Context, program string) error {
	if s.based {
		return nil
	}
	s.based = true
	return s.suite.Baseline(ctx, program)
}

// Size builds and measures what would be shipped: the program without symbols.
func (s *CargoSteps) Size(ctx context.Context) (int64, string, error) {
	result, err := s.Program(ctx)
	if err != nil {
		return 0, "", err
	}
	data, err := os.ReadFile(result.Executable)
	if err != nil {
		return 0, "", err
	}
	_, done, err := strip.Plan(data, strip.Options{Level: strip.All})
	if err != nil {
		return 0, "", err
	}
	return int64(done.After), result.Executable, nil
}

// Verify compares a program with the baseline.
func (s *CargoSteps) Verify(ctx context.Context, program string) error {
	verdict, err := s.suite.Verify(ctx, program)
	if err != nil {
		return err
	}
	if !verdict.Same {
		return errors.New(verdict.Why)
	}
	return nil
}

// Test runs the workspace's tests in the copy.
func (s *CargoSteps) Test(ctx context.Context) error {
	if !s.tests {
		return nil
	}
	return s.Cargo(ctx, "test", "--quiet", "--target-dir", s.Request.TargetDir)
}

// Cargo runs the project's own cargo, with its own compiler, on the copy.
func (s *CargoSteps) Cargo(ctx context.Context, args ...string) error {
	args = append(args, "--manifest-path", s.project.Package.ManifestPath)
	cmd := exec.CommandContext(ctx, s.project.Toolchain.Cargo, args...)
	cmd.Dir = s.project.Dir
	cmd.Env = append(os.Environ(), "RUSTC="+s.project.Toolchain.Rustc)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cargo %s: %w: %s", args[0], err, lastLines(string(out), 3))
	}
	return nil
}

// AcceptAll keeps every function whose patch the compiler accepts, unmeasured.
func (s *CargoSteps) AcceptAll(ctx context.Context, scratch *Scratch, sources []*Source, proposals []*Proposal) error {
	check := func(chosen []*Proposal) error {
		if err := scratch.Put(ctx, sources, chosen); err != nil {
			return err
		}
		return s.Cargo(ctx, "check", "--quiet", "--target-dir", s.Request.TargetDir)
	}
	if check(proposals) == nil {
		for _, p := range proposals {
			p.Kept, p.Why = true, "compiles; not measured"
		}
		return nil
	}
	var kept []*Proposal
	for _, p := range proposals {
		if err := check(append(append([]*Proposal{}, kept...), p)); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.Why = "does not compile: " + err.Error()
			continue
		}
		p.Kept, p.Why = true, "compiles; not measured"
		kept = append(kept, p)
	}
	return nil
}

// lastLines are the last n lines that say something.
func lastLines(text string, n int) string {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], " | ")
}
