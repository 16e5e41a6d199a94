package oci

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// foreignLayer is a layer as other tools write them.
func foreignLayer(t *testing.T, headers ...tar.Header) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	for _, h := range headers {
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

func regular(name string, size int64) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size}
}

func TestWaste(t *testing.T) {
	img, err := mutate.AppendLayers(empty.Image,
		foreignLayer(t,
			tar.Header{Name: "usr/lib/", Typeflag: tar.TypeDir, Mode: 0o755},
			tar.Header{Name: "lib", Typeflag: tar.TypeSymlink, Linkname: "usr/lib"},
			regular("./usr/lib/a", 100), regular("usr/lib/b", 200), regular("cache/x", 1000), regular("cache/y", 2000), regular("keep", 7)),
		foreignLayer(t, regular("lib/a", 150), // through the link: usr/lib/a
			regular("cache/.wh..wh..opq", 0), regular("cache/z", 3)),
		foreignLayer(t, regular("usr/lib/.wh.b", 0), regular("usr/lib/a", 160)),
	)
	if err != nil {
		t.Fatal(err)
	}
	in, err := Inspect("image", img)
	if err != nil {
		t.Fatal(err)
	}
	wantWaste := []Waste{
		{"/cache/y", 2000, 0, "deleted in layer 2"}, {"/cache/x", 1000, 0, "deleted in layer 2"},
		{"/usr/lib/b", 200, 0, "deleted in layer 3"}, {"/usr/lib/a", 150, 1, "written again in layer 3"},
		{"/usr/lib/a", 100, 0, "written again in layer 2"},
	}
	if diff := cmp.Diff(wantWaste, in.Wasted); diff != "" {
		t.Error(diff)
	}
	wantFiles := []FileInfo{{"/usr/lib/a", 160, 2}, {"/keep", 7, 0}, {"/cache/z", 3, 1}}
	if diff := cmp.Diff(wantFiles, in.Files); diff != "" {
		t.Error(diff)
	}
	var stored int64
	for _, l := range in.Layers {
		stored += l.Size
	}
	if stored != in.Size+in.WastedSize {
		t.Errorf("stored %d is not seen %d + wasted %d", stored, in.Size, in.WastedSize)
	}
}

func TestOpenWhatIsNoImage(t *testing.T) {
	for _, source := range []string{"/etc/passwd", "/etc", "./absent.tar", "no such reference"} {
		if _, _, err := Open(context.Background(), source, Platform{}, RegistryOptions{}); err == nil {
			t.Errorf("%s: opened", source)
		}
	}
}
