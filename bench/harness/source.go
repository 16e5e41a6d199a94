package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Source is the folder of a program: as named, or fetched by cargo into a
// folder below sources.
func Source(sources, name string) (string, error) {
	if _, err := os.Stat(filepath.Join(name, "Cargo.toml")); err == nil {
		return filepath.Abs(name)
	}
	dir := filepath.Join(sources, name)
	if _, err := os.Stat(filepath.Join(dir, "Cargo.toml")); err == nil {
		return dir, nil
	}
	// A project that depends on the crate makes cargo fetch its sources, also
	// where it has no library; cargo metadata does not list it then.
	fetch := filepath.Join(sources, "fetch-"+name)
	if err := os.MkdirAll(filepath.Join(fetch, "src"), 0o777); err != nil {
		return "", err
	}
	manifest := "[package]\nname = \"fetch\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\n" + name + " = \"*\"\n"
	if err := os.WriteFile(filepath.Join(fetch, "Cargo.toml"), []byte(manifest), 0o666); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(fetch, "src", "lib.rs"), nil, 0o666); err != nil {
		return "", err
	}
	cmd := exec.Command("cargo", "fetch")
	cmd.Dir, cmd.Stderr = fetch, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("cargo fetch: %w; without a registry name the FOLDERs of projects instead", err)
	}
	home := os.Getenv("CARGO_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		home = filepath.Join(user, ".cargo")
	}
	found, _ := filepath.Glob(filepath.Join(home, "registry", "src", "*", name+"-[0-9]*"))
	if len(found) == 0 {
		return "", fmt.Errorf("cargo fetched no package %s", name)
	}
	return dir, os.CopyFS(dir, os.DirFS(found[len(found)-1]))
}

// Write makes files of a folder, by their names in it.
func Write(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// Exists says whether there is such a file.
func Exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
