package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/advice"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/manual"
)

// cargoFlags are cargo's own flags, with cargo's names and meaning, for every
// verb that works on a project.
type cargoFlags struct{ cargo.Options }

// register adds the flags. Verbs that build nothing take those that choose a
// project and a program all the same, so that a command line can be reused.
func (c *cargoFlags) register(flags *pflag.FlagSet) {
	manual.InGroup(flags, manual.Cargo, func() { c.add(flags) })
}

func (c *cargoFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&c.ManifestPath, "manifest-path", "", "the project's `Cargo.toml`")
	flags.StringVarP(&c.Package, "package", "p", "", "the workspace's `PACKAGE` that holds the program or library")
	flags.StringVar(&c.Bin, "bin", "", "the program `NAME`, where a package has several")
	flags.StringVar(&c.Example, "example", "", "the example `NAME` as the program or library")
	flags.BoolVar(&c.Lib, "lib", false, "the package's library")
	flags.StringVar(&c.CrateType, "crate-type", "", "with --lib, the `FORM` of the library: cdylib, dylib, staticlib")
	flags.StringSliceVarP(&c.Features, "features", "F", nil, "`FEATURES` to turn on")
	flags.BoolVar(&c.AllFeatures, "all-features", false, "turn all features on")
	flags.BoolVar(&c.NoDefaultFeatures, "no-default-features", false, "leave the default features out")
	flags.StringVar(&c.Target, "target", "", "build for another machine: a target `TRIPLE`")
	flags.StringVar(&c.TargetDir, "target-dir", "", "cargo's target `FOLDER`; minsize works in its folder minsize")
	flags.StringVar(&c.Profile, "profile", "", "the `PROFILE` to start from (default release)")
	flags.StringVarP(&c.Jobs, "jobs", "j", "", "cargo may run `N` jobs at once")
	flags.BoolVar(&c.Locked, "locked", false, "fail if Cargo.lock would change")
	flags.BoolVar(&c.Offline, "offline", false, "use no network")
	flags.BoolVar(&c.Frozen, "frozen", false, "--locked and --offline")
	flags.StringArrayVar(&c.Config, "config", nil, "cargo setting `KEY=VALUE`, or a config file")
	flags.StringArrayVarP(&c.Unstable, "unstable", "Z", nil, "cargo's unstable `FLAG`")
}

// cargoOptions is what was typed, +toolchain too.
func (e *env) cargoOptions(c *cargoFlags) cargo.Options {
	o := c.Options
	o.Toolchain = e.global.toolchain
	return o
}

// cargoError gives an error of package cargo its exit status, its hint, and
// cargo's own last lines. Errors of other packages pass unchanged.
func cargoError(err error) error {
	var (
		noProject   *cargo.NoProjectError
		nothing     *cargo.NoArtefactError
		several     *cargo.SeveralError
		targets     *cargo.SeveralTargetsError
		noProfile   *cargo.NoProfileError
		noToolchain *cargo.NoToolchainError
		locked      *cargo.LockedError
		build       *cargo.BuildError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &noProject):
		return withStatus(exitUsage, "cd to a cargo project, or --manifest-path PATH/Cargo.toml", err)
	case errors.As(err, &nothing):
		hint := "a project with src/main.rs"
		switch {
		case len(nothing.Available) > 1:
			hint = fmt.Sprintf("%s (or %d more)", nothing.Available[0], len(nothing.Available)-1)
		case len(nothing.Available) > 0:
			hint = nothing.Available[0].String()
		case nothing.Rlib:
			hint = "--lib --crate-type cdylib (or staticlib); or --example NAME, for a program that uses it"
		}
		return withStatus(exitUsage, hint, err)
	case errors.As(err, &several):
		var hints []string
		for _, c := range several.Choices {
			hints = append(hints, c.String())
		}
		if len(hints) > 8 {
			hints = append(hints[:8], "...")
		}
		return withStatus(exitUsage, strings.Join(hints, ", or "), err)
	case errors.As(err, &targets):
		return withStatus(exitUsage, "--target "+targets.Targets[0], err)
	case errors.As(err, &noProfile):
		return withStatus(exitUsage, "--profile release, or define [profile."+noProfile.Name+"] in the workspace root's Cargo.toml", err)
	case errors.As(err, &noToolchain):
		hint := "minsize doctor, which says how to install one"
		if name := missingToolchain.FindStringSubmatch(noToolchain.Error()); name != nil {
			hint = "rustup toolchain install " + name[1] + ", or +NAME of one that minsize doctor lists"
		}
		return withStatus(exitFailed, hint, err)
	case errors.As(err, &locked):
		return withStatus(exitFailed, "wait for the other run, or use another --target-dir", err)
	case errors.As(err, &build):
		return &statusError{status: exitFailed, hint: advice.FailedBuild(build), detail: build.Lines, err: err}
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return withStatus(exitFailed, "--target-dir in a folder that you may write to, with --no-recipe for shrink", err)
	}
	return err
}

// missingToolchain are rustup's words for a toolchain that is named and not
// there.
var missingToolchain = regexp.MustCompile(`toolchain '([^']+)' is not installed`)
