//go:build linux

package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// openTerminal is a terminal of 80 columns, and what reads all that is written
// on it until it is closed. The watchers get it as it comes.
func openTerminal(t *testing.T, watchers ...io.Writer) (terminal *os.File, screen func() string) {
	t.Helper()
	_, terminal, screen = openKeyboard(t, watchers...)
	return terminal, screen
}

// openKeyboard is openTerminal with what is typed there.
func openKeyboard(t *testing.T, watchers ...io.Writer) (keys, terminal *os.File, screen func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("needs /dev/ptmx: ", err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(io.TeeReader(master, io.MultiWriter(watchers...))) // ends with EIO, when nobody has the terminal open
		seen <- string(all)
	}()
	return master, terminal, func() string {
		terminal.Close()
		text := <-seen
		master.Close()
		return strings.ReplaceAll(text, "\r\n", "\n")
	}
}

// onTerminal runs a command line before a person.
func onTerminal(t *testing.T, args []string) (status int, screen string) {
	t.Helper()
	terminal, seen := openTerminal(t)
	var errs bytes.Buffer
	status = Main(append([]string{"minsize", "--color", "never"}, args...), strings.NewReader(""), terminal, &errs)
	return status, seen()
}

func checkColumns(t *testing.T, what, screen string) {
	t.Helper()
	for line := range strings.Lines(screen) {
		line = strings.TrimSuffix(line, "\n")
		if n := runewidth.StringWidth(line); n > 80 {
			t.Errorf("%s: %d columns: %s", what, n, line)
		}
	}
}

// TestEightyColumns: no line of help, and none of any verb's answer on a
// program with long names, is wider than a terminal of 80 columns.
func TestEightyColumns(t *testing.T) {
	module, err := os.ReadFile(filepath.Join("..", "refgraph", "testdata", "tables.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs(filepath.Join("testdata", "longnames.go.txt"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	answerFiles(t, module)
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("a-folder-with-quite-a-long-name", "and-another-one-below-it")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "main.go"), text, 0o666); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "a-program-with-a-name")
	build := exec.Command("go", "build", "-o", program, filepath.Join(folder, "main.go"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	answers := [][]string{
		{"size", program}, {"size", "-d", "sources", program}, {"size", "-d", "crates,sources,functions", "-n", "3", program},
		{"size", "-d", "rawsymbols", program}, {"size", "--explain", "@0", program},
		{"top", program}, {"top", "--retained", "-r", program}, {"dominators", program}, {"paths", program}, {"why", program, "fmt"},
		{"monos", program}, {"garbage", program}, {"generics", program}, {"diff", "packed", program}, {"strip", "--dry-run", program},
		{"check", "--max", "file=1GiB", "--max", "crates:a-crate-that-nobody-knows-by-this-name=1KiB", program},
	}
	for path, rows := range answerRows() {
		for _, row := range rows {
			if row.script == "" && !strings.HasPrefix(path, "minsize completion") && path != "minsize man" && !row.few { // those two speak to shells and to man
				if row.before != nil {
					row.before(t)
				}
				answers = append(answers, row.args)
			}
		}
	}
	for _, args := range answers {
		_, screen := onTerminal(t, args)
		checkColumns(t, strings.Join(args, " "), screen)
		if lines := strings.Count(screen, "\n"); lines > 50 && len(args) > 1 && len(args) < 4 && args[1] != "-d" && slices.Contains([]string{"size", "top", "dominators", "paths", "why", "diff"}, args[0]) {
			t.Errorf("%s: %d lines are more than a screen", strings.Join(args, " "), lines)
		}
	}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		_, screen := onTerminal(t, args)
		checkColumns(t, strings.Join(args, " "), screen)
		if !strings.Contains(screen, "Usage:") {
			t.Errorf("%v printed %q", args, screen)
		}
		for _, c := range cmd.Commands() {
			if cmd.Name() != "completion" { // cobra's own words
				visit(c)
			}
		}
	}
	visit(newRootCommand(&env{stdout: io.Discard, stderr: io.Discard}, verbs))
}
