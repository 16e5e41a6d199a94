// Package examples holds one cargo project for each tier of "Minimizing Rust
// Binary Size". Those without the standard library's start-up code are also
// what `minsize new` writes, so that what is tested here is what users get.
package examples

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// ErrNotEmpty is why a project is not written.
var ErrNotEmpty = errors.New("is there already and not empty")

// Write writes the project, as a package of that name, into a folder beside dir and renames it, so
// that dir is whole or not there. An existing dir must be empty.
func (t Tier) Write(dir, name string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files, err := t.Files()
	if err != nil {
		return err
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, ".minsize-new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := os.CopyFS(temp, files); err != nil {
		return err
	}
	manifest := filepath.Join(temp, "Cargo.toml")
	text, err := os.ReadFile(manifest)
	if err != nil {
		return err
	}
	named := strings.Replace(string(text), fmt.Sprintf("name = %q", t.Name), fmt.Sprintf("name = %q", name), 1)
	if err := os.WriteFile(manifest, []byte(named), 0o666); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(temp, ".gitignore"), []byte("/target\n"), 0o666); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(temp, dir)
}
