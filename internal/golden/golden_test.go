package golden

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	said     []string
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Failed() bool     { return len(r.said) > 0 }
func (r *recorder) Error(args ...any) {
	r.said = append(r.said, args[0].(error).Error())
}
func (r *recorder) Errorf(format string, args ...any) {
	words := format
	for _, a := range args {
		if s, ok := a.(string); ok {
			words += " " + s
		}
	}
	r.said = append(r.said, words)
}

func (r *recorder) end() {
	for _, f := range r.cleanups {
		f()
	}
}

func TestFolder(t *testing.T) {
	if *update {
		t.Skip("-update writes instead of comparing")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"kept": "a\n", "orphan": "b\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		got    map[string]string
		expect string // what is said, empty for nothing
	}{
		{"all there", map[string]string{"kept": "a\n", "orphan": "b\n"}, ""},
		{"an orphan", map[string]string{"kept": "a\n"}, "no test makes it any more"},
		{"another text", map[string]string{"kept": "x\n", "orphan": "b\n"}, "is not what was made"},
		{"a new one", map[string]string{"kept": "a\n", "orphan": "b\n", "new": ""}, "-update writes it"},
	} {
		r := &recorder{}
		f := Open(r, dir)
		for name, text := range c.got {
			f.Compare(r, name, []byte(text))
		}
		r.end()
		said := strings.Join(r.said, "\n")
		if c.expect == "" && said != "" || !strings.Contains(said, c.expect) {
			t.Errorf("%s: expected %q, but got %q", c.name, c.expect, said)
		}
	}
}
