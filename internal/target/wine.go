package target

import (
	_ "embed"
	"errors"
	"os"
	"path/filepath"
)

// prng is a library that Wine has from version 8.8 on, and every Rust program
// with a hash table loads.
//
//go:embed wine/bcryptprimitives.dll
var prng []byte

// wine are the words that run a Windows program in a Wine prefix of our own.
//
// An ordinary prefix takes 20 s and 700 MB to make, and seconds to wake up,
// for services, fonts and a desktop; a command line program needs none of it.
// Wine makes such prefixes by a mode in which its libraries need not be
// installed, and that mode is enough to run one: 80 KB, a fifth of a second.
// Whoever has a prefix of their own (WINEPREFIX) keeps it.
func wine(words []string) ([]string, error) {
	if os.Getenv("WINEPREFIX") != "" {
		return words, nil
	}
	prefix, err := cached("wine")
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{
		// Wine itself writes the rest. What this says is that its next version
		// has nothing to bring up to date.
		".update-timestamp":                             []byte("disable\n"),
		"drive_c/windows/system32/bcryptprimitives.dll": prng,
	} {
		if err := keep(filepath.Join(prefix, filepath.FromSlash(name)), content); err != nil {
			return nil, err
		}
	}
	return append([]string{"/usr/bin/env", "WINEPREFIX=" + prefix, "WINEBOOTSTRAPMODE=1", "WINEDEBUG=-all", "WINEDLLOVERRIDES=winedbg.exe=d"}, words...), nil
}

// cached is a place in the user's cache folder.
func cached(name string) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Abs(filepath.Join(dir, "minsize", name))
}

// keep writes a file that several may want at once, and no other version of
// minsize in another form.
func keep(path string, content []byte) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*.part")
	if err != nil {
		return err
	}
	_, err = part.Write(content)
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	return err
}
