// Package executor turns a plan into a finished file: one full build through
// the recorder (or a cached one), a replay of its final link with the plan's
// changes, then the rewrites of the finished file. `shrink` searches with it,
// `build` uses it once; so both give the same bytes.
//
// What is hard is to know when nothing has to be done again. cargo has the last
// word on whether a build is still good, and the digest of all inputs names
// what was made of them; nothing is told by times, which a checkout changes.
//
// Where things lie, all below the project's target/minsize:
//
//	build/         cargo's target dir, of all programs; variants coexist in it
//	links/NAME/    recorded links of a program of the workspace
//	cache/NAME/    its full builds by inputs and settings, see ladder.Cache
//	tmp-NAME~*/    finished files of one run; gone when it ends
package executor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/oracle"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/tune"
)

// Executor turns plans into finished files, for one project.
type Executor struct {
	Project *cargo.Project
	Scratch string // a folder of this run, gone when it ends

	Bootstrap bool                 // RUSTC_BOOTSTRAP=1 was allowed
	Codegen   bool                 // codegen replay may be tried
	SaveTemps bool                 // builds with fat LTO keep their bitcode, where something here reads it
	Objective *Objective           // what is made small; nil for the file itself
	Proof     *Proof               // of cuts that return at once; nil where they were proved before
	Log       io.Writer            // cargo's own words; nil for none
	Progress  func(cargo.Progress) // of builds; nil for none
	Inlining  []string             // choices that an earlier search has found; see Tune
	Tuning    func(tune.Progress)  // of Tune; nil for none

	toolchains map[string]*cargo.Toolchain // by ID
	self       string                      // our own program, which cargo calls to link
	cache      ladder.Cache
	links      string
	buildDir   string // cargo's target dir; "" for the project's own below target/minsize
	llvm       map[string]llvmFound
	works      map[string][]relink.Linker // linkers that link a recording, by its folder
	held       *oracle.Interface          // what the library's hosts were built against
}

// New prepares the folders and finds what the builds depend on. The
// caller holds the project's lock and calls Close.
func New(ctx context.Context, p *cargo.Project, toolchains []*cargo.Toolchain) (*Executor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	x := &Executor{Project: p, toolchains: map[string]*cargo.Toolchain{}, self: self, works: map[string][]relink.Linker{}}
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
	inputs, err := InputsDigest(ctx, p)
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
	if x.Scratch, err = os.MkdirTemp(dir, scratch); err != nil {
		return nil, err
	}
	return x, nil
}

// Close removes what only this run needed.
func (x *Executor) Close() { os.RemoveAll(x.Scratch) }

// Toolchain is the compiler with that ID, nil where it is not here.
func (x *Executor) Toolchain(id string) *cargo.Toolchain { return x.toolchains[id] }

// prune drops cached builds of old inputs and the recorded links that nothing
// refers to any more.
func (x *Executor) prune() error {
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
func (x *Executor) linksOf(p technique.Plan) string {
	if x.keepsBitcode(p) {
		return filepath.Join(x.links, "bitcode")
	}
	return filepath.Join(x.links, "plain")
}

// flavour is that by which the link of what is built is recorded and replayed,
// nil where it is not.
func (x *Executor) flavour() *relink.Flavour {
	f := relink.FlavourOf(x.Project.Triple)
	if !x.Project.Kind.Linked() && x.Project.Triple.Format != target.ELF {
		return nil // a static library is linked ahead by what knows `ld -r`
	}
	if f != nil && f.Name == target.MinGW && !x.Project.Kind.Starts() {
		return nil // a DLL's exports would have to be held
	}
	return f
}

// request is plan p for cargo.
func (x *Executor) request(p technique.Plan) (cargo.Request, error) {
	t := x.toolchains[p.Toolchain]
	if t == nil {
		return cargo.Request{}, fmt.Errorf("the toolchain %q is not here", p.Toolchain)
	}
	r := cargo.Request{Toolchain: t, Rustflags: p.Setting.Rustflags, Target: targetOf(x.Project.Triple, p.Setting), Unstable: p.Setting.Unstable,
		TargetDir: x.buildDir, Progress: x.Progress, Log: x.Log}
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
	if r.Bootstrap && !x.Bootstrap {
		return r, fmt.Errorf("%s takes no -Z flags without --bootstrap", t.Title())
	}
	if x.keepsBitcode(p) {
		r.RootFlags = []string{"-Csave-temps"}
	}
	return r, nil
}

// targetOf is the triple that a plan names to cargo: "musl" stands for the musl
// twin of the project's own. Without a name cargo builds for this machine as it
// does for the user, to the byte; but then compiler flags reach build scripts
// and proc macros, too, which no plan is about.
func targetOf(t target.Triple, s technique.Setting) string {
	switch {
	case s.Target == technique.MuslTwin:
		if twin, can := t.Musl(); can {
			return twin.Name
		}
		return t.Name
	case s.Target != "":
		return s.Target
	case len(s.Rustflags)+len(s.Unstable) > 0:
		return t.Name
	}
	return ""
}

// keepsBitcode says whether the build of p leaves its merged bitcode.
func (x *Executor) keepsBitcode(p technique.Plan) bool {
	t := x.toolchains[p.Toolchain]
	f := x.flavour()
	if f == nil || !x.SaveTemps && !f.Divides || t == nil || !p.FatLTO(x.profileKey("lto")) {
		return false
	}
	_, err := x.llvmTools(context.Background(), t)
	return err == nil
}

// Build implements ladder.Builder.
func (x *Executor) Build(ctx context.Context, p technique.Plan) (*ladder.Build, error) {
	b, err := x.built(ctx, p)
	if err == nil && x.held == nil && len(p.Techniques) == 0 {
		x.held, err = x.interfaceOf(b.Program)
	}
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
func (x *Executor) built(ctx context.Context, p technique.Plan) (*ladder.Build, error) {
	key := p.BuildKey()
	if x.keepsBitcode(p) {
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
	flavour := x.flavour()
	if flavour != nil && x.Project.Kind.Linked() {
		driver, _ := x.Project.Linker.Value.(string)
		rec := relink.Recorder{Dir: x.linksOf(p), Package: x.Project.Package.Name, Linker: driver, Flavour: flavour}
		if x.Project.Kind.Starts() {
			rec.Bin = x.Project.Target.Name
		} else {
			rec.Library = x.Project.Target.Name
		}
		request.Linker, request.Env = x.self, rec.Env()
	}
	// cargo has the last word on whether a build is still good: it knows what
	// build scripts read, and answers in a moment where nothing changed.
	result, err := cargo.Build(ctx, x.Project, request)
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
	if flavour != nil {
		if err := x.findRecording(ctx, request, x.linksOf(p), &result, b); err != nil {
			return nil, err
		}
	} else {
		b.NoReplay = "links for " + x.Project.Triple.Name + " are not replayed"
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

// Finish implements ladder.Builder.
func (x *Executor) Finish(ctx context.Context, b *ladder.Build, p technique.Plan) (*ladder.File, error) {
	began := time.Now()
	dir := filepath.Join(x.Scratch, p.Key())
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
	if err := heldProtections(b.Program, file.Path); err != nil {
		return nil, err
	}
	if err := x.heldInterface(b, file); err != nil {
		return nil, err
	}
	file.Wall = time.Since(began)
	return file, nil
}
