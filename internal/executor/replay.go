package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/technique"
)

// recorded says whether a cached build's link can still be replayed, where it
// could be.
func recorded(b *ladder.Build) bool {
	if b.Replay == "" {
		return true
	}
	_, err := relink.Open(b.Replay)
	return err == nil
}

// findRecording finds the recorded link of the built program. Where cargo
// found the program fresh from a run whose recording is gone, the program is
// removed and linked again.
func (x *Executor) findRecording(ctx context.Context, request cargo.Request, links string, result *cargo.Result, b *ladder.Build) error {
	if !x.Project.Kind.Linked() {
		err := relink.RecordArchive(ctx, links, result.Executable, x.Project.Package.Name, strings.ReplaceAll(x.Project.Target.Name, "-", "_"), x.Project.Foreign(), request.Toolchain.HostTools())
		if errors.Is(err, relink.ErrNotApplicable) {
			b.NoReplay = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
	}
	recording, err := relink.Find(links, result.Executable)
	if errors.Is(err, relink.ErrNoRecording) && result.Compiled == 0 {
		if err := removeLinked(result.Executable); err != nil {
			return err
		}
		again, buildErr := cargo.Build(ctx, x.Project, request)
		if buildErr != nil {
			return buildErr
		}
		b.CPU, b.Wall = b.CPU+again.CPU, b.Wall+again.Wall
		*result = again
		recording, err = relink.Find(links, result.Executable)
	}
	if errors.Is(err, relink.ErrNoRecording) {
		b.NoReplay = "the link was changed afterwards or done by another linker"
		return nil
	}
	if err != nil {
		return err
	}
	b.Replay = recording.Dir
	if recording.Undivided() {
		if tools, err := x.llvmTools(ctx, request.Toolchain); err == nil {
			took, err := recording.Divide(ctx, tools)
			if err != nil {
				return err
			}
			b.CPU += took
		}
	}
	for _, l := range x.linkers(ctx, recording) {
		if !slices.Contains(b.Linkers, string(l.Kind)) {
			b.Linkers = append(b.Linkers, string(l.Kind))
		}
	}
	return ctx.Err()
}

// linkers are those that link this recording, probed once a run.
func (x *Executor) linkers(ctx context.Context, r *relink.Recording) []relink.Linker {
	works, known := x.works[r.Dir]
	if !known {
		works, _ = r.Linkers(ctx)
		x.works[r.Dir] = works
	}
	return works
}

// removeLinked removes a program and the file in deps/ that cargo hard linked
// it from, so that the next build links it again.
func removeLinked(program string) error {
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	for _, file := range linkedFrom(program, info) {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return os.Remove(program)
}

// replay links b again as p says; with symbols the names of all functions and
// data stay, whatever the project's profile says.
func (x *Executor) replay(ctx context.Context, b *ladder.Build, p technique.Plan, out string, symbols bool) (notes []ladder.Note, err error) {
	if b.Replay == "" {
		return nil, errors.New(b.NoReplay)
	}
	recording, err := relink.Open(b.Replay)
	if err != nil {
		return nil, err
	}
	result, err := x.link(ctx, recording, p, out, symbols)
	if result == nil {
		return nil, err
	}
	if result.TablesLeft {
		notes = append(notes, ladder.Note{About: relink.UnwindTablesOut, Text: "the tables of Rust's functions alone: other code of this program unwinds by its own"})
	}
	return append(notes, cutNotes(result.Cuts)...), err
}

// link makes a recorded link as p says.
func (x *Executor) link(ctx context.Context, recording *relink.Recording, p technique.Plan, out string, symbols bool) (*relink.Result, error) {
	v, err := x.variant(ctx, recording, p)
	if err != nil {
		return nil, err
	}
	v.Symbols = symbols
	return recording.Link(ctx, v, out)
}

// variant is how p changes a recorded link.
func (x *Executor) variant(ctx context.Context, recording *relink.Recording, p technique.Plan) (v relink.Variant, err error) {
	v = relink.Variant{Options: p.Link.Options, Add: p.Link.Add}
	if p.Link.Linker != "" {
		works := x.linkers(ctx, recording)
		i := slices.IndexFunc(works, func(l relink.Linker) bool { return string(l.Kind) == p.Link.Linker })
		if i < 0 {
			return v, fmt.Errorf("no %s here that links this program", p.Link.Linker)
		}
		v.Linker = works[i]
	}
	if v.Cuts, err = findCuts(p.Link.Cuts); err != nil {
		return v, err
	}
	for _, cut := range v.Cuts {
		if err := x.Proof.of(ctx, recording, cut); err != nil {
			return v, err
		}
	}
	if p.Link.Pipeline != "" {
		v.Codegen = &relink.Codegen{Pipeline: p.Link.Pipeline, Inlining: p.Link.Inlining}
		v.Codegen.Tools, err = x.llvmTools(ctx, x.toolchains[p.Toolchain])
	}
	return v, err
}

// cutNotes says which cuts met nothing.
func cutNotes(cuts []relink.CutOutcome) (notes []ladder.Note) {
	for _, c := range cuts {
		if c.Unsafe {
			notes = append(notes, ladder.Note{About: c.Cut.Name, Text: fmt.Sprintf("the cut %s is not made: what it relies on is not so in this program", c.Cut.Name)})
		} else if len(c.Functions) == 0 && !c.Gone {
			notes = append(notes, ladder.Note{About: c.Cut.Name, Text: fmt.Sprintf("the cut %s matches no function here", c.Cut.Name)})
		}
		if len(c.Merged) > 0 {
			notes = append(notes, ladder.Note{About: c.Cut.Name, Text: fmt.Sprintf("the cut %s leaves %s alone: the compiler has merged it with a function that is not cut", c.Cut.Name, strings.Join(c.Merged, ", "))})
		}
	}
	return notes
}

// llvmFound is what relink.FindLLVM said.
type llvmFound struct {
	tools relink.LLVM
	err   error
}

// llvmTools are opt and llc for a compiler's bitcode, looked for once.
func (x *Executor) llvmTools(ctx context.Context, t *cargo.Toolchain) (relink.LLVM, error) {
	found, known := x.llvm[t.ID()]
	if !known {
		found.tools, found.err = relink.FindLLVM(ctx, t.LLVM, t.HostTools())
		if ctx.Err() == nil {
			if x.llvm == nil {
				x.llvm = map[string]llvmFound{}
			}
			x.llvm[t.ID()] = found
		}
	}
	return found.tools, found.err
}

// NoCodegen says in one line why codegen replay cannot be had with t for this
// project, and what it would give; "" where it can, or never could.
func (x *Executor) NoCodegen(ctx context.Context, t *cargo.Toolchain) string {
	if x.flavour() == nil {
		return ""
	}
	if _, err := x.llvmTools(ctx, t); err != nil {
		return fmt.Sprintf("left out: codegen replay, worth %s: %v", relink.CodegenGives, err)
	}
	return ""
}

// CodegenID is the version of the tools that make a plan's machine code, ""
// where it is the compiler's own.
func (x *Executor) CodegenID(ctx context.Context, p technique.Plan) string {
	if p.Link.Pipeline == "" {
		return ""
	}
	tools, _ := x.llvmTools(ctx, x.toolchains[p.Toolchain])
	return tools.Version
}

// findCut gives a cut of the catalogue, or the one that was typed.
func findCut(text string) (relink.Cut, error) {
	if c := relink.CutByName(text); c != nil {
		return c.Cut, nil
	}
	return relink.ParseCut(text)
}

// LinkerID names the linker that a plan's replay uses, with its version.
func (x *Executor) LinkerID(ctx context.Context, b *ladder.Build, p technique.Plan) string {
	recording, err := relink.Open(b.Replay)
	if err != nil {
		return ""
	}
	return x.linkerOf(ctx, recording, p)
}

func (x *Executor) linkerOf(ctx context.Context, recording *relink.Recording, p technique.Plan) string {
	for _, l := range x.linkers(ctx, recording) {
		if string(l.Kind) == p.Link.Linker {
			return l.ID()
		}
	}
	return ""
}
