package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/outline"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
)

// outlineFlags are what was typed.
type outlineFlags struct {
	output      reportFlags
	cargo       cargoFlags
	prove       bool
	write       bool
	undo        bool
	refused     bool
	noTests     bool
	patch       string
	only        string
	checks      []string
	checkIgnore []string
}

func newOutlineCommand(e *env) *cobra.Command {
	f := &outlineFlags{}
	cmd := &cobra.Command{
		Use:   "outline",
		Short: "move what does not depend on the types out of generic functions, proved by a rebuild",
		Long: `Finds functions of your own workspace that are generic for one conversion's sake
(Into, AsRef, ToString and so on) and moves the rest of the body into a function
that is compiled once. Each is tried in a scratch copy: built, measured, and
kept only if the program got smaller and the tests and checks pass.

The answer is a table; --patch writes the change as a patch for git apply,
--write makes it in your source, --undo takes that back. Nothing outside of the
workspace is ever written to.`,
		Example: "  minsize outline\n  minsize outline --patch - | git apply\n  minsize outline --write --check '{} --version'\n  minsize outline --undo",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError("minsize outline --only "+args[0], "unexpected %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.outline(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	f.output.register(flags)
	f.cargo.register(flags)
	flags.BoolVar(&f.prove, "prove", true, "build and measure each; --prove=false patches every function that can be, unmeasured")
	flags.BoolVar(&f.write, "write", false, "change the source")
	flags.BoolVar(&f.undo, "undo", false, "take the last --write back")
	flags.BoolVar(&f.refused, "refused", false, "list the functions that cannot be outlined, and why")
	flags.BoolVar(&f.noTests, "no-tests", false, "do not run the project's tests")
	flags.StringVar(&f.patch, "patch", "", "write the patch to `FILE`; - prints it instead of the table")
	flags.StringVar(&f.only, "only", "", "only functions whose path matches this `REGEXP`")
	flags.StringArrayVar(&f.checks, "check", nil, "`COMMAND` that must do the same before and after, {} is the program; repeatable")
	flags.StringArrayVar(&f.checkIgnore, "check-ignore", nil, "what this `REGEXP` matches may differ")
	return cmd
}

func (e *env) outline(ctx context.Context, f *outlineFlags) error {
	only, err := regexp.Compile(f.only)
	if err != nil {
		return usageError("--only 'app::open'", "--only: %v", err)
	}
	if f.undo && (f.write || f.patch != "") {
		return usageError("minsize outline --undo", "--undo stands alone")
	}
	options := e.cargoOptions(&f.cargo)
	project, err := cargo.Load(ctx, options)
	if err != nil {
		return cargoError(err)
	}
	undo := apply.OpenUndo(project.Root+"#outline", project.OutputDir())
	if f.undo {
		return e.undoOutline(ctx, undo)
	}
	sources, notes, err := outline.ReadWorkspace(project)
	if err != nil {
		return err
	}
	result := &report.Outline{Program: project.Target.Name, Proved: f.prove, Notes: append([]string{}, notes...),
		Functions: []report.OutlineFunction{}, Refused: []report.OutlineFunction{}}
	unlock, err := project.Lock("outline")
	if err != nil {
		return cargoError(err)
	}
	defer unlock()

	copies, err := e.copiesOf(ctx, project)
	if err != nil {
		return err
	}
	proposals, refused := outline.Propose(sources, copies)
	proposals = selected(proposals, only)
	if err := e.decide(ctx, f, project, options, sources, proposals, result); err != nil {
		return err
	}
	var chosen []*outline.Proposal
	for _, p := range proposals {
		result.Functions = append(result.Functions, report.NewOutlineFunction(p))
		if p.Kept {
			chosen = append(chosen, p)
		}
	}
	for _, p := range selected(refused, only) {
		result.Refused = append(result.Refused, report.NewOutlineFunction(p))
	}
	edits, patch, err := outline.Edits(ctx, chosen)
	if err != nil {
		return err
	}
	result.Patch = patch
	if f.write && len(edits) > 0 {
		if err := undo.Write(ctx, project.Root, edits); err != nil {
			return err
		}
		e.note(fmt.Sprintf("%d files changed; minsize outline --undo takes it back", len(edits)))
	}
	switch f.patch {
	case "":
	default:
		if _, err := e.outputs().Deliver(ctx, f.patch, byteio.Content{{Data: []byte(patch)}}, byteio.WriteOptions{}); err != nil || stream.Descriptor(f.patch) == 1 {
			return err // the patch stands in the table's place
		}
	}
	return e.print(ctx, result.Document(f.refused), &f.output)
}

func selected(list []*outline.Proposal, only *regexp.Regexp) []*outline.Proposal {
	var out []*outline.Proposal
	for _, p := range list {
		if only.MatchString(p.ID()) {
			out = append(out, p)
		}
	}
	return out
}

// copiesOf builds the program and lists the copies of its generics.
func (e *env) copiesOf(ctx context.Context, p *cargo.Project) ([]outline.Copies, error) {
	program, err := e.buildForGenerics(ctx, p, p.BuildDir())
	if err != nil {
		return nil, err
	}
	monos, err := e.monosOf(ctx, program)
	if err != nil {
		return nil, err
	}
	var out []outline.Copies
	for _, g := range monos.Generics {
		c := outline.Copies{Name: g.Name}
		for _, instance := range g.Instances {
			c.Sizes = append(c.Sizes, instance.Size)
		}
		out = append(out, c)
	}
	return out, nil
}

// decide proves the proposals, or without a proof keeps all that the compiler
// accepts.
func (e *env) decide(ctx context.Context, f *outlineFlags, p *cargo.Project, options cargo.Options, sources []*outline.Source, proposals []*outline.Proposal, result *report.Outline) error {
	if len(proposals) == 0 {
		return nil
	}
	o := outline.ProofOptions{Cargo: options, Tests: !f.noTests, Checks: f.checks}
	var err error
	if o.Ignore, err = ignorePatterns(f.checkIgnore); err != nil {
		return err
	}
	scratch, steps, err := outline.OpenProof(ctx, p, o)
	if err != nil {
		return proofError(err)
	}
	defer scratch.Close()
	defer steps.Close()
	steps.Build = e.cargoBuild
	if !f.prove {
		return steps.AcceptAll(ctx, scratch, sources, proposals)
	}
	view := newShrinkView(e)
	defer view.end()
	tell := func(what string) {
		view.line("building: " + what)
		view.idle()
	}
	result.Before, result.After, err = outline.Prove(ctx, scratch, steps, sources, proposals, tell)
	return err
}

// undoOutline takes the last --write back.
func (e *env) undoOutline(ctx context.Context, undo apply.Undo) error {
	files, err := undo.Revert(ctx)
	var changed *apply.ChangedError
	switch {
	case errors.Is(err, apply.ErrNothingToUndo):
		return withStatus(exitFailed, "git checkout, where the change was committed", errors.New("no minsize outline --write is on record for this workspace"))
	case errors.As(err, &changed):
		return withStatus(exitRefused, "git diff", err)
	case err != nil:
		return err
	}
	for _, file := range files {
		fmt.Fprintf(e.stdout, "%s: as it was\n", file.Path)
	}
	return nil
}
