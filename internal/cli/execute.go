package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
)

// executor turns a plan into a finished file: one full build through the
// recorder (or a cached one), a replay of its final link with the plan's
// changes, then the rewrites of the finished file. `shrink` searches with it,
// `build` uses it once; so both give the same bytes.
//
// Where things lie, all below the project's target/minsize:
//
//	build/         cargo's target dir, of all programs; variants coexist in it
//	links/NAME/    recorded links of a program of the workspace
//	cache/NAME/    its full builds by inputs and settings, see ladder.Cache
//	tmp-NAME~*/    finished files of one run; gone when it ends
type executor struct {
	project    *cargo.Project
	toolchains map[string]*cargo.Toolchain // by ID
	self       string                      // our own program, which cargo calls to link
	cache      ladder.Cache
	links      string
	scratch    string
	bootstrap  bool   // RUSTC_BOOTSTRAP=1 was allowed
	buildDir   string // cargo's target dir; "" for the project's own below target/minsize
	log        io.Writer
	progress   func(cargo.Progress)
	saveTemps  bool         // builds with fat LTO keep their bitcode, for codegen replay
	proof      *returnProof // of cuts that return at once; nil where they were proved before

	codegenBudget time.Duration // what is left for codegen replay
	llvm          map[string]relink.LLVM
	works         map[string][]relink.Linker // linkers that link a recording, by its folder
}

// newExecutor prepares the folders and finds what the builds depend on. The
// caller holds the project's lock and calls close.
func newExecutor(ctx context.Context, p *cargo.Project, toolchains []*cargo.Toolchain) (*executor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	x := &executor{project: p, toolchains: map[string]*cargo.Toolchain{}, self: self, works: map[string][]relink.Linker{}}
	for _, t := range toolchains {
		if x.toolchains[t.ID()] == nil {
			x.toolchains[t.ID()] = t
		}
	}
	dir := p.OutputDir()
	// What is marked as a cache is left out of backups and of SourcesHash.
	marker := filepath.Join(dir, "CACHEDIR.TAG")
	if _, err := os.Stat(marker); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(marker, []byte("Signature: 8a477f597d28d172789f06886806bc55\n"), 0o666); err != nil {
			return nil, err
		}
	}
	inputs, err := inputsDigest(ctx, p)
	if err != nil {
		return nil, err
	}
	x.cache = ladder.Cache{Dir: filepath.Join(dir, "cache", p.Artefact()), Inputs: inputs}
	x.links = filepath.Join(dir, "links", p.Artefact())
	for _, folder := range []string{x.cache.Dir, filepath.Join(x.links, "plain"), filepath.Join(x.links, "bitcode")} {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return nil, err
		}
	}
	if err := x.prune(); err != nil {
		return nil, err
	}
	scratch := "tmp-" + p.Artefact() + "~"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries { // of a run that was killed; we hold the lock
		if strings.HasPrefix(e.Name(), scratch) {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	if x.scratch, err = os.MkdirTemp(dir, scratch); err != nil {
		return nil, err
	}
	return x, nil
}

func (x *executor) close() { os.RemoveAll(x.scratch) }

// prune drops cached builds of old inputs and the recorded links that nothing
// refers to any more.
func (x *executor) prune() error {
	used, err := x.cache.Prune()
	if err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(x.links, "*", "*"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if !slices.Contains(used, path) {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// linksOf is the folder for the recorded link of p's build. A build that keeps
// its bitcode gives the same program as one that does not, by which recordings
// are found, so the two are kept apart.
func (x *executor) linksOf(p technique.Plan) string {
	if x.saveTemps && hasFatLTO(p) {
		return filepath.Join(x.links, "bitcode")
	}
	return filepath.Join(x.links, "plain")
}

// inputsDigest is a digest of all that a build depends on beside the plan.
func inputsDigest(ctx context.Context, p *cargo.Project) (string, error) {
	sources, err := p.SourcesHash(ctx)
	if err != nil {
		return "", err
	}
	lock, err := p.LockfileHash()
	if err != nil {
		return "", err
	}
	o := p.Options
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s %s %v\n%q %v %v %q %q %q\n", sources, lock, p.Package.ID, p.Target.Name, p.Target.IsExample(),
		o.Features, o.AllFeatures, o.NoDefaultFeatures, p.Profile.Name, o.Config, o.Unstable)
	fmt.Fprintf(h, "%s %v %q\n", p.Triple.Name, p.Rustflags.Flags, p.Linker.Value)
	for _, key := range slices.Sorted(maps.Keys(p.Profile.Settings)) {
		fmt.Fprintf(h, "%s=%s\n", key, p.Profile.Settings[key])
	}
	environ := os.Environ()
	slices.Sort(environ)
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if buildVariable(name) {
			fmt.Fprintf(h, "%q\n", kv)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// buildVariable says whether an environment variable changes what cargo, rustc
// or the C compilers of build scripts do.
func buildVariable(name string) bool {
	for _, prefix := range []string{"CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_TARGET_", "CARGO_ENCODED_", "RUSTFLAGS", "RUSTC", "CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "AR", "PKG_CONFIG"} {
		if name == prefix || strings.HasPrefix(name, prefix) && (strings.HasSuffix(prefix, "_") || strings.HasPrefix(name, prefix+"_")) {
			return name != "CARGO_TARGET_DIR" && name != "CARGO_BUILD_JOBS"
		}
	}
	return false
}

// replayable says whether the program's link can be recorded and replayed.
func (x *executor) replayable() bool {
	return x.project.Triple.Format == target.ELF
}

// request is plan p for cargo.
func (x *executor) request(p technique.Plan) (cargo.Request, error) {
	t := x.toolchains[p.Toolchain]
	if t == nil {
		return cargo.Request{}, fmt.Errorf("the toolchain %q is not here", p.Toolchain)
	}
	r := cargo.Request{Toolchain: t, Rustflags: p.Setting.Rustflags, Target: targetOf(x.project.Triple, p.Setting.Target), Unstable: p.Setting.Unstable,
		TargetDir: x.buildDir, Progress: x.progress, Log: x.log}
	set := func(key string, kv technique.KeyValue) error {
		value, err := kv.Decoded()
		r.Profile = append(r.Profile, cargo.KeyValue{Key: key, Value: value})
		return err
	}
	for _, kv := range p.Setting.Profile {
		if err := set(kv.Key, kv); err != nil {
			return r, err
		}
	}
	for _, pkg := range p.Setting.Packages {
		for _, kv := range pkg.Profile {
			if err := set(fmt.Sprintf("package.%q.%s", pkg.Package, kv.Key), kv); err != nil {
				return r, err
			}
		}
	}
	if len(p.Setting.BuildStd) > 0 {
		r.BuildStd, r.BuildStdFeatures = p.Setting.BuildStd, slices.Clone(p.Setting.StdFeatures)
		if r.BuildStdFeatures == nil {
			r.BuildStdFeatures = []string{}
		}
	}
	needsUnstable := len(r.BuildStd) > 0 || len(r.Unstable) > 0 ||
		slices.ContainsFunc(r.Rustflags, func(f string) bool { return strings.HasPrefix(f, "-Z") })
	r.Bootstrap = needsUnstable && !t.Unstable()
	if r.Bootstrap && !x.bootstrap {
		return r, fmt.Errorf("%s takes no -Z flags without --bootstrap", t.Title())
	}
	if x.saveTemps && hasFatLTO(p) {
		r.Rustflags = append(slices.Clone(r.Rustflags), "-Csave-temps")
	}
	return r, nil
}

// targetOf is the triple that a plan builds for: "musl" stands for the musl
// twin of the project's own.
func targetOf(t target.Triple, asked string) string {
	if asked == "musl" {
		if twin, can := t.Musl(); can {
			return twin.Name
		}
		return t.Name
	}
	return cmp.Or(asked, t.Name)
}

func hasFatLTO(p technique.Plan) bool {
	v, ok := p.Setting.Key("lto")
	return ok && (v == `"fat"` || v == "true")
}

// Build implements ladder.Builder.
func (x *executor) Build(ctx context.Context, p technique.Plan) (*ladder.Build, error) {
	b, err := x.built(ctx, p)
	if err != nil || b.Replay == "" {
		return b, err
	}
	recording, err := relink.Open(b.Replay)
	if err != nil {
		return nil, err
	}
	// Not kept with the build: what is looked for may be more tomorrow.
	if b.Evidence, err = recording.Evidence(); err != nil {
		return nil, fmt.Errorf("what the link tells of the program: %w", err)
	}
	return b, nil
}

// built does the full build of a plan, or finds it in the cache.
func (x *executor) built(ctx context.Context, p technique.Plan) (*ladder.Build, error) {
	key := p.BuildKey()
	if x.saveTemps && hasFatLTO(p) {
		key += "-bitcode"
	}
	cached := x.cache.Find(key)
	if cached != nil && !recorded(cached) {
		cached = nil
	}
	request, err := x.request(p)
	if err != nil {
		return nil, err
	}
	if x.replayable() {
		driver, _ := x.project.Linker.Value.(string)
		rec := relink.Recorder{Dir: x.linksOf(p), Bin: x.project.Target.Name, Package: x.project.Package.Name, Linker: driver}
		request.Linker, request.Env = x.self, rec.Env()
	}
	// cargo has the last word on whether a build is still good: it knows what
	// build scripts read, and answers in a moment where nothing changed.
	result, err := cargo.Build(ctx, x.project, request)
	if err != nil {
		return nil, err
	}
	if cached != nil && result.Compiled == 0 {
		return cached, nil
	}
	dir, err := x.cache.Entry(key)
	if err != nil {
		return nil, err
	}
	b := &ladder.Build{Key: key, Dir: dir, CPU: result.CPU, Wall: result.Wall}
	if x.replayable() {
		if err := x.findRecording(ctx, request, x.linksOf(p), &result, b); err != nil {
			return nil, err
		}
	} else {
		b.NoReplay = "links for " + x.project.Triple.Name + " are not replayed"
	}
	b.Program = filepath.Join(dir, filepath.Base(result.Executable))
	os.Remove(b.Program)
	if err := byteio.CopyFile(result.Executable, b.Program, 0o777); err != nil {
		return nil, err
	}
	info, err := os.Stat(b.Program)
	if err != nil {
		return nil, err
	}
	b.Size = info.Size()
	return b, x.cache.Store(b)
}

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
func (x *executor) findRecording(ctx context.Context, request cargo.Request, links string, result *cargo.Result, b *ladder.Build) error {
	recording, err := relink.Find(links, result.Executable)
	if errors.Is(err, relink.ErrNoRecording) && result.Compiled == 0 {
		if err := removeLinked(result.Executable); err != nil {
			return err
		}
		again, buildErr := cargo.Build(ctx, x.project, request)
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
	for _, l := range x.linkers(ctx, recording) {
		if !slices.Contains(b.Linkers, string(l.Kind)) {
			b.Linkers = append(b.Linkers, string(l.Kind))
		}
	}
	return ctx.Err()
}

// linkers are those that link this recording, probed once a run.
func (x *executor) linkers(ctx context.Context, r *relink.Recording) []relink.Linker {
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
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(program), "deps", "*"))
	for _, file := range files {
		if other, err := os.Stat(file); err == nil && os.SameFile(info, other) {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return os.Remove(program)
}

// Finish implements ladder.Builder.
func (x *executor) Finish(ctx context.Context, b *ladder.Build, p technique.Plan) (*ladder.File, error) {
	began := time.Now()
	dir := filepath.Join(x.scratch, p.Key())
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	file := &ladder.File{Path: filepath.Join(dir, filepath.Base(b.Program))}
	linked := b.Program
	if !p.Link.Zero() {
		linked = filepath.Join(dir, "linked", filepath.Base(b.Program))
		if err := os.MkdirAll(filepath.Dir(linked), 0o777); err != nil {
			return nil, err
		}
		defer os.RemoveAll(filepath.Dir(linked))
		notes, err := x.replay(ctx, b, p, linked, false)
		if err != nil {
			return nil, err
		}
		file.Notes = notes
	}
	if err := x.rewrite(ctx, linked, p.Rewrite, file); err != nil {
		return nil, err
	}
	file.Wall = time.Since(began)
	return file, nil
}

// replay links b again as p says; with symbols the names of all functions and
// data stay, whatever the project's profile says.
func (x *executor) replay(ctx context.Context, b *ladder.Build, p technique.Plan, out string, symbols bool) (notes []ladder.Note, err error) {
	if b.Replay == "" {
		return nil, errors.New(b.NoReplay)
	}
	recording, err := relink.Open(b.Replay)
	if err != nil {
		return nil, err
	}
	v := relink.Variant{Options: p.Link.Options, Add: p.Link.Add, Symbols: symbols}
	if p.Link.Linker != "" {
		works := x.linkers(ctx, recording)
		i := slices.IndexFunc(works, func(l relink.Linker) bool { return string(l.Kind) == p.Link.Linker })
		if i < 0 {
			return nil, fmt.Errorf("no %s here that links this program", p.Link.Linker)
		}
		v.Linker = works[i]
	}
	for _, text := range p.Link.Cuts {
		cut, err := findCut(text)
		if err != nil {
			return nil, err
		}
		v.Cuts = append(v.Cuts, cut)
		if err := x.proof.of(ctx, recording, cut); err != nil {
			return nil, err
		}
	}
	if p.Link.Pipeline != "" {
		if x.codegenBudget <= 0 {
			return nil, errors.New("the time of --codegen-budget is used up")
		}
		v.Codegen = &relink.Codegen{Pipeline: p.Link.Pipeline}
		if v.Codegen.Tools, err = x.llvmTools(ctx, x.toolchains[p.Toolchain]); err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeout(ctx, x.codegenBudget)
		defer cancel()
		began := time.Now()
		defer func() { x.codegenBudget -= time.Since(began) }()
		result, err := recording.Link(limited, v, out)
		if err != nil && ctx.Err() == nil && limited.Err() != nil {
			return nil, errors.New("not done within --codegen-budget")
		}
		return cutNotes(result), err
	}
	result, err := recording.Link(ctx, v, out)
	return cutNotes(result), err
}

// cutNotes says which cuts met nothing.
func cutNotes(result *relink.Result) (notes []ladder.Note) {
	if result == nil {
		return nil
	}
	if result.TablesLeft {
		notes = append(notes, ladder.Note{About: "unwind-tables-out", Text: "the tables of Rust's functions alone: other code of this program unwinds by its own"})
	}
	for _, c := range result.Cuts {
		if c.Unsafe {
			notes = append(notes, ladder.Note{About: c.Cut.Name, Text: fmt.Sprintf("the cut %s is not made: what it relies on is not so in this program", c.Cut.Name)})
		} else if len(c.Functions) == 0 {
			notes = append(notes, ladder.Note{About: c.Cut.Name, Text: fmt.Sprintf("the cut %s matches no function here", c.Cut.Name)})
		}
		if len(c.Merged) > 0 {
			notes = append(notes, ladder.Note{About: c.Cut.Name, Text: fmt.Sprintf("the cut %s leaves %s alone: the compiler has merged it with a function that is not cut", c.Cut.Name, strings.Join(c.Merged, ", "))})
		}
	}
	return notes
}

// llvmTools are opt and llc for a compiler's bitcode, looked for once.
func (x *executor) llvmTools(ctx context.Context, t *cargo.Toolchain) (relink.LLVM, error) {
	if tools, ok := x.llvm[t.ID()]; ok {
		return tools, nil
	}
	tools, err := relink.FindLLVM(ctx, t.LLVM, t.HostTools())
	if err == nil {
		if x.llvm == nil {
			x.llvm = map[string]relink.LLVM{}
		}
		x.llvm[t.ID()] = tools
	}
	return tools, err
}

// findCut gives a cut of the catalogue, or the one that was typed.
func findCut(text string) (relink.Cut, error) {
	if c := relink.CutByName(text); c != nil {
		return c.Cut, nil
	}
	return relink.ParseCut(text)
}

// linkerID names the linker that a plan's replay uses, with its version.
func (x *executor) linkerID(ctx context.Context, b *ladder.Build, p technique.Plan) string {
	recording, err := relink.Open(b.Replay)
	if err != nil {
		return ""
	}
	for _, l := range x.linkers(ctx, recording) {
		if string(l.Kind) == p.Link.Linker {
			return l.ID()
		}
	}
	return ""
}
