package oci

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/minsize/minsize/internal/objfile"
)

// goProgram is a static program for any machine, from the Go command.
func goProgram(t *testing.T, arch string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(\"hi\") }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "app")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", out, source)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	return out
}

// compile builds a C program in a folder of its own; compiler may be absent.
func compile(t *testing.T, compiler, source string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("needs %s", compiler)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "main.c")
	if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "app")
	cmd := exec.Command(compiler, append([]string{"-o", out, file}, args...)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", compiler, err, text)
	}
	return out
}

func composeFile(t *testing.T, file string, extra Extra) *Composition {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := objfile.Parse(file, data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compose(Root{Dir: "/"}, f, data, "/app", extra, 65532, 65532)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func build(t *testing.T, c *Composition, compression Compression) v1.Image {
	t.Helper()
	img, err := Build(c, Config{User: "65532:65532", Entrypoint: []string{c.Program}, Compression: compression})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

const helloC = `#include <stdio.h>
#include <math.h>
int main(int argc, char **argv) { printf("hello %.3f\n", sin(argc)); return 0; }`

func TestSameInputSameDigest(t *testing.T) {
	app := goProgram(t, "amd64")
	extra := Extra{Tmp: true, UserName: "app"}
	var digests []string
	for range 2 {
		c := composeFile(t, app, extra)
		for _, compression := range []Compression{Gzip, Zstd, None} {
			img := build(t, c, compression)
			if compression == Gzip { // validate knows no other
				if err := validate.Image(img); err != nil {
					t.Error(err)
				}
			}
			digest, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			digests = append(digests, digest.String())
		}
	}
	if diff := cmp.Diff(digests[:3], digests[3:]); diff != "" {
		t.Errorf("digests differ:\n%s", diff)
	}

	// The tar files are the same to the byte, too.
	dir := t.TempDir()
	reference, err := name.ParseReference("example.invalid/app:1")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for range 2 {
		b := &Bundle{Reference: reference, Image: build(t, composeFile(t, app, extra), Gzip)}
		data, err := b.LayoutTar(dir)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, string(data))
	}
	if files[0] != files[1] {
		t.Error("two runs wrote different tar files")
	}
}

func TestOverhead(t *testing.T) {
	app := goProgram(t, "amd64")
	c := composeFile(t, app, Extra{})
	b := &Bundle{Image: build(t, c, None)}
	layers, err := LayerBytes(b.Image)
	if err != nil {
		t.Fatal(err)
	}
	all, err := b.Overhead()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(app)
	if err != nil {
		t.Fatal(err)
	}
	if over := layers + all - info.Size(); over <= 0 || over > 3<<10 {
		t.Errorf("%d bytes beyond the program, the limit is 3 KiB", over)
	}
}

func TestIndexPushPull(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	reference, err := name.ParseReference(host + "/team/app:1.0")
	if err != nil {
		t.Fatal(err)
	}

	images := map[Platform]v1.Image{}
	b := &Bundle{Reference: reference}
	for _, arch := range []string{"amd64", "arm64", "riscv64"} {
		c := composeFile(t, goProgram(t, arch), Extra{})
		if want := (Platform{OS: "linux", Architecture: arch}); c.Platform != want {
			t.Fatalf("platform %v, want %v", c.Platform, want)
		}
		img := build(t, c, Gzip)
		images[c.Platform] = img
		digest, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		sbom, err := SBOM("app", digest, c, []Component{{Name: "b", Version: "1.0.0", License: "MIT/Apache-2.0"}, {Name: "a", Version: "2.0.0"}})
		if err != nil {
			t.Fatal(err)
		}
		attached, err := AttachedSBOM(sbom, img)
		if err != nil {
			t.Fatal(err)
		}
		b.Attached = append(b.Attached, attached)
	}
	if b.Index, err = Index(images, nil); err != nil {
		t.Fatal(err)
	}

	ctx := context.Background()
	if err := b.Push(ctx, RegistryOptions{}); !errors.Is(err, ErrPlainHTTP) {
		t.Errorf("without --plain-http: %v", err)
	}
	if err := b.Push(ctx, RegistryOptions{PlainHTTP: true}); err != nil {
		t.Fatal(err)
	}
	for platform, pushed := range images {
		pulled, done, err := Open(ctx, reference.Name(), platform, RegistryOptions{PlainHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		want, _ := pushed.Digest()
		got, err := pulled.Digest()
		if err != nil || got != want {
			t.Errorf("%v: pulled %v, pushed %v (%v)", platform, got, want, err)
		}
		referrers, err := remote.Referrers(reference.Context().Digest(want.String()))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := referrers.IndexManifest()
		if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].ArtifactType != string(SPDXMediaType) {
			t.Errorf("%v: referrers %+v, %v", platform, manifest, err)
		}
	}
	// A private network is no loopback, whatever the flag says.
	b.Reference, _ = name.ParseReference("10.1.2.3:5000/app:1")
	if err := b.Push(ctx, RegistryOptions{PlainHTTP: true}); !errors.Is(err, ErrPlainHTTP) {
		t.Errorf("plain HTTP to a private network: %v", err)
	}
}

func TestSBOMIsSortedJSON(t *testing.T) {
	c := composeFile(t, goProgram(t, "amd64"), Extra{})
	sbom, err := SBOM("app", v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}, c,
		[]Component{{Name: "b", Version: "1.0.0", License: "MIT/Apache-2.0", PURL: "pkg:cargo/b@1.0.0"}, {Name: "a", Version: "2.0.0"}})
	if err != nil {
		t.Fatal(err)
	}
	var doc spdxDocument
	if err := json.Unmarshal(sbom, &doc); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range doc.Packages {
		names = append(names, p.Name+" "+p.LicenseDeclared)
	}
	if diff := cmp.Diff([]string{"app NOASSERTION", "a NOASSERTION", "b MIT OR Apache-2.0"}, names); diff != "" {
		t.Error(diff)
	}
	if len(doc.Relationships) != 3 {
		t.Errorf("%d relationships, want 3", len(doc.Relationships))
	}
}

func TestLayoutReadBack(t *testing.T) {
	b := &Bundle{Image: build(t, composeFile(t, goProgram(t, "amd64"), Extra{}), Gzip)}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := b.WriteLayout(dir); err != nil {
		t.Fatal(err)
	}
	if err := b.WriteLayout(dir); !errors.Is(err, ErrExists) {
		t.Errorf("second write: %v", err)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".minsize-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// ldCacheFile makes /etc/ld.so.cache with the given pairs.
func ldCacheFile(order binary.AppendByteOrder, prefix int, pairs ...[2]string) []byte {
	strings, entries := []byte{}, []byte{}
	base := ldCacheHeaderSize + ldCacheEntrySize*len(pairs)
	for _, p := range pairs {
		entries = order.AppendUint32(entries, 0x303)
		entries = order.AppendUint32(entries, uint32(base+len(strings)))
		strings = append(append(strings, p[0]...), 0)
		entries = order.AppendUint32(entries, uint32(base+len(strings)))
		strings = append(append(strings, p[1]...), 0)
		entries = append(entries, make([]byte, 12)...)
	}
	out := append(make([]byte, prefix), ldCacheMagic...)
	out = order.AppendUint32(out, uint32(len(pairs)))
	out = order.AppendUint32(out, uint32(len(strings)))
	out = append(out, make([]byte, ldCacheHeaderSize-28)...)
	return append(append(out, entries...), strings...)
}

func TestParseLdCache(t *testing.T) {
	want := ldCache{"liba.so.1": {"/opt/a/liba.so.1", "/usr/lib/liba.so.1"}, "libb.so": {"/opt/b/libb.so"}}
	pairs := [][2]string{{"liba.so.1", "/opt/a/liba.so.1"}, {"liba.so.1", "/usr/lib/liba.so.1"}, {"libb.so", "/opt/b/libb.so"}}
	for _, test := range []struct {
		order  binary.AppendByteOrder
		prefix int
	}{{binary.LittleEndian, 0}, {binary.BigEndian, 0}, {binary.LittleEndian, 4096}} {
		got, err := parseLdCache(ldCacheFile(test.order, test.prefix, pairs...))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", test, diff)
		}
	}
	if data, err := os.ReadFile("/etc/ld.so.cache"); err == nil {
		cache, err := parseLdCache(data)
		if err != nil || len(cache) < 3 {
			t.Errorf("this machine's cache: %d names, %v", len(cache), err)
		}
	}
}

func FuzzParseLdCache(f *testing.F) {
	f.Add(ldCacheFile(binary.LittleEndian, 0, [2]string{"a", "/a"}))
	f.Add(ldCacheFile(binary.BigEndian, 16, [2]string{"a", "/a"}, [2]string{"b", "/b"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		cache, err := parseLdCache(data)
		if err == nil && cache == nil {
			t.Error("no cache and no error")
		}
	})
}

func TestRootLinksStayInside(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"usr/lib", "etc"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"lib": "usr/lib", "usr/lib/abs": "/etc/file", "usr/lib/up": "../../../../../etc/file", "loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/file"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	root := Root{Dir: dir}
	for _, name := range []string{"/lib/abs", "/lib/up", "/etc/file"} {
		if real, _, err := root.File(name); err != nil || real != "/etc/file" {
			t.Errorf("%s: %s, %v", name, real, err)
		}
	}
	if _, err := root.Resolve("/loop"); err == nil {
		t.Error("a loop of links resolved")
	}
}

func TestLibraryIsNoProgram(t *testing.T) {
	f := &objfile.File{Name: "lib.so", Format: objfile.PE}
	if _, err := Resolve(Root{Dir: "/"}, f, "/lib.so"); err == nil || !strings.Contains(err.Error(), "not an ELF") {
		t.Errorf("PE: %v", err)
	}
}
