package cargo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/process"
	"github.com/minsize/minsize/internal/toml"
)

// One build is one run of `cargo build`, with everything given on its command
// line. The program is found in cargo's JSON messages, never by a path: --target,
// build.target, custom profiles and CARGO_TARGET_DIR all move it. All builds
// share one target dir of minsize's own: cargo keeps variants apart by their
// settings, so that going back to one is free.
//
// Rejected: RUSTFLAGS, which drops the project's own flags. `cargo rustc --
// FLAGS` gives them to the root crate alone, which is right for RootFlags.

// Request is one build of the project's program. The zero value builds it as
// it is, with the user's profile, in minsize's own target dir.
type Request struct {
	Toolchain *Toolchain // nil for the project's own
	Profile   []KeyValue // added to the profile that is built: {"opt-level", "z"}, {"package.regex.opt-level", 3}
	Rustflags []string   // added behind the project's own flags
	RootFlags []string   // for the program's own crate alone: the others are not built anew for them
	Linker    string     // path of the program that rustc calls to link; "" leaves it

	// Target is a triple to pass with --target even where the project passes
	// none. With the host's own triple, build scripts and macros are built
	// without Rustflags, and are not built again when those change.
	Target string

	BuildStd         []string // crates of -Z build-std: "std", "panic_abort"; nil for the prebuilt ones
	BuildStdFeatures []string // of -Z build-std-features; with BuildStd, an empty list means no features
	Unstable         []string // more -Z flags for cargo
	Features         []string // more features of the program's package
	NoDefaults       bool     // --no-default-features
	Config           []string // more --config arguments
	Bootstrap        bool     // RUSTC_BOOTSTRAP=1: -Z on a stable compiler; the user must have allowed it
	Env              []string // more variables, such as those of the link recorder

	TargetDir string         // "" for Project.BuildDir
	Progress  func(Progress) // called after each finished crate; may be nil
	Log       io.Writer      // gets cargo's stderr as it comes; may be nil
}

// KeyValue is a setting below [profile.<name>]. Key is written as in TOML, so
// dots part it; Value is a string, bool, int, int64 or Literal.
type KeyValue struct {
	Key   string
	Value any
}

// Literal is a value as TOML spells it: `"z"`, `1`, `true`.
type Literal = toml.Literal

// Progress is the state of a running build.
type Progress struct {
	Crate string // the last one that finished
	Done  int    // packages finished
	Total int    // packages in the graph; an estimate, for not all of them need building
}

// Result is a finished build.
type Result struct {
	Executable string        // absolute path of the program or library, as cargo left it
	Files      []string      // everything that the program's target produced
	CPU        time.Duration // user and system time of cargo and all below it
	Wall       time.Duration
	Compiled   int      // crates compiled, 0 when all was there from before
	Command    []string // cargo's arguments, for the log
}

// Build runs one build to its end. Errors: *BuildError with cargo's last
// lines, the context's error when it was cancelled (all children are ended
// then), or a *CommandError when cargo could not be started.
func Build(ctx context.Context, p *Project, r Request) (Result, error) {
	if p.Package == nil {
		return Result{}, fmt.Errorf("nothing chosen to build")
	}
	toolchain := r.toolchain(p)
	args, env, err := r.commandLine(ctx, p)
	if err != nil {
		return Result{}, err
	}
	targetDir := r.targetDir(p)
	if err := makeTargetDir(targetDir); err != nil {
		return Result{}, err
	}
	// rustc keeps its temporary folder when it is killed, so it gets one that goes with us.
	scratch, err := os.MkdirTemp(targetDir, "tmp-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(scratch)
	env = append(env, "TMPDIR="+scratch)

	cmd := process.Command(ctx, p.Dir, env, toolchain.Cargo, args...)
	errs := &tail{keep: maxTail, to: r.Log}
	cmd.Stderr = errs
	reader, writer, err := os.Pipe()
	if err != nil {
		return Result{}, err
	}
	cmd.Stdout = writer
	messages := &messageReader{project: p, progress: r.Progress, done: map[string]bool{}, total: len(p.Metadata.Built(p.Package))}
	finished := make(chan error, 1)
	go func() { finished <- messages.read(reader) }()
	usage, err := process.Run(ctx, cmd)
	writer.Close()
	reader.SetReadDeadline(time.Now().Add(process.Grace)) // a daemon that a build script left may hold the other end
	readErr := <-finished
	reader.Close()

	result := Result{CPU: usage.CPU, Wall: usage.Wall, Compiled: messages.compiled, Command: args}
	if ctx.Err() != nil {
		return result, ctx.Err()
	}
	if err != nil {
		failed := asBuildError(commandError(err, errs.lines(), toolchain.Cargo, args), targetDir)
		var build *BuildError
		if errors.As(failed, &build) {
			build.Triple, build.Foreign = r.triple(p), r.triple(p) != toolchain.Host && p.Linker.Value == nil
		}
		return result, failed
	}
	if readErr != nil {
		return result, fmt.Errorf("cargo build: reading its messages: %w", readErr)
	}
	if messages.executable == "" {
		return result, fmt.Errorf("cargo build: finished and named no file for %s", p.Choice)
	}
	result.Executable, result.Files = messages.executable, messages.files
	return result, nil
}

func (r Request) toolchain(p *Project) *Toolchain {
	if r.Toolchain != nil {
		return r.Toolchain
	}
	return p.Toolchain
}

func (r Request) targetDir(p *Project) string {
	if r.TargetDir != "" {
		return r.TargetDir
	}
	return p.BuildDir()
}

// triple is what this build is for.
func (r Request) triple(p *Project) string {
	if r.Target != "" {
		return r.Target
	}
	return p.Triple.Name
}

// commandLine puts cargo's arguments and environment together.
func (r Request) commandLine(ctx context.Context, p *Project) (args, env []string, err error) {
	o := p.Options
	command := "build"
	if len(r.RootFlags) > 0 {
		command = "rustc"
	}
	args = append([]string{command}, o.sourceFlags()...)
	args = append(args, "-p", specOf(p.Package))
	args = append(args, p.Flags()...)
	if !p.Kind.Starts() && !slices.Equal(p.Target.CrateTypes, []string{p.Kind.CrateType()}) {
		// Only what is measured: with an rlib beside it cargo does no LTO for it.
		args[0] = "rustc"
		args = append(args, "--crate-type", p.Kind.CrateType())
	}
	o.Features = append(slices.Clone(o.Features), r.Features...)
	o.NoDefaultFeatures = o.NoDefaultFeatures || r.NoDefaults
	args = append(args, o.featureFlags()...)
	args = append(args, "--profile", o.profile(), "--target-dir", r.targetDir(p))
	if triple := r.triple(p); p.ExplicitTarget || r.Target != "" || r.BuildStd != nil {
		args = append(args, "--target", triple) // build-std without --target would build std for build scripts as well
	}
	if o.Jobs != "" {
		args = append(args, "-j", o.Jobs)
	}
	for _, kv := range r.Profile {
		value, err := toml.Format(kv.Value)
		if err != nil {
			return nil, nil, fmt.Errorf("profile setting %s: %w", kv.Key, err)
		}
		args = append(args, "--config", "profile."+toml.Key([]string{o.profile()})+"."+kv.Key+"="+value)
	}
	for _, c := range r.Config {
		args = append(args, "--config", c)
	}
	if r.BuildStd != nil {
		args = append(args, "-Z", "build-std="+strings.Join(r.BuildStd, ","), "-Z", "build-std-features="+strings.Join(r.BuildStdFeatures, ","))
		sources, err := stdSourceConfig(ctx, p, r.toolchain(p))
		if err != nil {
			return nil, nil, err
		}
		args = append(args, sources...)
	}
	for _, z := range r.Unstable {
		args = append(args, "-Z", z)
	}
	flagArgs, env, err := r.rustflags(p, r.toolchain(p).Environ(o.environ()))
	if err != nil {
		return nil, nil, err
	}
	args = append(args, flagArgs...)
	if r.Bootstrap {
		env = append(env, "RUSTC_BOOTSTRAP=1")
	}
	env = append(env, "CARGO_TERM_PROGRESS_WHEN=never")
	env = append(env, r.Env...)
	args = append(args, "--color", "never", "--message-format", "json-render-diagnostics")
	if len(r.RootFlags) > 0 {
		args = append(append(args, "--"), r.RootFlags...)
	}
	return args, env, nil
}

// rustflags adds flags and the linker in the one way that drops none of the
// project's own. The sources exclude each other, so what is added must go to
// the source that wins now:
//
//   - an environment variable wins: add to it, as CARGO_ENCODED_RUSTFLAGS;
//   - target tables win, or nothing is set: --config target.<triple>.rustflags
//     is appended to what the files say;
//   - build.rustflags wins: a target table would silence it, so its flags go
//     into the table, before ours;
//   - a target.'cfg(...)' table has flags: cargo puts them behind those of the
//     triple, so all of them go into CARGO_ENCODED_RUSTFLAGS, ours last.
//
// A linker given as `-C linker=` in the project's flags beats
// target.<triple>.linker, so then ours is a flag too, behind theirs.
func (r Request) rustflags(p *Project, env []string) (args, changed []string, err error) {
	flags := slices.Clone(r.Rustflags)
	triple := tableName(r.triple(p))
	if r.Linker != "" {
		if p.Rustflags.Linker() != "" {
			flags = append(flags, "-Clinker="+r.Linker)
		} else {
			linker, err := toml.Format(r.Linker)
			if err != nil {
				return nil, nil, err
			}
			args = append(args, "--config", "target."+triple+".linker="+linker)
		}
	}
	if len(flags) == 0 {
		return args, env, nil
	}
	source := p.Rustflags.Source
	if len(p.Rustflags.Cfg) > 0 { // cargo would put these behind ours, and the last one counts
		source = EncodedRustflags
	}
	switch source {
	case EncodedRustflags, EnvRustflags:
		all := append(slices.Clone(p.Rustflags.Flags), flags...)
		return args, append(env, "CARGO_ENCODED_RUSTFLAGS="+strings.Join(all, encodedSeparator)), nil
	case BuildRustflags:
		flags = append(slices.Clone(p.Rustflags.Flags), flags...)
	}
	list, err := toml.Format(flags)
	if err != nil {
		return nil, nil, err
	}
	return append(args, "--config", "target."+triple+".rustflags="+list), env, nil
}

// tableName is a triple as a key: target files go by their name.
func tableName(triple string) string {
	return toml.Key([]string{strings.TrimSuffix(filepath.Base(triple), ".json")})
}

// message is a line of cargo's JSON, the fields that are used
// (doc.rust-lang.org/cargo/reference/external-tools.html#json-messages).
type message struct {
	Reason     string   `json:"reason"`
	PackageID  string   `json:"package_id"`
	Target     Target   `json:"target"`
	Filenames  []string `json:"filenames"`
	Executable string   `json:"executable"`
	Fresh      bool     `json:"fresh"`
}

type messageReader struct {
	project    *Project
	progress   func(Progress)
	done       map[string]bool
	total      int
	compiled   int
	executable string
	files      []string
}

// read goes through the messages. Lines that are no JSON come from build
// scripts' children that print to the inherited stdout, and are passed over.
func (m *messageReader) read(from io.Reader) error {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 && line[0] == '{' {
			var msg message
			if json.Unmarshal(line, &msg) == nil {
				m.take(msg)
			}
		}
		if err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (m *messageReader) take(msg message) {
	if msg.Reason != "compiler-artifact" {
		return
	}
	if !msg.Fresh {
		m.compiled++
	}
	chosen := m.project.Choice
	if msg.PackageID == chosen.Package.ID && msg.Target.Name == chosen.Target.Name && msg.Target.role() == chosen.Target.role() {
		made := msg.Executable
		if !chosen.Kind.Starts() {
			made = chosen.Kind.File(m.project.Triple, msg.Filenames)
		}
		if made != "" {
			m.executable, m.files = made, msg.Filenames
		}
	}
	if !slices.Contains(msg.Target.Kind, "custom-build") {
		m.done[msg.PackageID] = true
	}
	if m.progress != nil && !msg.Fresh {
		m.progress(Progress{Crate: msg.Target.Name, Done: len(m.done), Total: max(m.total, len(m.done))})
	}
}
