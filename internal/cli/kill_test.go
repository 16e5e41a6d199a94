package cli

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kill -9 may come at any moment, but the moments that matter are the few
// milliseconds in which the new file is written and renamed. Random moments
// of a run hardly ever hit them, so every second kill waits until the
// temporary file is seen.

// killed is a verb that replaces a file, tried on one program.
type killed struct {
	minsize string   // the program's path
	folder  string   // where nothing but the file lies
	args    []string // the verb and its flags
	old     []byte   // the file's content before
	new     []byte   // and after a whole run
	whole   time.Duration
}

// newKilled does one whole run of the verb on old, to learn what it gives.
func newKilled(t *testing.T, old []byte, args ...string) *killed {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	k := &killed{minsize: filepath.Join(folder, "minsize"), folder: filepath.Join(folder, "work"), args: args, old: old}
	if err := os.Symlink(self, k.minsize); err != nil { // by this name the test binary is the program
		t.Skip(err)
	}
	if err := os.Mkdir(k.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	k.put(t)
	start := time.Now()
	if out, err := k.command().CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	k.whole = time.Since(start)
	k.new = k.get(t)
	if bytes.Equal(k.new, k.old) {
		t.Fatalf("%v changes nothing", args)
	}
	k.put(t)
	return k
}

func (k *killed) prog() string { return filepath.Join(k.folder, "prog") }

func (k *killed) command() *exec.Cmd {
	return exec.Command(k.minsize, append(k.args[:len(k.args):len(k.args)], "-q", k.prog())...)
}

func (k *killed) put(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(k.prog(), k.old, 0o755); err != nil {
		t.Fatal(err)
	}
}

func (k *killed) get(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(k.prog())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// entries describes what lies in the folder, so that a change can be seen.
func (k *killed) entries(t *testing.T) []string {
	t.Helper()
	found, err := os.ReadDir(k.folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range found {
		if info, err := entry.Info(); err == nil {
			all = append(all, fmt.Sprint(entry.Name(), info.Size(), info.ModTime()))
		}
	}
	return all
}

// times kills the verb n times and checks after each that the file is the old
// one or the new one, with at most one temporary file beside it; then that a
// whole run still works and leaves no temporary file.
func (k *killed) times(t *testing.T, n int) {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(n), 7))
	var wasOld, wasNew, litter int
	for i := range n {
		before := strings.Join(k.entries(t), "\n")
		cmd := k.command()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			time.Sleep(time.Duration(random.Int64N(int64(k.whole * 5 / 4))))
		} else {
			end := time.Now().Add(10*k.whole + time.Second)
			for time.Now().Before(end) && strings.Join(k.entries(t), "\n") == before {
				time.Sleep(50 * time.Microsecond)
			}
			time.Sleep(time.Duration(random.Int64N(int64(4 * time.Millisecond))))
		}
		cmd.Process.Kill() // kill -9
		cmd.Wait()
		switch got := k.get(t); {
		case bytes.Equal(got, k.old):
			wasOld++
		case bytes.Equal(got, k.new):
			wasNew++
			k.put(t)
		default:
			t.Fatalf("kill %d: neither the old nor the new file: %d bytes", i, len(got))
		}
		entries := k.entries(t)
		if len(entries) > 2 {
			t.Fatalf("kill %d: %d files lie there", i, len(entries))
		}
		litter += len(entries) - 1
	}
	t.Logf("%v: %d kills: old %d times, new %d times; a temporary file was left %d times, and taken by the next run", k.args, n, wasOld, wasNew, litter)
	if out, err := k.command().CombinedOutput(); err != nil {
		t.Errorf("after all kills: %v: %s", err, out)
	}
	if !bytes.Equal(k.get(t), k.new) {
		t.Error("after all kills a whole run gives another file")
	}
	if entries := k.entries(t); len(entries) != 1 {
		t.Errorf("%d files lie there after a whole run", len(entries))
	}
}

// killStrip kills minsize strip on a file of tens of megabytes with symbols
// and debug info: this test itself.
func killStrip(t *testing.T, n int) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	k := newKilled(t, old, "strip")
	if len(k.new) >= len(k.old) {
		t.Fatalf("%d -> %d bytes", len(k.old), len(k.new))
	}
	k.times(t, n)
}

// killPack kills minsize pack and minsize unpack on a small program, since
// packing takes seconds for each megabyte.
func killPack(t *testing.T, n int) {
	const name = "/usr/bin/xz"
	old, err := os.ReadFile(name)
	if err != nil || !bytes.HasPrefix(old, []byte("\x7fELF")) {
		t.Skipf("%s is not here, or no ELF program", name)
	}
	k := newKilled(t, old, "pack", "--fast-start")
	if len(k.new) >= len(k.old) {
		t.Fatalf("%d -> %d bytes", len(k.old), len(k.new))
	}
	k.times(t, n)
	u := newKilled(t, k.new, "unpack")
	if !bytes.Equal(u.new, old) {
		t.Fatal("unpack gives another file than was packed")
	}
	u.times(t, n)
}

func TestStripKilled(t *testing.T) { killStrip(t, 25) }
func TestPackKilled(t *testing.T)  { killPack(t, 12) }

// TestSweepKilled is the long form, for make sweep.
func TestSweepKilled(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP is not set")
	}
	t.Run("strip", func(t *testing.T) { killStrip(t, 1000) })
	t.Run("pack", func(t *testing.T) { killPack(t, 1000) })
}
