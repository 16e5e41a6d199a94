package executor

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/relink"
)

const proofSource = `
#include <stdlib.h>
__attribute__((noinline)) void nothing(volatile int *p) { *p = 1; }
__attribute__((noinline)) int number(int x) { return x * 3; }
__attribute__((noinline, noreturn)) void never(int x) { exit(x); }
int main(int argc, char **argv) { volatile int v; nothing(&v); if (argc > 9) never(3); return number(argc) + v; }
`

// recordC records the link of a C program.
func recordC(t *testing.T, flags ...string) *relink.Recording {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs cc")
	}
	dir := t.TempDir()
	source, object, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.o"), filepath.Join(dir, "a.out")
	if err := os.WriteFile(source, []byte(proofSource), 0o666); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(cc, append(flags, "-O1", "-c", source, "-o", object)...).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	rec := relink.Recorder{Dir: filepath.Join(dir, "rec"), Bin: "a", Linker: cc}
	for _, kv := range rec.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	t.Setenv("CARGO_BIN_NAME", "a")
	var said bytes.Buffer
	if status := relink.LinkerMain(context.Background(), []string{"minsize", object, "-o", out}, nil, &said, &said); status != 0 {
		t.Fatalf("%d %s", status, said.String())
	}
	r, err := relink.Find(rec.Dir, out)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestReturnProofByDebugInfo: without bitcode the debug information decides,
// without either --yes does, and never against what is known.
func TestReturnProofByDebugInfo(t *testing.T) {
	refusal := func(r *relink.Recording, yes bool, text string) string {
		t.Helper()
		cut, err := relink.ParseCut(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := NewProof([]string{text}, yes).of(context.Background(), r, cut); err != nil {
			return err.Error()
		}
		return ""
	}
	with, without := recordC(t, "-g"), recordC(t)
	for _, c := range []struct {
		r    *relink.Recording
		yes  bool
		text string
		want string
	}{
		{with, false, "nothing=return", ""},
		{with, false, "number=return", "returns int (the debug information says so)"},
		{with, true, "number=return", "returns int (the debug information says so)"},
		{with, false, "never=return", "never returns"},
		{with, false, "number=trap", ""},
		{with, false, "n*=return", "refused"},
		{without, false, "nothing=return", "--yes confirms"},
		{without, true, "nothing=return", ""},
		{without, false, "not_there=return", ""},
	} {
		if got := refusal(c.r, c.yes, c.text); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s, --yes=%v: %q, expected %q", c.text, c.yes, got, c.want)
		}
	}
	var none *Proof
	if err := none.of(context.Background(), with, relink.Cut{Name: "number=return"}); err != nil {
		t.Error(err)
	}
}
