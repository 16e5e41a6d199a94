//go:build linux

package oci

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/minsize/minsize/internal/objfile"
)

// A container is a folder that a program has as its "/". So an image is proved
// by unpacking it and running its entrypoint there, with nothing else in it.
func runInImage(t *testing.T, img v1.Image, command ...string) string {
	t.Helper()
	dir := t.TempDir()
	tr := tar.NewReader(mutate.Extract(img))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(at, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, at)
		case tar.TypeReg:
			var data []byte
			if data, err = io.ReadAll(tr); err == nil {
				err = os.WriteFile(at, data, os.FileMode(h.Mode))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Path = command[0] // looked up in the new root, not here
	cmd.Err = nil
	cmd.Dir = "/"
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: dir, Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	if os.Getuid() == 0 { // root needs no user namespace, and some machines have none
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if os.Getuid() != 0 && strings.Contains(err.Error(), "operation not permitted") {
			t.Skip("needs user namespaces")
		}
		t.Fatalf("%v: %v\n%s", command, err, out.String())
	}
	return out.String()
}

func TestImagesRun(t *testing.T) {
	for _, test := range []struct {
		name, compiler string
		args           []string
		libc           string
		files          int // in the runtime layer
	}{
		{"glibc dynamic", "cc", []string{"-fno-builtin", "-lm"}, "glibc", 3},
		{"glibc static", "cc", []string{"-static", "-fno-builtin", "-lm"}, "", 0},
		{"glibc static-pie", "cc", []string{"-static-pie", "-fno-builtin", "-lm"}, "", 0},
		{"musl dynamic", "musl-gcc", []string{"-fno-builtin", "-lm"}, "musl", 1},
		{"musl static", "musl-gcc", []string{"-static", "-fno-builtin", "-lm"}, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := compile(t, test.compiler, helloC, test.args...)
			c := composeFile(t, app, Extra{})
			if c.Closure.Libc != test.libc || c.Closure.Static != (test.libc == "") {
				t.Errorf("libc %q, static %v; want %q", c.Closure.Libc, c.Closure.Static, test.libc)
			}
			if len(c.Runtime) != test.files {
				t.Errorf("%d runtime files, want %d: %+v", len(c.Runtime), test.files, c.Closure)
			}
			for _, compression := range []Compression{Gzip, Zstd, None} {
				if got := runInImage(t, build(t, c, compression), "/app"); got != "hello 0.841\n" {
					t.Errorf("%s: printed %q", compression, got)
				}
			}
		})
	}
}

// TestTwentyLibraries builds a chain and a fan of libraries, found by RUNPATH
// with $ORIGIN, by RPATH that is handed down, and by a path in the name.
func TestTwentyLibraries(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("needs cc")
	}
	dir := t.TempDir()
	lib := filepath.Join(dir, "lib")
	if err := os.Mkdir(lib, 0o777); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("cc", args...)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cc %v: %v\n%s", args, err, text)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("f0.c", "int f0(void) { return 1; }")
	run("-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libf0.so", "-o", "lib/libf0.so", "f0.c")
	names := []string{"f0"}
	for i := 1; i < 20; i++ {
		name := "f" + string(rune('a'+i))
		before := names[len(names)-1]
		write(name+".c", "int "+before+"(void); int "+name+"(void) { return 1 + "+before+"(); }")
		args := []string{"-shared", "-fPIC", "-nostdlib", "-Wl,-soname,lib" + name + ".so", "-o", "lib/lib" + name + ".so", name + ".c", "-Llib", "-l" + before}
		if i > 10 { // an object with a RUNPATH does not look at its loader's RPATH
			args = append(args, "-Wl,--enable-new-dtags,-rpath,$ORIGIN")
		}
		run(args...)
		names = append(names, name)
	}
	last := names[len(names)-1]
	write("main.c", `#include <stdio.h>
int `+last+`(void); int main(void) { printf("%d\n", `+last+`()); return 0; }`)
	// RPATH, not RUNPATH: only that is handed down to the libraries' own needs.
	// Not $ORIGIN here: for the program itself glibc asks /proc, which is no
	// part of an image.
	run("-o", "app", "main.c", "-Llib", "-l"+last, "-Wl,--disable-new-dtags,-rpath,"+lib, "-Wl,--allow-shlib-undefined", "-Wl,-rpath-link,lib")

	data, err := os.ReadFile(filepath.Join(dir, "app"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := objfile.Parse("app", data)
	if err != nil {
		t.Fatal(err)
	}
	app := filepath.Join(dir, "app")
	c, err := Compose(Root{Dir: "/"}, f, data, app, Extra{}, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.Closure.Libraries); got != 21 {
		t.Errorf("%d libraries, want 20 and libc: %+v", got, c.Closure.Libraries)
	}
	if got := runInImage(t, build(t, c, Gzip), app); got != "20\n" {
		t.Errorf("printed %q", got)
	}

	// Without one of them: named, with who needs it.
	if err := os.Remove(filepath.Join(lib, "libfc.so")); err != nil {
		t.Fatal(err)
	}
	_, err = Compose(Root{Dir: "/"}, f, data, app, Extra{}, 0, 0)
	missing, ok := err.(*MissingError)
	if !ok || missing.Library != "libfc.so" || missing.NeededBy != "libfd.so" {
		t.Errorf("error %v, want libfc.so needed by libfd.so", err)
	}
}

func TestAlternativeOfFatImage(t *testing.T) {
	app := compile(t, "cc", helloC, "-fno-builtin", "-lm")
	c := composeFile(t, app, Extra{})
	c.App = append(c.App, Entry{Path: "/usr/share/doc/big", Mode: 0o644, Data: make([]byte, 1<<20), Size: 1 << 20})
	img := build(t, c, Gzip)
	in, err := Inspect("fat", img)
	if err != nil {
		t.Fatal(err)
	}
	alternative, err := in.Alternative(img)
	if err != nil {
		t.Fatal(err)
	}
	if alternative.Program != "/app" || alternative.Size != in.Size-1<<20 {
		t.Errorf("program %s with %d bytes; the image has %d", alternative.Program, alternative.Size, in.Size)
	}
	if got := runInImage(t, build(t, alternative.Composition, Gzip), "/app"); got != "hello 0.841\n" {
		t.Errorf("printed %q", got)
	}

	empty := mutate.MediaType(img, "application/vnd.oci.image.manifest.v1+json")
	plain, err := Inspect("x", empty)
	if err != nil {
		t.Fatal(err)
	}
	plain.Entrypoint = nil
	if _, err := plain.Alternative(empty); err == nil {
		t.Error("an alternative without an entrypoint")
	}
}
