package executor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/tune"
)

// tuningFile is what is kept of tuning a program's inlining by one pipeline:
// by content, so that it outlives the sources that it was found in.
type tuningFile struct {
	Choices []string         `json:"choices"`
	Known   map[string]int64 `json:"known"` // bytes of a function, by its body, choices, and callees
}

// mostKnown bounds the file to a few megabytes.
const mostKnown = 200_000

// Tune implements ladder.Tuner.
func (x *Executor) Tune(ctx context.Context, b *ladder.Build, p technique.Plan, budget ladder.Tuning) (choices []string, said string, err error) {
	recording, err := relink.Open(b.Replay)
	if err != nil {
		return nil, "", err
	}
	v, err := x.variant(ctx, recording, p)
	if err != nil {
		return nil, "", err
	}
	midway, err := recording.Midway(ctx, v)
	if err != nil {
		return nil, "", err
	}
	defer midway.Close()

	sum := sha256.Sum256([]byte(v.Codegen.Key()))
	kept := filepath.Join(x.cache.Dir, "inlining-"+hex.EncodeToString(sum[:6])+".json")
	var known tuningFile
	if text, err := os.ReadFile(kept); err == nil {
		json.Unmarshal(text, &known) // what cannot be read is found again
	}
	if known.Known == nil || len(known.Known) > mostKnown {
		known.Known = map[string]int64{}
	}
	start, _ := tune.ParseChoices(append(known.Choices, x.Inlining...))
	found, progress, err := tune.Search(ctx, midway.Module, midway, tune.Options{Compiles: budget.Compiles, Time: budget.Time,
		PerFunction: midway.PerFunction, Start: start, Known: known.Known, Progress: x.Tuning})
	if err != nil {
		return nil, "", err
	}
	known.Choices = found.List()
	if text, err := json.Marshal(known); err == nil {
		os.WriteFile(kept, text, 0o666) // without it the next search begins anew
	}
	said = fmt.Sprintf("%d calls measured by %d compiles", progress.Calls, progress.Compiles)
	return known.Choices, said, nil
}
