// Package apply writes the settings that won into the project's own files, as
// the smallest edit, and takes it back.
//
// What is hard: cargo reads settings from many places and only some of them
// count. Profiles count in the workspace root's manifest alone; a config file,
// an environment variable or --config beats them without a word. Compiler
// flags come from exactly one source, so that a new [target] table silences
// the flags in [build], and an exported RUSTFLAGS silences both. So the edit
// goes where it takes effect, and what would overrule it is named. And half of
// what makes a program small cannot be said to cargo at all: cuts, tables
// taken out of objects, section headers. That is listed with its reason, and
// `minsize build` is the way to it.
//
// An argument for the linker is only written if this project's own linker
// takes it: a program is linked with it and run first, for the edit changes
// every later build on this machine and on others.
//
// Undo is exact to the byte: the files' old bytes are kept outside the
// project, and put back only while the files are what apply left.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/toml"
)

// Request is what to write.
type Request struct {
	Project *cargo.Project
	Profile string         // the profile to change; "" for the one that is built
	Plan    technique.Plan // of minsize.toml
	// Toolchain is the plan's, which can be another than the project's own.
	Toolchain string // cargo.Toolchain.ID
	// Saves are the bytes that each change to the link saved in the search; nil
	// where that is not known.
	Saves map[string]int64
	// Links links a program as this project does, with more compiler flags,
	// and runs it. It gives the linker's kind ("lld", "bfd").
	Links func(ctx context.Context, rustflags []string) (linker string, err error)
	// Linker is minsize as cargo can call it, to be the linker of the profile's
	// builds; "" where it shall not.
	Linker string
}

// Diff is the edit as a unified diff, with the path as seen from root.
func (f *FileEdit) Diff(root string) []string {
	name := f.Path
	if rel, err := filepath.Rel(root, f.Path); err == nil {
		name = filepath.ToSlash(rel)
	}
	return Diff(name, f.Before, f.After)
}

// Edit is what would be written, and what cannot be.
type Edit struct {
	Files     []FileEdit
	Written   []Written
	Left      []Left
	Overruled []Overruled
	Notes     []string
	Linked    bool   // minsize is the linker from now on
	Apart     string // the command that builds the library as it was searched, where cargo build does not

	Refused []technique.Refused  // what the program as it is now does not bear
	Relies  []technique.Reliance // who relies on what the edit gives up
}

// LeavesSettings says whether a setting of cargo's is among what was not
// written, so that cargo builds other than the search did.
func (e *Edit) LeavesSettings() bool {
	return slices.ContainsFunc(e.Left, func(l Left) bool {
		t := technique.Find(l.Name)
		return t != nil && t.Set != nil
	})
}

// Warnings are the sentences that come before all advice.
func (e *Edit) Warnings() []string {
	var lines []string
	for _, o := range e.Overruled {
		lines = append(lines, fmt.Sprintf("%s in Cargo's files has no effect here: %s says %s", o.Key, o.By, o.Value))
	}
	for _, r := range e.Refused {
		lines = append(lines, fmt.Sprintf("left out: %s: %s", r.Technique, r.Why))
	}
	for _, r := range e.Relies {
		lines = append(lines, fmt.Sprintf("relied upon, and given up: %s: %s gives up %s", r.Says, r.Technique, r.Loses))
	}
	return lines
}

// FileEdit is one file before and after.
type FileEdit struct {
	Path   string
	Before []byte // nil where there is no file
	After  []byte
}

// Written is one setting in one file.
type Written struct {
	File, Key, Value string
	Was              string // the value before; "" for none
}

// Left is a technique that no setting of cargo can express here.
type Left struct{ Name, Why string }

// Overruled is a setting that something else beats.
type Overruled struct{ Key, By, Value string }

// writer collects the edit.
type writer struct {
	Request
	edit     Edit
	manifest *toml.Document
	config   *toml.Document
	path     string // of the config file
	before   map[string][]byte
}

// Plan works the edit out and writes nothing. The error names a file that
// cannot be read or changed.
func Plan(ctx context.Context, r Request) (*Edit, error) {
	if r.Profile == "" {
		r.Profile = r.Project.Profile.Name
	}
	w := &writer{Request: r, before: map[string][]byte{}}
	var err error
	if w.manifest, err = w.open(r.Project.Manifest); err != nil {
		return nil, err
	}
	w.path = configPath(r.Project.Root)
	if w.config, err = w.open(w.path); err != nil {
		return nil, err
	}
	if err := w.profile(); err != nil {
		return nil, err
	}
	if err := w.flags(ctx); err != nil {
		return nil, err
	}
	if err := w.linker(); err != nil {
		return nil, err
	}
	w.rest()
	for _, file := range []struct {
		path string
		now  *toml.Document
	}{{r.Project.Manifest, w.manifest}, {w.path, w.config}} {
		after := file.now.Bytes()
		if before := w.before[file.path]; string(before) != string(after) {
			if rel, err := filepath.Rel(r.Project.Root, r.Project.Dir); file.path == w.path && (err != nil || strings.HasPrefix(rel, "..")) {
				w.edit.Notes = append(w.edit.Notes, "cargo reads the config file only where it is called in "+r.Project.Root+" or below")
			}
			w.edit.Files = append(w.edit.Files, FileEdit{file.path, before, after})
		}
	}
	return &w.edit, nil
}

// configPath is the workspace's config file: the one that is there, for with
// both names there cargo reads the old one alone.
func configPath(root string) string {
	old := filepath.Join(root, ".cargo", "config")
	if info, err := os.Stat(old); err == nil && info.Mode().IsRegular() {
		return old
	}
	return old + ".toml"
}

func (w *writer) open(path string) (*toml.Document, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = nil, nil
	} else if err == nil && data == nil {
		data = []byte{}
	}
	if err != nil {
		return nil, err
	}
	w.before[path] = data
	d, err := toml.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// set writes one key and notes it.
func (w *writer) set(d *toml.Document, file string, key []string, value any) error {
	was := ""
	if old, ok := d.Get(key...); ok {
		was = fmt.Sprint(old)
	}
	before := d.Bytes()
	if err := d.Set(key, value); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if string(before) == string(d.Bytes()) {
		return nil
	}
	text, _ := toml.Format(value)
	w.edit.Written = append(w.edit.Written, Written{File: file, Key: toml.Key(key), Value: text, Was: was})
	return nil
}

func (w *writer) left(name, format string, args ...any) {
	w.edit.Left = append(w.edit.Left, Left{name, fmt.Sprintf(format, args...)})
}

// profile writes the profile's keys, and those of single packages.
func (w *writer) profile() error {
	p := w.Project
	effective, err := p.ReadProfile(w.Profile)
	var missing *cargo.NoProfileError
	switch {
	case errors.As(err, &missing):
		// A new profile of the user's choice: release with our settings.
		if err := w.set(w.manifest, p.Manifest, []string{"profile", w.Profile, "inherits"}, p.Profile.Name); err != nil {
			return err
		}
		w.edit.Notes = append(w.edit.Notes, fmt.Sprintf("profile %q is new: cargo build --profile %s", w.Profile, w.Profile))
		effective = p.Profile
	case err != nil:
		return err
	}
	keys := slices.Clone(w.Plan.Setting.Profile)
	if w.Plan.Rewrite.StripSymbols && w.Linker == "" {
		keys = append(keys, technique.KeyValue{Key: "strip", Value: `"symbols"`})
	}
	for _, kv := range keys {
		setting := effective.Settings[kv.Key]
		if !sameValue(kv.Key, setting.Value, kv.Value) || w.overruledHere(kv.Key) {
			if err := w.set(w.manifest, p.Manifest, []string{"profile", w.Profile, kv.Key}, toml.Literal(kv.Value)); err != nil {
				return err
			}
		}
		w.overrules(kv.Value, kv.Key)
	}
	for _, pkg := range w.Plan.Setting.Packages {
		for _, kv := range pkg.Profile {
			key := []string{"package", pkg.Package, kv.Key}
			if err := w.set(w.manifest, p.Manifest, append([]string{"profile", w.Profile}, key...), toml.Literal(kv.Value)); err != nil {
				return err
			}
			w.overrules(kv.Value, key...)
		}
	}
	return nil
}

// overruledHere says whether a key's value comes from outside the manifest:
// then the manifest gets it too, to hold where that outside is not.
func (w *writer) overruledHere(key string) bool {
	return len(w.Project.Overrules(w.Profile, key)) > 0
}

// overrules notes what beats a key that is written to the manifest.
func (w *writer) overrules(value string, key ...string) {
	for _, o := range w.Project.Overrules(w.Profile, key...) {
		if !sameValue(key[len(key)-1], o.Value, value) {
			w.edit.Overruled = append(w.edit.Overruled, Overruled{o.Key, o.By, fmt.Sprint(o.Value)})
			return // the strongest decides
		}
	}
}

// sameValue compares a setting with a TOML literal, with cargo's synonyms.
func sameValue(key string, value any, literal string) bool {
	return canonical(key, fmt.Sprint(value)) == canonical(key, strings.Trim(literal, `"`))
}

// canonical spells a value in one way (doc.rust-lang.org/cargo/reference/profiles.html).
func canonical(key, value string) string {
	switch key + "=" + value {
	case "lto=true":
		return "fat"
	case "strip=true":
		return "symbols"
	case "strip=false":
		return "none"
	case "debug=0", "debug=none":
		return "false"
	case "debug=2", "debug=full":
		return "true"
	}
	return value
}

// rest lists what no file of cargo's can say.
func (w *writer) rest() {
	p := w.Plan
	if w.Linker != "" {
		p.Link, p.Rewrite = technique.Link{}, technique.Rewrite{} // minsize-link does them
	}
	for _, name := range p.Link.Cuts {
		w.left("cut "+name, "functions are replaced while the link is replayed")
	}
	if p.Link.Pipeline != "" {
		w.left("codegen "+p.Link.Pipeline, "the recorded bitcode is optimised again")
	}
	if p.Rewrite.SectionHeaders {
		w.left("section headers", "cargo's strip keeps them")
	}
	if p.Rewrite.Layout {
		w.left("padding", "the finished file is rewritten")
	}
	if p.Rewrite.Optimizer != "" {
		w.left(p.Rewrite.Optimizer, "the finished file is rewritten")
	}
	if p.Rewrite.Pack != "" {
		w.left("pack", "the finished file is rewritten")
	}
	if s := p.Setting; s.NoDefaultFeatures || len(s.Features) > 0 {
		w.left("features", "they are chosen on the command line: cargo build --no-default-features --features %q", strings.Join(s.Features, ","))
	}
}
