package oci

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/testbin"
)

// TestAdd: programs of two machines become one index, each with its own
// annotations and user and with an SBOM; a second program for one machine, and
// one under another machine's name, are refused.
func TestAdd(t *testing.T) {
	dir := t.TempDir()
	open := func(file string, machine uint16) *Program {
		t.Helper()
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, testbin.ELF{Machine: machine}.Bytes(), 0o777); err != nil {
			t.Fatal(err)
		}
		p, err := OpenProgram(path)
		if err != nil {
			t.Fatal(err)
		}
		p.Labels = map[string]string{"title": file, "both": "project"}
		return p
	}
	reference, err := name.ParseReference("app:1")
	if err != nil {
		t.Fatal(err)
	}
	b := &Bundle{Reference: reference}
	r := Request{Root: Root{Dir: dir}, User: User{Name: "app", UID: 7, GID: 8}, SBOM: true, Config: Config{Annotations: map[string]string{"both": "typed"}}}
	first := open("app", 0)
	added, err := b.Add(first, r)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := b.Image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"title": "app", "both": "typed"}, manifest.Annotations); diff != "" {
		t.Error(diff)
	}
	config, err := b.Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "7:8" || len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/app" || added.Compressed == 0 || b.Index != nil {
		t.Errorf("%+v, %d bytes, index %v", config.Config, added.Compressed, b.Index)
	}
	var twice *TwiceError
	if _, err := b.Add(first, r); !errors.As(err, &twice) || twice.Platform.Architecture != "amd64" {
		t.Errorf("the same machine again: %v", err)
	}
	arm := open("app-arm", 183)
	var refusal *byteio.Refusal
	if err := arm.As(first.Platform); !errors.As(err, &refusal) || refusal.Hint != "--platform linux/arm64" {
		t.Errorf("arm as amd64: %v", err)
	}
	if err := arm.As(Platform{"linux", "arm64", "v8"}); err != nil {
		t.Error(err)
	}
	if _, err := b.Add(arm, r); err != nil {
		t.Fatal(err)
	}
	index, err := b.Index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(index.Manifests) != 2 || index.Manifests[1].Platform.Variant != "v8" || len(b.Attached) != 2 {
		t.Errorf("%d manifests, %d attached", len(index.Manifests), len(b.Attached))
	}
}

// TestOpenProgram: what is no program of a Linux system is refused with the
// file's name.
func TestOpenProgram(t *testing.T) {
	for name, data := range map[string][]byte{
		"text": []byte("no program"), "app.exe": testbin.PE{}.Bytes(), "a.o": testbin.ELF{Type: 1}.Bytes(), "m.wasm": testbin.Wasm(),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		var refusal *byteio.Refusal
		if _, err := OpenProgram(path); !errors.As(err, &refusal) || refusal.Hint == "" || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenProgram(t.TempDir()); !errors.Is(err, byteio.ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]User{
		"7": {UID: 7, GID: 7}, "7:8": {UID: 7, GID: 8}, "app": {"app", 65532, 65532}, "app:7": {"app", 7, 7}, "app:7:8": {"app", 7, 8},
	} {
		if got, err := ParseUser(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a:b", "-1", "7:-8", "7:8:9", "a b:7", "a/b", "app:7:8:9", ":7"} {
		if got, err := ParseUser(text); err == nil {
			t.Errorf("user %q was read as %+v", text, got)
		}
	}
	got, err := ParsePairs([]string{"A=1", "B=x=y", "A=2"})
	if diff := cmp.Diff(map[string]string{"A": "2", "B": "x=y"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, text := range []string{"A", "=1", ""} {
		if got, err := ParsePairs([]string{text}); err == nil {
			t.Errorf("pair %q was read as %v", text, got)
		}
	}
	if got, err := ParseFileArg("a:/b/../c"); err != nil || got != (FileArg{"a", "/c"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"a", ":/b", "a:b", "a:"} {
		if got, err := ParseFileArg(text); err == nil {
			t.Errorf("file %q was read as %+v", text, got)
		}
	}
}
