package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/byteio"
)

// TestStreams: what stands for a descriptor of this process is never opened or
// replaced, and what was written there before stays.
func TestStreams(t *testing.T) {
	dir := t.TempDir()
	link, chain := filepath.Join(dir, "link"), filepath.Join(dir, "chain")
	for name, target := range map[string]string{link: "/dev/stdout", chain: "link"} {
		if err := os.Symlink(target, name); err != nil {
			t.Skip("needs symbolic links: ", err)
		}
	}
	for name, want := range map[string]int{
		"-": 1, "/dev/stdout": 1, "/dev//stdout": 1, "/dev/stderr": 2, "/dev/fd/7": 7, "/proc/self/fd/1": 1,
		link: 1, chain: 1, "": -1, "stdout": -1, "/dev/null": -1, dir: -1, filepath.Join(dir, "none"): -1, "/dev/fd/x": -1,
	} {
		if got := Descriptor(name); got != want {
			t.Errorf("descriptor(%q) = %d, want %d", name, got, want)
		}
	}
	if _, _, err := (Outputs{io.Discard, io.Discard}).Open(context.Background(), "/dev/fd/987"); err == nil {
		t.Error("a descriptor that is not open was taken")
	}
}

// TestOutputs: a name leads to what is open or to a file, whole; what a check
// refuses, or a writer cannot finish, is written nowhere.
func TestOutputs(t *testing.T) {
	var out, errs strings.Builder
	o := Outputs{&out, &errs}
	file := filepath.Join(t.TempDir(), "file")
	content := byteio.Content{{Data: []byte("one ")}, {Data: []byte("two")}}
	refused := errors.New("refused")
	for _, name := range []string{"-", "/dev/stderr", file} {
		if _, err := o.Deliver(t.Context(), name, content, byteio.WriteOptions{Check: func([]byte) error { return refused }}); !errors.Is(err, refused) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := o.Fill(t.Context(), name, func(io.Writer, any) error { return refused }); !errors.Is(err, refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(file); err == nil || out.Len()+errs.Len() > 0 {
		t.Errorf("refused, and written: %q, %q", &out, &errs)
	}
	for _, name := range []string{"-", "/dev/stderr", file} {
		if written, err := o.Deliver(t.Context(), name, content, byteio.WriteOptions{}); err != nil || written.Size != 7 {
			t.Errorf("%s: %+v, %v", name, written, err)
		}
	}
	if got, err := os.ReadFile(file); string(got) != "one two" || out.String() != "one two" || errs.String() != "one two" {
		t.Errorf("%q, %q, %q, %v", &out, &errs, got, err)
	}
	if _, err := o.Fill(t.Context(), file, func(w io.Writer, screen any) error {
		_, err := fmt.Fprint(w, "three")
		return errors.Join(err, map[bool]error{true: nil, false: refused}[screen == nil])
	}); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(file); string(got) != "three" {
		t.Errorf("the file holds %q", got)
	}
	if _, err := o.Deliver(t.Context(), "/dev/full", content, byteio.WriteOptions{}); err == nil {
		t.Error("a full device took it")
	}
}
