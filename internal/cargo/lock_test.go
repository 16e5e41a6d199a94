package cargo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestLockSettings: who looks which name is free and then takes it is alone
// while doing so, whichever of the searches comes first.
func TestLockSettings(t *testing.T) {
	dir := t.TempDir()
	manifest := filepath.Join(dir, "Cargo.toml")
	if err := os.WriteFile(manifest, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	const searches = 8
	var all sync.WaitGroup
	for range searches {
		all.Go(func() {
			p := &Project{Manifest: manifest}
			unlock, err := p.LockSettings(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			for i := 0; ; i++ {
				path := filepath.Join(dir, fmt.Sprint(i))
				if _, err := os.Stat(path); err == nil {
					continue
				}
				if err := os.WriteFile(path+".part", nil, 0o666); err != nil {
					t.Error(err)
				}
				if err := os.Rename(path+".part", path); err != nil {
					t.Error(err)
				}
				return
			}
		})
	}
	all.Wait()
	for i := range searches {
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprint(i))); err != nil {
			t.Errorf("two took one name: %v", err)
		}
	}
	held, err := (&Project{Manifest: manifest}).LockSettings(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer held()
	ended, end := context.WithCancel(context.Background())
	end()
	if _, err := (&Project{Manifest: manifest}).LockSettings(ended); err == nil {
		t.Error("what was interrupted got the lock that another holds")
	}
}
