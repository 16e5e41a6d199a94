package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/launch"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
)

// applyFlags is what was typed behind `minsize apply`.
type applyFlags struct {
	cargo  cargoFlags
	output reportFlags
	yes    bool
	dryRun bool
	undo   bool
	link   bool
}

func newApplyCommand(e *env) *cobra.Command {
	f := &applyFlags{}
	cmd := &cobra.Command{
		Use:   "apply [flags] [cargo's flags]",
		Short: "write the settings that shrink found into Cargo.toml and .cargo/config.toml",
		Long: `apply takes minsize.toml, which "minsize shrink" wrote, and puts what cargo can
express into the project's own files: profile keys into the workspace root's
Cargo.toml, and compiler flags that harm no other profile into its
.cargo/config.toml. The edit is as small as it can be: comments, order and
quotes stay. The diff is shown first. What would silently overrule a setting is
pointed out, and what cargo cannot express is listed; "minsize build" does that.
The project is built once as it is, where shrink's own build of the same sources
is gone: who in the program relies on what is given up is named, and where
minsize.toml is strict that is left out.

--link makes minsize the linker of these builds as well, so that "cargo build
--release", "cargo install" and what calls cargo give what "minsize build"
gives; debug builds and tests are linked as before (docs/link.md). What cargo
has linked is removed, for cargo to link it again.

--undo takes the last apply back, to the byte.`,
		Example: `  minsize apply --dry-run
  minsize apply --yes
  minsize apply --profile dist      # writes [profile.dist], made if need be
  minsize apply --link --yes
  minsize apply --undo`,
		Args: takes(0, 0, "", "minsize apply --dry-run"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.undo && f.link {
				return usageError("minsize apply --undo", "--undo takes back what was written last, --link too")
			}
			if f.undo && cmd.Flags().Changed("profile") {
				return usageError("minsize apply --undo", "--undo takes back what was written last, whichever profile that was")
			}
			if f.undo {
				return e.applyUndo(cmd.Context(), f)
			}
			return e.apply(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVarP(&f.yes, "yes", "y", false, "write without asking")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show the diff and write nothing")
	flags.BoolVar(&f.link, "link", false, "have cargo call minsize as the linker, for what cargo cannot express")
	flags.BoolVar(&f.undo, "undo", false, "take the last apply of this workspace back")
	f.output.register(flags)
	f.cargo.register(flags)
	flags.Lookup("profile").Usage = "the `PROFILE` to write to (default: the one that shrink measured)"
	return cmd
}

// apply works the edit out, shows it, and writes it.
func (e *env) apply(ctx context.Context, f *applyFlags) error {
	options := e.cargoOptions(&f.cargo)
	options.Profile = "" // what was typed is where to write
	project, c, err := e.loadRecipe(ctx, options)
	if err != nil {
		return err
	}
	linker := ""
	if f.link {
		if !project.Kind.Linked() {
			return withStatus(exitRefused, "minsize build, which makes it", fmt.Errorf("no linker makes a %s: rustc writes %s by itself", project.Kind, project.Target.Name))
		}
		if linker, err = ownLinker(project); err != nil {
			return err
		}
	}
	heeded, err := e.heed(ctx, project, c)
	if err != nil {
		return err
	}
	edit, err := apply.Plan(ctx, apply.Request{
		Project: project, Profile: f.cargo.Profile, Plan: heeded.plan, Toolchain: c.Toolchain.ID,
		Links: project.TryLink, Saves: c.Result.Saves, Linker: linker,
	})
	if err != nil {
		return cargoError(err)
	}
	heeded.tell(edit)
	edit.Notes = append(edit.Notes, report.AfterApply(edit, c.Result.Size, c.Result.Cargo))
	for _, path := range project.IgnoredProfiles() {
		edit.Notes = append(edit.Notes, report.NoEffect(project.Short(path)))
	}
	if err := e.printEdit(ctx, project.Root, edit, &f.output); err != nil {
		return err
	}
	if len(edit.Files) == 0 {
		e.note("nothing to write: the files say it already")
		if f.link && !f.dryRun {
			return e.linkAgain(project, f.cargo.Profile)
		}
		return nil
	}
	if write, err := e.confirm(ctx, f); err != nil || !write {
		return err
	}
	undo := apply.OpenUndo(project.Root, project.OutputDir())
	if err := undo.Write(ctx, project.Root, edit.Files); err != nil {
		return applyError(err)
	}
	// cargo has the last word: what it cannot read is not left behind.
	options.Profile = f.cargo.Profile
	if _, err := cargo.LoadWorkspace(ctx, options); err != nil {
		if _, back := undo.Revert(context.WithoutCancel(ctx)); back != nil {
			return errors.Join(err, back)
		}
		e.note("cargo refuses the edited files, so they were put back")
		return cargoError(err)
	}
	e.note("written; minsize apply --undo takes it back")
	if f.link {
		return e.linkAgain(project, f.cargo.Profile)
	}
	return nil
}

// linkAgain has cargo link what it would take for finished.
func (e *env) linkAgain(project *cargo.Project, profile string) error {
	gone, err := executor.LinkAgain(project, profile)
	for _, path := range gone {
		e.note(path + " was removed, for cargo to link it again")
	}
	return diskError(err)
}

// ownLinker is minsize-link as cargo can call it: by its name where that is on
// the PATH, for then the settings hold on other machines too.
func ownLinker(p *cargo.Project) (string, error) {
	if f := relink.FlavourOf(p.Triple); f == nil || f.Name != target.GNU {
		return "", withStatus(exitRefused, "minsize apply without --link", fmt.Errorf("minsize-link is for ELF targets, and %s is none", p.Triple.Name))
	}
	if _, err := exec.LookPath(launch.Name); err == nil {
		return launch.Name, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(filepath.Dir(self), launch.Name+filepath.Ext(self))
	if _, err := os.Stat(beside); err != nil {
		return "", withStatus(exitFailed, "ln -s "+filepath.Base(self)+" "+beside, fmt.Errorf("%s is neither on the PATH nor beside this program", launch.Name))
	}
	return beside, nil
}

// heeded is a recipe's plan, less what the program of today does not bear.
type heeded struct {
	plan    technique.Plan
	refused []technique.Refused
	facts   technique.Facts // of the program, with what its build tells
	note    string          // why nobody could be asked
}

// heed asks the project's plain build what speaks against the recipe's plan,
// where it holds anything that a program can speak against: the sources may
// have changed since the search. The build is shrink's own, if they have not.
// What cargo is told without strict is right for any program, so a build that
// fails only leaves untold who relies on what is given up.
func (e *env) heed(ctx context.Context, project *cargo.Project, c *recipe.Recipe) (*heeded, error) {
	h := &heeded{plan: c.Plan(c.Toolchain.ID)}
	if len(h.plan.Told().Techniques) == 0 {
		return h, nil
	}
	unlock, err := project.Lock("apply")
	if err != nil {
		return nil, cargoError(diskError(err))
	}
	defer unlock()
	x, err := executor.New(ctx, project, []*cargo.Toolchain{project.Toolchain})
	if err != nil {
		return nil, diskError(err)
	}
	defer x.Close()
	view := newShrinkView(e)
	defer view.end()
	x.Progress = view.crate
	if e.global.verbose > 0 {
		x.Log = e.stderr
	}
	h.facts = x.OwnFacts(ctx, project.Toolchain)
	h.plan, h.refused, h.facts.Evidence, err = x.PlainHeeding(ctx, c, h.plan, view.Begin)
	switch {
	case err == nil:
	case c.Strict || ctx.Err() != nil:
		return nil, diskError(cargoError(err))
	default:
		first, _, _ := strings.Cut(err.Error(), "\n")
		h.note = "who in the program relies on what is given up is not known, for it was not built: " + first
	}
	return h, nil
}

// tell puts into the edit what was left out, and who relies on what was not.
func (h *heeded) tell(edit *apply.Edit) {
	edit.Refused = h.refused
	var unwritten []string
	for _, l := range edit.Left {
		unwritten = append(unwritten, l.Name)
	}
	edit.Relies = h.plan.Told().Without(unwritten...).Reliances(h.facts)
	if h.note != "" {
		edit.Notes = append(edit.Notes, h.note)
	}
}

// loadRecipe reads minsize.toml of the workspace, then the project as it was
// searched.
func (e *env) loadRecipe(ctx context.Context, o cargo.Options) (*cargo.Project, *recipe.Recipe, error) {
	project, c, err := recipe.Load(ctx, o)
	var missing *recipe.MissingError
	var file *recipe.FileError
	var other *recipe.OtherProgramError
	switch {
	case errors.As(err, &missing):
		err = withStatus(exitUsage, "minsize shrink, which finds the settings and writes it", err)
	case errors.As(err, &file):
		err = withStatus(exitFailed, "correct the file, or run minsize shrink, which writes it anew", err)
	case errors.As(err, &other):
		err = withStatus(exitUsage, "minsize shrink for this program, or leave -p, --bin and --example out", err)
	default:
		err = cargoError(err)
	}
	return project, c, err
}

// confirm asks on a terminal; elsewhere it wants --yes.
func (e *env) confirm(ctx context.Context, f *applyFlags) (bool, error) {
	switch {
	case f.dryRun:
		e.note("nothing was written (--dry-run)")
		return false, nil
	case f.yes:
		return true, nil
	case !stream.IsTerminal(e.stdin) || !stream.IsTerminal(e.stderr):
		return false, withStatus(exitRefused, "minsize apply --yes", errors.New("nothing was written: no terminal to ask on"))
	}
	fmt.Fprint(e.stderr, "write these changes? [y/N] ")
	answer, err := byteio.ReadLine(ctx, e.stdin)
	if err != nil {
		fmt.Fprintln(e.stderr) // the question's line
		return false, err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer == "y" || answer == "yes" {
		return true, nil
	}
	e.note("nothing was written")
	return false, nil
}

// applyUndo takes the last apply back. It works without cargo: the manifest
// may be what broke it.
func (e *env) applyUndo(ctx context.Context, f *applyFlags) error {
	root, undo, err := apply.FindUndo(f.cargo.ManifestPath)
	if err != nil {
		return cargoError(err)
	}
	pending, err := undo.Pending()
	if errors.Is(err, apply.ErrNothingToUndo) {
		return withStatus(exitFailed, "git diff, where the project is under version control", err)
	}
	if err != nil {
		return applyError(err)
	}
	if err := e.printEdit(ctx, root, &apply.Edit{Files: pending}, &f.output); err != nil {
		return err
	}
	if f.dryRun {
		e.note("nothing was written (--dry-run)")
		return nil
	}
	if _, err := undo.Revert(ctx); err != nil {
		return applyError(err)
	}
	e.note("taken back")
	return nil
}

func applyError(err error) error {
	var changed *apply.ChangedError
	if errors.As(err, &changed) {
		return withStatus(exitRefused, "git diff "+changed.Path+", and edit by hand; nothing was touched", err)
	}
	return diskError(err)
}

// printEdit shows the diff and what goes with it. As text the diff is what
// stdout gets; the rest is advice.
func (e *env) printEdit(ctx context.Context, root string, edit *apply.Edit, o *reportFlags) error {
	d := report.Edit(root, edit)
	if o.typed() {
		return e.print(ctx, d, o)
	}
	fmt.Fprint(e.stdout, report.DiffText(root, edit.Files, e.colorful(e.stdout)))
	for _, line := range edit.Warnings() {
		fmt.Fprintln(e.stderr, "minsize: warning: "+line)
	}
	if e.global.quiet {
		return nil
	}
	if len(edit.Left) > 0 {
		fmt.Fprintln(e.stderr, "cargo cannot express these; minsize build does them:")
		for _, l := range edit.Left {
			fmt.Fprintf(e.stderr, "  %s: %s\n", l.Name, l.Why)
		}
	}
	for _, n := range edit.Notes {
		fmt.Fprintln(e.stderr, "note: "+n)
	}
	return nil
}
