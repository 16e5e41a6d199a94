package outline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/cargo"
)

// Steps are what a proof does with a scratch copy of the workspace; the caller
// knows cargo, the checks and what counts as size.
type Steps interface {
	// Size builds the program of the copy and returns the bytes that would be
	// shipped, and the program's path.
	Size(ctx context.Context) (bytes int64, program string, err error)
	// Verify compares the program with the one before, by the user's checks.
	Verify(ctx context.Context, program string) error
	// Test runs the copy's own tests; nil where there are none.
	Test(ctx context.Context) error
}

// Proposal is one function that could be outlined, with what is expected and,
// after Prove, what came of it.
type Proposal struct {
	Source    *Source
	Function  *Function
	Copies    []Copies // as the built program has them; empty when it has none
	Instances int
	Predicted int64 // bytes
	Saved     int64 // bytes, measured by a rebuild
	Tried     bool
	Kept      bool
	Why       string // why it was not kept, or not tried
}

// ID names a proposal in messages and on the command line.
func (p *Proposal) ID() string {
	path := append([]string{p.Source.Crate}, p.Function.Path...)
	if self := lastIdent(p.Function.SelfType()); self != "" {
		path = append(path, self)
	}
	return strings.Join(append(path, p.Function.Name()), "::")
}

// Propose lists the functions that can be outlined with their copies in a
// program, the most promising first, and the refused ones.
func Propose(sources []*Source, all []Copies) (proposals, refused []*Proposal) {
	for _, s := range sources {
		for i := range s.Functions {
			p := &Proposal{Source: s, Function: &s.Functions[i]}
			p.Copies = Match(s, p.Function, all)
			for _, c := range p.Copies {
				p.Instances += len(c.Sizes)
				p.Predicted += p.Function.Prediction(c)
			}
			if p.Function.Refusal != "" {
				p.Why = string(p.Function.Refusal)
				refused = append(refused, p)
				continue
			}
			proposals = append(proposals, p)
		}
	}
	sort.SliceStable(proposals, func(i, j int) bool { return proposals[i].Predicted > proposals[j].Predicted })
	sort.SliceStable(refused, func(i, j int) bool { return refused[i].Instances > refused[j].Instances })
	return proposals, refused
}

// Scratch is a copy of the workspace that may be changed.
type Scratch struct {
	Root   string // of the copy
	origin string
}

// NewScratch copies a workspace's files into dir, without what cargo built and
// what git keeps. dir is emptied first.
func NewScratch(ctx context.Context, root, targetDir, dir string) (*Scratch, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	s := &Scratch{Root: dir, origin: root}
	return s, cargo.CopySources(ctx, root, dir, targetDir, dir)
}

// Close removes the copy.
func (s *Scratch) Close() error { return os.RemoveAll(s.Root) }

// Put writes the copy's sources with just these functions outlined.
func (s *Scratch) Put(ctx context.Context, sources []*Source, chosen []*Proposal) error {
	after, err := Patched(ctx, chosen)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, source := range sources {
		if files[source.Name] = after[source]; files[source.Name] == nil {
			files[source.Name] = source.File.Source
		}
	}
	return s.Write(files)
}

// Read reads a file of the copy.
func (s *Scratch) Read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.Root, filepath.FromSlash(name)))
}

// Write gives files of the copy these bytes, by their paths below the root;
// what is so already keeps its time.
func (s *Scratch) Write(files map[string][]byte) error {
	for name, data := range files {
		path := filepath.Join(s.Root, filepath.FromSlash(name))
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
			continue
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
		// cargo looks at whole seconds on some file systems: never the old time.
		now := time.Now().Add(2 * time.Second)
		if err := os.Chtimes(path, now, now); err != nil {
			return err
		}
	}
	return nil
}

// Patched returns the new bytes of every source that the proposals change. A
// file that was as rustfmt leaves it is so afterwards.
func Patched(ctx context.Context, chosen []*Proposal) (map[*Source][]byte, error) {
	bySource := map[*Source][]*Function{}
	for _, p := range chosen {
		bySource[p.Source] = append(bySource[p.Source], p.Function)
	}
	out := map[*Source][]byte{}
	for source, functions := range bySource {
		sort.Slice(functions, func(i, j int) bool { return functions[i].Fn.Start < functions[j].Fn.Start })
		data, err := Rewrite(functions)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source.Name, err)
		}
		if formatted, err := rustfmt(ctx, source, source.File.Source); err == nil && bytes.Equal(formatted, source.File.Source) {
			if formatted, err := rustfmt(ctx, source, data); err == nil {
				data = formatted
			}
		}
		out[source] = data
	}
	return out, nil
}

// Edits are the files' changes, sorted by path, and the same as one patch.
func Edits(ctx context.Context, chosen []*Proposal) (edits []apply.FileEdit, patch string, err error) {
	after, err := Patched(ctx, chosen)
	if err != nil {
		return nil, "", err
	}
	var b strings.Builder
	for _, source := range slices.SortedFunc(maps.Keys(after), func(a, b *Source) int { return strings.Compare(a.Path, b.Path) }) {
		edit := apply.FileEdit{Path: source.Path, Before: source.File.Source, After: after[source]}
		edits = append(edits, edit)
		for _, line := range apply.Diff(source.Name, edit.Before, edit.After) {
			b.WriteString(line + "\n")
		}
	}
	return edits, b.String(), nil
}

// rustfmt formats by the project's own rustfmt.toml; an error where there is
// no rustfmt.
func rustfmt(ctx context.Context, s *Source, data []byte) ([]byte, error) {
	for _, edition := range []string{"2021", "2024", "2018"} {
		cmd := exec.CommandContext(ctx, "rustfmt", "--edition", edition, "--emit", "stdout", "--quiet")
		cmd.Dir = filepath.Dir(s.Path)
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		if err == nil {
			return out, nil
		}
		if errors.Is(err, exec.ErrNotFound) {
			return nil, err
		}
	}
	return nil, errors.New("rustfmt does not take it")
}

// Prove tries proposals one after the other on top of those kept so far and
// keeps each that makes the program smaller; then the tests and the checks run
// on the whole, and what they refuse is taken out again, the newest first.
// tell is called before each build.
func Prove(ctx context.Context, scratch *Scratch, steps Steps, sources []*Source, proposals []*Proposal, tell func(string)) (before, after int64, err error) {
	if err := scratch.Put(ctx, sources, nil); err != nil {
		return 0, 0, err
	}
	tell("the program as it is")
	before, _, err = steps.Size(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("the scratch copy does not build: %w", err)
	}
	size := before
	var kept []*Proposal
	for _, p := range proposals {
		if ctx.Err() != nil {
			return before, size, ctx.Err()
		}
		if p.Instances < 2 {
			p.Why = "fewer than two instances in the built program"
			continue
		}
		tell(p.ID())
		p.Tried = true
		if err := scratch.Put(ctx, sources, append(slices.Clone(kept), p)); err != nil {
			return before, size, err
		}
		now, _, err := steps.Size(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return before, size, ctx.Err()
			}
			p.Why = "does not build: " + firstLine(err)
			continue
		}
		p.Saved = size - now
		if p.Saved <= 0 {
			p.Why = fmt.Sprintf("saves nothing: the program is %d bytes larger", -p.Saved)
			if p.Saved == 0 {
				p.Why = "saves nothing"
			}
			continue
		}
		p.Kept = true
		kept, size = append(kept, p), now
	}
	for len(kept) > 0 {
		tell("tests and checks")
		if err := scratch.Put(ctx, sources, kept); err != nil {
			return before, size, err
		}
		now, program, err := steps.Size(ctx)
		if err == nil {
			size = now
			err = steps.Verify(ctx, program)
		}
		if err == nil {
			err = steps.Test(ctx)
		}
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return before, size, ctx.Err()
		}
		last := kept[len(kept)-1]
		last.Kept, last.Why = false, "a test or a check fails: "+firstLine(err)
		kept = kept[:len(kept)-1]
		size = before
	}
	if len(kept) == 0 {
		size = before
	}
	return before, size, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
