package executor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/technique"
)

// TestRewriteTellsWhatStays: what strip keeps against expectation reaches the
// rung that asked for it.
func TestRewriteTellsWhatStays(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc")
	}
	dir := t.TempDir()
	source, program := filepath.Join(dir, "own.c"), filepath.Join(dir, "own")
	text := "__attribute__((section(\".myblob\"), used)) static const char blob[] = \"forty-two\";\nint main(void) { return 0; }\n"
	if err := os.WriteFile(source, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("gcc", "-O2", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	for about, r := range map[string]technique.Rewrite{
		"section-headers-out": {StripSymbols: true, SectionHeaders: true},
		"layout":              {StripSymbols: true, SectionHeaders: true, Layout: true},
	} {
		file := &ladder.File{Path: filepath.Join(dir, about)}
		if err := (&Executor{}).rewrite(t.Context(), program, r, file); err != nil {
			t.Fatal(err)
		}
		if len(file.Notes) == 0 || file.Notes[0].About != about || !strings.Contains(file.Notes[0].Text, ".myblob") {
			t.Errorf("%s: %+v", about, file.Notes)
		}
	}
}
