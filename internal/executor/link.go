package executor

// minsize as the linker of an ordinary build: what maturin, tauri, cargo-dist
// and CI call is cargo, and cargo calls the linker that .cargo/config.toml names.
//
// What is hard is to change nothing else. cargo names one linker for a target,
// whatever the profile: debug builds, tests, build scripts and proc macros come
// through here as well, and a build that would have worked may not fail. So a
// link is changed only if it is the program or library of a minsize.toml, in the
// profile that it is for, by the compiler that it was found with; it is tried
// beside the output; and whatever goes wrong, the plain link follows. A library
// is held to the interface that the plain link gives it.
//
// Rejected: a wrapper of rustc (`build.rustc-wrapper`). It sees the profile's
// settings, but people have sccache there.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/launch"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/target"
	"github.com/minsize/minsize/internal/technique"
)

// LinkMain is the linker that cargo calls, with its arguments, and returns the
// exit status.
func LinkMain(ctx context.Context, args []string, stderr io.Writer) int {
	l := finalLink{args: args}
	l.sysroot, l.triple = launch.Standard(args)
	c, err := l.recipe()
	if c != nil {
		if err = l.make(ctx, c); err == nil {
			return 0
		}
	}
	if ctx.Err() != nil {
		return 1
	}
	if err != nil && os.Getenv(launch.Mode) == "strict" {
		fmt.Fprintf(stderr, "minsize-link: %s: %v\n  try: minsize shrink; or without MINSIZE=strict, which links it as it is\n", linkedName(), err)
		return 1
	}
	if err != nil {
		fmt.Fprintf(stderr, "minsize-link: warning: %s is linked as it is: %v\n", linkedName(), err)
	}
	return launch.Become(launch.Behind(args), args, stderr)
}

// linkedName is what cargo calls that which is linked.
func linkedName() string { return cmp.Or(os.Getenv("CARGO_BIN_NAME"), os.Getenv("CARGO_CRATE_NAME")) }

// LinkAgain takes away what cargo has linked of the project's program or
// library in a profile's builds ("" for those that minsize-link changes now), so
// that it links again: minsize.toml is no file that cargo watches.
func LinkAgain(p *cargo.Project, profile string) (gone []string, err error) {
	for _, path := range p.Linked(profile) {
		err := removeLinked(path)
		if err == nil {
			gone = append(gone, p.Short(path))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return gone, err
		}
	}
	return gone, nil
}

// finalLink is one call.
type finalLink struct {
	args      []string
	triple    string // of the standard library among the arguments, "" for none
	sysroot   string
	recording *relink.Recording
}

func (l *finalLink) flavour() *relink.Flavour { return relink.FlavourOf(target.Parse(l.triple)) }

// recipe is the minsize.toml that is meant for this link, nil where it is to be
// made as it is. It takes little: most links of a build are none of ours.
func (l *finalLink) recipe() (*recipe.Recipe, error) {
	flavour := l.flavour()
	if flavour == nil || !launch.Concerns(l.args) {
		return nil, nil
	}
	var err error
	if l.recording, err = relink.Here(flavour, launch.Behind(l.args), l.args); err != nil {
		return nil, nil // no output: it is asked for its version, or the like
	}
	profile, folder := profileOf(l.recording.Output())
	if profile == "debug" || !launch.Concerns(l.recording.Args()) {
		return nil, nil
	}
	c, err := recipe.Above(os.Getenv("CARGO_MANIFEST_DIR"), l.program(folder))
	if c == nil || c.Cargo.Target != l.triple || profile != cmp.Or(os.Getenv(cargo.LinkProfile), c.Cargo.Profile, "release") {
		return nil, err
	}
	return c, nil
}

// program is what is linked, as a recipe names it; folder is cargo's for it.
func (l *finalLink) program(folder string) recipe.Program {
	of := recipe.Program{Package: os.Getenv("CARGO_PKG_NAME"), Kind: "bin", Name: linkedName()}
	if of.Crate = l.recording.Makes().CrateType(); l.recording.Makes().Starts() {
		of.Crate = ""
	} else {
		of.Kind = "lib"
	}
	if folder == "examples" {
		of.Kind = "example"
	}
	return of
}

// profileOf is the profile that cargo builds a file for, by the folder that it
// has below the target folder, and cargo's own folder in that; debug, which
// several have, is none.
func profileOf(output string) (profile, folder string) {
	parts := strings.Split(filepath.ToSlash(filepath.Dir(output)), "/")
	for i := len(parts) - 1; i > 0; i-- {
		if slices.Contains([]string{"deps", "examples", "build"}, parts[i]) {
			return parts[i-1], parts[i]
		}
	}
	return "", ""
}

// make makes the recorded link in the output's place, or says why it cannot be
// had and leaves nothing behind.
func (l *finalLink) make(ctx context.Context, c *recipe.Recipe) error {
	t, err := cargo.CompilerOf(ctx, l.sysroot)
	if err != nil {
		return err
	}
	if t.ID() != c.Toolchain.ID {
		return errors.New(recipe.Differs("compiler", c.Toolchain.ID, t.ID()))
	}
	plan := c.Plan(t.ID())
	if plan.Link.Pipeline != "" && !l.recording.HasBitcode() {
		why := "minsize apply --link writes the flag -Csave-temps, which keeps it"
		if l.recording.Makes().Loads() {
			why += "; and of a library that is an rlib as well cargo makes none without --crate-type"
		}
		return fmt.Errorf("the merged bitcode is not there to optimise again: %s", why)
	}
	facts := technique.Facts{Panic: "unwind", Stripped: l.recording.Stripped(), Insist: c.Build.With, Strict: c.Strict}
	if slices.ContainsFunc(l.recording.Args(), func(arg string) bool { return strings.HasPrefix(filepath.Base(arg), "libpanic_abort-") }) {
		facts.Panic = "abort"
	}
	if l.recording.HasBitcode() { // only fat LTO leaves it
		facts.LTO = "fat"
	}
	if facts.Evidence, err = l.recording.Evidence(); err != nil {
		return err
	}
	if _, refused := plan.Heed(facts); len(refused) > 0 {
		return fmt.Errorf("%s: %s", refused[0].Technique, refused[0].Why)
	}
	out := l.recording.Output()
	folder, remove, err := byteio.TempFolder(filepath.Dir(out), ".minsize-link-")
	if err != nil {
		return err
	}
	defer remove()
	l.recording.Dir = folder
	x := &Executor{Scratch: folder, toolchains: map[string]*cargo.Toolchain{t.ID(): t}, works: map[string][]relink.Linker{folder: nil}}
	if plan.Link.Linker != "" {
		x.works[folder] = l.recording.Candidates(ctx)
	}
	if now := x.CodegenID(ctx, plan); now != "" && c.Link.Codegen != "" && now != c.Link.Codegen {
		return errors.New(recipe.Differs("LLVM of opt and llc", c.Link.Codegen, now))
	}
	linked := filepath.Join(folder, "linked")
	result, err := x.link(ctx, l.recording, plan, linked, false)
	if err != nil {
		return err
	}
	if c.Link.Version != "" && c.Link.Version != x.linkerOf(ctx, l.recording, plan) {
		return errors.New(recipe.Differs("linker", c.Link.Version, x.linkerOf(ctx, l.recording, plan)))
	}
	for _, cut := range result.Cuts {
		if cut.Unsafe || len(cut.Functions) == 0 && !cut.Gone {
			return fmt.Errorf("the cut %s is not to be had in this program any more", cut.Cut.Name)
		}
	}
	file := &ladder.File{Path: filepath.Join(folder, filepath.Base(out))}
	if err := x.rewrite(ctx, linked, plan.Rewrite, file); err != nil {
		return err
	}
	if l.recording.Makes().Loads() {
		if err := l.held(ctx, folder, file.Path); err != nil {
			return err
		}
	}
	return os.Rename(file.Path, out)
}

// held refuses a library that hosts would see differ from the plainly linked
// one, which is made for that.
func (l *finalLink) held(ctx context.Context, folder, made string) error {
	plain := filepath.Join(folder, "plain")
	if _, err := l.recording.Link(ctx, relink.Variant{}, plain); err != nil {
		return err
	}
	was, err := readInterface(plain)
	if err != nil {
		return err
	}
	now, err := readInterface(made)
	if err != nil {
		return err
	}
	if err := sameInterface(was, now); err != nil {
		return err
	}
	return heldProtections(plain, made)
}
