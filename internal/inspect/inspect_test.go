package inspect

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/refgraph"
	"github.com/minsize/minsize/internal/strip"
	"github.com/minsize/minsize/internal/testbin"
)

// write makes a file in a folder of its own.
func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpen: several files are one answer, an archive is as many programs as it
// has members, and what strip would leave is that of the first.
func TestOpen(t *testing.T) {
	app := testbin.ELF{Extra: []testbin.ELFSection{{Name: ".comment", Type: 1, Data: make([]byte, 500)}}}.Bytes()
	archive := testbin.Archive(testbin.Member{Name: "a.wasm", Data: testbin.Wasm()}, testbin.Member{Name: "b.wasm", Data: testbin.Wasm()})
	l := &Files{}
	defer l.Close(context.Background())
	for _, path := range []string{write(t, "app", app), write(t, "app.exe", testbin.PE{}.Bytes()), write(t, "lib.a", archive)} {
		if err := l.Open(path, Options{Options: attrib.Options{Debug: true}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.Inputs) < 3 || l.Inputs[0].Program.File.Size != uint64(len(app)) {
		t.Errorf("%d programs, the first of %d bytes", len(l.Inputs), l.Inputs[0].Program.File.Size)
	}
	if done, err := l.Stripped(strip.All); err != nil || done.After >= uint64(len(app)) || done.Before != uint64(len(app)) {
		t.Errorf("stripped %d to %d: %v", done.Before, done.After, err)
	}
}

// TestOpenErrors: each way of not being a program can be told from the others.
func TestOpenErrors(t *testing.T) {
	app, other := write(t, "app", testbin.ELF{}.Bytes()), write(t, "other", testbin.PE{}.Bytes())
	exe := write(t, "app.exe", testbin.PE{}.Bytes())
	var debugFile *DebugFileError
	for _, c := range []struct {
		path, debugFile string
		is              func(error) bool
	}{
		{filepath.Join(t.TempDir(), "none"), "", func(err error) bool { return errors.Is(err, fs.ErrNotExist) }},
		{t.TempDir(), "", func(err error) bool { return errors.Is(err, byteio.ErrNotRegular) }},
		{write(t, "text", []byte("no program at all")), "", func(err error) bool { return errors.Is(err, objfile.ErrFormat) }},
		{app, other, func(err error) bool { return errors.As(err, &debugFile) && !debugFile.Database }},
		{app, filepath.Join(t.TempDir(), "none"), func(err error) bool { return errors.Is(err, fs.ErrNotExist) }},
		{exe, other, func(err error) bool { return errors.As(err, &debugFile) && debugFile.Database }},
	} {
		l := &Files{}
		err := l.Open(c.path, Options{DebugFile: c.debugFile, Options: attrib.Options{Debug: true}})
		if !c.is(err) {
			t.Errorf("%s with %q: %v", c.path, c.debugFile, err)
		}
		l.Close(context.Background())
	}
}

// TestGraph: programs and modules have a graph; what has none says why.
func TestGraph(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want error
	}{
		{"app", testbin.ELF{}.Bytes(), nil},
		{"app.wasm", testbin.Wasm(), nil},
		{"lib.a", testbin.Archive(testbin.Member{Name: "a.o", Data: testbin.ELF{}.Bytes()}), ErrSeveral},
		{"text", []byte("no program at all"), objfile.ErrFormat},
	} {
		l := &Files{Notes: []string{"which program it is"}}
		path := write(t, c.name, c.data)
		g, err := l.Graph(path, refgraph.WasmAll, Options{})
		if !errors.Is(err, c.want) || err != nil && !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if err == nil && (g.Total == 0 || g.Total > uint64(len(c.data))) {
			t.Errorf("%s: a graph of %d bytes of %d", c.name, g.Total, len(c.data))
		}
		l.Close(context.Background())
	}
}
