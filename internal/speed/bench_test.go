package speed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestJudge: what a bench costs beyond an empty program decides, on quick
// machines and on slow ones, and not a time of ours.
func TestJudge(t *testing.T) {
	at := func(middle, away time.Duration) []time.Duration {
		return []time.Duration{middle - away, middle, middle + away, middle - away, middle}
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name         string
		times, empty []time.Duration
		want         string
	}{
		{"nothing, quick machine", at(ms/2, ms/20), at(ms/2, ms/20), "too short"},
		{"nothing, slow machine", at(9*ms, ms), at(8*ms, ms), "too short"},
		{"work, quick machine", at(3*ms, ms/20), at(ms/2, ms/20), ""},
		{"work, slow machine", at(60*ms, ms), at(8*ms, ms), ""},
		{"uneven", at(60*ms, 40*ms), at(8*ms, ms), "too uneven"},
	} {
		err := (&Bench{Command: "{}"}).judge(c.times, c.empty)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// script stands for a program: a file that sh runs.
func script(t *testing.T, name, text string) string {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

// turns is a script's loop.
func turns(n int) string {
	return fmt.Sprintf("i=0; while [ $i -lt %d ]; do i=$((i+1)); done", n)
}

// TestCompare: a program that does more work is seen to, under a runner, too,
// and all run from one path.
func TestCompare(t *testing.T) {
	base, slow := script(t, "a", turns(500)), script(t, "a", turns(10000))
	b := &Bench{Command: "{}", Dir: t.TempDir(), Scratch: t.TempDir(), Runner: []string{"env", "LC_ALL=C"}}
	ratios, err := b.Compare(context.Background(), base, []string{base, slow})
	if err != nil || len(ratios) != 2 {
		t.Fatalf("%v, %v", ratios, err)
	}
	if ratios[1] < 1.5 || ratios[1] < 1.5*ratios[0] {
		t.Errorf("ratios %v of the same program and one with more work", ratios)
	}
}

// TestCompareJudges: without programs the bench itself is judged, by an empty
// program whose answer does not matter.
func TestCompareJudges(t *testing.T) {
	empty := script(t, "a", "exit 7")
	b := &Bench{Command: "{}", Dir: t.TempDir(), Scratch: t.TempDir(), Empty: empty}
	if _, err := b.Compare(context.Background(), script(t, "a", ":"), nil); err == nil || !strings.Contains(err.Error(), "too short") {
		t.Errorf("a bench that does nothing: %v", err)
	}
	if _, err := b.Compare(context.Background(), empty, nil); err == nil || !strings.Contains(err.Error(), `bench "{}": exit status 7`) {
		t.Errorf("a bench that fails: %v", err)
	}
	if _, err := b.Compare(context.Background(), filepath.Join(t.TempDir(), "gone"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no program: %v", err)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	if _, err := b.Compare(ended, script(t, "a", ":"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
