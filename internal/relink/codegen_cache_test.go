package relink

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestCodegenCacheIsBounded: by number and bytes, the least recently used
// first; what is used again stays; a killed compile's folder goes.
func TestCodegenCacheIsBounded(t *testing.T) {
	c := codegenCache{dir: filepath.Join(t.TempDir(), "codegen"), most: 5, bytes: 1000, fresh: 2, leftover: time.Hour}
	if err := os.Mkdir(c.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	store := func(key string, size int) {
		t.Helper()
		file := filepath.Join(c.dir, "out.tmp")
		if err := os.WriteFile(file, make([]byte, size), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := c.store(key, file, codegenMeta{Outcomes: make([]codegenOutcome, 1)}); err != nil {
			t.Fatal(err)
		}
	}
	age := func(key string, by time.Duration) {
		t.Helper()
		then := time.Now().Add(-by)
		if err := os.Chtimes(c.object(key), then, then); err != nil {
			t.Fatal(err)
		}
	}
	has := func() (keys []string) {
		entries, err := os.ReadDir(c.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			keys = append(keys, e.Name())
		}
		return keys
	}
	for i := range 5 {
		key := fmt.Sprint("k", i)
		store(key, 10)
		age(key, time.Duration(10-i)*time.Minute)
	}
	if _, _, ok := c.find("k0", 1); !ok { // the oldest is used again
		t.Fatal("k0 is not there")
	}
	if _, _, ok := c.find("k1", 2); ok {
		t.Error("an object made for other cuts was found")
	}
	store("k5", 10)
	if _, _, ok := c.find("k1", 1); ok {
		t.Error("k1, the least recently used, is still there")
	}
	if _, _, ok := c.find("k0", 1); !ok {
		t.Error("k0, which was used, is gone")
	}
	old := filepath.Join(c.dir, ".compile-1")
	recent := filepath.Join(c.dir, ".compile-2")
	for _, dir := range []string{old, recent} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "lonely.o.json"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"k0", "k2", "k3", "k4", "k5"} {
		age(key, 5*time.Minute)
	}
	store("large", 2000)
	age("large", time.Minute)
	store("huge", 3000) // more than all allowed bytes: the freshest stay, nothing else
	if got, want := has(), []string{".compile-2", "huge.o", "huge.o.json", "large.o", "large.o.json"}; !slices.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
	if err := os.Remove(c.object("huge")); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := c.find("huge", 1); ok {
		t.Error("an object that is gone was found")
	}
}
