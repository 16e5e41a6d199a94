package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// Compression of layers.
type Compression string

const (
	Gzip Compression = "gzip" // read everywhere
	Zstd Compression = "zstd" // smaller and faster; containerd 1.5, Docker 23 and later
	None Compression = "none"
)

// Config is what the image says about running itself.
type Config struct {
	User         string // uid:gid
	Env          []string
	Entrypoint   []string
	Command      []string
	WorkingDir   string
	Labels       map[string]string
	ExposedPorts []string          // "8080" or "53/udp"
	Annotations  map[string]string // of the manifest
	Compression  Compression
}

// epoch is the time of everything: the same input gives the same digest.
var epoch = time.Unix(0, 0).UTC()

// Build makes the image of one platform.
func Build(c *Composition, config Config) (v1.Image, error) {
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, types.OCIConfigJSON)
	var adds []mutate.Addendum
	for _, part := range []struct {
		entries []Entry
		by      string
	}{{c.Runtime, "minsize: libraries"}, {c.App, "minsize: program"}} {
		if len(part.entries) == 0 {
			continue
		}
		layer, err := newLayer(part.entries, config.Compression)
		if err != nil {
			return nil, err
		}
		adds = append(adds, mutate.Addendum{
			Layer:   layer,
			History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: part.by},
		})
	}
	img, err := mutate.Append(img, adds...)
	if err != nil {
		return nil, err
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Created = v1.Time{Time: epoch}
	file.OS, file.Architecture, file.Variant = c.Platform.OS, c.Platform.Architecture, c.Platform.Variant
	file.Config = v1.Config{
		User: config.User, Env: config.Env, Entrypoint: config.Entrypoint, Cmd: config.Command,
		WorkingDir: config.WorkingDir, Labels: config.Labels,
	}
	if len(config.ExposedPorts) > 0 {
		file.Config.ExposedPorts = map[string]struct{}{}
		for _, port := range config.ExposedPorts {
			normal, err := exposedPort(port)
			if err != nil {
				return nil, err
			}
			file.Config.ExposedPorts[normal] = struct{}{}
		}
	}
	if img, err = mutate.ConfigFile(img, file); err != nil {
		return nil, err
	}
	if len(config.Annotations) > 0 {
		img = mutate.Annotations(img, config.Annotations).(v1.Image)
	}
	return img, nil
}

// exposedPort reads PORT[/tcp|/udp|/sctp].
func exposedPort(text string) (string, error) {
	number, protocol, has := strings.Cut(text, "/")
	if !has {
		protocol = "tcp"
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 65535 || protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
		return "", fmt.Errorf("port %q: expected 1..65535[/tcp|/udp|/sctp]", text)
	}
	return number + "/" + protocol, nil
}

// newLayer makes one deterministic layer.
func newLayer(entries []Entry, compression Compression) (v1.Layer, error) {
	var plain bytes.Buffer
	if err := writeTar(&plain, sorted(entries)); err != nil {
		return nil, err
	}
	diffID, _, err := v1.SHA256(bytes.NewReader(plain.Bytes()))
	if err != nil {
		return nil, err
	}
	data, mediaType, err := compress(plain.Bytes(), compression)
	if err != nil {
		return nil, err
	}
	return &layer{Layer: static.NewLayer(data, mediaType), diffID: diffID, plain: plain.Bytes()}, nil
}

// layer is a static layer that knows its uncompressed side.
type layer struct {
	v1.Layer
	diffID v1.Hash
	plain  []byte
}

func (l *layer) DiffID() (v1.Hash, error) { return l.diffID, nil }
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.plain)), nil
}

func compress(data []byte, compression Compression) ([]byte, types.MediaType, error) {
	var out bytes.Buffer
	switch compression {
	case None:
		return data, types.OCIUncompressedLayer, nil
	case Zstd:
		w, err := zstd.NewWriter(&out, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, "", err
		}
		if _, err := w.Write(data); err != nil {
			return nil, "", err
		}
		if err := w.Close(); err != nil {
			return nil, "", err
		}
		return out.Bytes(), types.OCILayerZStd, nil
	case Gzip, "":
		w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		if err != nil {
			return nil, "", err
		}
		if _, err := w.Write(data); err != nil {
			return nil, "", err
		}
		if err := w.Close(); err != nil {
			return nil, "", err
		}
		return out.Bytes(), types.OCILayer, nil
	default:
		return nil, "", fmt.Errorf("compression %q: expected gzip, zstd or none", compression)
	}
}

// writeTar writes sorted entries: numeric root as owner, zero times.
func writeTar(w io.Writer, entries []Entry) error {
	tw := tar.NewWriter(w)
	for _, e := range entries {
		h := &tar.Header{Name: strings.TrimPrefix(e.Path, "/"), ModTime: epoch, Format: tar.FormatUSTAR}
		h.Mode = int64(e.Mode.Perm())
		switch {
		case e.Mode.IsDir():
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
			if e.Mode&fs.ModeSticky != 0 {
				h.Mode |= 0o1000
			}
		case e.Mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.Link
		default:
			h.Typeflag, h.Size = tar.TypeReg, int64(len(e.Data))
		}
		if len(h.Name) > 100 || len(h.Linkname) > 100 {
			h.Format = tar.FormatPAX
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
		if _, err := tw.Write(e.Data); err != nil {
			return err
		}
	}
	return tw.Close()
}

// Index joins images of several platforms, sorted by platform.
func Index(images map[Platform]v1.Image, annotations map[string]string) (v1.ImageIndex, error) {
	var platforms []Platform
	for p := range images {
		platforms = append(platforms, p)
	}
	sort.Slice(platforms, func(i, j int) bool { return platforms[i].String() < platforms[j].String() })
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: images[p],
			Descriptor: v1.Descriptor{Platform: &v1.Platform{
				OS: p.OS, Architecture: p.Architecture, Variant: p.Variant,
			}},
		})
	}
	if len(annotations) > 0 {
		index = mutate.Annotations(index, annotations).(v1.ImageIndex)
	}
	return index, nil
}

// LayerBytes is the sum of an image's layers as they are stored.
func LayerBytes(img v1.Image) (int64, error) {
	layers, err := img.Layers()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return 0, err
		}
		total += size
	}
	return total, nil
}
