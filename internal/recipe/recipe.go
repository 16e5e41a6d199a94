// Package recipe is minsize.toml: the settings that shrink found, and the
// program that they are for.
//
// What is hard: the same sources have to give the same bytes later and
// elsewhere. So a recipe is a whole plan (package technique) as text, and the
// conditions that the plan was found under, which Drift compares with those of
// today. Users edit the file, too: its checks may change and its [budget] is
// theirs, so it is read strictly, with file and line of a slip, and what is
// theirs is kept as it is written. The limits of [budget] are package budget's.
package recipe

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/toml"
)

// Name is the file that `shrink` writes beside the workspace's manifest
// and `build` and `apply` read.
const Name = "minsize.toml"

// Recipe is minsize.toml: everything that makes the winner again to the byte,
// and what has to be the same for that. It is the file of one program.
type Recipe struct {
	Schema    string `toml:"schema"` // the constant
	Package   string `toml:"package"`
	Bin       string `toml:"bin,omitempty"`
	Example   string `toml:"example,omitempty"`
	Lib       string `toml:"lib,omitempty"`
	Crate     string `toml:"crate-type,omitempty" comment:"what is made of the library"`
	Level     string `toml:"level"`
	Objective string `toml:"objective,omitempty" comment:"the size that is made small, instead of the file's own"`
	Strict    bool   `toml:"strict,omitempty" comment:"nothing is given up that the program was seen to rely on"`
	Glibc     string `toml:"glibc,omitempty" comment:"the oldest that it has to run on"`
	Target    string `toml:"target,omitempty" comment:"where it has to run, if not here"`

	Cargo     Cargo     `toml:"cargo"`
	Toolchain Toolchain `toml:"toolchain"`
	Build     Build     `toml:"build"`
	Link      Link      `toml:"link"`
	File      File      `toml:"file"`
	Check     Check     `toml:"check"`
	Result    Result    `toml:"result"`

	// Budget is the user's: check reads it, and shrink keeps it as it is
	// written when it writes the rest anew.
	Budget map[string]any `toml:"budget,omitempty"`
}

// Schema is the version of the format.
const Schema = "minsize.recipe/1"

// Cargo is what was typed of cargo's own flags.
type Cargo struct {
	Target            string   `toml:"target"`
	Profile           string   `toml:"profile,omitempty"`
	Features          []string `toml:"features,omitempty"`
	AllFeatures       bool     `toml:"all-features,omitempty"`
	NoDefaultFeatures bool     `toml:"no-default-features,omitempty"`
	Lockfile          string   `toml:"lockfile,omitempty" comment:"SHA-256 of Cargo.lock"`
}

// Toolchain is the compiler; its std and LLVM come with it.
type Toolchain struct {
	Name      string `toml:"name"`
	ID        string `toml:"id" comment:"compiler, commit, LLVM and host: another one gives other bytes"`
	LLVM      string `toml:"llvm"`
	Bootstrap bool   `toml:"bootstrap,omitempty"`
}

// Build is what cargo and the compiler are told.
type Build struct {
	Techniques    []string                  `toml:"techniques"`
	With          []string                  `toml:"with,omitempty" comment:"asked for by name: nothing in the program speaks against them"`
	Profile       map[string]any            `toml:"profile,omitempty"`
	Packages      map[string]map[string]any `toml:"packages,omitempty"`
	Rustflags     []string                  `toml:"rustflags,omitempty"`
	BuildStd      []string                  `toml:"build-std,omitempty"`
	StdFeatures   []string                  `toml:"std-features,omitempty"`
	NoStdDefaults bool                      `toml:"no-std-defaults,omitempty"`
	Unstable      []string                  `toml:"unstable,omitempty"`
	Target        string                    `toml:"target,omitempty"`
}

// Link are the changes to the recorded link.
type Link struct {
	Linker   string   `toml:"linker,omitempty"`
	Version  string   `toml:"version,omitempty" comment:"of the linker"`
	Options  []string `toml:"options,omitempty"`
	Add      []string `toml:"add,omitempty"`
	Cuts     []string `toml:"cuts,omitempty"`
	Pipeline string   `toml:"pipeline,omitempty"`
	Codegen  string   `toml:"codegen,omitempty" comment:"LLVM of opt and llc"`
	Inlining []string `toml:"inlining,multiline,omitempty" comment:"by the hash of a function's body: calls that are inlined (+) or not (-)"`
}

// File are the rewrites of the finished file.
type File struct {
	StripSymbols   bool   `toml:"strip-symbols,omitempty"`
	SectionHeaders bool   `toml:"drop-section-headers,omitempty"`
	Layout         bool   `toml:"close-padding,omitempty"`
	Optimizer      string `toml:"optimizer,omitempty"`
	Pack           string `toml:"pack,omitempty"`
}

// Check is what has to do the same, and what is measured.
type Check struct {
	Commands    []string `toml:"commands"`
	Ignore      []string `toml:"ignore,omitempty"`
	Files       bool     `toml:"files,omitempty"`
	Stage       string   `toml:"stage,omitempty" comment:"where the host finds the library while checks run"`
	Bench       string   `toml:"bench,omitempty"`
	MaxSlowdown string   `toml:"max-slowdown,omitempty"`
}

// Result is what the search found.
type Result struct {
	Size     int64  `toml:"size" comment:"bytes"`
	SHA256   string `toml:"sha256"`
	Baseline int64  `toml:"baseline" comment:"stripped release build, bytes"`
	Cargo    int64  `toml:"cargo,omitempty" comment:"with the settings that cargo takes, and stripped; an estimate"`

	Saves map[string]int64 `toml:"saves,omitempty" comment:"bytes, by each change to the link"`
}

// New is the recipe of a project's program, built by plan with t. Checks and
// result are the caller's to add.
func New(p *cargo.Project, t *cargo.Toolchain, plan technique.Plan) (*Recipe, error) {
	lock, err := p.LockfileHash()
	if err != nil {
		return nil, err
	}
	c := &Recipe{Schema: Schema, Package: p.Package.Name,
		Cargo: Cargo{Target: p.Triple.Name, Profile: p.Options.Profile, Features: p.Options.Features,
			AllFeatures: p.Options.AllFeatures, NoDefaultFeatures: p.Options.NoDefaultFeatures, Lockfile: lock},
		Toolchain: Toolchain{Name: t.Name, ID: t.ID(), LLVM: t.LLVM},
		Check:     Check{Commands: []string{}},
	}
	of := Of(p)
	c.Crate = of.Crate
	switch of.Kind {
	case "example":
		c.Example = of.Name
	case "lib":
		c.Lib = of.Name
	default:
		c.Bin = of.Name
	}
	return c, c.SetPlan(plan)
}

// SetPlan writes a plan into the recipe; Plan reads it back.
func (c *Recipe) SetPlan(plan technique.Plan) (err error) {
	c.Build = Build{Techniques: plan.Techniques, Rustflags: plan.Setting.Rustflags, BuildStd: plan.Setting.BuildStd,
		StdFeatures: plan.Setting.StdFeatures, NoStdDefaults: plan.Setting.NoStdDefaults, Unstable: plan.Setting.Unstable,
		Target: plan.Setting.Target, With: c.Build.With}
	c.Link = Link{Linker: plan.Link.Linker, Options: plan.Link.Options, Add: plan.Link.Add, Cuts: plan.Link.Cuts, Pipeline: plan.Link.Pipeline, Inlining: plan.Link.Inlining}
	c.File = File{plan.Rewrite.StripSymbols, plan.Rewrite.SectionHeaders, plan.Rewrite.Layout, plan.Rewrite.Optimizer, plan.Rewrite.Pack}
	if c.Build.Profile, err = profileMap(plan.Setting.Profile); err != nil {
		return err
	}
	for _, pkg := range plan.Setting.Packages {
		if c.Build.Packages == nil {
			c.Build.Packages = map[string]map[string]any{}
		}
		if c.Build.Packages[pkg.Package], err = profileMap(pkg.Profile); err != nil {
			return err
		}
	}
	return nil
}

func profileMap(list []technique.KeyValue) (map[string]any, error) {
	m := map[string]any{}
	for _, kv := range list {
		v, err := kv.Decoded()
		if err != nil {
			return nil, err
		}
		m[kv.Key] = v
	}
	return m, nil
}

// Plan is the recipe as a plan for the toolchain with that ID. The order of
// profile keys is the alphabet's, which is why the plan that SetPlan got and
// this one can have different keys in the cache; their builds have the same
// bytes.
func (c *Recipe) Plan(toolchain string) technique.Plan {
	p := technique.Plan{Toolchain: toolchain, Techniques: c.Build.Techniques}
	p.Setting = technique.Setting{Profile: profileList(c.Build.Profile), Rustflags: c.Build.Rustflags, BuildStd: c.Build.BuildStd,
		StdFeatures: c.Build.StdFeatures, NoStdDefaults: c.Build.NoStdDefaults, Unstable: c.Build.Unstable, Target: c.Build.Target}
	for _, name := range slices.Sorted(maps.Keys(c.Build.Packages)) {
		p.Setting.Packages = append(p.Setting.Packages, technique.PackageSetting{Package: name, Profile: profileList(c.Build.Packages[name])})
	}
	p.Link = technique.Link{Linker: c.Link.Linker, Options: c.Link.Options, Add: c.Link.Add, Cuts: c.Link.Cuts, Pipeline: c.Link.Pipeline, Inlining: c.Link.Inlining}
	p.Rewrite = technique.Rewrite{StripSymbols: c.File.StripSymbols, SectionHeaders: c.File.SectionHeaders, Layout: c.File.Layout, Optimizer: c.File.Optimizer, Pack: c.File.Pack}
	return p
}

func profileList(m map[string]any) []technique.KeyValue {
	var list []technique.KeyValue
	for _, key := range slices.Sorted(maps.Keys(m)) {
		literal := fmt.Sprint(m[key])
		if s, ok := m[key].(string); ok {
			literal = strconv.Quote(s)
		}
		list = append(list, technique.KeyValue{Key: key, Value: literal})
	}
	return list
}

// Options are cargo's flags as they were when the recipe was found; what is
// typed now goes before.
func (c *Recipe) Options(o cargo.Options) cargo.Options {
	if o.Package == "" {
		o.Package = c.Package
	}
	if o.Bin == "" && o.Example == "" && !o.Lib && o.CrateType == "" {
		o.Bin, o.Example, o.Lib, o.CrateType = c.Bin, c.Example, c.Lib != "", c.Crate
	}
	if o.Profile == "" {
		o.Profile = c.Cargo.Profile
	}
	if len(o.Features) == 0 && !o.AllFeatures && !o.NoDefaultFeatures {
		o.Features, o.AllFeatures, o.NoDefaultFeatures = c.Cargo.Features, c.Cargo.AllFeatures, c.Cargo.NoDefaultFeatures
	}
	return o
}

// FileError is a file that is there and cannot be used.
type FileError struct {
	Path string
	Err  error // with line and column, where it has some
}

func (e *FileError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// MissingError says that shrink has not run here.
type MissingError struct {
	path   string
	Wishes *Wishes // of a file that is there and has no settings yet; nil for none
}

func (e *MissingError) Error() string {
	switch {
	case e.Wishes == nil:
		return e.path + ": not there"
	case e.Wishes.Budget != nil:
		return e.path + ": a budget, and no settings yet"
	}
	return e.path + ": no settings yet"
}

// ErrOtherVersion: a file with this program's name that this version does not
// understand.
var ErrOtherVersion = errors.New("made by another version of minsize")

// Program says which program or library is meant; what is empty may be
// anything.
type Program struct {
	Package string
	Kind    string // of cargo's target: bin, example, lib
	Name    string
	Crate   string // of a library: its crate type. Then the name may be the crate's
}

// Of is the project's chosen one.
func Of(p *cargo.Project) Program {
	of := Program{Package: p.Package.Name, Kind: "lib", Name: p.Target.Name}
	switch {
	case p.Target.IsExample():
		of.Kind = "example"
	case p.Kind.Starts():
		of.Kind = "bin"
	}
	if !p.Kind.Starts() {
		of.Crate = p.Kind.CrateType()
	}
	return of
}

// asked is what cargo's flags name.
func asked(o cargo.Options) Program {
	of := Program{Package: o.Package, Name: o.Bin + o.Example, Crate: o.CrateType}
	switch {
	case o.Bin != "":
		of.Kind = "bin"
	case o.Example != "":
		of.Kind = "example"
	case o.Lib:
		of.Kind = "lib"
	}
	return of
}

// Of is what the recipe is for.
func (c *Recipe) Of() Program {
	of := Program{c.Package, "bin", c.Bin + c.Example + c.Lib, c.Crate}
	switch {
	case c.Example != "":
		of.Kind = "example"
	case c.Lib != "":
		of.Kind = "lib"
	}
	return of
}

// Fits says whether a recipe is that program's.
func (p Program) Fits(c *Recipe) bool {
	of := c.Of()
	return (p.Package == "" || p.Package == of.Package) && (p.Kind == "" || p.Kind == of.Kind) &&
		(p.Name == "" || p.Name == of.Name || p.Crate != "" && p.Name == strings.ReplaceAll(of.Name, "-", "_")) &&
		(p.Crate == "" || p.Crate == of.Crate)
}

// Find reads a program's recipe of the workspace at root, and says where
// it lies: minsize.toml is that of the first program, further ones have
// minsize-NAME.toml. Where none fits it is minsize.toml, of whatever it is; the
// caller looks. Errors: *MissingError, *FileError.
func Find(root string, of Program) (c *Recipe, path string, err error) {
	first := filepath.Join(root, Name)
	paths := []string{first}
	entries, _ := os.ReadDir(root) // a folder that is not there has no recipe
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "minsize-") && filepath.Ext(e.Name()) == ".toml" {
			paths = append(paths, filepath.Join(root, e.Name()))
		}
	}
	for _, at := range paths {
		found, err := Read(at)
		if err != nil || !of.Fits(found) || c != nil && found.Example != "" {
			continue
		}
		if c, path = found, at; c.Example == "" || at == first { // a further example is meant where nothing else is
			break
		}
	}
	if c != nil {
		return c, path, nil
	}
	c, err = Read(first)
	return c, first, err
}

// Read reads one file.
func Read(path string) (*Recipe, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &MissingError{path: path}
	}
	if err != nil {
		return nil, &FileError{path, reason(err)}
	}
	return Parse(path, data)
}

// reason is an error of the system without the path, which FileError says.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Parse reads the bytes of one file.
func Parse(path string, data []byte) (*Recipe, error) {
	c := &Recipe{}
	head, err := toml.Decode(data)
	if err != nil {
		return nil, &FileError{path, err}
	}
	if onlyWishes(head) {
		wishes, err := readWishes(head, path)
		if err != nil {
			return nil, &FileError{path, err}
		}
		return nil, &MissingError{path: path, Wishes: wishes}
	}
	if schema, _ := head["schema"].(string); schema != Schema {
		return nil, &FileError{path, fmt.Errorf("schema %q, expected %q: %w", schema, Schema, ErrOtherVersion)}
	}
	if err := toml.DecodeInto(data, c); err != nil {
		return nil, &FileError{path, err}
	}
	return c, nil
}

// Write writes the program's minsize.toml, whole or not at all; another
// program's is left alone.
func (c *Recipe) Write(ctx context.Context, root string) (string, error) {
	body, err := toml.Encode(c)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	text.WriteString("# Written by `minsize shrink`. `minsize build` makes the same program again, to the byte;\n" +
		"# `minsize apply` writes what cargo can express into the manifest. Checks may be edited.\n\n")
	text.Write(body)
	of := c.Of()
	old, path, err := Find(root, of)
	if err == nil && !of.Fits(old) {
		path = filepath.Join(root, "minsize-"+of.Name+".toml")
		if taken, err := Read(path); err == nil && !of.Fits(taken) { // two packages, one name
			path = filepath.Join(root, "minsize-"+of.Package+"-"+of.Name+".toml")
			if taken.Package == of.Package { // a library, beside a program of its name
				path = filepath.Join(root, "minsize-"+of.Name+"-"+cmp.Or(of.Crate, of.Kind)+".toml")
			}
		}
	}
	budget, err := keptBudget(path)
	if err != nil {
		return "", err
	}
	if len(budget) > 0 {
		text.WriteString("\n")
		text.Write(budget)
		text.WriteString("\n")
	}
	_, err = byteio.WriteFile(ctx, path, byteio.Content{{Data: text.Bytes()}}, byteio.WriteOptions{})
	return path, err
}

// keptBudget is the table [budget] of the file at path, as it is written there
// with its comments; nothing where there is none.
func keptBudget(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d, err := toml.Parse(data)
	if err != nil {
		return nil, nil // shrink replaces what it cannot read only where it said so before
	}
	table, ok := d.Get("budget")
	if !ok {
		return nil, nil
	}
	if text := d.Section("budget"); len(text) > 0 {
		return text, nil
	}
	return toml.Encode(map[string]any{"budget": table}) // an inline table, which cannot follow the others
}

// IsFor says whether the recipe is of the project's chosen program.
func (c *Recipe) IsFor(p *cargo.Project) bool {
	return c.Of() == Of(p)
}

// Compiler is the recipe's own compiler, else the one that goes by its
// name, else the project's: what differs is for Drift to say.
func (c *Recipe) Compiler(all []*cargo.Toolchain) *cargo.Toolchain {
	for _, t := range all {
		if t.ID() == c.Toolchain.ID {
			return t
		}
	}
	for _, t := range all {
		if t.Name == c.Toolchain.Name {
			return t
		}
	}
	return all[0]
}

// Drift lists what is not as it was when the recipe was found; nothing where
// the build will give the same bytes.
func (c *Recipe) Drift(p *cargo.Project, t *cargo.Toolchain) ([]string, error) {
	var lines []string
	differs := func(what, was, is string) {
		if was != is {
			lines = append(lines, Differs(what, was, is))
		}
	}
	lock, err := p.LockfileHash()
	if err != nil {
		return nil, err
	}
	differs("Cargo.lock (SHA-256)", c.Cargo.Lockfile, lock)
	differs("compiler", c.Toolchain.ID, t.ID())
	differs("target", c.Cargo.Target, p.Triple.Name)
	return lines, nil
}

// Differs is the sentence about a condition that is another one now.
func Differs(what, was, is string) string {
	return fmt.Sprintf("%s: %s then, %s now", what, orNone(was), orNone(is))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	if len(s) == 64 && !strings.ContainsAny(s, " ./") {
		return s[:12]
	}
	return s
}
