package dwarf

// Split DWARF (3.1.2, 3.1.3, appendix F): what a linker need not read stays in
// a .dwo file beside each object, or in one .dwp package of them all. The
// program keeps a skeleton of each unit, with its addresses, its lines and the
// name of the file that has the rest. GCC's older form for DWARF 4 has the
// same parts under attributes of its own.
//
// What is hard: the names are those of the machine and folder that built it.
// The places tried are GDB's ("open_dwo_file", "open_and_init_dwp_file"): the
// package beside the program, then the name in the compilation's folder; and
// LLDB's, the program's own folder, since programs are copied together with
// their .dwo files. rustc leaves the .dwo files of a library in its .rlib when
// it packs. Trust is simple: skeleton and unit have the same 64-bit DWO id, a
// hash of the unit, and what has another one is not used.

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// Full is the unit that a skeleton stands for, and the data that it is in: d
// and u themselves where nothing is split, or where the unit was not found.
func (d *Data) Full(u *Unit) (*Data, *Unit) {
	if u.full == nil {
		return d, u
	}
	return u.other, u.full
}

// AttachSplit makes the units of a .dwo or .dwp file and their skeletons in d
// know each other: addresses, ranges and lines are in d's file. It returns how
// many found theirs. Neither may be in use meanwhile.
func (d *Data) AttachSplit(split *Data) int {
	byID := map[uint64]*Unit{}
	for i := range d.Units {
		if u := &d.Units[i]; u.DWOID != 0 && u.full == nil {
			byID[u.DWOID] = u
		}
	}
	n := 0
	for i := range split.Units {
		if u := &split.Units[i]; u.DWOID != 0 && byID[u.DWOID] != nil {
			d.attach(byID[u.DWOID], split, u)
			delete(byID, u.DWOID)
			n++
		}
	}
	return n
}

func (d *Data) attach(skeleton *Unit, split *Data, u *Unit) {
	u.skeleton, u.other = skeleton, d
	skeleton.full, skeleton.other = u, split
	u.addr, u.addrBase, u.lowPC = d.addr, skeleton.addrBase, skeleton.lowPC
	u.ranges, u.rangesBase, u.Ranges = d.ranges, skeleton.rangesBase, skeleton.Ranges
	split.relocatable = d.relocatable
	if u.CompDir == "" {
		u.CompDir = skeleton.CompDir
	}
	if skeleton.Name == "" {
		skeleton.Name = u.Name
	}
	if skeleton.Producer == "" {
		skeleton.Producer = u.Producer
	}
	if skeleton.Language == 0 {
		skeleton.Language = u.Language
	}
}

// SplitFinder opens the files of split units. The zero value finds none. What
// it found is mapped until Close.
type SplitFinder struct {
	Program   string        // path of the program
	Companion string        // path of its separate debug file, "" without
	Asked     *objfile.File // a package, or .dwo file, that the user named

	Units   int      // split units of the program
	Found   int      // of them, those that have been found
	From    []string // where: packages by their paths, .dwo files and libraries as numbers of them
	Refused []error  // files that are there and of another build, or broken

	missing  *Unit // the first of the others
	mappings []*byteio.Mapping
	opened   map[string][]*Data
}

// Split says whether d is the data of a .dwo file or package itself.
func (d *Data) Split() bool { return d.split }

// IsSplit says whether a file is a .dwo file or .dwp package.
func IsSplit(f *objfile.File) bool {
	for i := range f.Sections {
		if kind, split, ok := Kind(f.Sections[i].Name); ok && kind == "info" && split {
			return true
		}
	}
	return false
}

// ErrOtherBuild is the answer to a package of which no unit is the program's.
var ErrOtherBuild = errors.New("no unit in it is of this build")

// ErrNoSkeletons is the answer to a package for a program that has none.
var ErrNoSkeletons = errors.New("the program has no skeleton units that refer to it: it was built without split debug information, or stripped")

// Close unmaps all that was found: the Data that it was attached to is of no
// use from then on.
func (s *SplitFinder) Close() {
	for _, m := range s.mappings {
		_ = m.Close()
	}
	s.mappings, s.opened = nil, nil
}

// Attach finds the split units of d. The error is about what the user named.
func (s *SplitFinder) Attach(d *Data) error {
	var skeletons []*Unit
	for i := range d.Units {
		if u := &d.Units[i]; !d.split && u.DWOName != "" && u.DWOID != 0 && u.full == nil { // rustc's split units have the name too
			skeletons = append(skeletons, u)
		}
	}
	s.Units += len(skeletons)
	if s.Asked != nil {
		if len(skeletons) == 0 {
			return ErrNoSkeletons
		}
		asked, err := Open(s.Asked, nil)
		if err != nil && (asked == nil || len(asked.Units) == 0) {
			return err
		}
		n := d.AttachSplit(asked)
		if n == 0 {
			return ErrOtherBuild
		}
		s.found(n, s.Asked.Name)
	}
	if s.Program == "" || len(skeletons) == 0 {
		return nil
	}
	for _, path := range s.packages() {
		for _, split := range s.open(path) {
			if n := d.AttachSplit(split); n > 0 {
				s.found(n, path)
			} else if anyWithout(skeletons) {
				s.refuse(path, ErrOtherBuild)
			}
		}
	}
	files, members := 0, 0
	for _, u := range skeletons {
		if u.full != nil {
			continue
		}
		s.attachOne(d, u, s.files(u), &files)
		if u.full == nil {
			s.attachOne(d, u, s.libraries(u), &members)
		}
		if u.full == nil && s.missing == nil {
			s.missing = u
		}
	}
	s.found(files, plural(files, ".dwo file"))
	s.found(members, plural(members, "member")+" of .rlib libraries")
	return nil
}

func anyWithout(skeletons []*Unit) bool {
	for _, u := range skeletons {
		if u.full == nil {
			return true
		}
	}
	return false
}

// plural is "1 unit" or "2 units".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (s *SplitFinder) found(n int, where string) {
	if n > 0 {
		s.Found += n
		s.From = append(s.From, where)
	}
}

func (s *SplitFinder) refuse(path string, err error) {
	if len(s.Refused) < 3 { // a build that went wrong goes wrong for all of its files
		s.Refused = append(s.Refused, fmt.Errorf("%s: %w", path, err))
	}
}

// Missing says what was not found, "" when all was.
func (s *SplitFinder) Missing() string {
	if s.missing == nil || s.Found >= s.Units {
		return ""
	}
	name := s.missing.DWOName
	if !absolute(name) && s.missing.CompDir != "" {
		name = join(s.missing.CompDir, name)
	}
	more := ""
	if s.Units-s.Found > 1 {
		more = fmt.Sprintf(" and %d more", s.Units-s.Found-1)
	}
	return fmt.Sprintf("debug information of %d of %d units is missing: no %s%s, and no usable package %s.dwp",
		s.Units-s.Found, s.Units, name, more, filepath.Base(s.Program))
}

// attachOne tries the candidates for one skeleton.
func (s *SplitFinder) attachOne(d *Data, u *Unit, candidates []string, n *int) {
	for _, path := range candidates {
		there := s.open(path)
		for _, split := range there {
			*n += d.AttachSplit(split)
			if u.full != nil {
				return
			}
		}
		if len(there) > 0 && filepath.Base(path) == filepath.Base(u.DWOName) {
			s.refuse(path, fmt.Errorf("its DWO id is not %#016x: %w", u.DWOID, ErrOtherBuild))
		}
	}
}

// packages are where a package may lie.
func (s *SplitFinder) packages() []string {
	list := []string{s.Program + ".dwp"}
	if real, err := filepath.EvalSymlinks(s.Program); err == nil && real != s.Program {
		list = append(list, real+".dwp")
	}
	if s.Companion != "" {
		list = append(list, s.Companion+".dwp", strings.TrimSuffix(s.Companion, ".debug")+".dwp")
		list = append(list, filepath.Join(filepath.Dir(s.Companion), filepath.Base(s.Program)+".dwp"))
	}
	return unique(list)
}

// files are where a unit's .dwo file may lie.
func (s *SplitFinder) files(u *Unit) []string {
	name := u.DWOName
	var list []string
	if absolute(name) {
		list = append(list, name)
	} else {
		list = append(list, join(u.CompDir, name), filepath.Join(filepath.Dir(s.Program), name), name)
	}
	return unique(append(list, filepath.Join(filepath.Dir(s.Program), filepath.Base(name))))
}

// libraries are where a Rust library may lie that has the unit's .dwo file as a
// member: "helper-0f.helper.8a-cgu.0.rcgu.dwo" is in libhelper-0f.rlib.
func (s *SplitFinder) libraries(u *Unit) []string {
	base := filepath.Base(u.DWOName)
	stem, rest, ok := strings.Cut(base, ".")
	if !ok || !strings.HasSuffix(rest, ".dwo") {
		return nil
	}
	var list []string
	for _, file := range s.files(u) {
		for _, folder := range []string{filepath.Dir(file), filepath.Join(filepath.Dir(file), "deps")} {
			list = append(list, filepath.Join(folder, stem+".rlib"), filepath.Join(folder, "lib"+stem+".rlib"))
		}
	}
	return unique(list)
}

func unique(list []string) []string {
	seen := map[string]bool{}
	out := list[:0]
	for _, path := range list {
		if !seen[path] {
			seen[path] = true
			out = append(out, path)
		}
	}
	return out
}

// open returns the split data of a file, or of the members of an archive; none
// where there is no such file. What is there and broken is refused.
func (s *SplitFinder) open(path string) []*Data {
	if list, ok := s.opened[path]; ok {
		return list
	}
	if s.opened == nil {
		s.opened = map[string][]*Data{}
	}
	s.opened[path] = nil
	m, err := byteio.Open(path)
	if err != nil {
		return nil
	}
	s.mappings = append(s.mappings, m)
	f, err := objfile.Parse(path, m.Data)
	if err != nil {
		s.refuse(path, err)
		return nil
	}
	files := []*objfile.File{f}
	if f.Ar != nil {
		files = nil
		for i := range f.Ar.Members {
			if g, err := f.Ar.Open(i); err == nil && f.Ar.Members[i].Special == "" {
				files = append(files, g)
			}
		}
	}
	var list []*Data
	for _, g := range files {
		d, err := Open(g, nil)
		if err != nil && !errors.Is(err, ErrNone) {
			s.refuse(path, err) // units before the fault count
		}
		if d != nil && d.split && len(d.Units) > 0 {
			list = append(list, d)
		}
	}

	s.opened[path] = list
	return list
}
