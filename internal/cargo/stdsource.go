package cargo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/toml"
)

// build-std needs the crates that std itself depends on. cargo takes them from
// crates-io, as it takes the project's. Distributions put them beside the std
// sources, so that no registry is needed, but crates-io can be replaced by one
// folder only. Three cases:
//
//   - the project has no crates of a registry: std's folder replaces it;
//   - the project may not or cannot use the registry (--offline, --frozen, or
//     its own crates lie in a vendor folder): a folder is made of links to both;
//   - else cargo fetches what is missing, as always.

// stdSourceConfig gives the --config arguments for a build with BuildStd.
func stdSourceConfig(ctx context.Context, p *Project, t *Toolchain) ([]string, error) {
	if t.Std == nil || t.Std.Vendor == "" {
		return nil, nil
	}
	remote := false
	for _, pkg := range p.Metadata.Packages {
		remote = remote || pkg.Source != ""
	}
	folder := t.Std.Vendor
	if remote {
		_, replaced := p.Config.Get("source", "crates-io", "replace-with")
		if !p.Options.Offline && !p.Options.Frozen && !replaced {
			return nil, nil
		}
		var err error
		if folder, err = mergedSource(ctx, p, t); err != nil {
			return nil, err
		}
		if folder == "" {
			return nil, nil
		}
	}
	path, err := toml.Format(folder)
	if err != nil {
		return nil, err
	}
	return []string{
		"--config", `source.crates-io.replace-with="minsize-std-vendor"`,
		"--config", "source.minsize-std-vendor.directory=" + path,
	}, nil
}

// mergedSource makes a directory source (doc.rust-lang.org/cargo/reference/source-replacement.html#directory-sources)
// of std's crates and the project's, each a folder of links. "" where not all
// crates of the lockfile are on this machine: then cargo says which.
func mergedSource(ctx context.Context, p *Project, t *Toolchain) (string, error) {
	// All platforms' crates, for cargo wants to see the whole lockfile.
	args := append([]string{"metadata", "--format-version", "1"}, p.Options.sourceFlags()...)
	data, err := output(ctx, p.Dir, p.Toolchain.Environ(p.Options.environ()), p.Toolchain.Cargo, args...)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", nil
	}
	all, err := parseMetadata(data)
	if err != nil {
		return "", err
	}
	// The default registry's name in lockfiles is what std's own crates have.
	own, err := readLock(filepath.Join(t.Std.Library, "Cargo.lock"))
	at := slices.IndexFunc(own, lockedCrate.ofRegistry)
	if err != nil || at < 0 {
		return "", nil
	}
	registry := own[at].source
	crates, err := readLock(p.Lockfile())
	if err != nil {
		return "", err
	}
	sums := map[string]string{}
	for _, c := range crates {
		if c.ofRegistry() && c.source == registry {
			sums[c.name+" "+c.version] = c.checksum
		}
	}
	dir := filepath.Join(p.OutputDir(), "std-source")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	for _, pkg := range all.Packages {
		if pkg.Source != registry {
			continue
		}
		sum := sums[pkg.Name+" "+pkg.Version]
		if sum == "" {
			return "", nil
		}
		if err := linkCrate(filepath.Dir(pkg.ManifestPath), filepath.Join(dir, pkg.Name+"-"+pkg.Version), sum); err != nil {
			return "", err
		}
	}
	folders, err := os.ReadDir(t.Std.Vendor)
	if err != nil {
		return "", err
	}
	for _, crate := range folders {
		to := filepath.Join(dir, crate.Name())
		if _, err := os.Lstat(to); err == nil {
			continue // the project has the same version
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return "", err
		}
		if err := os.Symlink(filepath.Join(t.Std.Vendor, crate.Name()), to); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// linkCrate makes a crate's folder of links, with the checksum that a
// directory source has to have.
func linkCrate(from, to, sum string) error {
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".cargo-") {
			continue // .cargo-checksum.json, .cargo-ok
		}
		if err := os.Symlink(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	checksum, err := json.Marshal(struct {
		Files   struct{} `json:"files"`
		Package string   `json:"package"`
	}{Package: sum})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, ".cargo-checksum.json"), checksum, 0o666)
}

// lockedCrate is a crate in a Cargo.lock.
type lockedCrate struct{ name, version, source, checksum string }

// ofRegistry says whether it is from one, and not the workspace's own.
func (c lockedCrate) ofRegistry() bool {
	return strings.HasPrefix(c.source, "registry+") && c.checksum != ""
}

// readLock reads the crates out of a Cargo.lock.
func readLock(path string) ([]lockedCrate, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values, err := toml.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var crates []lockedCrate
	packages, _ := values["package"].([]any)
	for _, p := range packages {
		table, _ := p.(map[string]any)
		text := func(key string) string {
			s, _ := table[key].(string)
			return s
		}
		crates = append(crates, lockedCrate{text("name"), text("version"), text("source"), text("checksum")})
	}
	return crates, nil
}
