package cargo

import (
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/toml"
)

// DefaultFeatured are the dependencies of a package whose default features are
// on and not empty, as its manifest lists them.
func (m *Metadata) DefaultFeatured(of *Package) []Dependency {
	var list []Dependency
	linked := m.Linked(of)
	for _, d := range of.Dependencies {
		if d.Kind != "" || !d.UsesDefaultFeatures || d.Target != "" || slices.ContainsFunc(list, func(o Dependency) bool { return o.Name == d.Name }) {
			continue
		}
		if pkg := d.In(linked); pkg != nil && len(pkg.Features["default"]) > 0 {
			list = append(list, d)
		}
	}
	return list
}

// In is the first package of a list that the dependency can mean, or nil.
func (d *Dependency) In(linked []*Package) *Package {
	if i := slices.IndexFunc(linked, func(p *Package) bool { return p.Name == d.Name }); i >= 0 {
		return linked[i]
	}
	return nil
}

// InheritedError says that a dependency's line is not where its features are set.
type InheritedError struct{ Name string }

func (e *InheritedError) Error() string {
	return e.Name + ": its features are set in [workspace.dependencies]"
}

// WithFeatures edits the dependency's line in a manifest, at [dependencies]
// unless another table is named: default-features = false, and these features
// where the list is not nil. line is where it stands then.
func (d *Dependency) WithFeatures(manifest []byte, features []string, table ...string) (edited []byte, line int, err error) {
	doc, err := toml.Parse(manifest)
	if err != nil {
		return nil, 0, err
	}
	key := d.Name
	if d.Rename != "" {
		key = d.Rename
	}
	if len(table) == 0 {
		table = []string{"dependencies"}
	}
	path := append(slices.Clone(table), key)
	value, found := doc.Get(path...)
	if !found {
		return nil, 0, fmt.Errorf("%s is not in [%s]", key, toml.Key(table))
	}
	switch v := value.(type) {
	case string:
		text := fmt.Sprintf("{ version = %q, default-features = false }", v)
		if features != nil {
			list, err := toml.Format(features)
			if err != nil {
				return nil, 0, err
			}
			text = fmt.Sprintf("{ version = %q, default-features = false, features = %s }", v, list)
		}
		err = doc.Set(path, toml.Literal(text))
	case map[string]any:
		if v["workspace"] == true {
			return nil, 0, &InheritedError{key}
		}
		if err = doc.Set(append(slices.Clone(path), "default-features"), false); err == nil && features != nil {
			err = doc.Set(append(slices.Clone(path), "features"), features)
		}
	default:
		err = fmt.Errorf("[%s] %s has an unknown form", toml.Key(table), key)
	}
	return doc.Bytes(), doc.Line(path...), err
}
