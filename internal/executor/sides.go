package executor

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/technique"
)

// Facts are what the table asks about a toolchain and this project. Which
// linkers work is found out on the program itself, after its first build.
func (x *Executor) Facts(ctx context.Context, t *cargo.Toolchain, policy technique.Policy) technique.Facts {
	p := x.Project
	facts := x.OwnFacts(ctx, t)
	facts.Unstable, facts.StdSource = t.Unstable() || x.Bootstrap, t.BuildsStd(x.Bootstrap)
	facts.Glibc, facts.Artefact, facts.Runs = policy.Glibc, p.Kind, true
	facts.Immediate = technique.Spelling(t.ImmediateAbort)
	facts.CPU = slices.ContainsFunc(p.Rustflags.Flags, func(flag string) bool {
		return strings.Contains(flag, "target-cpu") || strings.Contains(flag, "target-feature")
	})
	_, err := exec.LookPath(technique.WasmOpt)
	facts.WasmOpt = err == nil
	if twin, can := p.Triple.Musl(); can {
		facts.Musl = t.HasTarget(twin.Name)
	}
	if _, err := x.llvmTools(ctx, t); err != nil {
		facts.Sections = "needs opt and llc of the compiler's LLVM: " + err.Error()
		facts.Pipelines = facts.Sections
	} else if !x.Codegen {
		facts.Pipelines = "left out by --codegen-budget 0"
	}
	return facts
}

// OwnFacts are what the target and the project's own profile say, which a plan
// adds to: the same when it is searched for and when it is built.
func (x *Executor) OwnFacts(ctx context.Context, t *cargo.Toolchain) technique.Facts {
	facts := technique.Facts{
		Target: x.Project.Triple, Panic: cmp.Or(x.profileKey("panic"), "unwind"), LTO: x.profileKey("lto"),
		Stripped: slices.Contains([]string{"true", "symbols"}, x.profileKey("strip")),
	}
	// Where the target cannot unwind, the profile's word for it is not heard.
	if cfg, err := t.TargetCfg(ctx, x.Project.Triple.Name); err == nil && facts.Panic == "unwind" && slices.Contains(cfg, `panic="abort"`) {
		facts.Panic = "abort"
	}
	return facts
}

// profileKey is a key of the project's own profile, "" where it says nothing.
func (x *Executor) profileKey(key string) string {
	if s, ok := x.Project.Profile.Settings[key]; ok {
		return s.String()
	}
	return ""
}

// NightSide picks the compiler for what needs -Z: the project's own where it
// can, then a nightly with std's sources, then with --bootstrap any with
// sources, then a nightly without.
func (x *Executor) NightSide(ctx context.Context, all []*cargo.Toolchain, policy technique.Policy) (*ladder.Side, []string) {
	p := x.Project
	type choice func(t *cargo.Toolchain) bool
	own := func(t *cargo.Toolchain) bool { return t == p.Toolchain }
	for _, fits := range []choice{
		func(t *cargo.Toolchain) bool { return own(t) && t.BuildsStd(x.Bootstrap) },
		func(t *cargo.Toolchain) bool { return t.Unstable() && t.BuildsStd(false) },
		func(t *cargo.Toolchain) bool { return t.BuildsStd(x.Bootstrap) },
		func(t *cargo.Toolchain) bool { return t.Unstable() || own(t) && x.Bootstrap },
	} {
		for _, t := range all {
			if !fits(t) || !t.HasTarget(p.Triple.Name) && !t.BuildsStd(x.Bootstrap) {
				continue
			}
			side := &ladder.Side{Toolchain: t.ID(), Facts: x.Facts(ctx, t, policy)}
			var notes []string
			if !own(t) {
				notes = append(notes, fmt.Sprintf("unstable rungs are built with %s, the baseline with %s", t.Title(), p.Toolchain.Title()))
			}
			if !t.Unstable() {
				notes = append(notes, "RUSTC_BOOTSTRAP=1 was allowed by --bootstrap: build scripts that probe the compiler may choose other code")
			}
			return side, notes
		}
	}
	hint := "no nightly compiler here, so the unstable rungs are left out: rustup toolchain install nightly --component rust-src"
	for _, t := range all {
		if t.BuildsStd(true) {
			hint += fmt.Sprintf("; or --bootstrap, for %s has the sources of std", t.Title())
			break
		}
	}
	return nil, []string{hint}
}

// PlainHeeding is a recipe's plan less what the project's plain build speaks
// against, and what that build tells. The settings of a plan can hide it: no
// catch_unwind is left in a program that aborts.
func (x *Executor) PlainHeeding(ctx context.Context, c *recipe.Recipe, plan technique.Plan, begin func(name string, full bool)) (technique.Plan, []technique.Refused, []technique.Evidence, error) {
	begin("release", true)
	b, err := x.Build(ctx, technique.NewPlan(x.Project.Toolchain.ID()))
	if err != nil {
		return plan, nil, nil, err
	}
	less, refused := plan.Heed(x.heeded(ctx, x.Project.Toolchain, c, b.Evidence))
	return less, refused, b.Evidence, nil
}

// heeded are the facts that a recipe's plan is held against.
func (x *Executor) heeded(ctx context.Context, t *cargo.Toolchain, c *recipe.Recipe, found []technique.Evidence) technique.Facts {
	facts := x.OwnFacts(ctx, t)
	facts.Insist, facts.Strict, facts.Evidence = c.Build.With, c.Strict, found
	return facts
}

// BuildHeeding builds a recipe's plan, less what the program that comes out of
// it does not bear: C++ may have come into it since the search. With strict in
// the recipe the project's plain build is asked as well, for what a program
// relies on may show there alone.
func (x *Executor) BuildHeeding(ctx context.Context, c *recipe.Recipe, plan technique.Plan, begin func(name string, full bool)) (*ladder.Build, technique.Plan, []technique.Refused, error) {
	var refused []technique.Refused
	var found []technique.Evidence
	if c.Strict {
		var err error
		if plan, refused, found, err = x.PlainHeeding(ctx, c, plan, begin); err != nil {
			return nil, plan, nil, err
		}
	}
	for {
		begin("build", true)
		b, err := x.Build(ctx, plan)
		if err != nil {
			return nil, plan, nil, err
		}
		made := plan.BuildKey()
		found = slices.Concat(found, b.Evidence)
		t := x.toolchains[plan.Toolchain]
		facts := x.heeded(ctx, t, c, found)
		if _, err := x.llvmTools(ctx, t); err != nil {
			facts.Pipelines, facts.Sections = err.Error(), err.Error()
		}
		less, more := plan.Heed(facts)
		plan, refused = less, append(refused, more...)
		if plan.BuildKey() == made {
			return b, plan, refused, nil
		}
	}
}
