package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/technique"
)

// How many cuts are tried for --suggest-cuts: each is a relink and a run of
// the checks.
const (
	suggestFunctions = 24
	suggestCrates    = 10
)

// Suggest implements ladder.Suggester, by the dominators of the recorded link.
func (x *Executor) Suggest(ctx context.Context, b *ladder.Build, p technique.Plan) ([]ladder.Suggestion, error) {
	if b.Replay == "" {
		return nil, fmt.Errorf("the link is not replayed: %s", b.NoReplay)
	}
	recording, err := relink.Open(b.Replay)
	if err != nil {
		return nil, err
	}
	cuts, err := findCuts(p.Link.Cuts)
	if err != nil {
		return nil, err
	}
	found, err := recording.Suggest(ctx, cuts)
	if err != nil {
		return nil, err
	}
	return suggestions(ctx, found, strings.ReplaceAll(x.Project.Target.Name, "-", "_")), nil
}

// findCuts are the cuts of a plan.
func findCuts(texts []string) (cuts []relink.Cut, err error) {
	for _, text := range texts {
		cut, err := findCut(text)
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, cut)
	}
	return cuts, nil
}

// suggestions are cuts of what was found to keep most; own is the program's own
// crate.
func suggestions(ctx context.Context, found *relink.Suggestions, own string) (list []ladder.Suggestion) {
	add := func(kind ladder.CutKind, all []relink.Retained, most int, pattern func(string) string) {
		for _, r := range all {
			if most == 0 || ctx.Err() != nil {
				return
			}
			text := pattern(r.Name)
			t, _, err := technique.UserCut(text)
			if err != nil || strings.Contains(r.Name, "=") {
				continue
			}
			list = append(list, ladder.Suggestion{Cut: text, Kind: kind, Retained: int64(r.Retained), Try: t})
			most--
		}
	}
	add(ladder.CutsFunction, found.Functions, suggestFunctions, func(name string) string { return name + "=trap" })
	crates := slices.DeleteFunc(slices.Clone(found.Crates), func(r relink.Retained) bool {
		return r.Name == own || slices.Contains([]string{"std", "core", "alloc", "__rustc"}, r.Name) // nothing runs without them
	})
	add(ladder.CutsCrate, crates, suggestCrates, func(name string) string { return name + "::*=trap" })
	return list
}
