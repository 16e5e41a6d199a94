package pack

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build compiles a program of testdata, or skips the test.
func build(t *testing.T, argv ...string) (path string, data []byte) {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skipf("%s is not here", argv[0])
	}
	path = filepath.Join(t.TempDir(), "program")
	for i, a := range argv {
		if a == "OUT" {
			argv[i] = path
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, b)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, data
}

// zipOf is an archive of one file, "payload".
func zipOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("payload")
	if err == nil {
		_, err = f.Write([]byte("found in the archive"))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPayloads: a test for each way of carrying a payload in one's own file.
func TestPayloads(t *testing.T) {
	runner(t, "")
	_, data := build(t, "gcc", "-O2", "testdata/note.c", "-o", "OUT")
	with := func(parts ...string) []byte { return []byte(string(data) + strings.Join(parts, "")) }
	appImage := with("hsqs", strings.Repeat("file system", 1000))
	copy(appImage[8:], "AI\x02")

	// Bytes between the sections and their headers, that nothing describes.
	le := binary.LittleEndian
	shoff := le.Uint64(data[40:])
	hidden := append(append(bytes.Clone(data[:shoff]), strings.Repeat("hidden..", 16)...), data[shoff:]...)
	le.PutUint64(hidden[40:], shoff+128)

	section := func(name string) []byte {
		dir := t.TempDir()
		payload, out := filepath.Join(dir, "payload"), filepath.Join(dir, "out")
		in := filepath.Join(dir, "in")
		if err := os.WriteFile(in, data, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(payload, []byte("MEI payload"), 0o644); err != nil {
			t.Fatal(err)
		}
		if b, err := exec.Command("objcopy", "--add-section", name+"="+payload, in, out).CombinedOutput(); err != nil {
			t.Skipf("objcopy: %v\n%s", err, b)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		data []byte
		want string // in the refusal; "" where it is to be packed
	}{
		{"nothing", data, ""},
		{"zeros of alignment", with("\x00\x00\x00\x00"), ""},
		{"many zeros", with(strings.Repeat("\x00", 5000)), "5000 bytes are appended"},
		{"zip archive", append(bytes.Clone(data), zipOf(t)...), "a zip archive, are appended"},
		{"zip archive behind a comment", append(with("#!/usr/bin/env python3\n"), zipOf(t)...), "a zip archive, are appended"},
		{"AppImage", appImage, "an AppImage's file system, are appended"},
		{"7z self-extractor", with("7z\xbc\xaf\x27\x1c", "..."), "a 7z archive"},
		{"shell archive", with("\x1f\x8b\x08", "..."), "gzip data"},
		{"PyInstaller, appended", with("...", "MEI\x0c\x0b\x0a\x0b\x0e", "..."), "an archive of PyInstaller"},
		{"Bun", with("...", "\n---- Bun! ----\n", "12345678"), "a module of Bun"},
		{"Deno", with("...", "d3n0l4nd", "1234567812345678"), "a module of Deno"},
		{"OCaml bytecode", with("...", "Caml1999X031"), "OCaml bytecode"},
		{"unknown payload", with("some payload"), "12 bytes are appended"},
		{"PyInstaller, in a section", section("pydata"), `section "pydata" (11 bytes at 0x`},
		{"Racket, in a section", section(".rackprog"), `section ".rackprog"`},
		{"a debugger's section", section(".debug_gdb_scripts"), ""},
		{"between its parts", hidden, "128 bytes are between its parts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := Pack(c.data, Options{FastStart: true})
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
			} else {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, expected %q", err, c.want)
				}
				if out, _, err = Pack(c.data, Options{FastStart: true, AllowPayload: true}); err != nil {
					t.Fatal(err)
				}
			}
			if back, err := Unpack(out); err != nil || !bytes.Equal(back, c.data) {
				t.Errorf("does not come back: %v", err)
			}
		})
	}
}

// TestSelfReaders: what the refused ones do is tried, and what starts itself
// again or finds its payload in memory works packed.
func TestSelfReaders(t *testing.T) {
	runner(t, "")
	both := func(path string, data []byte, args ...string) (plain, packed outcome) {
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
		plain = run(t, append([]string{path}, args...), nil)
		os.Remove(path)
		packTo(t, data, path, Options{FastStart: true, AllowPayload: true})
		packed = run(t, append([]string{path}, args...), nil)
		os.Remove(path)
		return plain, packed
	}
	t.Run("note", func(t *testing.T) {
		path, data := build(t, "gcc", "-O2", "testdata/note.c", "-o", "OUT")
		plain, packed := both(path, data)
		if plain != packed || plain.stdout != "found in the note\nfound in the note\n" || plain.status != 3 {
			t.Errorf("packed: %+v, plain: %+v", packed, plain)
		}
	})
	t.Run("go", func(t *testing.T) {
		path, data := build(t, "go", "build", "-ldflags=-s -w", "-o", "OUT", "testdata/self.go")
		if plain, packed := both(path, data, "again"); plain != packed || plain.stdout != "started again\n<nil>\n" {
			t.Errorf("packed: %+v, plain: %+v", packed, plain)
		}
		plain, packed := both(path, append(data, zipOf(t)...), "zip")
		if plain.stdout != "found in the archive <nil>\n" || packed.status != 1 {
			t.Errorf("this is why payloads are refused; packed: %+v, plain: %+v", packed, plain)
		}
	})
}
