package cargo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/toml"
)

// A toolchain is a sysroot: rustup's proxies, links, $RUSTC and distributions
// give one compiler many names, and running a proxy in another folder gives
// another compiler. So a compiler is asked for its sysroot once, and from then
// on the real programs in it are run.
//
// What a compiler can do is asked or looked at, not derived from its version:
// immediate-abort changed its spelling between two nightlies of one version, std
// sources can lie beside a compiler of another version, distributions backport.

// Toolchain is one compiler with its cargo, found by its sysroot.
type Toolchain struct {
	Name    string // rustup's name, or "distribution", or "own" for one that is neither
	Sysroot string // the identity: two names with one sysroot are one toolchain
	Cargo   string // path of the real cargo, not of rustup's proxy
	Rustc   string // path of the real rustc
	Rustup  bool   // below $RUSTUP_HOME/toolchains
	Own     bool   // the one that the project is built with as it is

	Version    string // "1.95.0", "1.97.0-nightly"
	Channel    string // "stable", "beta", "nightly", "dev"
	Commit     string // the compiler's commit, "" where a distribution removed it
	CommitDate string // "2026-04-14"
	Host       string // triple
	LLVM       string // "22.1.2"

	Std       *StdSources // nil when build-std is impossible
	Targets   []string    // triples whose standard library is installed
	LLVMTools LLVMTools   // of the same major version as LLVM

	// ImmediateAbort is how this compiler spells panics that end the program
	// at once, or "" for not at all.
	ImmediateAbort ImmediateAbort

	mu  sync.Mutex
	cfg map[string][]string
}

// ImmediateAbort is a spelling of the immediate-abort panic strategy, found
// by asking the compiler and reading the std sources, never by version.
type ImmediateAbort string

const (
	// PanicStrategy is `-Zunstable-options -Cpanic=immediate-abort` (since September 2025).
	PanicStrategy ImmediateAbort = "panic-strategy"
	// StdFeature is `-Z build-std-features=panic_immediate_abort` (before).
	StdFeature ImmediateAbort = "std-feature"
)

// StdSources are the sources of the standard library of exactly this compiler.
type StdSources struct {
	Library  string   // the folder that holds std, core and alloc
	Vendor   string   // folder of their vendored crates, "" when a registry is needed
	Features []string // features of the std crate that -Z build-std-features takes
}

// LLVMTools are opt and llc that read this compiler's bitcode; "" when missing.
type LLVMTools struct {
	Opt, LLC string
	Version  string // of opt
}

// NoToolchainError says that there is no usable compiler.
type NoToolchainError struct {
	What   string // what was asked for
	Lines  []string
	Reason error
}

func (e *NoToolchainError) Error() string {
	if line := firstError(e.Lines); line != "" {
		return fmt.Sprintf("%s: %s", e.What, line)
	}
	return fmt.Sprintf("%s: %v", e.What, e.Reason)
}

func (e *NoToolchainError) Unwrap() error { return e.Reason }

// ID names the toolchain in caches and in minsize.toml: equal IDs build equal bytes.
func (t *Toolchain) ID() string {
	commit := t.Commit
	if commit == "" {
		commit = "unknown"
	}
	return fmt.Sprintf("rustc %s (%s) LLVM %s %s", t.Version, commit, t.LLVM, t.Host)
}

// Title is a short name for reports: "nightly 1.97.0-nightly (2026-05-19)".
func (t *Toolchain) Title() string {
	name := t.Name
	if host := "-" + t.Host; strings.HasSuffix(name, host) {
		name = strings.TrimSuffix(name, host)
	}
	return fmt.Sprintf("%s %s (%s)", name, t.Version, t.CommitDate)
}

// Unstable says whether -Z works without RUSTC_BOOTSTRAP.
func (t *Toolchain) Unstable() bool { return t.Channel == "nightly" || t.Channel == "dev" }

// HasTarget says whether a standard library for the triple is installed.
func (t *Toolchain) HasTarget(triple string) bool { return slices.Contains(t.Targets, triple) }

// BuildsStd says whether build-std can work. bootstrap: RUSTC_BOOTSTRAP=1 was
// allowed. Sources without vendored crates need a registry.
func (t *Toolchain) BuildsStd(bootstrap bool) bool {
	return t.Std != nil && (t.Unstable() || bootstrap)
}

// HasStdFeature says whether the std sources have a feature, such as
// "optimize_for_size".
func (t *Toolchain) HasStdFeature(name string) bool {
	return t.Std != nil && slices.Contains(t.Std.Features, name)
}

// BinDir is the folder of the compiler and its cargo.
func (t *Toolchain) BinDir() string { return filepath.Dir(t.Rustc) }

// HostTools is the sysroot's folder of bundled tools, lib/rustlib/<host>/bin.
func (t *Toolchain) HostTools() string {
	return filepath.Join(t.Sysroot, "lib", "rustlib", t.Host, "bin")
}

// Environ is environ changed so that cargo, build scripts and everything
// below use this toolchain.
func (t *Toolchain) Environ(environ []string) []string {
	env := slices.Clone(environ)
	if t.Rustup {
		env = append(env, "RUSTUP_TOOLCHAIN="+t.Name)
	}
	if _, set := lookupEnv(env, "RUSTC"); !set || !t.Own {
		env = append(env, "RUSTC="+t.Rustc)
	}
	// CI services set CARGO_TERM_COLOR=always; errors could not be recognised then.
	return append(env, "CARGO="+t.Cargo, "CARGO_TERM_COLOR=never")
}

// ownToolchain finds what the project is built with now: $RUSTC and
// build.rustc, +toolchain, $CARGO, rust-toolchain.toml, the default.
func ownToolchain(ctx context.Context, dir string, o Options, c *Config) (*Toolchain, error) {
	env := o.environ()
	cargo := o.getenv("CARGO")
	if o.Toolchain != "" {
		env = append(slices.Clone(env), "RUSTUP_TOOLCHAIN="+o.Toolchain)
		cargo = ""
	}
	if cargo == "" {
		cargo = "cargo"
	}
	rustc := o.getenv("RUSTC")
	if rustc == "" {
		rustc, _ = c.GetString("build", "rustc")
	}
	given := rustc != ""
	if rustc == "" {
		rustc = "rustc"
		if filepath.IsAbs(cargo) {
			if sibling := filepath.Join(filepath.Dir(cargo), exe("rustc")); isExecutable(sibling) {
				rustc = sibling
			}
		}
	}
	what := "rustc"
	if o.Toolchain != "" {
		what = "+" + o.Toolchain
	}
	rustcPath, err := lookPath(rustc, env)
	if err != nil {
		return nil, &NoToolchainError{What: what, Reason: err}
	}
	out, err := output(ctx, dir, env, rustcPath, "--print", "sysroot")
	if err != nil {
		return nil, noToolchain(what, err)
	}
	sysroot := strings.TrimSpace(string(out))
	if o.Toolchain != "" && !isProxy(rustcPath, sysroot) {
		return nil, &NoToolchainError{What: what, Reason: errors.New("toolchains are chosen by rustup, and this rustc is not rustup's")}
	}
	t := &Toolchain{Sysroot: sysroot, Own: true}
	t.Rustc = filepath.Join(sysroot, "bin", exe("rustc"))
	if given || !isExecutable(t.Rustc) {
		t.Rustc = rustcPath
	}
	t.Cargo = filepath.Join(sysroot, "bin", exe("cargo"))
	if !isExecutable(t.Cargo) || filepath.IsAbs(cargo) && !isProxy(cargo, sysroot) {
		if t.Cargo, err = lookPath(cargo, env); err != nil {
			return nil, &NoToolchainError{What: "cargo", Reason: err}
		}
	}
	t.nameBySysroot(o)
	if err := t.describe(ctx, dir, env); err != nil {
		return nil, err
	}
	return t, nil
}

// isProxy says whether a program is rustup's stand-in: it lives outside the
// sysroot that it answers with.
func isProxy(path, sysroot string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	if root, err := filepath.EvalSymlinks(sysroot); err == nil {
		sysroot = root
	}
	rel, err := filepath.Rel(sysroot, real)
	return err != nil || strings.HasPrefix(rel, "..")
}

func noToolchain(what string, err error) error {
	var command *CommandError
	if errors.As(err, &command) {
		return &NoToolchainError{What: what, Lines: command.Lines, Reason: err}
	}
	return err
}

// nameBySysroot gives the name that the user knows the toolchain by.
func (t *Toolchain) nameBySysroot(o Options) {
	switch parent := filepath.Join(rustupHome(o), "toolchains"); {
	case filepath.Dir(t.Sysroot) == parent:
		t.Name, t.Rustup = filepath.Base(t.Sysroot), true
	case t.Sysroot == "/usr":
		t.Name = "distribution"
	default:
		t.Name = "own"
	}
}

func rustupHome(o Options) string {
	if home := o.getenv("RUSTUP_HOME"); home != "" {
		return home
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".rustup")
}

// FindToolchains finds every toolchain that could serve: the project's own
// first, then rustup's, then the distribution's. own may be nil. A toolchain
// that does not run is left out.
func FindToolchains(ctx context.Context, o Options, own *Toolchain) ([]*Toolchain, error) {
	var found []*Toolchain
	seen := map[string]bool{}
	note := func(sysroot string) bool {
		if real, err := filepath.EvalSymlinks(sysroot); err == nil {
			sysroot = real
		}
		was := seen[sysroot]
		seen[sysroot] = true
		return !was
	}
	if own != nil {
		note(own.Sysroot)
		found = append(found, own)
	}
	add := func(t *Toolchain) error {
		if !isExecutable(t.Rustc) || !isExecutable(t.Cargo) || !note(t.Sysroot) {
			return nil
		}
		if err := t.describe(ctx, "", o.environ()); err != nil {
			return ctx.Err()
		}
		found = append(found, t)
		return nil
	}
	folder := filepath.Join(rustupHome(o), "toolchains")
	entries, _ := os.ReadDir(folder)
	// Real folders come before links to them, so that a toolchain has its own name.
	arrange.Stable(entries, func(a, b os.DirEntry) int {
		return int(a.Type()&os.ModeSymlink) - int(b.Type()&os.ModeSymlink)
	})
	for _, entry := range entries {
		sysroot := filepath.Join(folder, entry.Name())
		bin := filepath.Join(sysroot, "bin")
		t := &Toolchain{Name: entry.Name(), Rustup: true, Sysroot: sysroot, Cargo: filepath.Join(bin, exe("cargo")), Rustc: filepath.Join(bin, exe("rustc"))}
		if err := add(t); err != nil {
			return nil, err
		}
	}
	if runtime.GOOS != "windows" {
		for _, bin := range distributionBins() {
			t := &Toolchain{Name: "distribution", Cargo: filepath.Join(bin, "cargo"), Rustc: filepath.Join(bin, "rustc"), Sysroot: filepath.Dir(bin)}
			if err := add(t); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// distributionBins are the folders where packages of a distribution put
// compilers: /usr/bin, and one folder per version on Ubuntu.
func distributionBins() []string {
	bins := []string{"/usr/bin"}
	more, _ := filepath.Glob("/usr/lib/rust-*/bin")
	slices.Sort(more)
	return append(bins, more...)
}

// describe asks the compiler what it is and looks at what lies beside it.
func (t *Toolchain) describe(ctx context.Context, dir string, env []string) error {
	if err := t.ask(ctx, dir, t.Environ(env)); err != nil {
		return err
	}
	t.Std = findStdSources(t.Sysroot, t.Version)
	t.Targets = installedTargets(t.Sysroot)
	t.LLVMTools = findLLVMTools(ctx, t)
	t.ImmediateAbort = t.probeImmediateAbort(ctx)
	return ctx.Err()
}

// CompilerOf asks the compiler of a sysroot what it is, and nothing else: a
// linker has no time for more.
func CompilerOf(ctx context.Context, sysroot string) (*Toolchain, error) {
	t := &Toolchain{Sysroot: sysroot, Rustc: filepath.Join(sysroot, "bin", exe("rustc"))}
	return t, t.ask(ctx, "", nil)
}

// ask has the compiler say what it is.
func (t *Toolchain) ask(ctx context.Context, dir string, env []string) error {
	out, err := output(ctx, dir, env, t.Rustc, "-vV")
	if err != nil {
		return noToolchain(t.Rustc, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "release":
			t.Version = value
		case "commit-hash":
			t.Commit = strings.Replace(value, "unknown", "", 1)
		case "commit-date":
			t.CommitDate = value
		case "host":
			t.Host = value
		case "LLVM version":
			t.LLVM = value
		}
	}
	if t.Version == "" || t.Host == "" {
		return &NoToolchainError{What: t.Rustc, Reason: errors.New("does not answer -vV as rustc does")}
	}
	t.Channel = channelOf(t.Version)
	return nil
}

func channelOf(version string) string {
	_, suffix, _ := strings.Cut(version, "-")
	switch {
	case suffix == "":
		return "stable"
	case strings.HasPrefix(suffix, "beta"):
		return "beta"
	case strings.HasPrefix(suffix, "nightly"):
		return "nightly"
	}
	return "dev"
}

// findStdSources looks where rustup's rust-src and the distributions' source
// packages put them: lib/rustlib/src/rust of the sysroot, maybe a link.
// Sources of another version do not count: std is part of its compiler.
func findStdSources(sysroot, version string) *StdSources {
	root := filepath.Join(sysroot, "lib", "rustlib", "src", "rust")
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	library := filepath.Join(root, "library")
	manifest, err := os.ReadFile(filepath.Join(library, "std", "Cargo.toml"))
	if err != nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(library, "core", "src", "lib.rs")); err != nil {
		return nil
	}
	if text, err := os.ReadFile(filepath.Join(root, "src", "version")); err == nil {
		number, _, _ := strings.Cut(version, "-")
		if strings.TrimSpace(string(text)) != number {
			return nil
		}
	}
	s := &StdSources{Library: library}
	if values, err := toml.Decode(manifest); err == nil {
		if features, ok := values["features"].(map[string]any); ok {
			for name := range features {
				s.Features = append(s.Features, name)
			}
			slices.Sort(s.Features)
		}
	}
	vendor := filepath.Join(library, "vendor")
	if crates, err := filepath.Glob(filepath.Join(vendor, "*", "Cargo.toml")); err == nil && len(crates) > 0 {
		s.Vendor = vendor
	}
	return s
}

// installedTargets are the triples with a core library in the sysroot.
func installedTargets(sysroot string) []string {
	found, _ := filepath.Glob(filepath.Join(sysroot, "lib", "rustlib", "*", "lib", "libcore-*.rlib"))
	var targets []string
	for _, path := range found {
		targets = append(targets, filepath.Base(filepath.Dir(filepath.Dir(path))))
	}
	slices.Sort(targets)
	return slices.Compact(targets)
}

// findLLVMTools looks for opt and llc of the same LLVM: rustup's llvm-tools
// component first, then the distribution's. Bitcode is only readable by the
// same major version or a later one, and another one optimises differently.
func findLLVMTools(ctx context.Context, t *Toolchain) LLVMTools {
	major, _, _ := strings.Cut(t.LLVM, ".")
	folders := []string{t.HostTools(), "/usr/lib/llvm-" + major + "/bin", "/usr/lib/llvm" + major + "/bin", "/opt/homebrew/opt/llvm@" + major + "/bin"}
	for _, folder := range folders {
		tools := LLVMTools{Opt: filepath.Join(folder, exe("opt")), LLC: filepath.Join(folder, exe("llc"))}
		if major == "" || !isExecutable(tools.Opt) || !isExecutable(tools.LLC) {
			continue
		}
		out, err := output(ctx, "", nil, tools.Opt, "--version")
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(out), "LLVM version ")
		if fields := strings.Fields(after); len(fields) > 0 && strings.HasPrefix(fields[0], major+".") {
			tools.Version = fields[0]
			return tools
		}
	}
	return LLVMTools{}
}

// probeImmediateAbort asks the compiler, which takes 30 ms and is right where
// a date would not be: distributions backport, nightlies of one version differ.
func (t *Toolchain) probeImmediateAbort(ctx context.Context) ImmediateAbort {
	env := append(os.Environ(), "RUSTC_BOOTSTRAP=1")
	if _, err := output(ctx, "", env, t.Rustc, "-Zunstable-options", "-Cpanic=immediate-abort", "--print", "cfg"); err == nil {
		return PanicStrategy
	}
	if t.HasStdFeature("panic_immediate_abort") {
		return StdFeature
	}
	return ""
}

// TargetCfg is `rustc --print cfg` for a triple, kept.
func (t *Toolchain) TargetCfg(ctx context.Context, triple string) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if lines, ok := t.cfg[triple]; ok {
		return lines, nil
	}
	args := []string{"--print", "cfg"}
	if triple != t.Host {
		args = append(args, "--target", triple)
	}
	out, err := output(ctx, "", nil, t.Rustc, args...)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", triple, err)
	}
	if t.cfg == nil {
		t.cfg = map[string][]string{}
	}
	t.cfg[triple] = strings.Split(strings.TrimSpace(string(out)), "\n")
	return t.cfg[triple], nil
}

// exe adds the ending of programs on this host.
func exe(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}

// lookPath is exec.LookPath in another environment's PATH.
func lookPath(name string, env []string) (string, error) {
	if strings.ContainsAny(name, `/\`) {
		if !isExecutable(name) {
			return "", fmt.Errorf("%s: not a program", name)
		}
		return filepath.Abs(name)
	}
	path, _ := lookupEnv(env, "PATH")
	for _, folder := range filepath.SplitList(path) {
		if file := filepath.Join(folder, exe(name)); isExecutable(file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: not found on PATH", name)
}
