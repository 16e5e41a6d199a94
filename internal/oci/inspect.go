package oci

// Looking into an image that somebody else built: what is in each layer, and
// what was shipped for nothing because a later layer wrote it again or deleted
// it (layers only ever grow: image-spec, layer.md "Whiteouts").

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/minsize/minsize/internal/byteio"
)

// Inspection is what an image is made of.
type Inspection struct {
	Source     string
	Platform   Platform
	Digest     string
	Entrypoint []string
	Command    []string
	User       string
	Layers     []LayerInfo
	Files      []FileInfo // of the final tree, largest first
	Wasted     []Waste    // largest first
	Size       int64      // bytes of all files in the final tree
	WastedSize int64
	Compressed int64 // bytes of the layers as they are stored

	root *tree
}

// LayerInfo is one layer, bottom first.
type LayerInfo struct {
	Digest     string
	CreatedBy  string
	Compressed int64
	Size       int64 // bytes of the files in it
	Files      int
}

// FileInfo is one regular file of the final tree.
type FileInfo struct {
	Path  string
	Size  int64
	Layer int
}

// Waste is one file that is stored in a layer and not to be seen in the end.
type Waste struct {
	Path  string
	Size  int64
	Layer int    // where it is stored
	Why   string // "written again in layer 3", "deleted in layer 3"
}

// maxEntries bounds what is kept of a hostile image.
const maxEntries = 4 << 20

// Open finds the image that source names: an OCI layout folder or tar, a
// docker-archive, or a reference in a registry. platform chooses from an
// index; its zero value takes the only one, or this machine's.
//
// The image reads its files when it is asked: call done when it is not needed
// any more.
func Open(ctx context.Context, source string, platform Platform, o RegistryOptions) (img v1.Image, done func(), err error) {
	done = func() {}
	info, err := os.Stat(source)
	switch {
	case err == nil && info.IsDir():
		img, err = fromLayout(source, platform)
		return img, done, err
	case err == nil && !info.Mode().IsRegular():
		return nil, done, fmt.Errorf("%s: %w", source, byteio.ErrNotRegular)
	case err == nil:
		return fromTar(source, platform)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, done, err
	}
	img, err = fromRegistry(ctx, source, platform, o, err)
	return img, done, err
}

// looksLikeFile says whether a name that is no file was meant as one: a mistyped
// file must not become a question to a registry. A reference has a tag, a digest
// or a folder: app:1.0, library/alpine.
func looksLikeFile(source string) bool {
	if strings.HasPrefix(source, ".") || strings.HasPrefix(source, "~") || filepath.IsAbs(source) || strings.ContainsRune(source, '\\') {
		return true
	}
	for _, end := range []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".oci"} {
		if strings.HasSuffix(source, end) {
			return true
		}
	}
	first, _, folders := strings.Cut(source, "/")
	if !folders {
		return !strings.ContainsAny(source, ":@")
	}
	info, err := os.Stat(first)
	return err == nil && info.IsDir()
}

func fromRegistry(ctx context.Context, source string, platform Platform, o RegistryOptions, missing error) (v1.Image, error) {
	if looksLikeFile(source) {
		return nil, missing
	}
	reference, err := name.ParseReference(source)
	if err != nil {
		return nil, fmt.Errorf("%s: no such file, and no reference: %w", source, err)
	}
	options, err := o.options(ctx, reference.Context().Registry)
	if err != nil {
		return nil, err
	}
	if platform != (Platform{}) {
		options = append(options, remote.WithPlatform(v1.Platform{OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant}))
	}
	return remote.Image(reference, options...)
}

func fromLayout(dir string, platform Platform) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: no OCI layout: %w", dir, err)
	}
	return pick(index, platform)
}

// pick takes the image for platform out of an index.
func pick(index v1.ImageIndex, platform Platform) (v1.Image, error) {
	var found []string
	img, err := walkIndex(index, platform, 0, &found)
	if err != nil || img != nil {
		return img, err
	}
	if len(found) == 0 {
		return nil, errors.New("the index holds no image")
	}
	return nil, fmt.Errorf("no image for %s; there is %s", platform, strings.Join(found, ", "))
}

// walkIndex goes through nested indexes; it returns nil, and in found what is
// there, when nothing matches.
func walkIndex(index v1.ImageIndex, platform Platform, depth int, found *[]string) (v1.Image, error) {
	if depth > 4 {
		return nil, errors.New("an index in an index, more than 4 deep")
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range manifest.Manifests {
		if d.MediaType.IsIndex() {
			nested, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			if img, err := walkIndex(nested, platform, depth+1, found); err != nil || img != nil {
				return img, err
			}
			continue
		}
		img, err := index.Image(d.Digest)
		if err != nil {
			return nil, err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		if config.OS == "" { // an artifact, not an image
			continue
		}
		is := Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
		if platform == (Platform{}) || platform.Matches(is) {
			return img, nil
		}
		*found = append(*found, is.String())
	}
	return nil, nil
}

// fromTar reads a docker-archive or an OCI layout in a tar.
func fromTar(file string, platform Platform) (img v1.Image, done func(), err error) {
	done = func() {}
	names, err := tarNames(file)
	if err != nil {
		return nil, done, fmt.Errorf("%s: no image: %w", file, err)
	}
	if names["manifest.json"] {
		img, err = tarball.ImageFromPath(file, nil)
		return img, done, err
	}
	if !names["index.json"] || !names["oci-layout"] {
		return nil, done, fmt.Errorf("%s: neither a docker-archive (manifest.json) nor an OCI layout (index.json)", file)
	}
	dir, err := os.MkdirTemp("", "minsize-inspect-")
	if err != nil {
		return nil, done, err
	}
	done = func() { os.RemoveAll(dir) }
	if err = extractLayout(file, dir); err == nil {
		img, err = fromLayout(dir, platform)
	}
	if err != nil {
		done()
	}
	return img, done, err
}

func tarNames(file string) (map[string]bool, error) {
	f, err := byteio.OpenRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names := map[string]bool{}
	tr := tar.NewReader(f)
	for len(names) < maxEntries {
		h, err := tr.Next()
		if err == io.EOF {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		names[path.Clean(h.Name)] = true
	}
	return nil, fmt.Errorf("more than %d entries", maxEntries)
}

// extractLayout unpacks the layout's own names alone; os.Root keeps the rest
// out of reach.
func extractLayout(file, dir string) error {
	f, err := byteio.OpenRegular(file)
	if err != nil {
		return err
	}
	defer f.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	tr := tar.NewReader(f)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		at := filepath.FromSlash(path.Clean(h.Name))
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(at) {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		out, err := root.Create(at)
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, tr); err != nil {
			out.Close()
			return err
		}
		if err := out.Close(); err != nil {
			return err
		}
	}
}

// Inspect reads every layer once.
func Inspect(source string, img v1.Image) (*Inspection, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	digest, err := img.Digest()
	if err != nil {
		return nil, err
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	in := &Inspection{
		Source: source, Digest: digest.String(),
		Platform:   Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant},
		Entrypoint: config.Config.Entrypoint, Command: config.Config.Cmd, User: config.Config.User,
		root: newTree(),
	}
	commands := layerCommands(config)
	for i, layer := range layers {
		info := LayerInfo{}
		if i < len(commands) {
			info.CreatedBy = commands[i]
		}
		if h, err := layer.Digest(); err == nil {
			info.Digest = h.String()
		}
		if info.Compressed, err = layer.Size(); err != nil {
			return nil, err
		}
		if mediaType, err := layer.MediaType(); err == nil && !mediaType.IsLayer() {
			return nil, fmt.Errorf("layer %d is %s, not a file tree", i+1, mediaType)
		}
		rc, err := layer.Uncompressed()
		if err != nil {
			return nil, err
		}
		err = in.root.apply(rc, i, &info, &in.Wasted)
		rc.Close()
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i+1, err)
		}
		in.Compressed += info.Compressed
		in.Layers = append(in.Layers, info)
	}
	for name, node := range in.root.nodes {
		if node.mode.IsRegular() {
			in.Files = append(in.Files, FileInfo{Path: name, Size: node.size, Layer: node.layer})
			in.Size += node.size
		}
	}
	sort.Slice(in.Files, func(i, j int) bool {
		a, b := in.Files[i], in.Files[j]
		return a.Size > b.Size || a.Size == b.Size && a.Path < b.Path
	})
	sort.SliceStable(in.Wasted, func(i, j int) bool { return in.Wasted[i].Size > in.Wasted[j].Size })
	for _, w := range in.Wasted {
		in.WastedSize += w.Size
	}
	return in, nil
}

// layerCommands are the history entries that made a layer.
func layerCommands(config *v1.ConfigFile) []string {
	var out []string
	for _, h := range config.History {
		if !h.EmptyLayer {
			out = append(out, h.CreatedBy)
		}
	}
	return out
}
