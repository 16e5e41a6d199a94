package cargo

import (
	"errors"
	"strings"
	"testing"
)

// TestWithFeatures: a dependency's line loses its default features in each form
// that it has, and what has no such line says so.
func TestWithFeatures(t *testing.T) {
	dep := Dependency{Name: "a", Rename: "b"}
	for text, want := range map[string]string{
		"[dependencies]\nb = \"1\"\n":            "b = { version = \"1\", default-features = false, features = [\"x\"] }",
		"[dependencies]\nb = { path = \"x\" }\n": "b = { path = \"x\", default-features = false, features = [\"x\"] }",
		"[dependencies.b]\nversion = \"1\"\n":    "[dependencies.b]\nversion = \"1\"\ndefault-features = false\nfeatures = [\"x\"]",
		"[dependencies]\nb = 1\n":                "!unknown form",
		"[dependencies]\na = \"1\"\n":            "!b is not in [dependencies]",
		"[dependencies\n":                        "!line 1",
	} {
		edited, line, err := dep.WithFeatures([]byte(text), []string{"x"})
		if message, fails := strings.CutPrefix(want, "!"); fails && (err == nil || !strings.Contains(err.Error(), message)) || !fails && (!strings.Contains(string(edited), want) || line == 0) {
			t.Errorf("%q: %q, line %d, %v", text, edited, line, err)
		}
	}
	manifest := []byte("[dependencies]\nb.workspace = true\n[workspace.dependencies]\nb = \"2\"\n")
	var inherited *InheritedError
	if _, _, err := dep.WithFeatures(manifest, nil); !errors.As(err, &inherited) {
		t.Errorf("inherited: %v", err)
	}
	if edited, line, err := dep.WithFeatures(manifest, nil, "workspace", "dependencies"); err != nil || line != 4 || !strings.Contains(string(edited), "b = { version = \"2\", default-features = false }\n") {
		t.Errorf("the workspace's: %q, line %d, %v", edited, line, err)
	}
}
