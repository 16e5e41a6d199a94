package executor

import "testing"

// TestProfileOf: the profile is the folder above cargo's own, wherever the
// project lies.
func TestProfileOf(t *testing.T) {
	for output, want := range map[string]string{
		"/p/target/release/deps/app-1":                   "release",
		"/p/target/debug/deps/app-1":                     "debug",
		"/p/target/x86_64-unknown-linux-gnu/dist/deps/a": "dist",
		"/release/deps/p/target/debug/examples/a-1":      "debug",
		"/p/target/release/build/app-1/out/app":          "release",
		"/tmp/a.out":                                     "",
	} {
		if got, _ := profileOf(output); got != want {
			t.Errorf("%s: %q, expected %q", output, got, want)
		}
	}
}
