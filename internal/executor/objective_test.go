package executor

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/testbin"
)

// TestFlash: what is loaded counts, and what is in the file besides does not.
func TestFlash(t *testing.T) {
	data := testbin.ELF{Bits: 64}.Bytes()
	n, err := flash(data)
	must(t, err)
	more, err := flash(append(bytes.Clone(data), make([]byte, 4096)...))
	if err != nil || n == 0 || n != more || n > int64(len(data)) {
		t.Errorf("%d bytes of %d, %d with 4096 behind them: %v", n, len(data), more, err)
	}
	if _, err := flash([]byte("no program")); err == nil {
		t.Error("what is no program has a size")
	}
}

// TestObjectives: each weighs a program as its format makes it, the same each
// time, and what repeats weighs less than what does not.
func TestObjectives(t *testing.T) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip("needs /proc/self/exe")
	}
	if len(self) > 1<<20 {
		self = self[:1<<20]
	}
	for _, o := range Objectives {
		if o.Name == "packed" || o.Name == Flash {
			continue // whole programs alone: TestRewriteObjective, TestFlash
		}
		n, err := o.size(self)
		again, _ := o.size(bytes.Clone(self))
		twice, _ := o.size(append(bytes.Clone(self[:8192]), self[:8192]...))
		once, _ := o.size(self[:8192])
		if err != nil || n == 0 || n != again {
			t.Errorf("%s: %d and %d bytes, %v", o.Name, n, again, err)
		}
		if raw := o.Name == "raw"; raw != (n == int64(len(self))) || raw != (twice > once*3/2) {
			t.Errorf("%s: %d of %d bytes, %d once and %d twice", o.Name, n, len(self), once, twice)
		}
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	must(t, err)
	w.Write(self)
	must(t, w.Close())
	if n, _ := Objectives[1].size(self); n != int64(b.Len()) {
		t.Errorf("gzip: %d bytes, a file has %d", n, b.Len())
	}
	if _, err := ParseObjective("rar"); err == nil || !strings.Contains(err.Error(), "brotli") {
		t.Errorf("rar: %v", err)
	}
}

// TestRewriteObjective: the rank is the objective's, and the file's own size is
// not lost.
func TestRewriteObjective(t *testing.T) {
	self, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Skip("needs /bin/sh")
	}
	raw := ladder.File{Path: filepath.Join(t.TempDir(), "sh")}
	must(t, (&Executor{}).rewrite(context.Background(), self, technique.Rewrite{StripSymbols: true}, &raw))
	if raw.Raw != raw.Size || raw.Bare != raw.Stripped || raw.Size == 0 {
		t.Errorf("%+v", raw)
	}
	for i := range Objectives[1:] {
		o := &Objectives[1+i]
		file := ladder.File{Path: filepath.Join(t.TempDir(), "sh")}
		must(t, (&Executor{Objective: o}).rewrite(context.Background(), self, technique.Rewrite{StripSymbols: true}, &file))
		if file.Raw != raw.Raw || file.Bare != raw.Bare || file.Stripped >= raw.Stripped || file.Stripped != file.Size {
			t.Errorf("%s: %+v, as it is %+v", o.Name, file, raw)
		}
	}
}

// TestTransfers: what is told is what the objectives measure.
func TestTransfers(t *testing.T) {
	before, after := bytes.Repeat([]byte("a module of some size"), 100), []byte("another one")
	list, err := Transfers(before, after)
	must(t, err)
	if len(list) != 2 || list[0].As != "gzip" || list[1].As != "brotli" {
		t.Fatalf("%+v", list)
	}
	for _, x := range list {
		o, err := ParseObjective(x.As)
		must(t, err)
		b, err := o.size(before)
		must(t, err)
		a, err := o.size(after)
		must(t, err)
		if x.Before != b || x.After != a {
			t.Errorf("%+v, measured %d and %d", x, b, a)
		}
	}
	if list, err := Transfers(nil, after); err != nil || list[0].Before != 0 || list[0].After == 0 {
		t.Errorf("without a file before: %+v, %v", list, err)
	}
}
