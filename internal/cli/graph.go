package cli

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/inspect"
	"github.com/minsize/minsize/internal/refgraph"
	"github.com/minsize/minsize/internal/report"
)

// The verbs of the reference graph share their input: a program, or in a cargo
// project the program that cargo builds, with its symbols kept.

// graphFlags are what all of them take.
type graphFlags struct {
	output reportFlags
	cargo  cargoFlags
	edges  string

	debugFile string
	own       bool              // cargo's own build of a project
	notes     []string          // of which program the answer is
	bodies    bool              // identical machine code is wanted
	builds    bool              // the verb builds something once it has the graph
	folders   map[string]string // of the project's packages, with their versions
	debug     bool              // debug information is wanted: it tells what is inlined
}

func (f *graphFlags) register(flags *pflag.FlagSet) {
	f.output.register(flags)
	// Twiggy's reports, and those who subtract one from another, want exact bytes.
	f.output.bytes = true
	bytes := flags.Lookup("bytes")
	bytes.DefValue, bytes.Usage = "true", "exact bytes; --bytes=false for KiB and MiB"
	choose(flags, &f.edges, "edges", "", "twiggy", "which references of a Wasm module count: `WHICH` is twiggy (as Twiggy does) or all (indirect calls' types, addresses of data, initial values, too)", "twiggy", "all")
	registerDebugFile(flags, &f.debugFile)
	f.cargo.register(flags)
	registerOwn(flags, &f.own)
}

// limit is what was typed for a flag; otherwise everything for programs, and
// fallback for people.
func (f *graphFlags) limit(flags *pflag.FlagSet, name string, fallback int) int {
	typed, _ := flags.GetInt(name)
	switch {
	case flags.Changed(name):
		return typed
	case f.output.format.Is(report.AllRows):
		return 0
	}
	return fallback
}

// graphCommand fills in what the verbs have in common: the first argument is
// the program unless a project is built, run gets the rest.
func (e *env) graphCommand(cmd *cobra.Command, f *graphFlags, run func(ctx context.Context, c *report.GraphContext, items []string) (*report.Document, error)) *cobra.Command {
	f.register(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path, items, err := e.graphInput(cmd, f, args)
		if err != nil {
			return err
		}
		return e.withGraph(cmd.Context(), path, f, func(c *report.GraphContext) error {
			var d *report.Document
			compute := func() (err error) {
				d, err = run(cmd.Context(), c, items)
				return err
			}
			if f.builds {
				err = compute()
			} else {
				err = byteio.Interruptible(cmd.Context(), compute)
			}
			if err != nil {
				return noMatch(err, cmd)
			}
			return e.print(cmd.Context(), d, &f.output)
		})
	}
	return cmd
}

// graphInput tells the program from the items: the first argument when there
// is such a file, else what cargo builds here.
func (e *env) graphInput(cmd *cobra.Command, f *graphFlags, args []string) (path string, items []string, err error) {
	if len(args) > 0 {
		if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
			return args[0], args[1:], nil
		} else if err == nil {
			return "", nil, usageError(cmd.CommandPath()+" FILE", "%s is a folder", args[0])
		} else if looksLikePath(args[0]) {
			return "", nil, err
		}
	}
	m, err := e.projectProgram(cmd.Context(), &f.cargo, f.own || f.builds) // what is built has to be of one kind
	var none *cargo.NoProjectError
	if errors.As(err, &none) && len(args) > 0 && f.cargo.ManifestPath == "" {
		return "", nil, usageError(cmd.CommandPath()+" FILE ...", "there is no file %s, and no cargo project to build here", args[0])
	}
	if err != nil {
		return "", nil, cargoError(err)
	}
	f.folders = inspect.PackageFolders(m.project)
	if m.note != "" {
		f.notes = append(f.notes, m.note)
	}
	if m.path != "" {
		return m.path, args, nil
	}
	path, err = e.buildWithSymbols(cmd.Context(), m.project, f.debug)
	return path, args, err
}

// looksLikePath: an item of a Rust program has colons where a path has slashes.
func looksLikePath(s string) bool {
	return strings.ContainsRune(s, os.PathSeparator) && !strings.Contains(s, "::")
}

// buildWithSymbols builds the project's program and keeps its names; with debug
// the paths of inlined functions, too, which changes no code.
func (e *env) buildWithSymbols(ctx context.Context, p *cargo.Project, debug bool) (string, error) {
	request := cargo.Request{Profile: []cargo.KeyValue{{Key: "strip", Value: "none"}}}
	if debug {
		request.Profile = append(request.Profile, cargo.KeyValue{Key: "debug", Value: "limited"})
	}
	result, err := e.cargoBuild(ctx, p, request)
	if err != nil {
		return "", cargoError(err)
	}
	return result.Executable, nil
}

// withGraph opens a program and gives its graph to use; what use keeps must
// not refer to the file afterwards.
func (e *env) withGraph(ctx context.Context, path string, f *graphFlags, use func(*report.GraphContext) error) error {
	var choice refgraph.WasmEdges
	if f.edges == "all" {
		choice = refgraph.WasmAll
	}
	files := &inspect.Files{Notes: f.notes} // that names come from
	defer files.Close(ctx)
	var g *refgraph.Graph
	err := byteio.Interruptible(ctx, func() (err error) {
		o := inspect.Options{DebugFile: f.debugFile}
		o.Bodies, o.Folders, o.Debug = f.bodies, f.folders, f.debug
		g, err = files.Graph(path, choice, o)
		return inspectError(path, err)
	})
	if err != nil {
		return err
	}
	return byteio.Guard(func() error {
		return use(&report.GraphContext{File: path, Graph: g, Table: f.output.format.Is(report.Tables)})
	})
}

// noMatch gives the error of an unknown item its hint.
func noMatch(err error, cmd *cobra.Command) error {
	var none *refgraph.NoMatchError
	if !errors.As(err, &none) {
		return err
	}
	hint := "minsize top FILE lists all items"
	if cmd.Flags().Lookup("regex") != nil {
		hint = "--regex 'PART OF THE NAME'; " + hint
	}
	return withStatus(exitFailed, hint, err)
}
