package oci

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objfile"
)

// Entry is one path of an image. Folders above it are made as needed.
type Entry struct {
	Path string // absolute, clean
	Mode fs.FileMode
	Data []byte // regular files
	Link string // symbolic links: the target
	Size int64
	Why  string // what brought it in: "program", "libc.so.6 needed by app", "--file"
}

// Composition is what goes into one image of one platform.
type Composition struct {
	Program  string // path in the image
	Platform Platform
	Closure  *Closure
	Runtime  []Entry // interpreter and libraries, a layer of its own: images can share it
	App      []Entry // the program and what was asked for
	UID, GID int
}

// Platform is an OCI platform: os, architecture, variant.
type Platform struct{ OS, Architecture, Variant string }

func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// ParsePlatform reads os/architecture[/variant].
func ParsePlatform(text string) (Platform, error) {
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return Platform{}, fmt.Errorf("platform %q: expected os/architecture[/variant], as linux/arm64", text)
	}
	p := Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// PlatformOf is the platform that an ELF program is for. OCI images name
// machines as Go does (image-spec, config.md "architecture").
func PlatformOf(f *objfile.File) (Platform, error) {
	_, arch := machine.Named(f.Arch)
	if arch.Go == "" {
		return Platform{}, fmt.Errorf("%s: machine %s (%d) has no name in OCI images", f.Name, f.Arch, f.Machine)
	}
	return Platform{OS: "linux", Architecture: arch.Go}, nil
}

// Matches says whether a program for q can be called p: variants say more,
// not another machine.
func (p Platform) Matches(q Platform) bool {
	return p.OS == q.OS && p.Architecture == q.Architecture
}

// Extra is what was asked for beside the program.
type Extra struct {
	CACertificates bool
	TZData         bool
	Tmp            bool
	UserName       string    // a passwd entry of this name for UID; empty for none
	Files          []FileArg // --file SRC:DST
}

// FileArg is one --file: a host file or folder, and its path in the image.
type FileArg struct{ Source, Target string }

// caBundles are where distributions keep the certificate bundle; the first
// that is there is taken, at the path where it is.
var caBundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem",
}

// Compose lays out one image. programPath is the absolute path in the image,
// data the program's bytes (stripped or packed ones, when that was asked for).
func Compose(root Root, program *objfile.File, data []byte, programPath string, extra Extra, uid, gid int) (*Composition, error) {
	platform, err := PlatformOf(program)
	if err != nil {
		return nil, err
	}
	closure, err := Resolve(root, program, programPath)
	if err != nil {
		return nil, err
	}
	c := &Composition{Program: programPath, Platform: platform, Closure: closure, UID: uid, GID: gid}
	c.App = append(c.App, Entry{Path: programPath, Mode: 0o755, Data: data, Size: int64(len(data)), Why: "program"})
	if err := c.addRuntime(root); err != nil {
		return nil, err
	}
	if err := c.addExtra(root, extra); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// addRuntime puts the interpreter and the libraries where the linker looked.
// A file that is reached by two paths is stored once and linked. A library
// that only the building root's ld.so.cache knows gets a link in a folder
// that the linker searches without one.
func (c *Composition) addRuntime(root Root) error {
	if c.Closure.Static {
		return nil
	}
	stored := map[string]string{} // real path -> image path
	libcFolder := ""
	all := append([]Library{*c.Closure.Interpreter}, c.Closure.Libraries...)
	for _, lib := range all {
		if lib.FoundBy == "default path" && libcFolder == "" || strings.HasPrefix(lib.Name, "libc.so") {
			libcFolder = path.Dir(lib.Path)
		}
	}
	for _, lib := range all {
		why := lib.Name + ", needed by " + strings.Join(lib.NeededBy, ", ")
		if at, ok := stored[lib.Real]; ok {
			if at != lib.Path {
				c.Runtime = append(c.Runtime, Entry{Path: lib.Path, Mode: fs.ModeSymlink | 0o777, Link: at, Why: why})
			}
			continue
		}
		data, err := os.ReadFile(root.Host(lib.Real))
		if err != nil {
			return err
		}
		stored[lib.Real] = lib.Path
		c.Runtime = append(c.Runtime, Entry{Path: lib.Path, Mode: 0o755, Data: data, Size: int64(len(data)), Why: why})
		if lib.FoundBy == "ld.so.cache" && libcFolder != "" && path.Dir(lib.Path) != libcFolder && !c.searched(path.Dir(lib.Path)) {
			c.Runtime = append(c.Runtime, Entry{Path: path.Join(libcFolder, lib.Name), Mode: fs.ModeSymlink | 0o777, Link: lib.Path, Why: why})
		}
	}
	return nil
}

// searched says whether some library was found in dir without the cache, so
// that the linker is known to look there.
func (c *Composition) searched(dir string) bool {
	for _, lib := range c.Closure.Libraries {
		if lib.FoundBy == "default path" && path.Dir(lib.Path) == dir {
			return true
		}
	}
	return false
}

func (c *Composition) addExtra(root Root, extra Extra) error {
	if extra.CACertificates {
		bundle, err := firstFile(root, caBundles)
		if err != nil {
			return fmt.Errorf("certificate authorities: %w", err)
		}
		c.App = append(c.App, *bundle)
	}
	if extra.TZData {
		if err := c.addTree(root.Host("/usr/share/zoneinfo"), "/usr/share/zoneinfo", "--tzdata"); err != nil {
			return fmt.Errorf("time zones: %w", err)
		}
	}
	if extra.Tmp {
		c.App = append(c.App, Entry{Path: "/tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777, Why: "--tmp"})
	}
	if extra.UserName != "" {
		id := strconv.Itoa(c.UID)
		group := strconv.Itoa(c.GID)
		c.addText("/etc/passwd", extra.UserName+":x:"+id+":"+group+":"+extra.UserName+":/nonexistent:/sbin/nologin\n", "--user")
		c.addText("/etc/group", extra.UserName+":x:"+group+":\n", "--user")
	}
	for _, f := range extra.Files {
		if err := c.addTree(f.Source, f.Target, "--file"); err != nil {
			return err
		}
	}
	return nil
}

func (c *Composition) addText(name, text, why string) {
	c.App = append(c.App, Entry{Path: name, Mode: 0o644, Data: []byte(text), Size: int64(len(text)), Why: why})
}

func firstFile(root Root, names []string) (*Entry, error) {
	for _, name := range names {
		real, _, err := root.File(name)
		if err != nil {
			continue
		}
		data, err := os.ReadFile(root.Host(real))
		if err != nil {
			return nil, err
		}
		return &Entry{Path: name, Mode: 0o644, Data: data, Size: int64(len(data)), Why: "--ca-certificates"}, nil
	}
	return nil, fmt.Errorf("none of %s is in %s", strings.Join(names, ", "), root.Dir)
}

// addTree copies a host file or folder to target. Modes keep the execute bit
// alone; links stay links; anything else is refused.
func (c *Composition) addTree(source, target, why string) error {
	if !path.IsAbs(target) {
		return fmt.Errorf("%s:%s: the path in the image is not absolute", source, target)
	}
	return filepath.WalkDir(source, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, file)
		if err != nil {
			return err
		}
		name := path.Join(target, filepath.ToSlash(rel))
		info, err := d.Info()
		if err != nil {
			return err
		}
		if rel == "." && info.Mode()&fs.ModeSymlink != 0 { // what was named itself is followed
			if info, err = os.Stat(file); err != nil {
				return err
			}
		}
		switch {
		case info.IsDir():
			c.App = append(c.App, Entry{Path: name, Mode: fs.ModeDir | 0o755, Why: why})
		case info.Mode()&fs.ModeSymlink != 0:
			link, err := os.Readlink(file)
			if err != nil {
				return err
			}
			c.App = append(c.App, Entry{Path: name, Mode: fs.ModeSymlink | 0o777, Link: link, Why: why})
		case info.Mode().IsRegular():
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			mode := fs.FileMode(0o644)
			if info.Mode()&0o111 != 0 {
				mode = 0o755
			}
			c.App = append(c.App, Entry{Path: name, Mode: mode, Data: data, Size: int64(len(data)), Why: why})
		default:
			return fmt.Errorf("%s: %w", file, errNotRegular)
		}
		return nil
	})
}

// check refuses two different things at one path, and a file where another
// entry needs a folder.
func (c *Composition) check() error {
	seen := map[string]Entry{}
	for _, e := range append(append([]Entry{}, c.Runtime...), c.App...) {
		if old, ok := seen[e.Path]; ok && !(old.Mode.IsDir() && e.Mode.IsDir()) {
			return fmt.Errorf("%s is there twice: %s, and %s", e.Path, old.Why, e.Why)
		}
		seen[e.Path] = e
	}
	for name, e := range seen {
		for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
			if above, ok := seen[dir]; ok && !above.Mode.IsDir() {
				return fmt.Errorf("%s (%s) cannot be below %s, which is a file (%s)", name, e.Why, dir, above.Why)
			}
		}
	}
	return nil
}

// sorted returns entries by path with the folders that they need, each once.
func sorted(entries []Entry) []Entry {
	byPath := map[string]Entry{}
	for _, e := range entries {
		byPath[e.Path] = e
		for dir := path.Dir(e.Path); dir != "/"; dir = path.Dir(dir) {
			if _, ok := byPath[dir]; !ok {
				byPath[dir] = Entry{Path: dir, Mode: fs.ModeDir | 0o755}
			}
		}
	}
	out := make([]Entry, 0, len(byPath))
	for _, e := range byPath {
		if e.Path != "/" {
			out = append(out, e)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}
