package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/inspect"
	"github.com/minsize/minsize/internal/manual"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/strip"
)

// sizeOfProject loads the project's program: the one that shrink or build left,
// or else one that is built now as it would be shipped, but with its symbols.
// What strip will take away from that is shown apart.
func (e *env) sizeOfProject(ctx context.Context, f *sizeFlags, r *sizeRequest, o inspect.Options) (*loadedPrograms, error) {
	m, err := e.projectProgram(ctx, &f.cargo, f.own || r.need == attrib.NeedDebug)
	var none *cargo.NoProjectError
	if errors.As(err, &none) && f.cargo.ManifestPath == "" {
		return nil, usageError("minsize size FILE, or cd to a cargo project", "no file given, and no cargo project here")
	}
	if err != nil {
		return nil, cargoError(err)
	}
	project := m.project
	o.Folders = inspect.PackageFolders(project)
	regions, err := projectRegions(project)
	if err != nil {
		return nil, err
	}
	if m.path != "" {
		l := &loadedPrograms{regions: regions}
		l.Notes = []string{m.note}
		if err := l.open(ctx, m.path, o); err != nil {
			l.Close(ctx)
			return nil, err
		}
		for i := range l.Inputs {
			l.Inputs[i].Name = project.Short(m.path)
			l.Inputs[i].Metadata = inspect.PackageVersions(project)
		}
		if f.shipped {
			r.rollup.Shipped = attrib.ShippedStripped
		}
		return l, nil
	}
	request := cargo.Request{Profile: []cargo.KeyValue{{Key: "strip", Value: "none"}}}
	setting := "none"
	if s, ok := project.Profile.Settings["strip"]; ok {
		setting = fmt.Sprint(s.Value)
	}
	if r.need == attrib.NeedDebug {
		request.Profile = append(request.Profile, cargo.KeyValue{Key: "debug", Value: "line-tables-only"})
	}
	result, err := e.cargoBuild(ctx, project, request)
	if err != nil {
		return nil, cargoError(err)
	}
	l := &loadedPrograms{regions: regions}
	if m.note != "" {
		l.Notes = append(l.Notes, m.note)
	}
	if err := l.open(ctx, result.Executable, o); err != nil {
		return nil, err
	}
	name := project.Target.Name
	for i := range l.Inputs {
		l.Inputs[i].Name = name
		l.Inputs[i].Metadata = inspect.PackageVersions(project)
	}
	level := strip.All
	switch setting {
	case "debuginfo", "none", "false":
		// Without debug information cargo strips the standard library's too.
		level, r.rollup.Shipped = strip.Debug, attrib.ShippedWithSymbols
	default:
		r.rollup.Shipped = attrib.ShippedStripped
	}
	if done, err := l.Stripped(level); err == nil {
		l.shipped = &report.SizeShipped{File: done.After, Removed: done.Before - done.After}
	} else {
		l.Notes = append(l.Notes, fmt.Sprintf("the shipped size is not known: %v", err))
	}
	return l, nil
}

// measured is a project and the program of it that is looked at.
type measured struct {
	project *cargo.Project
	path    string // "" where cargo's own build is
	note    string // which it is
}

// projectProgram chooses between what shrink or build left and cargo's own
// build, which the caller makes.
func (e *env) projectProgram(ctx context.Context, f *cargoFlags, own bool) (*measured, error) {
	o := e.cargoOptions(f)
	m := &measured{}
	if !own {
		// What was made had the recipe's features and target.
		project, _, err := e.loadRecipe(ctx, o)
		if err != nil {
			project, err = cargo.Load(ctx, o)
			m.project = project
		}
		if err != nil {
			return nil, err
		}
		path, why, err := executor.FindMade(ctx, project)
		if err != nil {
			return nil, err
		}
		if path != "" {
			return &measured{project, path, fmt.Sprintf("measured: %s (--cargo-build for cargo's own build)", project.Short(path))}, nil
		}
		m.note = "measured: cargo's own build, for " + why
	}
	if m.project == nil {
		project, err := cargo.Load(ctx, o)
		if err != nil {
			return nil, err
		}
		m.project = project
	}
	return m, nil
}

// registerOwn adds the flag of the verbs that measure a project's program.
func registerOwn(flags *pflag.FlagSet, own *bool) {
	manual.InGroup(flags, manual.Cargo, func() {
		flags.BoolVar(own, "cargo-build", false, "measure what cargo builds, not what shrink or build left in target/minsize")
	})
}
