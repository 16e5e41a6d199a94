package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVersionNamesItsCommit builds as the README says and asks the program.
func TestVersionNamesItsCommit(t *testing.T) {
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("needs a git checkout")
	}
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("needs make")
	}
	head, err := exec.Command("git", "-C", root, "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		t.Skipf("needs git: %v", err)
	}
	program := filepath.Join(t.TempDir(), "minsize")
	if out, err := exec.Command("make", "-C", root, "build", "MINSIZE="+program).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"version"}, {"--version"}} {
		out, err := exec.Command(program, args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := "minsize " + Version + " (" + strings.TrimSpace(string(head))
		if got := string(out); !strings.HasPrefix(got, want) {
			t.Errorf("%v: got %q, want %q...", args, got, want)
		}
	}
}
