package inspect

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/oci"
)

// PackageVersions maps crate names to versions, of all packages that may be
// part of the program.
func PackageVersions(p *cargo.Project) *attrib.Metadata {
	m := &attrib.Metadata{Versions: map[string][]string{}}
	for _, pkg := range p.Metadata.Built(p.Package) {
		crates := []string{strings.ReplaceAll(pkg.Name, "-", "_")}
		for _, t := range pkg.Targets {
			if name := strings.ReplaceAll(t.Name, "-", "_"); !slices.Contains(crates, name) && slices.Contains(t.Kind, "lib") {
				crates = append(crates, name)
			}
		}
		for _, crate := range crates {
			if !slices.Contains(m.Versions[crate], pkg.Version) {
				m.Versions[crate] = append(m.Versions[crate], pkg.Version)
			}
		}
	}
	for _, versions := range m.Versions {
		slices.Sort(versions)
	}
	return m
}

// PackageFolders are the versions of all packages by their folders.
func PackageFolders(p *cargo.Project) map[string]string {
	folders := map[string]string{}
	for _, pkg := range p.Metadata.Packages {
		folders[filepath.ToSlash(filepath.Dir(pkg.ManifestPath))] = pkg.Version
	}
	return folders
}

// ProjectFacts are the crates that were linked and the annotations that the
// manifest gives (image-spec, annotations.md).
func ProjectFacts(p *cargo.Project) ([]oci.Component, map[string]string) {
	var components []oci.Component
	for _, crate := range p.Metadata.Linked(p.Package) {
		c := oci.Component{Name: crate.Name, Version: crate.Version, License: crate.License}
		if strings.HasPrefix(crate.Source, "registry+") {
			c.PURL = "pkg:cargo/" + crate.Name + "@" + crate.Version
		}
		components = append(components, c)
	}
	annotations := map[string]string{}
	for key, value := range map[string]string{
		"title": p.Target.Name, "version": p.Package.Version, "description": p.Package.Description,
		"licenses": strings.ReplaceAll(p.Package.License, "/", " OR "), "authors": strings.Join(p.Package.Authors, ", "),
		"source": p.Package.Repository, "url": p.Package.Homepage,
	} {
		if value != "" {
			annotations["org.opencontainers.image."+key] = value
		}
	}
	return components, annotations
}
