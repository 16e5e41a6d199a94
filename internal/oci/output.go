package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sort"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/minsize/minsize/internal/byteio"
)

// Bundle is what is put somewhere: one image, or an index of several, with the
// artifacts that refer to them.
type Bundle struct {
	Reference name.Reference // what it is called; nil for no name
	Image     v1.Image       // one platform
	Index     v1.ImageIndex  // several
	Attached  []v1.Image     // SBOMs, one per image

	images map[Platform]v1.Image // what Add made
}

// Digest is the digest of the image or the index.
func (b *Bundle) Digest() (v1.Hash, error) {
	if b.Index != nil {
		return b.Index.Digest()
	}
	return b.Image.Digest()
}

// Overhead is what a registry stores beside the layers: manifests,
// configurations and the index, in bytes. Attached artifacts do not count.
func (b *Bundle) Overhead() (int64, error) {
	images := []v1.Image{b.Image}
	var total int64
	if b.Index != nil {
		raw, err := b.Index.RawManifest()
		if err != nil {
			return 0, err
		}
		total = int64(len(raw))
		manifest, err := b.Index.IndexManifest()
		if err != nil {
			return 0, err
		}
		images = images[:0]
		for _, d := range manifest.Manifests {
			img, err := b.Index.Image(d.Digest)
			if err != nil {
				return 0, err
			}
			images = append(images, img)
		}
	}
	for _, img := range images {
		manifest, err := img.RawManifest()
		if err != nil {
			return 0, err
		}
		config, err := img.RawConfigFile()
		if err != nil {
			return 0, err
		}
		total += int64(len(manifest) + len(config))
	}
	return total, nil
}

// ErrExists is wrapped when the output is there already.
var ErrExists = errors.New("is there already")

// annotations name the image in a layout: skopeo and podman look at the tag,
// containerd and Docker at the whole name.
func (b *Bundle) annotations() map[string]string {
	if b.Reference == nil {
		return nil
	}
	return map[string]string{
		"org.opencontainers.image.ref.name": b.Reference.Identifier(),
		"io.containerd.image.name":          b.Reference.Name(),
	}
}

// layoutIn writes an OCI image layout (image-spec, image-layout.md) into dir.
func (b *Bundle) layoutIn(dir string) error {
	l, err := layout.Write(dir, mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	if err != nil {
		return err
	}
	if b.Index != nil {
		err = l.AppendIndex(b.Index, layout.WithAnnotations(b.annotations()))
	} else {
		err = l.AppendImage(b.Image, layout.WithAnnotations(b.annotations()))
	}
	if err != nil {
		return err
	}
	for _, img := range b.Attached {
		if err := l.AppendImage(img, layout.WithAnnotations(map[string]string{
			"org.opencontainers.image.title": "SBOM",
		})); err != nil {
			return err
		}
	}
	return nil
}

// tempPrefix begins the names of folders that are not whole yet.
const tempPrefix = ".minsize-image-"

// WriteLayout makes dir, which must not be there, as a layout folder: whole or
// not at all.
func (b *Bundle) WriteLayout(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s: %w", dir, ErrExists)
	}
	temp, remove, err := byteio.TempFolder(filepath.Dir(filepath.Clean(dir)), tempPrefix)
	if err != nil {
		return err
	}
	defer remove()
	if err := b.layoutIn(temp); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	return os.Rename(temp, dir)
}

// LayoutTar is the layout as one tar file, entries sorted, times zero. It is
// collected in a folder of its own below dir.
func (b *Bundle) LayoutTar(dir string) ([]byte, error) {
	temp, remove, err := byteio.TempFolder(dir, tempPrefix)
	if err != nil {
		return nil, err
	}
	defer remove()
	if err := b.layoutIn(temp); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = tarFolder(&out, temp)
	return out.Bytes(), err
}

// DockerTar is what `docker load` of every age reads: one platform.
func (b *Bundle) DockerTar() ([]byte, error) {
	if b.Index != nil {
		return nil, errors.New("a docker-archive holds one platform; several fit an OCI layout or a registry")
	}
	if b.Reference == nil {
		return nil, errors.New("a docker-archive needs a name")
	}
	var out bytes.Buffer
	err := tarball.Write(b.Reference, b.Image, &out)
	return out.Bytes(), err
}

// tarFolder writes dir's files in the order of their paths. Folders have no
// entries of their own: every reader makes them.
func tarFolder(out *bytes.Buffer, dir string) error {
	var files []string
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		return err
	}
	sort.Strings(files)
	tw := tar.NewWriter(out)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: filepath.ToSlash(rel), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data)), ModTime: epoch, Format: tar.FormatUSTAR}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(data); err != nil {
			return err
		}
	}
	return tw.Close()
}

// RegistryOptions say how a registry may be spoken to.
type RegistryOptions struct {
	PlainHTTP bool // only ever to this machine itself
}

// ErrPlainHTTP is wrapped when a registry would be spoken to without TLS.
var ErrPlainHTTP = errors.New("plain HTTP is for localhost alone, and only when asked for")

// options gives the transport rules: the keychain that docker, podman and the
// credential helpers fill, and no plain HTTP past the loopback.
func (o RegistryOptions) options(ctx context.Context, registry name.Registry) ([]remote.Option, error) {
	host := registry.RegistryStr()
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	loopback := host == "localhost"
	if ip := net.ParseIP(host); ip != nil {
		loopback = ip.IsLoopback()
	}
	var transport http.RoundTripper = onlyTLS{remote.DefaultTransport}
	if registry.Scheme() == "http" {
		if !loopback || !o.PlainHTTP {
			return nil, fmt.Errorf("registry %s: %w", registry.RegistryStr(), ErrPlainHTTP)
		}
		transport = remote.DefaultTransport
	}
	return []remote.Option{
		remote.WithContext(ctx),
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithTransport(transport),
		remote.WithUserAgent("minsize"),
	}, nil
}

// onlyTLS refuses requests without TLS, redirected ones too.
type onlyTLS struct{ next http.RoundTripper }

func (t onlyTLS) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, fmt.Errorf("%s: %w", r.URL.Host, ErrPlainHTTP)
	}
	return t.next.RoundTrip(r)
}

// Push writes the bundle to its reference's registry.
func (b *Bundle) Push(ctx context.Context, o RegistryOptions) error {
	if b.Reference == nil {
		return errors.New("nothing to push to: no name")
	}
	options, err := o.options(ctx, b.Reference.Context().Registry)
	if err != nil {
		return err
	}
	if b.Index != nil {
		err = remote.WriteIndex(b.Reference, b.Index, options...)
	} else {
		err = remote.Write(b.Reference, b.Image, options...)
	}
	if err != nil {
		return err
	}
	for _, img := range b.Attached {
		digest, err := img.Digest()
		if err != nil {
			return err
		}
		if err := remote.Write(b.Reference.Context().Digest(digest.String()), img, options...); err != nil {
			return fmt.Errorf("attached SBOM: %w", err)
		}
	}
	return nil
}

// SizeOnDisk adds up the regular files at name.
func SizeOnDisk(name string) (int64, error) {
	var total int64
	err := filepath.WalkDir(name, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
