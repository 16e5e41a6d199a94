package recipe

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/minsize/minsize/internal/toml"
)

// Wishes are what a user says before the first search, in a minsize.toml that
// has no schema yet or in the manifest's [package.metadata.minsize]: the
// recipe's tables of those names.
type Wishes struct {
	Level     string         `toml:"level"`
	Strict    bool           `toml:"strict"`
	Glibc     string         `toml:"glibc"`
	Target    string         `toml:"target"`
	Objective string         `toml:"objective"`
	Check     Check          `toml:"check"`
	Budget    map[string]any `toml:"budget"` // package budget's

	From string `toml:"-"` // the file that they stand in
}

// Wishes are what the next search takes from the recipe in that file.
func (c *Recipe) Wishes(path string) *Wishes {
	return &Wishes{Level: c.Level, Strict: c.Strict, Glibc: c.Glibc, Target: c.Target, Objective: c.Objective, Check: c.Check, From: path}
}

// ManifestTable is where a manifest has wishes.
var ManifestTable = []string{"package", "metadata", "minsize"}

// readWishes reads a table of them; a key that is none is an error.
func readWishes(table map[string]any, from string) (*Wishes, error) {
	w := &Wishes{From: from}
	text, err := toml.Encode(table)
	if err == nil {
		err = toml.DecodeInto(text, w)
	}
	return w, err
}

// onlyWishes says whether the file was written before the first search.
func onlyWishes(table map[string]any) bool {
	known := []string{"level", "strict", "glibc", "target", "objective", "check", "budget"}
	return len(table) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(table)), func(key string) bool { return !slices.Contains(known, key) })
}

// WishesOf are those of a manifest; nil for none.
func WishesOf(manifest string) (*Wishes, error) {
	data, err := os.ReadFile(manifest)
	if err != nil {
		return nil, err
	}
	table, err := toml.Decode(data)
	if err != nil {
		return nil, nil // cargo says it better
	}
	for _, key := range ManifestTable {
		table, _ = table[key].(map[string]any)
	}
	if table == nil {
		return nil, nil
	}
	w, err := readWishes(table, manifest)
	if err != nil {
		return nil, &FileError{manifest, fmt.Errorf("%s: %w", toml.Key(ManifestTable), err)}
	}
	return w, nil
}
