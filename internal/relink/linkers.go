package relink

// Which linkers there are, and which of them really link this program.
//
// Names lie: `ld` may be bfd, gold, lld or mold; Debian ships ld.lld-19 and no
// ld.lld; rustup hides its rust-lld in the sysroot. So a candidate is asked
// for its version to learn what it is, and is believed to work when it has
// linked the recorded program as it was recorded.

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/target"
)

// LinkerKind is a linker program, by the name that -fuse-ld= wants.
type LinkerKind string

const (
	BFD     LinkerKind = "bfd"
	Gold    LinkerKind = "gold"
	LLD     LinkerKind = "lld"
	Mold    LinkerKind = "mold"
	unknown LinkerKind = ""
)

// Linker is one linker program of this machine.
type Linker struct {
	Kind    LinkerKind
	Path    string // absolute
	Version string // the first line that --version prints
}

// ID tells linkers apart in cache keys and reports: "lld 19.1.7".
func (l Linker) ID() string {
	if l == (Linker{}) {
		return "recorded"
	}
	version := l.Version
	for _, word := range strings.Fields(l.Version) {
		if word[0] >= '0' && word[0] <= '9' {
			version = strings.TrimRight(word, ",;)")
		}
		if version != l.Version && l.Kind != BFD { // bfd's number is the last word
			break
		}
	}
	return string(l.Kind) + " " + version
}

// FindLinkers lists the flavour's linkers on path (a PATH value) and in the extra
// folders (a toolchain's bin folders), each program once, without trying them
// on anything but --version. Order: as in the flavour's table; newest first.
func (f *Flavour) FindLinkers(ctx context.Context, path string, extra ...string) []Linker {
	var found []Linker
	seen := map[string]bool{}
	for _, dir := range append(filepath.SplitList(path), extra...) {
		for _, pattern := range f.patterns() {
			matches, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, file := range matches {
				if resolved, err := filepath.EvalSymlinks(file); err == nil {
					if seen[resolved] {
						continue
					}
					seen[resolved] = true
				}
				if l, ok := f.identify(ctx, file); ok {
					found = append(found, l)
				}
			}
		}
	}
	rank := func(k LinkerKind) int {
		return slices.IndexFunc(f.Linkers, func(p program) bool { return p.Kind == k })
	}
	arrange.Stable(found, func(a, b Linker) int {
		if d := rank(a.Kind) - rank(b.Kind); d != 0 {
			return d
		}
		return -compareVersions(a.ID(), b.ID())
	})
	return found
}

func (f *Flavour) patterns() (list []string) {
	for _, p := range f.Linkers {
		list = append(list, p.Files...)
	}
	return list
}

// identify asks a program what it is.
func (f *Flavour) identify(ctx context.Context, file string) (Linker, bool) {
	args := []string{"--version"}
	if filepath.Base(file) == "rust-lld" {
		flavor := f.Name
		if flavor != target.WasmLD {
			flavor = target.GNU
		}
		args = []string{"-flavor", string(flavor), "--version"}
	}
	said, err := exec.CommandContext(ctx, file, args...).Output()
	if err != nil {
		return Linker{}, false
	}
	line, _, _ := strings.Cut(string(said), "\n")
	for _, p := range f.Linkers {
		if strings.Contains(line, p.Says) {
			return Linker{Kind: p.Kind, Path: file, Version: strings.TrimSpace(line)}, true
		}
	}
	return Linker{}, false
}

// compareVersions compares the numbers in two IDs of the same kind.
func compareVersions(a, b string) int {
	numbers := func(s string) []int {
		var out []int
		n, in := 0, false
		for _, c := range s + " " {
			if c >= '0' && c <= '9' && n < 1<<24 {
				n, in = n*10+int(c-'0'), true
			} else if in {
				out = append(out, n)
				n, in = 0, false
			}
		}
		return out
	}
	return slices.Compare(numbers(a), numbers(b))
}

// Candidates lists the linkers on the recorded PATH, in the recorded -B folders
// and in the toolchain's own.
func (r *Recording) Candidates(ctx context.Context) []Linker {
	var extra []string
	for _, arg := range r.link.Args {
		if dir, ok := strings.CutPrefix(arg, "-B"); ok && dir != "" {
			// rustup's gcc-ld holds wrappers around the rust-lld beside it.
			extra = append(extra, filepath.Dir(dir))
		}
	}
	for _, dir := range filepath.SplitList(r.link.Env["PATH"]) {
		if filepath.Base(dir) == "bin" && strings.Contains(dir, "rustlib") {
			extra = append(extra, dir)
		}
	}
	return r.flavour.FindLinkers(ctx, r.link.Env["PATH"], extra...)
}

// Linkers lists the candidates that link this recording as it was recorded. The
// others come back with the reason why not.
func (r *Recording) Linkers(ctx context.Context) (works []Linker, fails map[string]error) {
	fails = map[string]error{}
	probe, err := os.MkdirTemp("", "minsize-linkers-*")
	if err != nil {
		return nil, map[string]error{"": err}
	}
	defer os.RemoveAll(probe)
	for i, l := range r.Candidates(ctx) {
		_, err := r.Link(ctx, Variant{Linker: l}, filepath.Join(probe, fmt.Sprint(i)))
		if err != nil {
			fails[l.Path] = err
			continue
		}
		works = append(works, l)
	}
	return works, fails
}

// recordedKind is the kind of the recorded link's own linker, as far as its
// arguments or its name tell; unknown otherwise.
func (r *Recording) recordedKind() LinkerKind {
	if !isDriver(r.link.Driver) {
		base := filepath.Base(r.link.Driver)
		for _, p := range r.flavour.Linkers {
			if strings.Contains(base, string(p.Kind)) {
				return p.Kind
			}
		}
		return unknown
	}
	kind := unknown
	for _, arg := range r.link.Args {
		if name, ok := strings.CutPrefix(arg, "-fuse-ld="); ok {
			kind = LinkerKind(name)
		}
	}
	return kind
}
