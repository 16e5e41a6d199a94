package ladder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/minsize/minsize/internal/arrange"
)

// Cache keeps full builds between runs, so that an interrupted search goes on
// where it stopped and a second one costs seconds. An entry is a folder with
// build.json, which is written last: a folder without it is rubbish of a run
// that was cut off.
//
// Entries lie below a digest of the inputs (lockfile, sources, settings of the
// project and the environment), below that by Plan.BuildKey, which holds the
// toolchain and the settings that were tried. Inputs that change leave the old
// entries behind; Prune keeps the latest few.
type Cache struct {
	Dir    string // of all entries
	Inputs string // digest of the inputs
}

// generations is how many digests of inputs are kept.
const generations = 2

// Find returns the entry of key, or nil.
func (c Cache) Find(key string) *Build {
	dir := c.entry(key)
	text, err := os.ReadFile(filepath.Join(dir, "build.json"))
	if err != nil {
		return nil
	}
	b := &Build{}
	if json.Unmarshal(text, b) != nil || b.Key != key {
		return nil
	}
	b.Dir, b.Cached = dir, true
	b.Program = filepath.Join(dir, b.Program)
	if info, err := os.Stat(b.Program); err != nil || info.Size() != b.Size {
		return nil
	}
	if b.Replay != "" {
		if _, err := os.Stat(b.Replay); err != nil {
			return nil
		}
	}
	return b
}

// Entry makes the folder of key, empty, for the builder to fill.
func (c Cache) Entry(key string) (string, error) {
	dir := c.entry(key)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o777)
}

// Store completes the entry of b. b.Program lies in b.Dir.
func (c Cache) Store(b *Build) error {
	short := *b
	rel, err := filepath.Rel(b.Dir, b.Program)
	if err != nil {
		return err
	}
	short.Program = rel
	text, err := json.MarshalIndent(&short, "", "  ")
	if err != nil {
		return err
	}
	temp := filepath.Join(b.Dir, "build.json.part")
	if err := os.WriteFile(temp, append(text, '\n'), 0o666); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(b.Dir, "build.json"))
}

func (c Cache) entry(key string) string { return filepath.Join(c.Dir, c.Inputs, key) }

// Prune drops entries of inputs that are long gone, and returns the folders of
// recorded links that are still referred to.
func (c Cache) Prune() (replays []string, err error) {
	now := time.Now()
	if err := os.MkdirAll(filepath.Join(c.Dir, c.Inputs), 0o777); err != nil {
		return nil, err
	}
	if err := os.Chtimes(filepath.Join(c.Dir, c.Inputs), now, now); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return nil, err
	}
	age := map[string]time.Time{}
	var names []string
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() {
			names = append(names, e.Name())
			age[e.Name()] = info.ModTime()
		}
	}
	arrange.Sort(names, func(a, b string) int { return age[b].Compare(age[a]) })
	for i, name := range names {
		if i >= generations {
			if err := os.RemoveAll(filepath.Join(c.Dir, name)); err != nil {
				return nil, fmt.Errorf("dropping old results: %w", err)
			}
			continue
		}
		files, _ := filepath.Glob(filepath.Join(c.Dir, name, "*", "build.json"))
		for _, file := range files {
			b := &Build{}
			text, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) || err == nil && json.Unmarshal(text, b) != nil {
				continue
			}
			if err != nil {
				return nil, err
			}
			replays = append(replays, b.Replay)
		}
	}
	return replays, nil
}
