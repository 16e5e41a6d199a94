package objfile

// Separate debug files: where a program's symbols and DWARF went when they were
// taken out. GDB's manual, "Debugging Information in Separate Files": by
// build-id under a root, or by the name and CRC of .gnu_debuglink; Apple's
// dSYM bundles by UUID; the symbol files that minsize leaves beside what it
// made (NAME.symbols), by the digest of the program. (Split DWARF's files are
// found by package dwarf, which knows their ids.)
//
// What is hard is not finding a file but trusting it: names in attributes of
// the program point anywhere, and a debug file of last week's build gives
// wrong answers without a word. So every candidate is opened and must have
// the program's identity; what was tried, and why it was refused, is told.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/minsize/minsize/internal/byteio"
)

// DebugRoots are where distributions install debug files.
var DebugRoots = []string{"/usr/lib/debug"}

// DebugCompanion is an opened separate debug file. Its names share the
// mapping: close it when the File is no longer in use.
type DebugCompanion struct {
	Path    string
	Mapping *byteio.Mapping
	File    *File
	How     string // "content", "build-id", "debuglink", "UUID"
}

// symbolsSuffix is what the name of a symbol file ends in, symbolsNote and
// symbolsType say where in it the digest is. Package strip writes them.
const (
	symbolsSuffix = ".symbols"
	symbolsNote   = "minsize"
	symbolsType   = 1
)

// maxSymbolFiles bounds the symbol files of a folder that are looked into.
const maxSymbolFiles = 256

// FindDebugFile looks for f's separate debug file; path is where f was read
// from, whole its bytes there (f's are others where it is packed), roots the
// folders of debug files. Symbol files are looked for beside the program and
// in the folders of symbols. It returns nil with the reasons of all refusals
// when there is none; no file at all is no refusal.
func FindDebugFile(f *File, path string, whole []byte, roots, symbols []string) (*DebugCompanion, []error) {
	if f.ELF != nil && f.Kind != DebugFile {
		if c := findSymbolFile(f, path, whole, symbols); c != nil {
			return c, nil
		}
	}
	var refused []error
	try := func(candidate, how string) *DebugCompanion {
		m, err := byteio.Open(candidate)
		if err != nil {
			return nil
		}
		c, err := openCompanion(f, whole, m, candidate, how)
		if err != nil {
			_ = m.Close()
			refused = append(refused, fmt.Errorf("%s: %w", candidate, err))
			return nil
		}
		return c
	}
	for _, c := range debugCandidates(f, path, roots) {
		if found := try(c.path, c.how); found != nil {
			return found, refused
		}
	}
	return nil, refused
}

// findSymbolFile looks for the symbol file of a program by what it holds: the
// one that has the program's name first, then the others.
func findSymbolFile(f *File, path string, whole []byte, folders []string) *DebugCompanion {
	digest := sync.OnceValue(func() [sha256.Size]byte { return sha256.Sum256(whole) })
	seen := map[string]bool{}
	try := func(candidate string) *DebugCompanion {
		if seen[candidate] {
			return nil
		}
		seen[candidate] = true
		m, err := byteio.Open(candidate)
		if err != nil {
			return nil
		}
		if g, err := Parse(candidate, m.Data); err == nil && g.ELF != nil && g.Machine == f.Machine {
			if want := g.ELF.programDigest(); want != nil && [sha256.Size]byte(want) == digest() {
				return &DebugCompanion{Path: candidate, Mapping: m, File: g, How: "content"}
			}
		}
		_ = m.Close()
		return nil
	}
	folders = append([]string{filepath.Dir(path)}, folders...)
	for _, dir := range folders {
		if c := try(filepath.Join(dir, filepath.Base(path)+symbolsSuffix)); c != nil {
			return c
		}
	}
	for _, dir := range folders {
		list := namesEnding(dir, symbolsSuffix)
		for _, name := range list[:min(len(list), maxSymbolFiles)] {
			if c := try(filepath.Join(dir, name)); c != nil {
				return c
			}
		}
	}
	return nil
}

// namesEnding are the names in a folder with the suffix, sorted.
func namesEnding(dir, suffix string) []string {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, suffix) })
	slices.Sort(names)
	return names
}

// programDigest is the SHA-256 of the program that a symbol file is of, nil
// for any other file.
func (e *ELFFile) programDigest() []byte {
	for i := range e.file.Sections {
		s := &e.file.Sections[i]
		if s.Type != "SHT_NOTE" || s.Name != ".note."+symbolsNote {
			continue
		}
		for _, n := range e.notesIn(nil, s.Offset, s.FileSize, s.Align) {
			if n.Name == symbolsNote && n.Type == symbolsType && len(n.Desc) == sha256.Size {
				return n.Desc
			}
		}
	}
	return nil
}

type debugCandidate struct{ path, how string }

func debugCandidates(f *File, path string, roots []string) []debugCandidate {
	var list []debugCandidate
	dir := filepath.Dir(path)
	if real, err := filepath.EvalSymlinks(path); err == nil {
		dir = filepath.Dir(real)
	}
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	switch {
	case f.ELF != nil:
		if id := hex.EncodeToString(f.ELF.BuildID()); len(id) > 4 {
			for _, root := range roots {
				list = append(list, debugCandidate{filepath.Join(root, ".build-id", id[:2], id[2:]+".debug"), "build-id"})
			}
		}
		if name, _, ok := f.ELF.DebugLink(); ok && name == filepath.Base(name) && name != "." && name != ".." { // a path in it would point out of the folders
			list = append(list, debugCandidate{filepath.Join(dir, name), "debuglink"}, debugCandidate{filepath.Join(dir, ".debug", name), "debuglink"})
			for _, root := range roots {
				list = append(list, debugCandidate{filepath.Join(root, dir, name), "debuglink"})
			}
		}
	case f.MachO != nil && f.Kind != DebugFile:
		bundles, _ := filepath.Glob(filepath.Join(quoteGlob(path)+".dSYM", "Contents", "Resources", "DWARF", "*"))
		for _, b := range bundles {
			list = append(list, debugCandidate{b, "UUID"})
		}
	}
	return list
}

func quoteGlob(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

// OpenDebugFile opens a debug file that the user named and checks that it is
// f's; whole are the bytes of f's file.
func OpenDebugFile(f *File, whole []byte, candidate string) (*DebugCompanion, error) {
	m, err := byteio.Open(candidate)
	if err != nil {
		return nil, err
	}
	c, err := openCompanion(f, whole, m, candidate, "")
	if err != nil {
		_ = m.Close()
		return nil, fmt.Errorf("%s: %w", candidate, err)
	}
	return c, nil
}

// openCompanion checks the identity: the digest of a symbol file; build-ids
// when both have one, else the debuglink's CRC over the whole file; UUIDs for
// Mach-O.
func openCompanion(f *File, whole []byte, m *byteio.Mapping, path, how string) (*DebugCompanion, error) {
	g, err := Parse(path, m.Data)
	if err != nil {
		return nil, err
	}
	if g.Fat != nil {
		for i, a := range g.Fat.Arches {
			if a.Arch == f.Arch {
				if g, err = g.Fat.Open(i); err != nil {
					return nil, err
				}
				break
			}
		}
	}
	if g.Format != f.Format || g.Machine != f.Machine {
		return nil, fmt.Errorf("%s for %s, expected %s for %s", g.Format, g.Arch, f.Format, f.Arch)
	}
	c := &DebugCompanion{Path: path, Mapping: m, File: g, How: how}
	switch {
	case f.MachO != nil:
		if !bytes.Equal(f.MachO.UUID, g.MachO.UUID) || len(f.MachO.UUID) == 0 {
			return nil, fmt.Errorf("UUID %x, expected %x", g.MachO.UUID, f.MachO.UUID)
		}
		c.How = "UUID"
	case f.ELF != nil:
		if digest := g.ELF.programDigest(); digest != nil {
			if sum := sha256.Sum256(whole); !bytes.Equal(sum[:], digest) {
				return nil, fmt.Errorf("symbols of a program whose SHA-256 begins with %.6x, this one has %.6x", digest, sum)
			}
			c.How = "content"
			break
		}
		want, got := f.ELF.BuildID(), g.ELF.BuildID()
		if len(want) > 0 && len(got) > 0 {
			if !bytes.Equal(want, got) {
				return nil, fmt.Errorf("build-id %x, expected %x", got, want)
			}
			c.How = "build-id"
			break
		}
		if _, crc, ok := f.ELF.DebugLink(); ok {
			if sum := crc32.ChecksumIEEE(m.Data); sum != crc {
				return nil, fmt.Errorf("CRC %08x, .gnu_debuglink wants %08x", sum, crc)
			}
			c.How = "debuglink"
			break
		}
		if how != "" {
			return nil, fmt.Errorf("nothing proves that it is of this build: no build-id and no .gnu_debuglink")
		}
	}
	return c, nil
}
