// Package parcel rewrites the native files inside a finished package: a Python
// wheel, an npm package.
//
// What is hard is not the rewriting (package strip does that) but all that a
// package says about itself. Members have an order, times, modes and ways to be
// compressed that installers, caches and reproducible builds look at; hashes of
// members stand in RECORD, in bills of materials, in lists of checksums; some
// members sign others. So every member that is not rewritten is copied as the
// compressed bytes that it is, RECORD gets the new hashes, and the finished
// package is opened again and compared member by member with the old one. What
// names the hash of a member that would change, or signs one, makes the package
// refused: nobody here can say what that would be worth afterwards.
//
// Rejected: unpacking to a folder and packing again (loses order, times and
// every header that the archiver of the day does not know).
//
// A kind of package is one file here and one Kind.
package parcel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

// Kind is one kind of package.
type Kind struct {
	Name   string // "wheel", as the verb
	Suffix string // of its files' names
	open   func(data []byte) (container, error)
	seal   func(*opened, map[int][]byte) error // makes the package's own hashes anew
}

var (
	// ErrDamaged is wrapped where a package cannot be read.
	ErrDamaged = errors.New("damaged package")
	// ErrOther is wrapped where the new package is not the old one but for what
	// was rewritten: a mistake of this program.
	ErrOther = errors.New("the new package would hold something else, nothing was written")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Limits against packages that were made to fill memory: a member, and all of
// them together, may take atLeast bytes in any case, else `times` of the
// compressed form, never more than atMost. Native code compresses to a tenth at
// best.
const (
	atLeast = 64 << 20
	times   = 200
	atMost  = 8 << 30
)

func limit(compressed uint64) uint64 {
	return min(max(atLeast, compressed*times), atMost)
}

// member is one entry of a package.
type member struct {
	name string
	mode fs.FileMode
	link string // of a symbolic link
	meta string // all else that the archive says of it, to be compared
}

// file says whether m has content of its own.
func (m member) file() bool { return m.mode.IsRegular() && m.link == "" }

// container is an archive whose members are in order.
type container interface {
	members() []member
	read(i int) ([]byte, error)
	// raw is what stands in the archive for the content: its compressed bytes.
	raw(i int) ([]byte, error)
	write(replaced map[int][]byte) ([]byte, error)
}

type opened struct {
	container
	all []member
}

// Rewrite gives the new content of a native file, data itself where nothing
// changes, or nil for a file that is none.
type Rewrite func(name string, data []byte) ([]byte, error)

// Package rewrites what is native in data, and gives the new package, or data
// itself where nothing changes. An error of rewrite comes back as it is.
func (k Kind) Package(data []byte, rewrite Rewrite) ([]byte, error) {
	p, err := k.openChecked(data)
	if err != nil {
		return nil, err
	}
	replaced := map[int][]byte{}
	claims, total, most := claims{}, 0, limit(uint64(len(data)))
	for i, m := range p.all {
		if !m.file() {
			continue
		}
		content, err := p.read(i)
		if err != nil {
			return nil, err
		}
		if total += len(content); uint64(total) > most {
			return nil, byteio.Refuse("a package from where you trust it", "it unpacks to more than %d bytes from %d", most, len(data))
		}
		now, err := rewrite(m.name, content)
		if err != nil {
			return nil, err
		}
		if now == nil || bytes.Equal(now, content) {
			continue
		}
		replaced[i] = now
		claims.add(m.name, content)
	}
	if len(replaced) == 0 {
		return data, nil
	}
	if err := p.signatures(replaced); err != nil {
		return nil, err
	}
	if k.seal != nil {
		if err := k.seal(p, replaced); err != nil {
			return nil, err
		}
	}
	if err := p.claimed(claims, replaced); err != nil {
		return nil, err
	}
	out, err := p.write(replaced)
	if err != nil {
		return nil, err
	}
	if err := k.compare(p, out, replaced); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOther, err)
	}
	return out, nil
}

// openChecked opens a package whose names nobody has to be afraid of.
func (k Kind) openChecked(data []byte) (*opened, error) {
	c, err := k.open(data)
	if err != nil {
		return nil, err
	}
	p := &opened{c, c.members()}
	seen := map[string]bool{}
	for _, m := range p.all {
		name := strings.TrimSuffix(m.name, "/")
		clean := path.Clean(name)
		switch {
		case name == "", strings.ContainsAny(name, "\\\x00"), path.IsAbs(name), clean == "..", strings.HasPrefix(clean, "../"),
			len(name) > 1 && name[1] == ':', strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
			return nil, byteio.Refuse("a package from where you trust it", "it has a member named %q, which would not stay in its folder", m.name)
		case seen[clean] && !m.mode.IsDir():
			return nil, byteio.Refuse("a package that its own tool made", "it has two members named %q", m.name)
		}
		seen[clean] = true
	}
	return p, nil
}

// compare opens the new package and holds it to the old one.
func (k Kind) compare(old *opened, out []byte, replaced map[int][]byte) error {
	p, err := k.openChecked(out)
	if err != nil {
		return err
	}
	if len(p.all) != len(old.all) {
		return fmt.Errorf("%d members instead of %d", len(p.all), len(old.all))
	}
	for i, m := range p.all {
		if m != old.all[i] {
			return fmt.Errorf("%q: other name, mode, time or attributes", m.name)
		}
		want, changed := replaced[i]
		get, wanted := p.raw, old.raw
		if changed {
			get, wanted = p.read, func(int) ([]byte, error) { return want, nil }
		}
		a, err := wanted(i)
		if err != nil {
			return err
		}
		b, err := get(i)
		if err != nil {
			return err
		}
		if !bytes.Equal(a, b) {
			return fmt.Errorf("%q: other content", m.name)
		}
	}
	return nil
}

// detached are the endings of files that sign the file before their ending.
var detached = []string{".asc", ".sig", ".sign", ".minisig", ".sigstore", ".sigstore.json", ".p7s", ".jws", ".cat"}

// signatures refuses what signs a member that would change.
func (p *opened) signatures(replaced map[int][]byte) error {
	for i := range replaced {
		for _, ending := range detached {
			if at := p.find(p.all[i].name + ending); at >= 0 {
				return byteio.Refuse("sign the new package's files with the key that signed these", "%q signs %q, which would change", p.all[at].name, p.all[i].name)
			}
		}
	}
	return nil
}

func (p *opened) find(name string) int {
	return slices.IndexFunc(p.all, func(m member) bool { return m.name == name })
}
