package speed

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/technique"
)

// finished is a builder whose program is there.
type finished struct{ path string }

func (f finished) Build(context.Context, technique.Plan) (*ladder.Build, error) {
	return &ladder.Build{}, nil
}

func (f finished) Finish(context.Context, *ladder.Build, technique.Plan) (*ladder.File, error) {
	return &ladder.File{Path: f.path}, nil
}

// spinSource spends its time in two crates, as their symbols say; the larger
// part in the one.
const spinSource = `
volatile unsigned long n;
#define SPIN(name, turns) __attribute__((noinline)) void name(void) { for (unsigned long i = 0; i < turns; i++) n += i; }
SPIN(_ZN3hot4spin17h0123456789abcdefE, 120000000)
SPIN(_ZN4cold4spin17h0123456789abcdefE, 20000000)
SPIN(_ZN4core4spin17h0123456789abcdefE, 20000000)
int main(void) {
	_ZN3hot4spin17h0123456789abcdefE(); _ZN4cold4spin17h0123456789abcdefE(); _ZN4core4spin17h0123456789abcdefE();
}
`

// spinning compiles spinSource, and reads a project that has the package hot.
func spinning(t *testing.T, flags ...string) (string, *cargo.Project) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("samples programs on Linux")
	}
	for _, tool := range []string{"cc", "cargo"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"spin.c":      spinSource,
		"Cargo.toml":  "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nhot = { path = \"hot\" }\n",
		"src/main.rs": "fn main() {}", "hot/Cargo.toml": "[package]\nname = \"hot\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", "hot/src/lib.rs": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "spin")
	if said, err := exec.Command("cc", append(flags, "-O1", "-o", program, filepath.Join(dir, "spin.c"))...).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	p, err := cargo.Load(context.Background(), cargo.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return program, p
}

// TestHot: the package that the program spends its time in is named with its
// share; what is no package of the graph, and std, is nobody's.
func TestHot(t *testing.T) {
	for _, flags := range [][]string{nil, {"-no-pie"}} {
		program, project := spinning(t, flags...)
		p := &Profiler{Bench: &Bench{Command: "{}", Dir: t.TempDir(), Scratch: t.TempDir()}, Builder: finished{program}, Project: project, enough: minSamples}
		hot, err := p.Hot(context.Background(), &ladder.Build{}, technique.NewPlan("x"))
		if err != nil {
			t.Fatal(err)
		}
		if len(hot) != 1 || !strings.HasPrefix(hot[0].Package, "hot") || hot[0].Share < .5 || hot[0].Share > .95 {
			t.Errorf("%v: got %+v, want hot alone with about three quarters", flags, hot)
		}
	}
}

// TestHotRefuses: a program without names, and a bench that is over at once.
func TestHotRefuses(t *testing.T) {
	stripped, project := spinning(t, "-s")
	for want, program := range map[string]string{"keeps no symbols": stripped, "samples of the bench: give it more to do": ""} {
		p := &Profiler{Bench: &Bench{Command: "{}", Dir: t.TempDir(), Scratch: t.TempDir()}, Builder: finished{program}, Project: project, enough: 1}
		if program == "" {
			named, _ := spinning(t)
			p.Builder, p.Bench.Command = finished{named}, "test -x {}"
		}
		if _, err := p.Hot(context.Background(), &ladder.Build{}, technique.NewPlan("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
