package inspect

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pdb"
)

// symbolFolders are where symbol files are looked for beside the program's own
// folder: programs that were copied elsewhere are asked about in the project.
var symbolFolders = []string{filepath.Join("target", "minsize")}

// DebugFileError says that a file cannot have this program's names.
type DebugFileError struct {
	Database bool // it is a .pdb
	Err      error
}

func (e *DebugFileError) Error() string { return e.Err.Error() }
func (e *DebugFileError) Unwrap() error { return e.Err }

// findNames finds what a program's names and debug information are in when
// they are not in itself: the file that was asked for, or by build-id, debug
// link, UUID, or the record of a program database. A found file is proved to
// be of this build, or it is not used.
//
// data are the program's bytes, whole those of its file: others where it is
// packed.
func (l *Files) findNames(path string, data, whole []byte, o *Options) error {
	if o.LayoutOnly {
		return nil
	}
	asked := o.DebugFile
	if asked == "" && isWasm(data) { // which is read whole: once is enough
		var err error
		if asked, err = l.findSplit(path, asked, o); err != nil || asked == "" {
			return err
		}
	}
	f, err := objfile.Parse(path, data)
	if err != nil {
		return nil // attrib.Load says it
	}
	if f.PE != nil {
		return l.findDatabase(f, path, asked, o)
	}
	if f.ELF != nil || f.Wasm != nil || f.Ar != nil {
		if asked, err = l.findSplit(path, asked, o); err != nil {
			return err
		}
	}
	if asked != "" {
		c, err := objfile.OpenDebugFile(f, whole, asked)
		if err != nil {
			return &DebugFileError{Err: err}
		}
		l.mappings = append(l.mappings, c.Mapping)
		o.Companion = c.File
		if o.Split != nil {
			o.Split.Companion = asked
		}
		return nil
	}
	if f.SectionByName(".symtab") != nil || f.Kind == objfile.Relocatable || f.ELF == nil && f.MachO == nil {
		return nil
	}
	if f.MachO != nil && !o.Debug {
		return nil // its symbol table stays in the program
	}
	c, refused := objfile.FindDebugFile(f, path, whole, objfile.DebugRoots, symbolFolders)
	for _, why := range refused {
		l.Notes = append(l.Notes, fmt.Sprintf("not used: %v", why))
	}
	if c != nil {
		l.mappings = append(l.mappings, c.Mapping)
		o.Companion = c.File
		if o.Split != nil {
			o.Split.Companion = c.Path
		}
		what := "names and debug information"
		if c.File.SectionByName(".debug_info") == nil {
			what = "names"
		}
		l.Notes = append(l.Notes, fmt.Sprintf("%s from %s, found by %s", what, c.Path, c.How))
	}
	return nil
}

// findSplit prepares the search for .dwo files and packages, which comes when
// the program's units are known. It takes a package that the user named away
// from what is still to be found.
func (l *Files) findSplit(path, asked string, o *Options) (rest string, err error) {
	o.Split = &dwarf.SplitFinder{Program: path}
	l.splits = append(l.splits, o.Split)
	if asked == "" {
		return "", nil
	}
	m, err := byteio.Open(asked)
	if err != nil {
		return "", err
	}
	g, err := objfile.Parse(asked, m.Data)
	if err != nil || !dwarf.IsSplit(g) {
		return asked, m.Close()
	}
	l.mappings = append(l.mappings, m)
	o.Split.Asked = g
	o.Debug = true
	return "", nil
}

// splitNotes says where split units were found and which are missing.
func (l *Files) splitNotes(s *dwarf.SplitFinder) {
	if s == nil {
		return
	}
	if s.Found > 0 {
		l.Notes = append(l.Notes, fmt.Sprintf("split debug information of %d of %d units from %s", s.Found, s.Units, strings.Join(s.From, ", ")))
	}
	for _, why := range s.Refused {
		l.Notes = append(l.Notes, fmt.Sprintf("not used: %v", why))
	}
	if missing := s.Missing(); missing != "" {
		l.Notes = append(l.Notes, missing)
	}
}

// findDatabase opens a program's PDB.
func (l *Files) findDatabase(f *objfile.File, path, asked string, o *Options) error {
	record, ok := f.PE.PDB()
	if !ok && asked == "" {
		return nil
	}
	name := asked
	if name == "" {
		if name = pdb.Find(path, record.Path); name == "" {
			return nil
		}
	}
	m, err := byteio.Open(name)
	if err != nil {
		return err
	}
	l.mappings = append(l.mappings, m)
	db, err := pdb.Open(m.Data)
	if err == nil && (!ok || db.GUID != record.GUID) {
		err = fmt.Errorf("it is of another build")
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
		if asked != "" {
			return &DebugFileError{Database: true, Err: err}
		}
		l.Notes = append(l.Notes, fmt.Sprintf("not used: %v", err))
		return nil
	}
	o.Database = db
	if asked == "" {
		l.Notes = append(l.Notes, fmt.Sprintf("names from %s", name))
	}
	return nil
}
