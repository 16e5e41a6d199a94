package cli

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// killTimes kills minsize strip at n random moments of its run and checks each
// time that the file is the old one or the new one, with at most one temporary
// file beside it.
func killTimes(t *testing.T, n int) {
	folder := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	minsize := filepath.Join(folder, "minsize") // by this name the test binary is the program
	if err := os.Symlink(self, minsize); err != nil {
		t.Skip(err)
	}
	old, err := os.ReadFile(self) // tens of megabytes with symbols and debug info
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(folder, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		t.Fatal(err)
	}
	prog := filepath.Join(work, "prog")
	put := func() {
		if err := os.WriteFile(prog, old, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put()
	start := time.Now()
	if out, err := exec.Command(minsize, "strip", "-q", prog).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	whole := time.Since(start)
	stripped, err := os.ReadFile(prog)
	if err != nil || len(stripped) >= len(old) {
		t.Fatalf("%d -> %d bytes, %v", len(old), len(stripped), err)
	}
	put()
	random := rand.New(rand.NewPCG(uint64(n), 7))
	var wasOld, wasNew, litter int
	for range n {
		cmd := exec.Command(minsize, "strip", "-q", prog)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(whole * 5 / 4))))
		cmd.Process.Kill() // kill -9
		cmd.Wait()
		got, err := os.ReadFile(prog)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case bytes.Equal(got, old):
			wasOld++
		case bytes.Equal(got, stripped):
			wasNew++
			put()
		default:
			t.Fatalf("neither the old nor the new file: %d bytes", len(got))
		}
		entries, err := os.ReadDir(work)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) > 2 {
			t.Fatalf("%d files lie there", len(entries))
		}
		litter += len(entries) - 1
	}
	t.Logf("%d kills: old %d times, new %d times; a temporary file was left %d times, and taken by the next run", n, wasOld, wasNew, litter)
	if out, err := exec.Command(minsize, "strip", "-q", prog).CombinedOutput(); err != nil {
		t.Errorf("after all kills: %v: %s", err, out)
	}
	if entries, _ := os.ReadDir(work); len(entries) != 1 {
		t.Errorf("%d files lie there after a whole run", len(entries))
	}
}

func TestStripKilled(t *testing.T) { killTimes(t, 25) }

// TestSweepKilled is the long form, for make sweep.
func TestSweepKilled(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP is not set")
	}
	killTimes(t, 1000)
}
