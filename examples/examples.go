// Package examples holds one cargo project for each tier of "Minimizing Rust
// Binary Size". Those without the standard library's start-up code are also
// what `minsize new` writes, so that what is tested here is what users get.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed no-main/Cargo.toml no-main/build.rs no-main/link.ld no-main/src
//go:embed no-std/Cargo.toml no-std/build.rs no-std/link.ld no-std/src
//go:embed raw/Cargo.toml raw/build.rs raw/link.ld raw/src raw/.cargo
var files embed.FS

// Tier is a way to do without a part of what an ordinary program carries.
type Tier struct {
	Name    string // as `minsize new --tier` takes it, and the folder here
	Summary string
	Loses   string // in plain words
	Floor   int64  // bytes of its "Hello, world!" on x86-64 Linux, section headers gone; a test holds it
}

// Tiers in the order of what they give up.
var Tiers = []Tier{
	{"no-main", "the standard library without its start-up code",
		"std::env::args, the messages of panics and stack overflow, RELRO", 1456},
	{"no-std", "core and the C library",
		"the standard library; println!, Vec and String unless you bring an allocator", 1080},
	{"raw", "core and system calls (x86-64 Linux)",
		"the C library, address randomisation, every other machine", 149},
}

// Files returns the tier's project, its paths relative to the project's folder.
func (t Tier) Files() (fs.FS, error) { return fs.Sub(files, t.Name) }
