package golden

import (
	"fmt"
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
		words += " " + fmt.Sprint(a)
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

// TestSchema: a missing, a misspelt and a mistyped field are found, however
// deep they lie.
func TestSchema(t *testing.T) {
	schema := `{"title": "x", "type": "object", "properties": {
		"schema": {"const": "x/1"},
		"rows": {"type": ["array", "null"], "items": {"type": "object", "properties": {"n": {"type": "integer"}, "more": {}}, "required": ["n"]}},
		"by": {"type": ["object", "null"], "additionalProperties": {"type": "string"}}}, "required": ["schema", "rows"]}`
	for printed, expect := range map[string]string{
		`{"schema": "x/1", "rows": null}`:                              "",
		`{"schema": "x/1", "rows": [{"n": 1, "more": [1, "a"]}]}`:      "",
		`{"schema": "x/1", "rows": [], "by": {"a": "b"}}`:              "",
		`{"schema": "x/2", "rows": null}`:                              "$.schema is x/2, not x/1",
		`{"schema": "x/1"}`:                                            "$ has no rows",
		`{"schema": "x/1", "rows": [{"n": 1}, {}]}`:                    "$.rows[1] has no n",
		`{"schema": "x/1", "rows": [{"n": 1.5}]}`:                      "$.rows[0].n is float64, not integer",
		`{"schema": "x/1", "rows": [{"n": 1, "m": 2}]}`:                "$.rows[0].m is not in it",
		`{"schema": "x/1", "rows": [], "by": {"a": 1}}`:                "$.by.a is float64, not string",
		`{"schema": "x/1", "rows": [], "by": {"a": "b"}, "and": true}`: "$.and is not in it",
	} {
		r := &recorder{}
		Schema(r, []byte(schema), []byte(printed))
		if said := strings.Join(r.said, "\n"); expect == "" && said != "" || !strings.Contains(said, expect) {
			t.Errorf("%s: expected %q, but got %q", printed, expect, said)
		}
	}
}
