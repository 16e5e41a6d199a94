package oci

import (
	"os"
	"testing"
)

// TestLooksLikeFile: a mistyped file is not looked for in a registry, a
// reference is.
func TestLooksLikeFile(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("out", 0o777); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]bool{
		"nofile": true, "app.tar": true, "app.tgz": true, "./app": true, "../x": true, "/tmp/x": true, "~/x": true, `dir\app`: true, "out/layout": true, "out/app.tar": true,
		"alpine:3": false, "library/alpine": false, "app@sha256:00": false, "ghcr.io/a/b": false, "localhost:5000/app": false, "a/b:tar": false,
	} {
		if got := looksLikeFile(name); got != file {
			t.Errorf("%s: %v", name, got)
		}
	}
}
