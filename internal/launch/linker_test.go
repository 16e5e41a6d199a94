package launch

import "testing"

// TestConcerns: of all that cargo links only programs, examples and libraries
// without a test harness may be minsize's business.
func TestConcerns(t *testing.T) {
	for name, c := range map[string]struct {
		bin, crate, mode string
		args             []string
		want             bool
	}{
		"a program":              {"app", "app", "", []string{"-o", "target/release/deps/app-1"}, true},
		"strict":                 {"app", "app", "strict", nil, true},
		"a build script":         {"", "build_script_build", "", []string{"-o", "build_script_build-1"}, false},
		"left out":               {"app", "app", "off", nil, false},
		"a test":                 {"app", "app", "", []string{"/r/lib/rustlib/x/lib/libtest-0.rlib"}, false},
		"a library's name alone": {"app", "app", "", []string{"/deps/libtestable-0.rlib"}, true},
		"a library":              {"", "my_lib", "", []string{"-o", "target/release/deps/libmy_lib.so", "-shared"}, true},
		"a library's test":       {"", "my_lib", "", []string{"/r/libtest-0.rlib", "-o", "target/release/deps/my_lib-0a"}, false},
		"a library left out":     {"", "my_lib", "off", []string{"-o", "target/release/deps/libmy_lib.so"}, false},
		"a library's example":    {"", "ex", "", []string{"-o", "target/release/examples/libex-0a.so", "-shared"}, true},
		"a proc macro":           {"", "mac", "", []string{"-o", "target/release/deps/libmac-0a.so", "-shared"}, false},
		"arguments in a file":    {"", "my_lib", "", []string{"@target/release/deps/args"}, true},
		"nothing is linked":      {"", "my_lib", "", []string{"--version"}, false},
	} {
		t.Setenv("CARGO_BIN_NAME", c.bin)
		t.Setenv("CARGO_CRATE_NAME", c.crate)
		t.Setenv("CARGO_MANIFEST_DIR", "/p")
		t.Setenv(Mode, c.mode)
		if got := Concerns(c.args); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestBehind: the linker behind minsize-link is the target's own, and never
// minsize-link.
func TestBehind(t *testing.T) {
	args := []string{"-m64", "/r/lib/rustlib/aarch64-unknown-linux-gnu/lib/libstd-0.rlib"}
	if sysroot, triple := Standard(args); sysroot != "/r" || triple != "aarch64-unknown-linux-gnu" {
		t.Errorf("%q %q", sysroot, triple)
	}
	if sysroot, triple := Standard([]string{"-L/usr/lib/rustlib/x/lib"}); sysroot != "/usr" || triple != "x" {
		t.Errorf("%q %q", sysroot, triple)
	}
	if sysroot, _ := Standard([]string{"-B/r/lib/rustlib/x/bin/gcc-ld"}); sysroot != "" {
		t.Errorf("a folder of tools is taken for a standard library's: %q", sysroot)
	}
	if got := Behind(args); got != "cc" {
		t.Error(got)
	}
	t.Setenv("MINSIZE_LINKER_AARCH64_UNKNOWN_LINUX_GNU", "aarch64-linux-gnu-gcc")
	if got := Behind(args); got != "aarch64-linux-gnu-gcc" {
		t.Error(got)
	}
	t.Setenv("MINSIZE_LINKER_AARCH64_UNKNOWN_LINUX_GNU", "/opt/minsize-link")
	if got := Behind(args); got != "cc" {
		t.Errorf("it would call itself: %s", got)
	}
}
