package objfile

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFindDebugFile takes debug information out with objcopy in the ways that
// distributions do, and finds it again.
func TestFindDebugFile(t *testing.T) {
	if _, err := exec.LookPath("objcopy"); err != nil {
		t.Skip("objcopy is not installed")
	}
	for _, flag := range []string{"-Wl,--build-id=sha1", "-Wl,--build-id=none"} {
		data := compile(t, "gcc", sampleC, "-g", flag)
		dir := t.TempDir()
		program, debug := filepath.Join(dir, "program"), filepath.Join(dir, "program.debug")
		run := func(args ...string) {
			t.Helper()
			if text, err := exec.Command("objcopy", args...).CombinedOutput(); err != nil {
				t.Fatalf("objcopy %v: %v\n%s", args, err, text)
			}
		}
		if err := os.WriteFile(program, data, 0o777); err != nil {
			t.Fatal(err)
		}
		run("--only-keep-debug", program, debug)
		run("--strip-all", program)
		run("--add-gnu-debuglink="+debug, program)
		open := func() *File {
			t.Helper()
			data, err := os.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Parse(program, data)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		f := open()
		c, refused := FindDebugFile(f, program, f.Data, nil, nil)
		if c == nil || c.File.SectionByName(".debug_info") == nil || c.File.Kind != DebugFile {
			t.Fatalf("%s: %+v, refused %v", flag, c, refused)
		}
		symbols, err := c.File.Symbols()
		if err != nil || len(symbols) < 10 {
			t.Errorf("%s: %d symbols in the companion: %v", flag, len(symbols), err)
		}
		_ = c.Mapping.Close()

		// By build-id under a root.
		if id := f.ELF.BuildID(); id != nil {
			root := t.TempDir()
			name := sprintHex(id)
			if err := os.MkdirAll(filepath.Join(root, ".build-id", name[:2]), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(debug, filepath.Join(root, ".build-id", name[:2], name[2:]+".debug")); err != nil {
				t.Fatal(err)
			}
			if c, refused := FindDebugFile(f, program, f.Data, []string{root}, nil); c == nil || c.How != "build-id" {
				t.Errorf("by build-id: %+v, refused %v", c, refused)
			}
			continue
		}
		// One byte changed: the CRC refuses it, and says so.
		text, err := os.ReadFile(debug)
		if err != nil {
			t.Fatal(err)
		}
		text[len(text)-1] ^= 1
		if err := os.WriteFile(debug, text, 0o666); err != nil {
			t.Fatal(err)
		}
		if c, refused := FindDebugFile(f, program, f.Data, nil, nil); c != nil || len(refused) != 1 {
			t.Errorf("a changed debug file: %+v, refused %v", c, refused)
		}
	}
}

func sprintHex(b []byte) string {
	const digits = "0123456789abcdef"
	var s []byte
	for _, c := range b {
		s = append(s, digits[c>>4], digits[c&15])
	}
	return string(s)
}
