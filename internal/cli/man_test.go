package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/manual"
)

// TestManual: every command has a page, the page names each of its flags, and
// the programs that show pages have nothing to say against one.
func TestManual(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	if status, _, stderr := runMain(t, []string{"man", "--into", folder}, nil); status != exitOK {
		t.Fatalf("status %d: %s", status, stderr)
	}
	var pages []string
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if !cmd.IsAvailableCommand() && cmd.HasParent() {
			return
		}
		path := filepath.Join(folder, manual.Name(cmd)+".1")
		page, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			return
		}
		pages = append(pages, path)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if name := `\fB\-\-` + strings.ReplaceAll(f.Name, "-", `\-`) + `\fR`; !f.Hidden && !strings.Contains(string(page), name) {
				t.Errorf("%s: --%s is not there", path, f.Name)
			}
		})
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(newRootCommand(&env{}, verbs))
	if len(pages) < len(verbs) {
		t.Fatalf("%d pages for %d verbs", len(pages), len(verbs))
	}
	for _, viewer := range [][]string{{"mandoc", "-T", "lint", "-W", "warning"}, {"man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"}} {
		if _, err := exec.LookPath(viewer[0]); err != nil {
			t.Logf("skipped: no %s", viewer[0])
			continue
		}
		for _, page := range pages {
			cmd := exec.Command(viewer[0], append(viewer[1:len(viewer):len(viewer)], page)...)
			var said strings.Builder
			cmd.Stderr = &said
			lint, err := cmd.Output()
			if viewer[0] == "mandoc" {
				said.Write(lint)
			}
			if err != nil || said.Len() > 0 {
				t.Errorf("%v: %v\n%s", cmd.Args, err, said.String())
			}
		}
	}
}
