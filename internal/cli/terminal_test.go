//go:build linux

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/stream"
)

// screenText is all that was written on a terminal so far, to wait on.
type screenText struct {
	mu   sync.Mutex
	more *sync.Cond
	text strings.Builder
}

// Write implements io.Writer.
func (s *screenText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.more.Broadcast()
	return s.text.Write(p)
}

// await waits until found says so of what is written from now on. What never
// comes is waited for until the test's own deadline.
func (s *screenText) await(found func(text string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.text.Len()
	for !found(s.text.String()[from:]) {
		s.more.Wait()
	}
}

var clock = regexp.MustCompile(`\b\d\d:\d\d\b`)

// moves says whether a clock was drawn, and drawn anew with another time.
func moves(text string) bool {
	seen := clock.FindAllString(text, -1)
	return len(seen) > 1 && seen[0] != seen[len(seen)-1]
}

// drawn are the lines of a screen in all their states.
func drawn(screen string) string {
	screen = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]").ReplaceAllString(screen, "\n")
	return strings.ReplaceAll(screen, "\r", "\n")
}

// gate is where a child stops until the test has seen what it waits for.
type gate struct{ folder string }

func newGate(t *testing.T) gate {
	t.Helper()
	g := gate{t.TempDir()}
	for _, name := range []string{"arrived", "go"} {
		if said, err := exec.Command("mkfifo", filepath.Join(g.folder, name)).CombinedOutput(); err != nil {
			t.Skipf("needs mkfifo: %v %s", err, said)
		}
	}
	return g
}

// shell is the command that stops there, once.
func (g gate) shell() string {
	return "if mkdir " + g.folder + "/once 2>/dev/null; then echo x >" + g.folder + "/arrived; read x <" + g.folder + "/go; fi"
}

// arrived waits for the child, or for the end of the program that was to start it.
func (g gate) arrived(t *testing.T, ended <-chan error) {
	t.Helper()
	came := make(chan struct{})
	go func() {
		os.ReadFile(filepath.Join(g.folder, "arrived"))
		close(came)
	}()
	select {
	case <-came:
	case err := <-ended:
		t.Fatalf("ended before it came to the gate: %v", err)
	}
}

func (g gate) open(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.folder, "go"), []byte("x\n"), 0); err != nil {
		t.Fatal(err)
	}
}

// slowCargo is a toolchain whose cargo stops at gates: for a command of cargo's
// the gate's name. The compiler is the one that is here.
func slowCargo(t *testing.T, gates map[string]gate) (bin string) {
	t.Helper()
	sysroot, err := exec.Command("rustc", "--print", "sysroot").Output()
	if err != nil {
		t.Skip("needs rustc: ", err)
	}
	real := strings.TrimSpace(string(sysroot))
	root := t.TempDir()
	bin = filepath.Join(root, "bin")
	if err := os.Mkdir(bin, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(real, "lib"), filepath.Join(root, "lib")); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("#!/bin/sh\ncase \" $* \" in\n")
	for command, g := range gates {
		script.WriteString("*\" " + command + " \"*) " + g.shell() + ";;\n")
	}
	script.WriteString("esac\nexec " + filepath.Join(real, "bin", "cargo") + " \"$@\"\n")
	for name, text := range map[string]string{
		"cargo": script.String(),
		"rustc": "#!/bin/sh\nexec " + filepath.Join(real, "bin", "rustc") + " --sysroot " + root + " \"$@\"\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// TestProjectVerbsOnTerminal: a person who watches a search sees something move
// whatever it waits for (cargo reading the project, a crate that takes long, a
// check), and neither the moving lines nor the answers of the verbs that work on
// a project are wider than the terminal.
func TestProjectVerbsOnTerminal(t *testing.T) {
	for _, tool := range []string{"cargo", "rustc", "cc", "sh"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	reading, building, checking := newGate(t), newGate(t), newGate(t)
	bin := slowCargo(t, map[string]gate{"metadata": reading, "build": building})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	minsize := filepath.Join(t.TempDir(), "minsize")
	if err := os.Link(self, minsize); err != nil { // a name by which TestMain knows it, and no link: it is asked for its own path
		if err := byteio.CopyFile(self, minsize, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	const name = "a-program-whose-name-alone-takes-half-of-the-terminal"
	project := filepath.Join(t.TempDir(), "a-folder-with-quite-a-long-name", "and-another-one-below-it")
	for file, text := range map[string]string{
		"Cargo.toml":  "[package]\nname = \"" + name + "\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"src/main.rs": "fn show<T: std::fmt::Debug>(value: T) { println!(\"{value:?}\"); println!(\"{value:#?}\"); }\nfn main() { show(1u8); show(\"a\"); show(Some(2.5)); }\n",
	} {
		path := filepath.Join(project, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	run := func(watch func(screen *screenText, ended <-chan error), args ...string) {
		t.Helper()
		screen := &screenText{}
		screen.more = sync.NewCond(&screen.mu)
		terminal, all := openTerminal(t, screen)
		cmd := exec.Command(minsize, append([]string{"--color", "never"}, args...)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = project, terminal, terminal
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "XDG_STATE_HOME="+filepath.Dir(minsize), "CI=", "CARGO=", "TERM=xterm")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if watch != nil {
			watch(screen, ended)
		}
		err := <-ended
		text := all()
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, text)
		}
		checkColumns(t, strings.Join(args, " "), drawn(text))
	}
	run(func(screen *screenText, ended <-chan error) {
		for _, g := range []gate{reading, building, checking} {
			g.arrived(t, ended)
			screen.await(moves)
			g.open(t)
		}
	}, "shrink", "--codegen-budget", "0", "--check", "{}", "--check", "sh -c '"+checking.shell()+"; exec {}'")
	run(nil, "build")
	run(nil, "apply", "--dry-run")
	run(nil, "doctor")
	run(nil, "outline")
	run(nil, "size")
}

// TestWaiting: the line before the first word begins by itself, and the first
// write on any stream takes it away before it writes.
func TestWaiting(t *testing.T) {
	screen := &screenText{}
	screen.more = sync.NewCond(&screen.mu)
	terminal, all := openTerminal(t, screen)
	t.Setenv("CI", "")
	w := &stream.Waiting{}
	out := &stream.Answer{To: terminal, Before: w.End}
	w.Begin(terminal)
	screen.await(func(text string) bool { return strings.Contains(text, "working") })
	if _, err := out.Write([]byte("the answer\n")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * stream.Redraw) // nothing to wait for: that nothing comes any more
	text := all()
	_, after, _ := strings.Cut(text, "the answer\n")
	if strings.Contains(after, "working") {
		t.Errorf("it goes on after the answer: %q", text)
	}
}
