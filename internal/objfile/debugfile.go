package objfile

// Separate debug files: where a program's symbols and DWARF went when they were
// taken out. GDB's manual, "Debugging Information in Separate Files": by
// build-id under a root, or by the name and CRC of .gnu_debuglink; Apple's
// dSYM bundles by UUID. (Split DWARF's files are found by package dwarf, which
// knows their ids.)
//
// What is hard is not finding a file but trusting it: names in attributes of
// the program point anywhere, and a debug file of last week's build gives
// wrong answers without a word. So every candidate is opened and must have
// the program's identity; what was tried, and why it was refused, is told.

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"

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
	How     string // "build-id", "debuglink", "UUID"
}

// FindDebugFile looks for f's separate debug file; path is where f was read
// from, roots the folders of debug files. It returns nil with the reasons of
// all refusals when there is none; no file at all is no refusal.
func FindDebugFile(f *File, path string, roots []string) (*DebugCompanion, []error) {
	var refused []error
	try := func(candidate, how string) *DebugCompanion {
		m, err := byteio.Open(candidate)
		if err != nil {
			return nil
		}
		c, err := openCompanion(f, m, candidate, how)
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
// f's.
func OpenDebugFile(f *File, candidate string) (*DebugCompanion, error) {
	m, err := byteio.Open(candidate)
	if err != nil {
		return nil, err
	}
	c, err := openCompanion(f, m, candidate, "")
	if err != nil {
		_ = m.Close()
		return nil, fmt.Errorf("%s: %w", candidate, err)
	}
	return c, nil
}

// openCompanion checks the identity: build-ids when both have one, else the
// debuglink's CRC over the whole file; UUIDs for Mach-O.
func openCompanion(f *File, m *byteio.Mapping, path, how string) (*DebugCompanion, error) {
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
