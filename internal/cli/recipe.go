package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/toml"
)

// recipeName is the file that `shrink` writes beside the workspace's manifest
// and `build` and `apply` read.
const recipeName = "minsize.toml"

// recipe is minsize.toml: everything that makes the winner again to the byte,
// and what has to be the same for that. It is the file of one program.
type recipe struct {
	Schema  string `toml:"schema"` // recipeSchema
	Package string `toml:"package"`
	Bin     string `toml:"bin,omitempty"`
	Example string `toml:"example,omitempty"`
	Level   string `toml:"level"`
	Strict  bool   `toml:"strict,omitempty" comment:"nothing is given up that the program was seen to rely on"`

	Cargo     recipeCargo     `toml:"cargo"`
	Toolchain recipeToolchain `toml:"toolchain"`
	Build     recipeBuild     `toml:"build"`
	Link      recipeLink      `toml:"link"`
	File      recipeFile      `toml:"file"`
	Check     recipeCheck     `toml:"check"`
	Result    recipeResult    `toml:"result"`

	// Budget is the user's: check reads it, and shrink keeps it as it is
	// written when it writes the rest anew.
	Budget map[string]any `toml:"budget,omitempty"`
}

const recipeSchema = "minsize.recipe/1"

// recipeCargo is what was typed of cargo's own flags.
type recipeCargo struct {
	Target            string   `toml:"target"`
	Profile           string   `toml:"profile,omitempty"`
	Features          []string `toml:"features,omitempty"`
	AllFeatures       bool     `toml:"all-features,omitempty"`
	NoDefaultFeatures bool     `toml:"no-default-features,omitempty"`
	Lockfile          string   `toml:"lockfile,omitempty" comment:"SHA-256 of Cargo.lock"`
}

// recipeToolchain is the compiler; its std and LLVM come with it.
type recipeToolchain struct {
	Name      string `toml:"name"`
	ID        string `toml:"id" comment:"compiler, commit, LLVM and host: another one gives other bytes"`
	LLVM      string `toml:"llvm"`
	Bootstrap bool   `toml:"bootstrap,omitempty"`
}

type recipeBuild struct {
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

type recipeLink struct {
	Linker   string   `toml:"linker,omitempty"`
	Version  string   `toml:"version,omitempty" comment:"of the linker"`
	Options  []string `toml:"options,omitempty"`
	Add      []string `toml:"add,omitempty"`
	Cuts     []string `toml:"cuts,omitempty"`
	Pipeline string   `toml:"pipeline,omitempty"`
}

type recipeFile struct {
	StripSymbols   bool   `toml:"strip-symbols,omitempty"`
	SectionHeaders bool   `toml:"drop-section-headers,omitempty"`
	Layout         bool   `toml:"close-padding,omitempty"`
	Pack           string `toml:"pack,omitempty"`
}

type recipeCheck struct {
	Commands    []string `toml:"commands"`
	Ignore      []string `toml:"ignore,omitempty"`
	Files       bool     `toml:"files,omitempty"`
	Bench       string   `toml:"bench,omitempty"`
	MaxSlowdown string   `toml:"max-slowdown,omitempty"`
}

type recipeResult struct {
	Size     int64  `toml:"size" comment:"bytes"`
	SHA256   string `toml:"sha256"`
	Baseline int64  `toml:"baseline" comment:"stripped release build, bytes"`
	Cargo    int64  `toml:"cargo,omitempty" comment:"with the settings that cargo takes, and stripped; an estimate"`

	Saves map[string]int64 `toml:"saves,omitempty" comment:"bytes, by each change to the link"`
}

// makeRecipe records the winner of a search.
func makeRecipe(x *executor, f *shrinkFlags, r *ladder.Result) (*recipe, error) {
	p, plan := x.project, r.BestPlan
	t := x.toolchains[plan.Toolchain]
	sum, err := hashOf(r.BestFile)
	if err != nil {
		return nil, err
	}
	lock, err := p.LockfileHash()
	if err != nil {
		return nil, err
	}
	c := &recipe{Schema: recipeSchema, Package: p.Package.Name, Level: f.level, Strict: f.strict,
		Cargo: recipeCargo{Target: p.Triple.Name, Profile: p.Options.Profile, Features: p.Options.Features,
			AllFeatures: p.Options.AllFeatures, NoDefaultFeatures: p.Options.NoDefaultFeatures, Lockfile: lock},
		Toolchain: recipeToolchain{Name: t.Name, ID: t.ID(), LLVM: t.LLVM, Bootstrap: f.bootstrap && !t.Unstable()},
		Check:     recipeCheck{Commands: slices.Clone(f.checks), Ignore: f.checkIgnore, Files: f.checkFiles, Bench: f.bench, MaxSlowdown: f.maxSlowdown},
		Result:    recipeResult{Size: r.FinalSize, SHA256: sum, Baseline: r.BaseStrip},
	}
	c.Result.Cargo, c.Result.Saves = cargoAlone(x, r), linkSavings(r)
	for _, name := range f.insists() {
		if plan.Has(name) {
			c.Build.With = append(c.Build.With, name)
		}
	}
	if c.Check.Commands == nil {
		c.Check.Commands = []string{}
	}
	if p.Target.IsExample() {
		c.Example = p.Target.Name
	} else {
		c.Bin = p.Target.Name
	}
	if err := c.setPlan(plan); err != nil {
		return nil, err
	}
	if plan.Link.Linker != "" {
		c.Link.Version = x.linkerID(context.Background(), r.BestBuild, plan)
	}
	return c, nil
}

// cargoAlone is the size of the winner's build without what cargo cannot
// express: stripped, on its recorded link. 0 where it cannot be made.
func cargoAlone(x *executor, r *ladder.Result) int64 {
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
	return file.Size
}

// linkSavings are the bytes that each kept change to the link saved.
func linkSavings(r *ladder.Result) map[string]int64 {
	saves := map[string]int64{}
	for _, rung := range r.Rungs {
		if rung.Kept && rung.Kind == "link" && len(rung.Added) > 0 && r.BestPlan.Has(rung.Name) {
			saves[rung.Name] = -rung.Change
		}
	}
	return saves
}

// setPlan writes a plan into the recipe; plan reads it back.
func (c *recipe) setPlan(plan technique.Plan) (err error) {
	c.Build = recipeBuild{Techniques: plan.Techniques, Rustflags: plan.Setting.Rustflags, BuildStd: plan.Setting.BuildStd,
		StdFeatures: plan.Setting.StdFeatures, NoStdDefaults: plan.Setting.NoStdDefaults, Unstable: plan.Setting.Unstable,
		Target: plan.Setting.Target, With: c.Build.With}
	c.Link = recipeLink{Linker: plan.Link.Linker, Options: plan.Link.Options, Add: plan.Link.Add, Cuts: plan.Link.Cuts, Pipeline: plan.Link.Pipeline}
	c.File = recipeFile{plan.Rewrite.StripSymbols, plan.Rewrite.SectionHeaders, plan.Rewrite.Layout, plan.Rewrite.Pack}
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
		v, err := profileValue(kv)
		if err != nil {
			return nil, err
		}
		m[v.Key] = v.Value
	}
	return m, nil
}

// plan is the recipe as a plan for the toolchain with that ID. The order of
// profile keys is the alphabet's, which is why makeRecipe's plan and this one
// can have different keys in the cache; their builds have the same bytes.
func (c *recipe) plan(toolchain string) technique.Plan {
	p := technique.Plan{Toolchain: toolchain, Techniques: c.Build.Techniques}
	p.Setting = technique.Setting{Profile: profileList(c.Build.Profile), Rustflags: c.Build.Rustflags, BuildStd: c.Build.BuildStd,
		StdFeatures: c.Build.StdFeatures, NoStdDefaults: c.Build.NoStdDefaults, Unstable: c.Build.Unstable, Target: c.Build.Target}
	for _, name := range slices.Sorted(mapKeys(c.Build.Packages)) {
		p.Setting.Packages = append(p.Setting.Packages, technique.PackageSetting{Package: name, Profile: profileList(c.Build.Packages[name])})
	}
	p.Link = technique.Link{Linker: c.Link.Linker, Options: c.Link.Options, Add: c.Link.Add, Cuts: c.Link.Cuts, Pipeline: c.Link.Pipeline}
	p.Rewrite = technique.Rewrite{StripSymbols: c.File.StripSymbols, SectionHeaders: c.File.SectionHeaders, Layout: c.File.Layout, Pack: c.File.Pack}
	return p
}

func profileList(m map[string]any) []technique.KeyValue {
	var list []technique.KeyValue
	for _, key := range slices.Sorted(mapKeys(m)) {
		literal := fmt.Sprint(m[key])
		if s, ok := m[key].(string); ok {
			literal = strconv.Quote(s)
		}
		list = append(list, technique.KeyValue{Key: key, Value: literal})
	}
	return list
}

// options are cargo's flags as they were when the recipe was found; what is
// typed now goes before.
func (c *recipe) options(o cargo.Options) cargo.Options {
	if o.Package == "" {
		o.Package = c.Package
	}
	if o.Bin == "" && o.Example == "" {
		o.Bin, o.Example = c.Bin, c.Example
	}
	if o.Profile == "" {
		o.Profile = c.Cargo.Profile
	}
	if len(o.Features) == 0 && !o.AllFeatures && !o.NoDefaultFeatures {
		o.Features, o.AllFeatures, o.NoDefaultFeatures = c.Cargo.Features, c.Cargo.AllFeatures, c.Cargo.NoDefaultFeatures
	}
	return o
}

// noRecipeError says that shrink has not run here.
type noRecipeError struct {
	path   string
	budget bool // there is a file with a budget alone
}

func (e *noRecipeError) Error() string {
	if e.budget {
		return e.path + ": a budget, and no settings yet"
	}
	return e.path + ": not there"
}

// errOtherVersion: a file with this program's name that this version does not
// understand.
var errOtherVersion = errors.New("made by another version of minsize")

// recipeOf says which program is meant; what is empty may be anything.
type recipeOf struct{ pkg, program string }

func (of recipeOf) fits(c *recipe) bool {
	return (of.pkg == "" || of.pkg == c.Package) && (of.program == "" || of.program == c.Bin+c.Example)
}

// findRecipe reads a program's recipe of the workspace at root, and says where
// it lies: minsize.toml is that of the first program, further ones have
// minsize-NAME.toml. Where none fits it is minsize.toml, of whatever it is; the
// caller looks. Errors: *noRecipeError, or the file with line and column of
// what is wrong.
func findRecipe(root string, of recipeOf) (c *recipe, path string, err error) {
	further, err := filepath.Glob(filepath.Join(escapeGlob(root), "minsize-*.toml"))
	if err != nil {
		return nil, "", err
	}
	first := filepath.Join(root, recipeName)
	for _, path := range append([]string{first}, further...) {
		c, err := readRecipe(path)
		if err == nil && of.fits(c) {
			return c, path, nil
		}
	}
	c, err = readRecipe(first)
	return c, first, err
}

// escapeGlob makes a folder's name a pattern of itself.
func escapeGlob(dir string) string {
	if filepath.Separator == '\\' {
		return dir // no escapes there, and no such names
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// readRecipe reads one file.
func readRecipe(path string) (*recipe, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &noRecipeError{path: path}
	}
	if err != nil {
		return nil, err
	}
	return parseRecipe(path, data)
}

// parseRecipe reads the bytes of one file.
func parseRecipe(path string, data []byte) (*recipe, error) {
	c := &recipe{}
	head, err := toml.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, made := head["schema"]; !made && head["budget"] != nil && len(head) == 1 {
		return nil, &noRecipeError{path: path, budget: true} // written before the first search
	}
	if schema, _ := head["schema"].(string); schema != recipeSchema {
		return nil, fmt.Errorf("%s: schema %q, expected %q: %w", path, schema, recipeSchema, errOtherVersion)
	}
	if err := toml.DecodeInto(data, c); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// write writes the program's minsize.toml, whole or not at all; another
// program's is left alone.
func (c *recipe) write(ctx context.Context, root string) (string, error) {
	body, err := toml.Encode(c)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	text.WriteString("# Written by `minsize shrink`. `minsize build` makes the same program again, to the byte;\n" +
		"# `minsize apply` writes what cargo can express into the manifest. Checks may be edited.\n\n")
	text.Write(body)
	of := recipeOf{c.Package, c.Bin + c.Example}
	old, path, err := findRecipe(root, of)
	if err == nil && !of.fits(old) {
		path = filepath.Join(root, "minsize-"+of.program+".toml")
		if taken, err := readRecipe(path); err == nil && !of.fits(taken) { // two packages, one name
			path = filepath.Join(root, "minsize-"+of.pkg+"-"+of.program+".toml")
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

// isFor says whether the recipe is of the project's chosen program.
func (c *recipe) isFor(p *cargo.Project) bool {
	return c.Package == p.Package.Name && (c.Bin == p.Target.Name || c.Example == p.Target.Name)
}

// adopt takes the checks and the bench of an earlier run where none were
// typed, so that edits of minsize.toml count. It says what it took.
func (c *recipe) adopt(f *shrinkFlags) string {
	if len(f.checks) > 0 || f.bench != "" || len(c.Check.Commands) == 0 && c.Check.Bench == "" {
		return ""
	}
	f.checks, f.bench = c.Check.Commands, c.Check.Bench
	if len(f.checkIgnore) == 0 {
		f.checkIgnore = c.Check.Ignore
	}
	f.checkFiles = (f.checkFiles || c.Check.Files) && len(f.checks) > 0
	if f.maxSlowdown == "" {
		f.maxSlowdown = c.Check.MaxSlowdown
	}
	said := slices.Clone(f.checks)
	if f.bench != "" {
		said = append(said, "bench "+f.bench)
	}
	return fmt.Sprintf("checks of %s: %s", recipeName, strings.Join(said, "; "))
}

// drift lists what is not as it was when the recipe was found; nothing where
// the build will give the same bytes.
func (c *recipe) drift(p *cargo.Project, t *cargo.Toolchain) ([]string, error) {
	var lines []string
	differs := func(what, was, is string) {
		if was != is {
			lines = append(lines, fmt.Sprintf("%s: %s then, %s now", what, orNone(was), orNone(is)))
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

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	if len(s) == 64 && !strings.ContainsAny(s, " ./") {
		return s[:12]
	}
	return s
}
