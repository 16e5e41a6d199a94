package executor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/technique"
)

// wonRecord is where a whole search of these sources notes the digest of the
// program that it left in target/minsize. asked is all that was asked for.
func (x *Executor) wonRecord(asked string) string {
	sum := sha256.Sum256([]byte(asked))
	return filepath.Join(x.cache.Dir, x.cache.Inputs, "won-"+hex.EncodeToString(sum[:8]))
}

// Output is where a finished program is left: in target/minsize.
func (x *Executor) Output(program string) string {
	return filepath.Join(x.Project.OutputDir(), filepath.Base(program))
}

// KeepVerified leaves in target/minsize the smallest program that had passed
// its checks when a search was ended, and says what it did; "" where nothing
// had. Where a whole search of the same sources that asked for the same has
// left a smaller program there, that one stays.
func (x *Executor) KeepVerified(r *ladder.Result, asked string) (notes []string) {
	if r.BestFile == "" {
		return nil
	}
	out := x.Output(r.BestFile)
	short := x.Project.Short(out)
	if sum, err := os.ReadFile(x.wonRecord(asked)); err == nil {
		now, _ := byteio.SHA256(out)
		if info, err := os.Stat(out); err == nil && now == string(sum) && info.Size() <= r.FinalRaw {
			return []string{short + " is what a whole search of the same sources found, and stays"}
		}
	}
	if err := placeWhole(r.BestFile, out); err != nil {
		return []string{fmt.Sprintf("what was verified could not be kept: %v", err)}
	}
	ctx := context.Background() // the search's own has ended
	err := x.RecordMade(ctx, out)
	if _, _, names := x.PlaceSymbols(ctx, r.BestBuild, r.BestPlan, out); err == nil {
		err = names
	}
	if err != nil {
		notes = append(notes, fmt.Sprintf("beside %s: %v", short, err))
	}
	return append(notes, fmt.Sprintf("%s is the smallest that was verified: %d bytes, with %s; %s is not written by a search that was ended",
		short, r.FinalRaw, r.Rungs[r.Best].Name, recipe.Name))
}

// Keep puts the winner of a whole search into target/minsize, with its names
// and the record of what it is.
func (x *Executor) Keep(ctx context.Context, r *ladder.Result, asked string) error {
	out := x.Output(r.BestFile)
	if err := placeWhole(r.BestFile, out); err != nil {
		return err
	}
	if sum, err := byteio.SHA256(out); err == nil {
		os.WriteFile(x.wonRecord(asked), []byte(sum), 0o666) // without it an interrupt keeps less
	}
	r.Output = x.Project.Short(out)
	if err := x.RecordMade(ctx, out); err != nil {
		return err
	}
	symbols, why, err := x.PlaceSymbols(ctx, r.BestBuild, r.BestPlan, out)
	if err != nil {
		return err
	}
	if r.SymbolsNote = why; symbols != "" {
		r.Symbols = x.Project.Short(symbols)
	}
	return nil
}

// placeWhole puts a program into target/minsize, whole or not at all.
func placeWhole(from, out string) error {
	temp := out + ".part"
	os.Remove(temp) // of a run that was killed
	err := byteio.CopyFile(from, temp, 0o777)
	if err == nil {
		err = os.Rename(temp, out)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// CargoAlone is the size of the winner's build without what cargo cannot
// express: stripped, on its recorded link. 0 where it cannot be made.
func (x *Executor) CargoAlone(r *ladder.Result) int64 {
	var list []*technique.Technique
	for _, t := range r.BestPlan.Parts() {
		if t.Set != nil || t.Rewrite != nil && t.Rewrite.StripSymbols {
			list = append(list, t)
		}
	}
	file, err := x.Finish(context.Background(), r.BestBuild, technique.NewPlan(r.BestPlan.Toolchain, list...))
	if err != nil {
		return 0
	}
	return file.Raw
}

// Recipe is the winner of a search as minsize.toml has it, without what was
// typed.
func (x *Executor) Recipe(r *ladder.Result) (*recipe.Recipe, error) {
	plan := r.BestPlan
	t := x.Toolchain(plan.Toolchain)
	c, err := recipe.New(x.Project, t, plan)
	if err != nil {
		return nil, err
	}
	c.Toolchain.Bootstrap = x.Bootstrap && !t.Unstable()
	c.Result = recipe.Result{Size: r.FinalRaw, Baseline: r.BaseRaw, Cargo: x.CargoAlone(r), Saves: r.LinkSavings()}
	if plan.Link.Linker != "" {
		c.Link.Version = x.LinkerID(context.Background(), r.BestBuild, plan)
	}
	c.Link.Codegen = x.CodegenID(context.Background(), plan)
	c.Result.SHA256, err = byteio.SHA256(r.BestFile)
	return c, err
}

// CargoKeepsCopy says whether the file's other hard link is the one that cargo
// keeps in the folder deps beside it.
func CargoKeepsCopy(program string, info fs.FileInfo) bool {
	return byteio.LinkCount(info) == 2 && len(linkedFrom(program, info)) == 1
}

// linkedFrom are the files that cargo hard linked a program from: in deps/, and
// for examples beside them.
func linkedFrom(program string, info fs.FileInfo) (same []string) {
	folders := []string{filepath.Join(filepath.Dir(program), "deps")}
	if filepath.Base(filepath.Dir(program)) == "examples" {
		folders = []string{filepath.Dir(program)}
	}
	for _, folder := range folders {
		entries, _ := os.ReadDir(folder)
		for _, entry := range entries {
			path := filepath.Join(folder, entry.Name())
			if other, err := entry.Info(); err == nil && path != program && os.SameFile(other, info) {
				same = append(same, path)
			}
		}
	}
	return same
}
