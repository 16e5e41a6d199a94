package pack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/byteio"
)

// TestSweep packs every program of the system, unpacks it to the same bytes,
// and compares what `--version` prints, plain and packed. MINSIZE_SWEEP=1
// runs it, MINSIZE_SWEEP=3/8 the third of eight parts,
// the smallest files first; what -timeout leaves no time for is counted.
// MINSIZE_SWEEP_ABOVE leaves out the files of up to so many bytes.
func TestSweep(t *testing.T) {
	part, parts := 1, 1
	switch v := os.Getenv("MINSIZE_SWEEP"); v {
	case "":
		t.Skip("MINSIZE_SWEEP is not set")
	case "1":
	default:
		if _, err := fmt.Sscanf(v, "%d/%d", &part, &parts); err != nil {
			t.Fatalf("MINSIZE_SWEEP=%s: %v", v, err)
		}
	}
	files := systemPrograms()
	above := int64(0)
	if v := os.Getenv("MINSIZE_SWEEP_ABOVE"); v != "" {
		if _, err := fmt.Sscan(v, &above); err != nil {
			t.Fatalf("MINSIZE_SWEEP_ABOVE=%s: %v", v, err)
		}
	}
	files = slices.DeleteFunc(files, func(name string) bool {
		info, err := os.Stat(name)
		return err != nil || info.Size() <= above
	})
	dir := t.TempDir()
	packed, refused, ran, unstable, left := 0, map[string]int{}, 0, 0, 0
	var before, after int
	for i, name := range files {
		if i%parts != part-1 {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// A megabyte takes two seconds; what -timeout does not allow is counted.
		if end, ok := t.Deadline(); ok && time.Until(end) < 15*time.Second+time.Duration(len(data)>>20)*4*time.Second {
			t.Logf("%s: no time left for its %d bytes", name, len(data))
			left++
			continue
		}
		out, _, err := Pack(data, Options{FastStart: i%4 == 0})
		var refusal *byteio.Refusal
		if errors.As(err, &refusal) || errors.Is(err, ErrNotSmaller) {
			refused[err.Error()]++
			t.Logf("%s: %v", name, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		packed++
		before += len(data)
		after += len(out)
		if back, err := Unpack(out); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%s: does not come back: %v", name, err)
		}
		// Both under one path, since many programs print their name.
		path := filepath.Join(dir, filepath.Base(name))
		want, stable := runVersion(path, data)
		if again, _ := runVersion(path, data); !stable || again != want {
			unstable++
			continue
		}
		got, _ := runVersion(path, out)
		for range 3 { // programs that start others print in varying order
			if got != want {
				got, _ = runVersion(path, out)
			}
		}
		if got != want {
			t.Errorf("%s: packed it prints\n%.300s\nexpected\n%.300s", name, got, want)
		}
		t.Logf("%s: %d to %d bytes, runs the same", name, len(data), len(out))
		ran++
		os.Remove(path)
	}
	t.Logf("%d packed (%d to %d bytes), %d ran the same, %d not stable, %d left for want of time, refused: %v", packed, before, after, ran, unstable, left, refused)
}

// systemPrograms lists the system's ELF files, the smallest first.
func systemPrograms() []string {
	sizes := map[string]int64{}
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/lib/cargo/bin"} {
		found, _ := filepath.Glob(dir + "/*")
		for _, name := range found {
			info, err := os.Lstat(name)
			if err != nil || !info.Mode().IsRegular() || info.Size() < 64 {
				continue
			}
			f, err := os.Open(name)
			if err != nil {
				continue
			}
			magic := make([]byte, 4)
			if _, err := io.ReadFull(f, magic); err == nil && string(magic) == "\x7fELF" {
				sizes[name] = info.Size()
			}
			f.Close()
		}
	}
	return slices.SortedFunc(maps.Keys(sizes), func(a, b string) int {
		return cmp.Or(cmp.Compare(sizes[a], sizes[b]), strings.Compare(a, b))
	})
}

// runVersion writes the program to path and runs it with --version.
func runVersion(path string, program []byte) (string, bool) {
	os.Remove(path)
	if err := os.WriteFile(path, program, 0o755); err != nil {
		return err.Error(), false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C"}
	cmd.Dir = filepath.Dir(path)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", false
	}
	text := string(out)
	if err != nil {
		text += "\n" + err.Error()
	}
	return text, !strings.Contains(text, "text file busy")
}
