package apply

// Several static libraries made one. Two that are linked into one program bring
// the standard library twice, and cargo has no word for sharing it; but a
// package that is nothing but the others, as Rust libraries, is compiled with
// one of it, and its static library exports what they export. So merging is one
// more package of the workspace, which builds, shrinks and is released as any.
//
// Rejected: linking the finished archives together (`ld -r`). Under fat LTO each
// has compiled its share of std into itself, and nothing is the same any more.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/toml"
)

// MergeError says why packages cannot be merged, and what to try.
type MergeError struct{ Why, Try string }

func (e *MergeError) Error() string { return e.Why }

// Merge is the edit that makes a package of that name in dir, absolute, whose
// static library is those of the named packages. Error: *MergeError, or a
// manifest that cannot be read.
func Merge(p *cargo.Project, name, dir string, packages []string) (*Edit, error) {
	below, err := filepath.Rel(p.Root, dir)
	if err != nil || !filepath.IsLocal(below) || below == "." {
		return nil, &MergeError{dir + " is not below the workspace, " + p.Root, "a folder beside those of the packages"}
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, &MergeError{p.Short(dir) + " is there already and not empty", "another folder"}
	}
	if slices.ContainsFunc(p.Metadata.Packages, func(x *cargo.Package) bool { return x.Source == "" && x.Name == name }) {
		return nil, &MergeError{"the workspace has a package " + name, "--name OTHER"}
	}
	var manifest, source strings.Builder
	fmt.Fprintf(&manifest, "[package]\nname = %q\nversion = \"0.1.0\"\nedition = \"2021\"\npublish = false\n\n[lib]\npath = \"lib.rs\"\ncrate-type = [\"staticlib\"]\n\n[dependencies]\n", name)
	fmt.Fprintf(&source, "//! %s as one static library, so that they share the standard library:\n//! it exports what they export.\n\n", list(packages))
	for _, wanted := range packages {
		pkg, library, err := mergeable(p, wanted)
		if err != nil {
			return nil, err
		}
		path, err := filepath.Rel(dir, filepath.Dir(pkg.ManifestPath))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&manifest, "%s = { path = %q }\n", pkg.Name, filepath.ToSlash(path))
		fmt.Fprintf(&source, "pub use %s;\n", strings.ReplaceAll(library, "-", "_"))
	}
	root, err := os.ReadFile(p.Manifest)
	if err != nil {
		return nil, err
	}
	edit := &Edit{}
	after, err := withMember(p, root, filepath.ToSlash(below))
	if err != nil {
		return nil, err
	}
	if string(after) != string(root) {
		edit.Files = append(edit.Files, FileEdit{p.Manifest, root, after})
	}
	edit.Files = append(edit.Files, FileEdit{filepath.Join(dir, "Cargo.toml"), nil, []byte(manifest.String())},
		FileEdit{filepath.Join(dir, "lib.rs"), nil, []byte(source.String())})
	return edit, nil
}

// mergeable is a package of the workspace with a library that Rust can use.
func mergeable(p *cargo.Project, name string) (*cargo.Package, string, error) {
	for _, pkg := range p.Metadata.Packages {
		if pkg.Name != name || pkg.Source != "" || !slices.Contains(p.Metadata.WorkspaceMembers, pkg.ID) {
			continue
		}
		for _, t := range pkg.Targets {
			if !t.IsLib() {
				continue
			}
			if !slices.Contains(t.CrateTypes, "rlib") && !slices.Contains(t.CrateTypes, "lib") {
				return nil, "", &MergeError{name + " is no Rust library, as which it is merged: its crate-type is " + strings.Join(t.CrateTypes, ", "),
					`crate-type = ["staticlib", "rlib"] in ` + p.Short(pkg.ManifestPath)}
			}
			return pkg, t.Name, nil
		}
		return nil, "", &MergeError{name + " has no library", "packages with one"}
	}
	return nil, "", &MergeError{"no package " + name + " in the workspace", "cargo metadata, which names them"}
}

// withMember is the root manifest with one more member of the workspace.
func withMember(p *cargo.Project, root []byte, folder string) ([]byte, error) {
	d, err := toml.Parse(root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Manifest, err)
	}
	if _, is := d.Get("workspace"); !is {
		return nil, &MergeError{p.Short(p.Manifest) + " has no [workspace], so there are no packages to merge", "[workspace] with the packages as members"}
	}
	members, _ := d.Get("workspace", "members")
	for _, pattern := range cargo.Strings(members) {
		if match, err := filepath.Match(pattern, folder); err == nil && match {
			return root, nil
		}
	}
	if err := d.Append([]string{"workspace", "members"}, folder); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Manifest, err)
	}
	return d.Bytes(), nil
}

// list is "a, b and c".
func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
