package cargo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/launch"
	"github.com/minsize/minsize/internal/target"
)

// Project is a cargo project as it is, with one program or library chosen.
type Project struct {
	Options  Options
	Dir      string // absolute folder that cargo runs in
	Metadata *Metadata
	Root     string // workspace root
	Manifest string // the workspace root's Cargo.toml, where profiles count
	Choice          // Package, Target and Kind of the program or library

	Triple         target.Triple // what the program is built for; the host unless --target or build.target says so
	ExplicitTarget bool          // cargo is told the target, so that host crates get no rustflags and output moves to target/<triple>

	Config    *Config
	Profile   *Profile
	Rustflags Rustflags // for Triple
	Toolchain *Toolchain
	Runner    []string       // target.<triple>.runner, in words; nil for none
	manifest  map[string]any // the root manifest, decoded

	Linker Value // what links now: -C linker of the rustflags, else target.<triple>.linker; zero for rustc's default
	// MinsizeLinks says that minsize-link is what cargo calls; Linker is the one
	// behind it.
	MinsizeLinks bool
}

// SeveralTargetsError says that build.target lists more than one machine.
type SeveralTargetsError struct {
	Targets []string
	Origin  string
}

func (e *SeveralTargetsError) Error() string {
	return fmt.Sprintf("%s builds for %d targets: %s", e.Origin, len(e.Targets), strings.Join(e.Targets, ", "))
}

// Load reads the project. It runs cargo metadata, which may fetch what the
// lockfile names, and write Cargo.lock where that is missing or stale, as every
// cargo command does; Options.Locked forbids it. Errors: *NoProjectError,
// *NoArtefactError, *SeveralError, *SeveralTargetsError,
// *NoProfileError, *NoToolchainError, *CommandError, or a broken config file
// with its path.
func Load(ctx context.Context, o Options) (*Project, error) {
	p, err := LoadWorkspace(ctx, o)
	if err != nil {
		return nil, err
	}
	p.Choice, err = choose(p.Metadata, o)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// LoadEach is Load for every program that the flags leave, each as a project of
// its own.
func LoadEach(ctx context.Context, o Options) ([]*Project, error) {
	p, err := Load(ctx, o)
	var several *SeveralError
	if !errors.As(err, &several) {
		return []*Project{p}, err
	}
	var all []*Project
	for _, c := range several.Choices {
		c.Choose(&o)
		if p, err = Load(ctx, o); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// LoadWorkspace is Load without the choice of a program: Package is nil.
func LoadWorkspace(ctx context.Context, o Options) (*Project, error) {
	dir, err := o.dir()
	if err != nil {
		return nil, err
	}
	manifest, err := findManifest(dir, o.ManifestPath)
	if err != nil {
		return nil, err
	}
	p := &Project{Options: o, Dir: dir}
	if p.Config, err = loadConfig(dir, o); err != nil {
		return nil, err
	}
	if p.Toolchain, err = ownToolchain(ctx, dir, o, p.Config); err != nil {
		return nil, err
	}
	if err := p.readTarget(ctx); err != nil {
		return nil, err
	}
	args := append([]string{"metadata", "--format-version", "1", "--filter-platform", p.Triple.Name}, o.sourceFlags()...)
	args = append(args, o.featureFlags()...)
	data, err := output(ctx, dir, p.Toolchain.Environ(o.environ()), p.Toolchain.Cargo, args...)
	if err != nil {
		return nil, asBuildError(err, manifest)
	}
	if p.Metadata, err = parseMetadata(data); err != nil {
		return nil, err
	}
	p.Root = p.Metadata.WorkspaceRoot
	p.Manifest = filepath.Join(p.Root, "Cargo.toml")
	if p.manifest, err = readManifest(p.Manifest); err != nil {
		return nil, err
	}
	if p.Profile, err = p.ReadProfile(o.profile()); err != nil {
		return nil, err
	}
	return p, nil
}

// ReadProfile resolves a profile of the workspace; *NoProfileError where there
// is none of that name.
func (p *Project) ReadProfile(name string) (*Profile, error) {
	return readProfile(name, p.Manifest, p.manifest, p.Config)
}

// FindRoot is the workspace root's folder, found without resolving anything:
// cargo metadata could write Cargo.lock. pkg is the package whose folder this
// is, "" in a virtual workspace's root.
func FindRoot(ctx context.Context, o Options) (root, pkg string, err error) {
	dir, err := o.dir()
	if err != nil {
		return "", "", err
	}
	manifest, err := findManifest(dir, o.ManifestPath)
	if err != nil {
		return "", "", err
	}
	c, err := loadConfig(dir, o)
	if err != nil {
		return "", "", err
	}
	t, err := ownToolchain(ctx, dir, o, c)
	if err != nil {
		return "", "", err
	}
	out, err := output(ctx, dir, t.Environ(o.environ()), t.Cargo, "locate-project", "--workspace", "--message-format", "plain", "--manifest-path", manifest)
	if err != nil {
		return "", "", asBuildError(err, manifest)
	}
	if m, err := readManifest(manifest); err == nil { // else cargo will say what is wrong
		section, _ := m["package"].(map[string]any)
		pkg, _ = section["name"].(string)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), pkg, nil
}

// FindManifest is the Cargo.toml that cargo would take.
func FindManifest(o Options) (string, error) {
	dir, err := o.dir()
	if err != nil {
		return "", err
	}
	return findManifest(dir, o.ManifestPath)
}

// findManifest looks for Cargo.toml as cargo does, to give the error first.
func findManifest(dir, asked string) (string, error) {
	if asked != "" {
		path := asked
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		info, err := os.Stat(path)
		if err != nil {
			return "", fmt.Errorf("--manifest-path: %w", err)
		}
		if info.IsDir() {
			return "", fmt.Errorf("--manifest-path: %s is a folder, expected a Cargo.toml", asked)
		}
		return path, nil
	}
	for folder := dir; ; folder = filepath.Dir(folder) {
		path := filepath.Join(folder, "Cargo.toml")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if folder == filepath.Dir(folder) {
			return "", &NoProjectError{dir}
		}
	}
}

// readTarget settles the machine that is built for, and what depends on it.
func (p *Project) readTarget(ctx context.Context) error {
	triple := p.Toolchain.Host
	if p.Options.Target != "" {
		triple, p.ExplicitTarget = p.Options.Target, true
	} else if v, ok := p.Config.Get("build", "target"); ok {
		targets := Strings(v.Value)
		if len(targets) > 1 {
			return &SeveralTargetsError{targets, v.Origin}
		}
		if len(targets) == 1 {
			triple, p.ExplicitTarget = targets[0], true
		}
	}
	p.Triple = target.Parse(triple)
	name := p.Triple.Base()
	cfg, err := p.Toolchain.TargetCfg(ctx, triple)
	if err != nil {
		return err
	}
	p.Rustflags = readRustflags(p.Config, name, cfg)
	if all := p.Config.targetValues("runner", name, cfg); len(all) > 0 {
		p.Runner = Strings(all[0].Value)
	}
	if linker := p.Rustflags.Linker(); linker != "" {
		p.Linker = Value{linker, strings.Join(p.Rustflags.Origins, ", ")}
	} else if all := p.Config.targetValues("linker", name, cfg); len(all) > 0 {
		p.Linker = all[0]
	}
	if named, _ := p.Linker.Value.(string); launch.IsLinker(named) {
		p.Linker, p.MinsizeLinks = Value{}, true
		if behind, origin := p.Config.variable(launch.LinkerVariable(name)); behind != "" {
			p.Linker = Value{behind, origin}
		}
	}
	return nil
}

// LinkProfile is the environment variable that names the profile whose builds
// minsize-link changes, where it is not minsize.toml's.
const LinkProfile = "MINSIZE_PROFILE"

// Linked are the places where cargo leaves what is chosen, in the builds that
// minsize-link changes, whether or not it was told the target.
func (p *Project) Linked(profile string) (paths []string) {
	if profile == "" {
		if profile, _ = p.Config.variable(LinkProfile); profile == "" {
			profile = p.Profile.Name
		}
	}
	name := p.Target.Name
	if p.Kind.Loads() {
		name = "lib" + strings.ReplaceAll(name, "-", "_") + ".so"
	}
	if p.Target.IsExample() {
		name = filepath.Join("examples", name)
	}
	for _, folder := range []string{"", p.Triple.Name} {
		paths = append(paths, filepath.Join(p.Metadata.TargetDirectory, folder, profile, name))
	}
	return paths
}

// Foreign says whether the program is for another machine than this one.
func (p *Project) Foreign() bool { return p.Triple.Name != p.Toolchain.Host }

// OutputDir is minsize's own folder, target/minsize: nothing else of the
// project is written to.
func (p *Project) OutputDir() string {
	if p.Options.TargetDir != "" {
		dir := p.Options.TargetDir
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(p.Dir, dir)
		}
		return filepath.Join(dir, "minsize")
	}
	return filepath.Join(p.Metadata.TargetDirectory, "minsize")
}

// Artefact names what was chosen among what the workspace builds, as part of
// a file's name.
func (p *Project) Artefact() string {
	name := p.Package.Name + "."
	if p.Target.IsExample() {
		name += "example."
	}
	if !p.Kind.Starts() {
		name += p.Kind.CrateType() + "."
	}
	return name + p.Target.Name
}

// BuildDir is the cargo target dir of minsize's builds: variants coexist in it.
func (p *Project) BuildDir() string { return filepath.Join(p.OutputDir(), "build") }

// Lockfile is the path of the workspace's Cargo.lock.
func (p *Project) Lockfile() string { return filepath.Join(p.Root, "Cargo.lock") }

// LockedVersions are the versions of each crate from elsewhere in the Cargo.lock
// that counts for the flags' manifest, nil where there is none. Cargo is not
// needed for it.
func LockedVersions(o Options) map[string][]string {
	path, err := FindManifest(o)
	for dir := filepath.Dir(path); err == nil; dir = filepath.Dir(dir) {
		crates, missing := readLock(filepath.Join(dir, "Cargo.lock"))
		if missing == nil {
			versions := map[string][]string{}
			for _, c := range crates {
				if c.source != "" {
					versions[c.name] = append(versions[c.name], c.version)
				}
			}
			return versions
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return nil
}

// LockfileHash is the SHA-256 of Cargo.lock in hexadecimal, "" when there is none.
func (p *Project) LockfileHash() (string, error) {
	data, err := os.ReadFile(p.Lockfile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// SourcesHash is a SHA-256 over the names and bytes of everything in the
// folders of the local packages that the chosen program needs, and the root
// manifest. Folders whose name starts with a dot, and those that cargo marks
// as its target dirs (CACHEDIR.TAG), are left out: a build may read anything,
// but what it writes must not count.
func (p *Project) SourcesHash(ctx context.Context) (string, error) {
	folders := map[string]bool{}
	packages := p.Metadata.Members()
	if p.Package != nil {
		packages = p.Metadata.Built(p.Package)
	}
	for _, pkg := range packages {
		if pkg.Source == "" {
			folders[filepath.Dir(pkg.ManifestPath)] = true
		}
	}
	var files []string
	for folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case d.IsDir():
				if path != folder && (strings.HasPrefix(d.Name(), ".") || folders[path] || path == p.Metadata.TargetDirectory || isCacheDir(path)) {
					return fs.SkipDir
				}
			case d.Type().IsRegular() && !ownFile(d.Name()): // written by the search that is keyed by this
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	if !slices.Contains(files, p.Manifest) {
		files = append(files, p.Manifest)
	}
	slices.Sort(files)
	sum := sha256.New()
	for _, path := range files {
		rel, err := filepath.Rel(p.Root, path)
		if err != nil {
			rel = path
		}
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s\x00", filepath.ToSlash(rel))
		n, err := io.Copy(sum, f)
		f.Close()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "\x00%d\x00", n)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// ownFile says whether minsize writes a file of that name: minsize.toml,
// minsize-NAME.toml for further programs of a workspace, minsize-history.jsonl.
func ownFile(name string) bool {
	return strings.HasPrefix(name, "minsize") && (strings.HasSuffix(name, ".toml") || strings.HasSuffix(name, ".jsonl"))
}

func isCacheDir(path string) bool {
	_, err := os.Stat(filepath.Join(path, "CACHEDIR.TAG"))
	return err == nil
}

// Short is path as seen from the folder that cargo works in, where that is
// shorter.
func (p *Project) Short(path string) string {
	if rel, err := filepath.Rel(p.Dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
