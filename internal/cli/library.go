package cli

import (
	"context"
	"path/filepath"

	"github.com/minsize/minsize/internal/artefact"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/verify"
)

// checkLibrary makes checks those of a library: its host is what runs, {} is
// no program, and where nobody said how to check it, it is loaded. noRun is why
// no program can be run here, and stays only where a library cannot be checked
// either.
func (e *env) checkLibrary(ctx context.Context, x *executor.Executor, o *verify.Options, stage, noRun string) (string, error) {
	project := x.Project
	if project.Kind.Starts() {
		if stage != "" {
			return "", usageError("--check '{} ...' alone, for a program", "--stage is for libraries, and %s is a program", project.Target.Name)
		}
		return noRun, nil
	}
	runner := o.Runner
	o.Runner = nil // the command brings its own
	o.Default = func(library string) []string { return x.LoadChecks(ctx, library, runner) }
	if len(o.Checks) > 0 {
		noRun = ""
	}
	if stage == "" {
		return noRun, nil
	}
	if !filepath.IsAbs(stage) {
		stage = filepath.Join(project.Dir, stage)
	}
	var err error
	if o.Stage, err = artefact.NewStage(stage); err != nil {
		return "", usageError("--stage PLACE, in a folder that is there", "--stage: %v", err)
	}
	return noRun, nil
}
