package strip

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/objfile"
)

// TestSymbols: the symbol file of a rewritten program has its names and is
// found by its content alone, with and without a build-id in the program.
func TestSymbols(t *testing.T) {
	for _, flag := range []string{"-Wl,--build-id=sha1", "-Wl,--build-id=none"} {
		linked := compile(t, helloC, "gcc", "-g", flag)
		// The recorded link writes no names; with a build-id over all of the
		// file it has another one.
		twin := compile(t, helloC, "gcc", "-s", flag)
		out, _ := mustRewrite(t, twin, Options{Level: Max})
		symbols, err := Symbols(linked, out, out)
		if err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		program := filepath.Join(folder, "prog")
		for name, content := range map[string][]byte{"prog": out, "other" + ".symbols": symbols} {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		f, err := objfile.Parse(program, out)
		if err != nil {
			t.Fatal(err)
		}
		c, refused := objfile.FindDebugFile(f, program, out, nil, nil)
		if c == nil || c.How != "content" || c.File.Kind != objfile.DebugFile || !bytes.Equal(c.File.ELF.BuildID(), f.ELF.BuildID()) {
			t.Fatalf("%s: %+v, refused %v", flag, c, refused)
		}
		defer c.Mapping.Close()
		list, err := c.File.Symbols()
		if err != nil {
			t.Fatal(err)
		}
		named := false
		for _, s := range list {
			named = named || s.Name == "main" && s.Size > 0
		}
		if !named {
			t.Errorf("%s: no main among %d symbols", flag, len(list))
		}
		// Another program's bytes, and bytes that only look like this one's.
		changed := append(bytes.Clone(out), 0)
		if c, _ := objfile.FindDebugFile(f, program, changed, nil, nil); c != nil {
			t.Errorf("%s: %s was taken for a changed program's", flag, c.Path)
		}
		if _, err := objfile.OpenDebugFile(f, changed, filepath.Join(folder, "other.symbols")); err == nil || !strings.Contains(err.Error(), "SHA-256") {
			t.Errorf("%s: %v", flag, err)
		}
		// Names of another link are refused: they would be wrong ones.
		if _, err := Symbols(compile(t, strings.Replace(helloC, "main(", "main(void) { return 7; }\nint second(", 1), "gcc"), out, out); err == nil {
			t.Errorf("%s: symbols of another program", flag)
		}
	}
}
