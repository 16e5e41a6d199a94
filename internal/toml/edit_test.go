package toml

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestSet holds, for each form that a file can have, the file after the edit.
func TestSet(t *testing.T) {
	for _, c := range []struct {
		name, before, path string
		value              any
		after              string
	}{
		{"replace", "[profile.release]\nlto = false # slow\npanic = 'abort'\n", "profile.release.lto", "fat",
			"[profile.release]\nlto = \"fat\" # slow\npanic = 'abort'\n"},
		{"the same value in other quotes stays", "a = 'z'\n", "a", "z", "a = 'z'\n"},
		{"true is not \"true\"", "a = 'true'\n", "a", true, "a = true\n"},
		{"add to a table", "[a]\n# about b\nb = 1\n\n# about c\n[c]\n", "a.d", 2,
			"[a]\n# about b\nb = 1\nd = 2\n\n# about c\n[c]\n"},
		{"add to an empty table", "[a]\n[b]\nc = 1\n", "a.d", 2, "[a]\nd = 2\n[b]\nc = 1\n"},
		{"add to an empty table at the end", "[a]", "a.d", 2, "[a]\nd = 2"},
		{"indented", "[a]\n\tb = 1\n", "a.c", 2, "[a]\n\tb = 1\n\tc = 2\n"},
		{"dotted", "[profile]\nrelease.lto = true\n", "profile.release.panic", "abort",
			"[profile]\nrelease.lto = true\nrelease.panic = \"abort\"\n"},
		{"dotted from the root", "profile.release.lto = true\n[package]\nname = 'a'\n", "profile.release.panic", "abort",
			"profile.release.lto = true\nprofile.release.panic = \"abort\"\n[package]\nname = 'a'\n"},
		{"dotted, replaced", "profile.release.lto = true\n", "profile.release.lto", "fat", "profile.release.lto = \"fat\"\n"},
		{"inline", "[profile]\nrelease = { lto = true } # one line\n", "profile.release.panic", "abort",
			"[profile]\nrelease = { lto = true, panic = \"abort\" } # one line\n"},
		{"inline, replaced", "profile = { release = { lto = true, strip = false } }\n", "profile.release.strip", true,
			"profile = { release = { lto = true, strip = true } }\n"},
		{"inline, deeper", "profile = { release = { lto = true } }\n", "profile.release.package.regex.opt-level", 3,
			"profile = { release = { lto = true, package.regex.opt-level = 3 } }\n"},
		{"inline, empty", "a = {}\n", "a.b", 1, "a = { b = 1 }\n"},
		{"new table", "[package]\nname = 'a'\n", "profile.release.lto", true,
			"[package]\nname = 'a'\n\n[profile.release]\nlto = true\n"},
		{"new table behind its relative", "[profile.release]\nlto = true\n\n[dependencies]\na = '1'\n", "profile.release.package.a.opt-level", 3,
			"[profile.release]\nlto = true\n\n[profile.release.package.a]\nopt-level = 3\n\n[dependencies]\na = '1'\n"},
		{"new table in an empty file", "", "build.jobs", 1, "[build]\njobs = 1\n"},
		{"new table, no newline at the end", "[a]\nb = 1", "c.d", 1, "[a]\nb = 1\n\n[c]\nd = 1\n"},
		{"new top-level key", "a = 1\n\n# about t\n[t]\nb = 1\n", "c", 2, "a = 1\nc = 2\n\n# about t\n[t]\nb = 1\n"},
		{"new top-level key, tables only", "# head\n\n# about t\n[t]\nb = 1\n", "c", 2, "# head\n\nc = 2\n\n# about t\n[t]\nb = 1\n"},
		{"quoted key", "[target.'cfg(unix)']\nrunner = 'a'\n", `target.cfg(unix).rustflags`, []string{"-C", `link-arg="x"`},
			"[target.'cfg(unix)']\nrunner = 'a'\nrustflags = [\"-C\", \"link-arg=\\\"x\\\"\"]\n"},
		{"windows line ends", "[a]\r\nb = 1\r\n", "a.c", 2, "[a]\r\nb = 1\r\nc = 2\r\n"},
		{"sub-table header before its parent", "[a.b]\nx = 1\n[a]\ny = 2\n", "a.z", 3, "[a.b]\nx = 1\n[a]\ny = 2\nz = 3\n"},
		{"a multi-line value is replaced whole", "a = [\n  1, # one\n  2,\n]\nb = 1\n", "a", 3, "a = 3\nb = 1\n"},
		{"literal", "a = 1\n", "a", Literal("1.5"), "a = 1.5\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Parse([]byte(c.before))
			if err != nil {
				t.Fatal(err)
			}
			path := strings.Split(c.path, ".")
			if err := d.Set(path, c.value); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.after, string(d.Bytes())); diff != "" {
				t.Error(diff)
			}
			if got, ok := d.Get(path...); !ok || fmt.Sprint(got) != fmt.Sprint(plain(c.value)) {
				t.Errorf("reads back as %v, %v", got, ok)
			}
		})
	}
}

func plain(value any) any {
	if l, ok := value.(Literal); ok {
		return string(l)
	}
	return value
}

func TestSetRefuses(t *testing.T) {
	for _, c := range []struct{ before, path, part string }{
		{"[a.b]\nc = 1\n", "a.b", "is a table"},
		{"a = { b = 1 }\n", "a", "is a table"},
		{"a = 1\n", "a.b", "is no table"},
		{"a = { b = 1 }\n", "a.b.c", "is no table"},
		{"[[bin]]\nname = 'a'\n", "bin.path", "array of tables"},
	} {
		d, err := Parse([]byte(c.before))
		if err != nil {
			t.Fatal(err)
		}
		err = d.Set(strings.Split(c.path, "."), 1)
		if err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%q %s: got %v, expected ...%s...", c.before, c.path, err, c.part)
		}
		if string(d.Bytes()) != c.before {
			t.Errorf("%q %s: a refused edit changed the file to %q", c.before, c.path, d.Bytes())
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct{ before, after string }{
		{"r = ['-C', 'a']\n", "r = ['-C', 'a', \"-C\", \"b\"]\n"},
		{"r = []\n", "r = [\"-C\", \"b\"]\n"},
		{"r = [\n  'a', # why\n]\n", "r = [\n  'a',\n  \"-C\",\n  \"b\", # why\n]\n"},
		{"r = [\n  'a'\n]\n", "r = [\n  'a',\n  \"-C\",\n  \"b\"\n]\n"},
		{"x = 1\n", "x = 1\nr = [\"-C\", \"b\"]\n"},
	} {
		d, err := Parse([]byte(c.before))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Append([]string{"r"}, "-C", "b"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.after, string(d.Bytes())); diff != "" {
			t.Errorf("%q: %s", c.before, diff)
		}
	}
}

func TestErrorsNameThePlace(t *testing.T) {
	_, err := Parse([]byte("a = 1\nb = = 2\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2, column ") {
		t.Errorf("got %v", err)
	}
	var into struct{ A int }
	err = DecodeInto([]byte("a = 1\nbb = 2\n"), &into)
	if err == nil || !strings.Contains(err.Error(), `line 2, column 1: unknown key "bb"`) {
		t.Errorf("got %v", err)
	}
}

// genDocument makes a document of random form, with comments between.
func genDocument(t *rapid.T) string {
	var b strings.Builder
	name := rapid.SampledFrom([]string{"a", "b", "c", "d-e", "'q u'", "f_9"})
	value := rapid.SampledFrom([]string{"1", "true", "'z'", `"x # no comment"`, "[1, 2]", "[\n  'a', # in\n  'b',\n]", "{ a = 1, b = { c = 2 } }", "{}", "1979-05-27", "'''\nlong\n'''"})
	comment := func() {
		if rapid.Bool().Draw(t, "comment") {
			b.WriteString(rapid.SampledFrom([]string{"# note\n", "\n", "  # [x]\n"}).Draw(t, "text"))
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "sections") {
		comment()
		if rapid.Bool().Draw(t, "header") {
			fmt.Fprintf(&b, "[%s.%s]\n", name.Draw(t, "table"), name.Draw(t, "table"))
		}
		for range rapid.IntRange(0, 3).Draw(t, "keys") {
			comment()
			key := name.Draw(t, "key")
			if rapid.Bool().Draw(t, "dotted") {
				key += " . " + name.Draw(t, "key")
			}
			fmt.Fprintf(&b, "%s%s = %s%s\n", rapid.SampledFrom([]string{"", "  "}).Draw(t, "indent"), key, value.Draw(t, "value"),
				rapid.SampledFrom([]string{"", " # behind"}).Draw(t, "tail"))
		}
	}
	return b.String()
}

// TestOnlyTheNamedBytesChange: an edit changes one key of the decoded
// document, and one stretch of its bytes.
func TestOnlyTheNamedBytesChange(t *testing.T) {
	edited := 0
	rapid.Check(t, func(t *rapid.T) {
		before := genDocument(t)
		d, err := Parse([]byte(before))
		if err != nil {
			t.Skip("not a valid document")
		}
		path := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d-e", "q u", "new"}), 1, 3).Draw(t, "path")
		want, err := Decode([]byte(before))
		if err != nil {
			t.Fatal(err)
		}
		_, existed := d.Get(path...)
		if err := d.Set(path, "new value"); err != nil {
			if !bytes.Equal(d.Bytes(), []byte(before)) {
				t.Fatalf("a refused edit changed the file")
			}
			return
		}
		put(want, path, "new value")
		got, err := Decode(d.Bytes())
		if err != nil || !reflect.DeepEqual(want, got) {
			t.Fatalf("%s = new value gives\n%s\nfrom\n%s(%v)", Key(path), d.Bytes(), before, err)
		}
		edited++
		// One stretch: what stands before and behind it is as it was.
		after := string(d.Bytes())
		head := 0
		for head < len(before) && head < len(after) && before[head] == after[head] {
			head++
		}
		tail := 0
		for tail < len(before)-head && tail < len(after)-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
			tail++
		}
		if !existed && head+tail < len(before) {
			t.Fatalf("an insertion took bytes away:\n%s\nfrom\n%s", after, before)
		}
		for _, line := range strings.Split(before, "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "# note") && strings.Count(after, "# note") < strings.Count(before, "# note") {
				t.Fatalf("a comment is gone:\n%s\nfrom\n%s", after, before)
			}
		}
	})
	if edited == 0 {
		t.Error("no document was edited: the test tests nothing")
	}
}

func put(values map[string]any, path []string, value any) {
	for _, part := range path[:len(path)-1] {
		below, ok := values[part].(map[string]any)
		if !ok {
			below = map[string]any{}
			values[part] = below
		}
		values = below
	}
	values[path[len(path)-1]] = value
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte("[profile.release]\nlto = true # c\n[a]\nb = { c = [1, {d = 2}] }\n"), "profile.release.lto")
	f.Add([]byte("a.b.c = 1\r\n[[x]]\ny = '''\n'''\n"), "a.b.d")
	f.Add([]byte("\xef\xbb\xbfa = 1"), "b")
	f.Fuzz(func(t *testing.T, data []byte, dotted string) {
		d, err := Parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(d.Bytes(), data) {
			t.Fatal("parsing changed the bytes")
		}
		path := strings.Split(dotted, ".")
		if d.Set(path, "v") == nil {
			if got, ok := d.Get(path...); !ok || got != "v" {
				t.Fatalf("%q reads back as %v in\n%s", path, got, d.Bytes())
			}
		}
		d.Append(path, "w")
		if _, err := Decode(d.Bytes()); err != nil {
			t.Fatalf("an edit broke the file: %v\n%s", err, d.Bytes())
		}
	})
}
