package saving

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/cargo"
)

// What manifests ask for. A feature is on for the whole program as soon as one
// package wants it, so what leaving it out saves is nothing that a graph could
// tell: each is tried.

// eachDependency visits the normal dependencies of the workspace's own
// packages, with the package that each resolves to.
func (s *Subject) eachDependency(visit func(of *cargo.Package, d cargo.Dependency, to *cargo.Package)) {
	members := s.Project.Metadata.Members()
	linked := s.Project.Metadata.Linked(s.Project.Package)
	for _, of := range linked {
		if !slices.Contains(members, of) {
			continue
		}
		for _, d := range of.Dependencies {
			if to := d.In(linked); d.Kind == "" && d.Target == "" && to != nil {
				visit(of, d, to)
			}
		}
	}
}

// codeOf is the code and data of a package and of all that it needs: no trial
// of its features saves more.
func (s *Subject) codeOf(pkg *cargo.Package) (bytes uint64) {
	crates := map[string]bool{}
	for _, p := range s.Project.Metadata.Linked(pkg) {
		for _, t := range p.Targets {
			if t.IsLib() {
				crates[strings.ReplaceAll(t.Name, "-", "_")] = true
			}
		}
	}
	for n := range s.crates {
		if owner := s.owner(int32(n)); n > 0 && owner > 0 && crates[s.crates[owner]] {
			bytes += s.Graph.Node(int32(n)).Size
		}
	}
	return bytes
}

// features is the trial of a dependency with these features and no defaults.
// what is the sentence about it.
func (s *Subject) features(of *cargo.Package, d cargo.Dependency, list []string, what string, bound uint64) (Saving, bool) {
	manifest, table := of.ManifestPath, []string{"dependencies"}
	text, err := os.ReadFile(manifest)
	if err != nil {
		return Saving{}, false
	}
	edited, line, err := d.WithFeatures(text, list, table...)
	if _, inherited := err.(*cargo.InheritedError); inherited {
		manifest, table = filepath.Join(s.Project.Root, "Cargo.toml"), []string{"workspace", "dependencies"}
		if text, err = os.ReadFile(manifest); err == nil {
			edited, line, err = d.WithFeatures(text, list, table...)
		}
	}
	rel, bad := filepath.Rel(s.Project.Root, manifest)
	if err != nil || bad != nil || string(edited) == string(text) {
		return Saving{}, false
	}
	name := filepath.ToSlash(rel)
	lines := strings.Split(string(edited), "\n")
	step := strings.TrimSpace(lines[line-1])
	if strings.HasPrefix(step, "[") { // a table of its own
		step = "default-features = false"
		if list != nil {
			step += fmt.Sprintf(", features = [\"%s\"]", strings.Join(list, "\", \""))
		}
		step += " in " + strings.TrimSpace(lines[line-1])
	}
	return Saving{What: what, Step: step, File: name, Line: line, bound: bound, trial: &trial{files: map[string][]byte{name: edited}}}, true
}

// defaultFeatures leaves all default features of a dependency out; where that
// does not hold, one at a time.
func defaultFeatures(s *Subject) (found []Saving) {
	s.eachDependency(func(of *cargo.Package, d cargo.Dependency, to *cargo.Package) {
		defaults := to.Features["default"]
		if !d.UsesDefaultFeatures || len(defaults) == 0 {
			return
		}
		bound := s.codeOf(to)
		if bound < s.worth() {
			return
		}
		x, ok := s.features(of, d, nil, fmt.Sprintf("default features of %s: %s", to.Name, strings.Join(defaults, ", ")), bound)
		if !ok {
			return
		}
		x.then = func() (single []Saving) {
			for _, one := range neededLast(defaults) {
				if _, plain := to.Features[one]; !plain {
					continue // another package's, which no manifest can ask for
				}
				list := slices.Clone(d.Features)
				for _, other := range defaults {
					if _, plain := to.Features[other]; plain && other != one && !slices.Contains(list, other) {
						list = append(list, other)
					}
				}
				if y, ok := s.features(of, d, list, fmt.Sprintf("feature %s of %s, which is on by default", one, to.Name), bound); ok && len(defaults) > 1 {
					y.Kind = "feature"
					single = append(single, y)
				}
			}
			return single
		}
		found = append(found, x)
	})
	return found
}

// neededLast puts the features last that code can hardly do without.
func neededLast(features []string) []string {
	list := slices.Clone(features)
	slices.SortStableFunc(list, func(a, b string) int {
		needed := func(f string) int { return 1 + slices.Index([]string{"alloc", "std"}, f) }
		return needed(a) - needed(b)
	})
	return list
}

// askedFeatures leaves each feature out that a manifest asks for by name.
func askedFeatures(s *Subject) (found []Saving) {
	s.eachDependency(func(of *cargo.Package, d cargo.Dependency, to *cargo.Package) {
		bound := s.codeOf(to) / 2 // behind the defaults: what is asked for is mostly needed
		if bound < s.worth() {
			return
		}
		for _, one := range neededLast(d.Features) {
			list := slices.DeleteFunc(slices.Clone(d.Features), func(f string) bool { return f == one })
			if x, ok := s.onlyFeatures(of, d, list, fmt.Sprintf("feature %s of %s", one, to.Name), bound); ok {
				found = append(found, x)
			}
		}
	})
	return found
}

// onlyFeatures is features with the defaults as they are.
func (s *Subject) onlyFeatures(of *cargo.Package, d cargo.Dependency, list []string, what string, bound uint64) (Saving, bool) {
	if !d.UsesDefaultFeatures {
		return s.features(of, d, list, what, bound)
	}
	return s.features(of, d, append([]string{"default"}, list...), what, bound)
}

// twoVersions has cargo unite two versions of a crate, where the requirements
// of those who use it allow one for all.
func twoVersions(s *Subject) (found []Saving) {
	byName := map[string][]*cargo.Package{}
	for _, p := range s.Project.Metadata.Linked(s.Project.Package) {
		byName[p.Name] = append(byName[p.Name], p)
	}
	for name, list := range byName {
		if len(list) < 2 {
			continue
		}
		bound := uint64(0)
		for _, p := range list {
			bound = max(bound, s.codeOf(p))
		}
		for _, from := range list {
			for _, to := range list {
				if from == to || from.Source == "" || from.Source != to.Source {
					continue
				}
				spec := from.Name + "@" + from.Version
				found = append(found, Saving{
					What: fmt.Sprintf("%s in versions %s and %s", name, from.Version, to.Version), bound: bound,
					Step: fmt.Sprintf("cargo update -p %s --precise %s", spec, to.Version), File: "Cargo.lock",
					trial: &trial{cargo: []string{"update", "--offline", "-p", spec, "--precise", to.Version}, after: func(root string) bool {
						lock, err := os.ReadFile(filepath.Join(root, "Cargo.lock"))
						return err == nil && !strings.Contains(string(lock), fmt.Sprintf("name = %q\nversion = %q\n", from.Name, from.Version))
					}},
				})
			}
		}
	}
	arrange.Sort(found, func(a, b Saving) int { return strings.Compare(a.Step, b.Step) })
	return found
}
