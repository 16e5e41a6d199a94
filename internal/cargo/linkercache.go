package cargo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// linkerCache keeps what a probe found. The key holds everything that the
// answer hangs on: path, size and time of the linker and of the driver, the
// compiler, the target. A cache that cannot be read or written is no error.
type linkerCache struct {
	dir   string
	probe LinkerProbe
}

// linkerProbeVersion goes up when the probe asks for more.
const linkerProbeVersion = 1

func openLinkerCache(probe LinkerProbe) linkerCache {
	dir := probe.CacheDir
	if dir == "" {
		if user, err := os.UserCacheDir(); err == nil {
			dir = filepath.Join(user, "minsize")
		} else {
			dir = filepath.Join(os.TempDir(), "minsize-cache")
		}
	}
	return linkerCache{dir, probe}
}

func (c linkerCache) file(l *Linker) string {
	key := fmt.Sprintf("%d\n%s\n%s\n%s\n%s\n%q", linkerProbeVersion, stamp(l.Path), stamp(c.probe.Driver), c.probe.Toolchain.ID(), c.probe.Triple, c.probe.Runner)
	return filepath.Join(c.dir, "linkers", shortHash(key)+".json")
}

func (c linkerCache) load(l *Linker) bool {
	data, err := os.ReadFile(c.file(l))
	if err != nil {
		return false
	}
	var kept Linker
	if json.Unmarshal(data, &kept) != nil || kept.Path != l.Path {
		return false
	}
	*l = kept
	return l.chooseFolder(c.dir) == nil
}

func (c linkerCache) store(l *Linker) {
	file := c.file(l)
	data, err := json.Marshal(l)
	if err != nil || os.MkdirAll(filepath.Dir(file), 0o777) != nil {
		return
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".linker-")
	if err != nil {
		return
	}
	_, err = temporary.Write(data)
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		os.Remove(temporary.Name())
	}
}

// stamp is a file with its size and time.
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return path
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
