package ladder

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestCache(t *testing.T) {
	c := Cache{Dir: t.TempDir(), Inputs: "a"}
	if c.Find("k") != nil {
		t.Fatal("an empty cache has an entry")
	}
	dir, err := c.Entry("k")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "hello")
	if err := os.WriteFile(program, []byte("12345"), 0o777); err != nil {
		t.Fatal(err)
	}
	replay := t.TempDir()
	if c.Find("k") != nil {
		t.Error("an entry that was cut off is found")
	}
	want := &Build{Key: "k", Dir: dir, Program: program, Size: 5, CPU: 3 * time.Second, Linkers: []string{"lld"}, Replay: replay}
	if err := c.Store(want); err != nil {
		t.Fatal(err)
	}
	got := c.Find("k")
	if got == nil || got.Program != program || got.CPU != want.CPU || !got.Cached || !slices.Equal(got.Linkers, want.Linkers) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	if (Cache{Dir: c.Dir, Inputs: "b"}).Find("k") != nil {
		t.Error("other inputs find the entry")
	}
	for _, inputs := range []string{"b", "c"} {
		time.Sleep(10 * time.Millisecond)
		if _, err := (Cache{Dir: c.Dir, Inputs: inputs}).Prune(); err != nil {
			t.Fatal(err)
		}
	}
	if c.Find("k") != nil {
		t.Error("the entry of inputs that are two generations old is still there")
	}
	os.WriteFile(program, []byte("123"), 0o777)
	os.MkdirAll(dir, 0o777)
	if c.Find("k") != nil {
		t.Error("an entry whose program has another size is found")
	}
}
