package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/strip"
)

// sizeOfProject loads the project's program: the one that shrink or build left,
// or else one that is built now as it would be shipped, but with its symbols.
// What strip will take away from that is shown apart.
func (e *env) sizeOfProject(ctx context.Context, f *sizeFlags, r *sizeRequest, o attrib.Options) (*loadedPrograms, error) {
	m, err := e.projectProgram(ctx, &f.cargo, f.own || r.need == attrib.NeedDebug)
	var none *cargo.NoProjectError
	if errors.As(err, &none) && f.cargo.ManifestPath == "" {
		return nil, usageError("minsize size FILE, or cd to a cargo project", "no file given, and no cargo project here")
	}
	if err != nil {
		return nil, cargoError(err)
	}
	project := m.project
	if m.path != "" {
		l := &loadedPrograms{notes: []string{m.note}}
		if err := l.open(ctx, m.path, f.debugFile, o); err != nil {
			l.close(ctx)
			return nil, err
		}
		for i := range l.inputs {
			l.inputs[i].Name = shortPath(project.Dir, m.path)
			l.inputs[i].Metadata = packageVersions(project)
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
	l := &loadedPrograms{}
	if m.note != "" {
		l.notes = append(l.notes, m.note)
	}
	if err := l.open(ctx, result.Executable, f.debugFile, o); err != nil {
		return nil, err
	}
	name := project.Target.Name
	for i := range l.inputs {
		l.inputs[i].Name = name
		l.inputs[i].Metadata = packageVersions(project)
	}
	level := strip.All
	switch setting {
	case "debuginfo", "none", "false":
		// Without debug information cargo strips the standard library's too.
		level, r.rollup.Shipped = strip.Debug, attrib.ShippedWithSymbols
	default:
		r.rollup.Shipped = attrib.ShippedStripped
	}
	data := l.mappings[0].Data
	if _, done, err := strip.Plan(data, strip.Options{Level: level}); err == nil {
		l.shipped = &report.SizeShipped{File: done.After, Removed: done.Before - done.After}
	} else {
		l.notes = append(l.notes, fmt.Sprintf("the shipped size is not known: %v", err))
	}
	return l, nil
}

// packageVersions maps crate names to versions, of all packages that may be
// part of the program.
func packageVersions(p *cargo.Project) *attrib.Metadata {
	m := &attrib.Metadata{Versions: map[string][]string{}}
	for _, pkg := range p.Metadata.Built(p.Package) {
		crates := []string{strings.ReplaceAll(pkg.Name, "-", "_")}
		for _, t := range pkg.Targets {
			if name := strings.ReplaceAll(t.Name, "-", "_"); !slices.Contains(crates, name) && slices.Contains(t.Kind, "lib") {
				crates = append(crates, name)
			}
		}
		for _, crate := range crates {
			if !slices.Contains(m.Versions[crate], pkg.Version) {
				m.Versions[crate] = append(m.Versions[crate], pkg.Version)
			}
		}
	}
	for _, versions := range m.Versions {
		slices.Sort(versions)
	}
	return m
}
