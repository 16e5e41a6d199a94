package executor

// minsize as the linker of an ordinary build: what maturin, tauri, cargo-dist
// and CI call is cargo, and cargo calls the linker that .cargo/config.toml names.
//
// What is hard is to change nothing else. cargo names one linker for a target,
// whatever the profile: debug builds, tests, build scripts and proc macros come
// through here as well, and a build that would have worked may not fail. So a
// link is changed only if it is the program of a minsize.toml, in the profile
// that it is for, by the compiler that it was found with; it is tried beside
// the output; and whatever goes wrong, the plain link follows.
//
// Rejected: a wrapper of rustc (`build.rustc-wrapper`). It sees the profile's
// settings, but people have sccache there.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
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
		fmt.Fprintf(stderr, "minsize-link: %s: %v\n  try: minsize shrink; or without MINSIZE=strict, which links it as it is\n", os.Getenv("CARGO_BIN_NAME"), err)
		return 1
	}
	if err != nil {
		fmt.Fprintf(stderr, "minsize-link: warning: %s is linked as it is: %v\n", os.Getenv("CARGO_BIN_NAME"), err)
	}
	return launch.Become(launch.Behind(args), args, stderr)
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
	profile := profileOf(l.recording.Output())
	if profile == "debug" || !launch.Concerns(l.recording.Args()) {
		return nil, nil
	}
	c, err := recipe.Above(os.Getenv("CARGO_MANIFEST_DIR"), recipe.Program{Package: os.Getenv("CARGO_PKG_NAME"), Name: os.Getenv("CARGO_BIN_NAME")})
	if c == nil || c.Cargo.Target != l.triple || profile != cmp.Or(os.Getenv(cargo.LinkProfile), c.Cargo.Profile, "release") {
		return nil, err
	}
	return c, nil
}

// profileOf is the profile that cargo builds a file for, by the folder that it
// has below the target folder; debug, which several have, is none.
func profileOf(output string) string {
	parts := strings.Split(filepath.ToSlash(filepath.Dir(output)), "/")
	for i := len(parts) - 1; i > 0; i-- {
		if slices.Contains([]string{"deps", "examples", "build"}, parts[i]) {
			return parts[i-1]
		}
	}
	return ""
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
		return errors.New("the program's bitcode is not there to optimise again: minsize apply --link writes the flag -Csave-temps, which keeps it")
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
	return os.Rename(file.Path, out)
}
