// Package cargo reads a cargo project and the machine that it is built on, and
// runs cargo.
//
// What is hard: what a build does is spread over a manifest, the workspace
// root's manifest, a chain of config files from the current folder up to the
// root and CARGO_HOME, the environment, and the command line; each has its
// place in the precedence, and for compiler flags the places do not add up but
// exclude each other. Whoever sets RUSTFLAGS to try something drops the flags
// that the project needs. So this package reads all sources, says which one
// wins, and gives its own settings to cargo through --config in the one form
// that is added to what is there.
//
// What was chosen: cargo's own words wherever it has them (cargo metadata, the
// JSON messages of a build), our reading of the config files only where cargo
// has no stable way to ask (`cargo config get` is nightly only). What was
// rejected: editing the user's files for a trial build and putting them back,
// for a crash in between leaves the project changed.
package cargo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options are cargo's own flags as the user typed them, with cargo's meaning.
// The zero value is the project of the current folder, as it is.
type Options struct {
	Dir       string   // where cargo runs, which decides the config files; "" for the current folder
	Env       []string // the environment; nil for the process's own
	Toolchain string   // from +toolchain, without the plus; "" for the project's own

	ManifestPath      string   // --manifest-path
	Package           string   // -p
	Bin               string   // --bin
	Example           string   // --example
	Lib               bool     // --lib
	CrateType         string   // --crate-type: what of the library, where it is several things
	Features          []string // -F, each maybe a list by commas or spaces
	AllFeatures       bool     // --all-features
	NoDefaultFeatures bool     // --no-default-features
	Target            string   // --target
	TargetDir         string   // --target-dir
	Profile           string   // --profile; "" is release
	Jobs              string   // -j
	Locked            bool     // --locked
	Offline           bool     // --offline
	Frozen            bool     // --frozen
	Config            []string // --config
	Unstable          []string // -Z
}

// profile is the profile to build: release unless one was named.
func (o Options) profile() string {
	if o.Profile == "" {
		return "release"
	}
	return o.Profile
}

// environ is the environment that cargo gets, before minsize adds to it.
func (o Options) environ() []string {
	if o.Env != nil {
		return o.Env
	}
	return os.Environ()
}

// getenv looks a variable up in that environment.
func (o Options) getenv(key string) string {
	value, _ := lookupEnv(o.environ(), key)
	return value
}

// lookupEnv finds the last setting of key, as the C library's readers and
// os/exec see it.
func lookupEnv(environ []string, key string) (string, bool) {
	for _, entry := range slices.Backward(environ) {
		if name, value, ok := strings.Cut(entry, "="); ok && name == key {
			return value, true
		}
	}
	return "", false
}

// dir is the absolute folder that cargo runs in.
func (o Options) dir() (string, error) {
	if o.Dir == "" {
		return os.Getwd()
	}
	return filepath.Abs(o.Dir)
}

// sourceFlags are the flags that decide what is read and resolved; every call
// of cargo takes them.
func (o Options) sourceFlags() []string {
	var args []string
	if o.ManifestPath != "" {
		args = append(args, "--manifest-path", o.ManifestPath)
	}
	if o.Locked {
		args = append(args, "--locked")
	}
	if o.Offline {
		args = append(args, "--offline")
	}
	if o.Frozen {
		args = append(args, "--frozen")
	}
	for _, c := range o.Config {
		args = append(args, "--config", c)
	}
	for _, z := range o.Unstable {
		args = append(args, "-Z", z)
	}
	return args
}

// featureFlags are the flags that choose features.
func (o Options) featureFlags() []string {
	var args []string
	for _, f := range o.Features {
		args = append(args, "--features", f)
	}
	if o.AllFeatures {
		args = append(args, "--all-features")
	}
	if o.NoDefaultFeatures {
		args = append(args, "--no-default-features")
	}
	return args
}
