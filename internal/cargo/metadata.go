package cargo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/artefact"
)

// Metadata is what `cargo metadata --format-version 1` says, the fields that
// are used. The format is stable and grows only
// (doc.rust-lang.org/cargo/commands/cargo-metadata.html).
type Metadata struct {
	Packages         []*Package `json:"packages"`
	WorkspaceMembers []string   `json:"workspace_members"`         // package IDs
	DefaultMembers   []string   `json:"workspace_default_members"` // since 1.71; empty before
	Resolve          *Resolve   `json:"resolve"`
	TargetDirectory  string     `json:"target_directory"`
	WorkspaceRoot    string     `json:"workspace_root"`

	byID map[string]*Package
}

// Package is one package of the graph.
type Package struct {
	ID           string              `json:"id"`
	Name         string              `json:"name"`
	Version      string              `json:"version"`
	Source       string              `json:"source"` // "" for a path
	ManifestPath string              `json:"manifest_path"`
	Edition      string              `json:"edition"`
	DefaultRun   string              `json:"default_run"`
	Targets      []Target            `json:"targets"`
	Features     map[string][]string `json:"features"`
	Dependencies []Dependency        `json:"dependencies"`
	Links        string              `json:"links"`
	License      string              `json:"license"` // SPDX expression; "/" for OR in old manifests
	Description  string              `json:"description"`
	Authors      []string            `json:"authors"`
	Homepage     string              `json:"homepage"`
	Repository   string              `json:"repository"`
}

// Target is one thing that a package builds.
type Target struct {
	Name             string   `json:"name"`
	Kind             []string `json:"kind"`
	CrateTypes       []string `json:"crate_types"`
	SrcPath          string   `json:"src_path"`
	RequiredFeatures []string `json:"required-features"`
}

// Dependency is a line of a manifest's dependencies, as written.
type Dependency struct {
	Name                string   `json:"name"`
	Rename              string   `json:"rename"`
	Requirement         string   `json:"req"`
	Kind                string   `json:"kind"` // "" normal, "dev", "build"
	Optional            bool     `json:"optional"`
	UsesDefaultFeatures bool     `json:"uses_default_features"`
	Features            []string `json:"features"`
	Target              string   `json:"target"` // a triple or cfg(...), "" for all
}

// Resolve is the graph as cargo resolved it.
type Resolve struct {
	Nodes []Node `json:"nodes"`
	Root  string `json:"root"` // "" in a virtual workspace
}

// Node is one package with its edges and the features that are on.
type Node struct {
	ID       string   `json:"id"`
	Features []string `json:"features"`
	Deps     []struct {
		Name  string `json:"name"` // the extern crate's name
		ID    string `json:"pkg"`
		Kinds []struct {
			Kind   string `json:"kind"` // "" normal, "dev", "build"
			Target string `json:"target"`
		} `json:"dep_kinds"`
	} `json:"deps"`
}

// IsBin says whether the target is a program of the package.
func (t Target) IsBin() bool { return slices.Contains(t.Kind, "bin") }

// IsExample says whether the target is an example: a program, or a library.
func (t Target) IsExample() bool { return slices.Contains(t.Kind, "example") }

// IsLib says whether the target is the package's library, of whatever kind.
func (t Target) IsLib() bool {
	return !t.IsExample() && slices.ContainsFunc(t.CrateTypes, func(c string) bool {
		return slices.Contains([]string{"lib", "rlib", "dylib", "cdylib", "staticlib"}, c)
	})
}

// role is what the target is to cargo, whatever a build makes of it.
func (t Target) role() [3]bool { return [3]bool{t.IsBin(), t.IsExample(), t.IsLib()} }

// Kinds are what of the target somebody else than rustc can use: its program,
// or its library in each of its forms.
func (t Target) Kinds() []artefact.Kind {
	var kinds []artefact.Kind
	if !t.IsBin() && !t.IsExample() && !t.IsLib() {
		return nil // tests, build scripts
	}
	for _, c := range t.CrateTypes {
		if k, ok := artefact.OfCrateType(c); ok {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// IsProcMacro says whether the package is a procedural macro: it runs in the
// compiler and is not in the program.
func (p *Package) IsProcMacro() bool {
	return slices.ContainsFunc(p.Targets, func(t Target) bool { return slices.Contains(t.Kind, "proc-macro") })
}

// HasBuildScript says whether the package runs a program before it is built.
func (p *Package) HasBuildScript() bool {
	return slices.ContainsFunc(p.Targets, func(t Target) bool { return slices.Contains(t.Kind, "custom-build") })
}

// Spec is what -p and profile overrides take for this package: its name, or
// name@version where the graph has the name twice.
func (m *Metadata) Spec(p *Package) string {
	for _, other := range m.Packages {
		if other != p && other.Name == p.Name {
			return p.Name + "@" + p.Version
		}
	}
	return p.Name
}

// Find gives the package with an ID, or nil.
func (m *Metadata) Find(id string) *Package { return m.byID[id] }

// Members are the workspace's own packages, in cargo's order.
func (m *Metadata) Members() []*Package {
	var members []*Package
	for _, id := range m.WorkspaceMembers {
		if p := m.byID[id]; p != nil {
			members = append(members, p)
		}
	}
	return members
}

// Linked are the packages whose code can be in a program of p: p itself and
// everything reachable over normal dependencies, procedural macros and what
// only they need left out. The order is that of the graph's walk.
func (m *Metadata) Linked(p *Package) []*Package {
	return m.reach(p, func(kind string) bool { return kind == "" }, false)
}

// Built are all packages that a build of p compiles, build dependencies and
// procedural macros too.
func (m *Metadata) Built(p *Package) []*Package {
	return m.reach(p, func(kind string) bool { return kind != "dev" }, true)
}

func (m *Metadata) reach(p *Package, follow func(kind string) bool, macros bool) []*Package {
	if m.Resolve == nil {
		return []*Package{p}
	}
	nodes := map[string]*Node{}
	for i := range m.Resolve.Nodes {
		nodes[m.Resolve.Nodes[i].ID] = &m.Resolve.Nodes[i]
	}
	seen := map[string]bool{p.ID: true}
	var found []*Package
	for queue := []*Package{p}; len(queue) > 0; queue = queue[1:] {
		found = append(found, queue[0])
		node := nodes[queue[0].ID]
		if node == nil {
			continue
		}
		for _, dep := range node.Deps {
			to := m.byID[dep.ID]
			if to == nil || seen[dep.ID] || to.IsProcMacro() && !macros {
				continue
			}
			if slices.ContainsFunc(dep.Kinds, func(k struct {
				Kind   string `json:"kind"`
				Target string `json:"target"`
			}) bool {
				return follow(k.Kind)
			}) {
				seen[dep.ID] = true
				queue = append(queue, to)
			}
		}
	}
	return found
}

// FeaturesOf are the features that are on for a package.
func (m *Metadata) FeaturesOf(p *Package) []string {
	if m.Resolve == nil {
		return nil
	}
	for _, node := range m.Resolve.Nodes {
		if node.ID == p.ID {
			return node.Features
		}
	}
	return nil
}

// parseMetadata reads cargo's answer.
func parseMetadata(data []byte) (*Metadata, error) {
	m := &Metadata{byID: map[string]*Package{}}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("cargo metadata: %w", err)
	}
	if m.WorkspaceRoot == "" || m.TargetDirectory == "" {
		return nil, fmt.Errorf("cargo metadata: no workspace_root or target_directory in the answer (%d bytes)", len(data))
	}
	for _, p := range m.Packages {
		m.byID[p.ID] = p
	}
	return m, nil
}

// specOf is the package in a form that every cargo takes for -p. IDs became
// package specs with cargo 1.77; before, the name has to do.
func specOf(p *Package) string {
	if strings.Contains(p.ID, "#") {
		return p.ID
	}
	return p.Name
}
