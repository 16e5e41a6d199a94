package oci

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/minsize/minsize/internal/objfile"
)

// tree is the file tree that an image's layers add up to. Keys are absolute
// paths whose folders are no links.
type tree struct{ nodes map[string]node }

type node struct {
	mode  fs.FileMode
	size  int64
	link  string // symbolic: target as written; hard: resolved path
	layer int
	entry string // the name in the layer's tar, to find the bytes again
}

func newTree() *tree { return &tree{nodes: map[string]node{}} }

// Whiteouts (image-spec, layer.md).
const (
	whiteoutPrefix = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
)

// apply adds one layer's tar. What it hides goes to wasted.
func (t *tree) apply(r io.Reader, layer int, info *LayerInfo, wasted *[]Waste) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(t.nodes) > maxEntries {
			return fmt.Errorf("more than %d files", maxEntries)
		}
		name := path.Clean("/" + h.Name)
		if name == "/" {
			continue
		}
		dir := t.folder(path.Dir(name), 0)
		base := path.Base(name)
		name = path.Join(dir, base)
		if base == whiteoutOpaque {
			t.removeBelow(dir, layer, wasted, fmt.Sprintf("deleted in layer %d", layer+1))
			continue
		}
		if hidden, ok := strings.CutPrefix(base, whiteoutPrefix); ok {
			t.remove(path.Join(dir, hidden), layer, wasted, fmt.Sprintf("deleted in layer %d", layer+1))
			continue
		}
		n := node{mode: h.FileInfo().Mode(), size: h.Size, link: h.Linkname, layer: layer, entry: h.Name}
		switch h.Typeflag {
		case tar.TypeDir:
			if old, ok := t.nodes[name]; ok && old.mode.IsDir() {
				continue
			}
		case tar.TypeReg:
			info.Files++
			info.Size += h.Size
		case tar.TypeLink: // the bytes are the other name's
			n.mode = fs.ModeIrregular
			n.size, n.link = 0, path.Clean("/"+h.Linkname)
		}
		if _, ok := t.nodes[name]; ok {
			t.remove(name, layer, wasted, fmt.Sprintf("written again in layer %d", layer+1))
		}
		t.nodes[name] = n
	}
}

// folder follows the links in a folder's path, inside the tree.
func (t *tree) folder(dir string, depth int) string {
	at := "/"
	for _, part := range strings.Split(dir, "/") {
		if part == "" {
			continue
		}
		next := path.Join(at, part)
		if n, ok := t.nodes[next]; ok && n.mode&fs.ModeSymlink != 0 && depth < maxLinks {
			target := n.link
			if !path.IsAbs(target) {
				target = path.Join(at, target)
			}
			next = t.folder(path.Clean(target), depth+1)
		}
		at = next
	}
	return at
}

func (t *tree) remove(name string, layer int, wasted *[]Waste, why string) {
	if n, ok := t.nodes[name]; ok {
		t.waste(name, n, layer, wasted, why)
		delete(t.nodes, name)
		if n.mode.IsDir() {
			t.removeBelow(name, layer, wasted, why)
		}
	}
}

func (t *tree) removeBelow(dir string, layer int, wasted *[]Waste, why string) {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	var gone []string
	for name, n := range t.nodes {
		if strings.HasPrefix(name, prefix) && n.layer < layer {
			gone = append(gone, name)
		}
	}
	sort.Strings(gone)
	for _, name := range gone {
		t.waste(name, t.nodes[name], layer, wasted, why)
		delete(t.nodes, name)
	}
}

func (t *tree) waste(name string, n node, layer int, wasted *[]Waste, why string) {
	if n.mode.IsRegular() && n.size > 0 && n.layer < layer {
		*wasted = append(*wasted, Waste{Path: name, Size: n.size, Layer: n.layer, Why: why})
	}
}

// Alternative says what minsize would have made of an image's program.
type Alternative struct {
	Program     string
	Composition *Composition
	Size        int64 // bytes of all its files
}

// Alternative composes a new image around the inspected image's entrypoint,
// with libraries from the image itself. The error says why there is none.
func (in *Inspection) Alternative(img v1.Image) (*Alternative, error) {
	command := append(append([]string{}, in.Entrypoint...), in.Command...)
	if len(command) == 0 {
		return nil, fmt.Errorf("the image names no entrypoint and no command")
	}
	dir, err := os.MkdirTemp("", "minsize-inspect-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := in.root.extract(img, dir); err != nil {
		return nil, err
	}
	root := Root{Dir: dir}
	program, err := findProgram(root, command[0])
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(root.Host(program))
	if err != nil {
		return nil, err
	}
	f, err := objfile.Parse(program, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	c, err := Compose(root, f, data, program, Extra{}, Nobody.UID, Nobody.GID)
	if err != nil {
		return nil, err
	}
	a := &Alternative{Program: program, Composition: c}
	for _, e := range append(append([]Entry{}, c.App...), c.Runtime...) {
		a.Size += e.Size
	}
	return a, nil
}

// findProgram resolves the first word of a command as the shell-less start of
// a container does: a path, or a name in the usual PATH.
func findProgram(root Root, word string) (string, error) {
	candidates := []string{word}
	if !strings.Contains(word, "/") {
		candidates = nil
		for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
			candidates = append(candidates, path.Join(dir, word))
		}
	}
	for _, c := range candidates {
		if real, _, err := root.File(c); err == nil {
			return real, nil
		}
	}
	return "", fmt.Errorf("%s, the image's command, is not an ELF file in it (a script?)", word)
}

var elfMagic = []byte("\x7fELF")

// extract writes the tree's ELF files, the dynamic linkers' own files and all
// links to dir. Regular files come first, into folders that are no links, so
// that nothing is written through a link.
func (t *tree) extract(img v1.Image, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	byEntry := map[string]string{} // layer and tar name -> path
	for name, n := range t.nodes {
		if n.mode.IsRegular() {
			byEntry[fmt.Sprintf("%d %s", n.layer, n.entry)] = name
		}
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for i, layer := range layers {
		rc, err := layer.Uncompressed()
		if err != nil {
			return err
		}
		err = extractLayerFiles(root, rc, func(entry string) string { return byEntry[fmt.Sprintf("%d %s", i, entry)] })
		rc.Close()
		if err != nil {
			return err
		}
	}
	for name, n := range t.nodes {
		at := filepath.FromSlash(strings.TrimPrefix(name, "/"))
		switch {
		case n.mode&fs.ModeSymlink != 0:
			if err := root.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				continue
			}
			root.Symlink(n.link, at) // one that cannot be made is one that cannot be followed
		case n.mode&fs.ModeIrregular != 0:
			if err := root.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				continue
			}
			root.Symlink(n.link, at)
		}
	}
	return nil
}

func extractLayerFiles(root *os.Root, r io.Reader, pathOf func(entry string) string) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := pathOf(h.Name)
		if h.Typeflag != tar.TypeReg || name == "" {
			continue
		}
		head := make([]byte, 4)
		n, _ := io.ReadFull(tr, head)
		if !bytes.Equal(head[:n], elfMagic) && name != "/etc/ld.so.cache" && !strings.HasPrefix(name, "/etc/ld-musl-") {
			continue
		}
		at := filepath.FromSlash(strings.TrimPrefix(name, "/"))
		if err := root.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		out, err := root.OpenFile(at, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, io.MultiReader(bytes.NewReader(head[:n]), tr))
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}
