package relink

// Static libraries. rustc writes them without a linker: an archive of the
// crate, of all that it uses, and of the whole of std, three hundred objects of
// which a C program takes what it needs, and every Rust library beside it
// brings them again under the same names. A linker can do that choice ahead of
// time: `ld -r` with garbage collection, from the functions that the crate
// exports. So a static library has a recorded link as well, one that nobody
// has made yet, and everything that is said with objects (cuts, sections,
// alignment) is a replay of it.

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objedit"
)

// ArchiveExports are the names that a static library offers to C: what Rust
// code defines under a name of its own choice, and std's own apart.
func ArchiveExports(archive string) ([]string, error) {
	file, err := objedit.OpenFile(filepath.Base(archive), archive)
	if err != nil {
		return nil, err
	}
	if file == nil {
		return nil, fmt.Errorf("%s is no archive of ELF objects", filepath.Base(archive))
	}
	defer file.Close()
	var names []string
	for _, o := range file.Objects() {
		if crate, _, _ := strings.Cut(memberName(o.Name()), "-"); slices.Contains(standard, crate) || !strings.Contains(o.Name(), ".rcgu.o") {
			continue
		}
		for _, d := range o.Exports() {
			if !ownedByRust(d) {
				names = append(names, d)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// ownedByRust says whether only Rust's own objects refer to a symbol.
func ownedByRust(symbol string) bool {
	return strings.HasPrefix(symbol, "_R") || strings.HasPrefix(symbol, "_ZN") || strings.HasPrefix(symbol, "__rust") ||
		slices.Contains([]string{"rust_eh_personality", "rust_begin_unwind", "rust_panic"}, symbol)
}

// memberName is the name of an archive's member without the archive's.
func memberName(name string) string {
	if at := strings.LastIndexByte(name, '('); at >= 0 {
		return name[at+1:]
	}
	return name
}

// RecordArchive makes the recording of a static library's link, below root.
func RecordArchive(ctx context.Context, root, archive, pkg, crate string, foreign bool, folders ...string) error {
	names, err := ArchiveExports(archive)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s exports no function (#[no_mangle]): %w", filepath.Base(archive), ErrNotApplicable)
	}
	l := &recordedLink{Version: recordVersion, Flavour: gnu.Name, Dir: filepath.Dir(archive), Env: map[string]string{"PATH": os.Getenv("PATH")},
		Package: pkg, Bin: crate, Output: archive + ".o"}
	for _, found := range gnu.FindLinkers(ctx, l.Env["PATH"], folders...) {
		// GNU ld knows one machine. lld knows all, but where it drops what a
		// COMDAT group held it leaves the group, which GNU ld does not read.
		if found.Kind == BFD && !foreign {
			l.Driver = found.Path
			break
		}
		if found.Kind == LLD && l.Driver == "" {
			l.Driver = found.Path
		}
	}
	if l.Driver == "" {
		return fmt.Errorf("no lld or GNU ld to link it ahead: %w", ErrNotApplicable)
	}
	if filepath.Base(l.Driver) == "rust-lld" { // many linkers in one
		l.Args = []string{"-flavor", "gnu"}
	}
	l.Args = append(l.Args, "-r", "--gc-sections")
	for _, n := range names {
		l.Args = append(l.Args, "-u", n)
	}
	l.Args = append(l.Args, "-o", l.Output, archive)
	sum, err := byteio.SHA256(archive)
	if err != nil {
		return err
	}
	l.SHA256 = sum
	dir := filepath.Join(root, filepath.Base(archive)+"-"+sum[:16])
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	stored := filepath.Join("inputs", "000-"+filepath.Base(archive))
	if err := os.MkdirAll(filepath.Join(dir, "inputs"), 0o777); err != nil {
		return err
	}
	if err := byteio.CopyFile(archive, filepath.Join(dir, stored), 0o666); err != nil {
		return err
	}
	l.Inputs = []recordedInput{{Path: archive, Stored: stored}}
	text, err := json.MarshalIndent(l, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "link.json"), text, 0o666)
}

// ahead says whether the recorded link is that of a static library.
func (r *Recording) ahead() bool { return slices.Contains(r.link.Args, "-r") }

// archive makes a static library of the object that was linked: what it does
// not export is its own, so that two of them can be linked together.
func (p *plan) archive() error {
	data, err := os.ReadFile(p.out)
	if err != nil {
		return err
	}
	names, _ := p.recording.exports()
	object, err := objedit.Localise(data, func(name string) bool { return slices.Contains(names, name) })
	if err != nil {
		return err
	}
	return os.WriteFile(p.out, objedit.Archive(p.recording.link.Bin+".o", object, names), 0o666)
}
