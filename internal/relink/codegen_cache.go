package relink

// What codegen replay made, kept beside its recording.
//
// One object costs up to the time of a build, so it is worth keeping: a second
// search, and every link option tried after the pipeline, finds it. One is as
// large as the recorded object, though, and each set of cuts makes another.
// So the folder is bounded, by number and by bytes, and what was not used for
// longest goes first: a file's modification time is when it was last used.

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/arrange"
)

// codegenCache is a folder of objects, each KEY.o with its KEY.o.json, which
// is written last.
type codegenCache struct {
	dir      string
	most     int           // objects
	bytes    int64         // of all objects
	fresh    int           // objects that stay whatever their size: links side by side may read them
	leftover time.Duration // unfinished work older than this is of a process that was killed
}

func codegenCacheIn(recording string) codegenCache {
	return codegenCache{dir: filepath.Join(recording, "codegen"), most: 24, bytes: 384 << 20, fresh: 4, leftover: 6 * time.Hour}
}

func (c codegenCache) object(key string) string { return filepath.Join(c.dir, key+".o") }

// find returns the object of key and marks it as used.
func (c codegenCache) find(key string, cuts int) (string, codegenMeta, bool) {
	var meta codegenMeta
	object := c.object(key)
	text, err := os.ReadFile(object + ".json")
	if err != nil || json.Unmarshal(text, &meta) != nil || len(meta.Outcomes) != cuts {
		return "", codegenMeta{}, false
	}
	now := time.Now()
	if err := os.Chtimes(object, now, now); err != nil { // gone, or not ours to mark
		return "", codegenMeta{}, false
	}
	return object, meta, true
}

// store puts a finished object (a file in the folder's own file system) into
// its place, and makes room.
func (c codegenCache) store(key, file string, meta codegenMeta) (string, error) {
	text, err := json.Marshal(meta)
	if err != nil {
		return "", err
	}
	object := c.object(key)
	if err := os.WriteFile(file+".json", text, 0o666); err != nil {
		return "", err
	}
	if err := os.Rename(file, object); err != nil {
		return "", err
	}
	if err := os.Rename(file+".json", object+".json"); err != nil {
		return "", err
	}
	return object, c.prune()
}

// prune drops what was not used for longest until the folder is within its
// bounds, and what a killed process left.
func (c codegenCache) prune() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	type file struct {
		name string
		size int64
		used time.Time
	}
	var objects []file
	remove := func(name string) error {
		err := os.RemoveAll(filepath.Join(c.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone since
		}
		base, isMeta := strings.CutSuffix(e.Name(), ".json")
		_, lonely := os.Stat(filepath.Join(c.dir, base))
		switch {
		case e.IsDir():
			if time.Since(info.ModTime()) > c.leftover {
				err = remove(e.Name())
			}
		case isMeta && errors.Is(lonely, fs.ErrNotExist):
			err = remove(e.Name())
		case strings.HasSuffix(e.Name(), ".o"):
			objects = append(objects, file{e.Name(), info.Size(), info.ModTime()})
		}
		if err != nil {
			return err
		}
	}
	arrange.Sort(objects, func(a, b file) int { return b.used.Compare(a.used) })
	var sum int64
	for i, f := range objects {
		sum += f.size
		if i < c.fresh || i < c.most && sum <= c.bytes {
			continue
		}
		if err := errors.Join(remove(f.name+".json"), remove(f.name)); err != nil {
			return err
		}
	}
	return nil
}
