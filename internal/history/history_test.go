package history

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/minsize/minsize/internal/attrib"
)

// record makes a build of rows in the view of crates; n of them are kept.
func record(t interface{ Fatal(...any) }, rows []attrib.Row, n int) *Record {
	v, err := NewView("crates", rows, n)
	if err != nil {
		t.Fatal(err)
	}
	r := &Record{Time: "2026-01-02T03:04:05Z", Program: "app", Format: "ELF", Arch: "x86_64", Views: []View{v}}
	for _, row := range rows {
		r.File += row.File
	}
	return r
}

// TestChangesSum: whatever is kept of two builds, the changes sum to the
// change of the file, none claims more than happened, and what is marked as at
// least really is.
func TestChangesSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) ([]attrib.Row, map[string]int64) {
			var rows []attrib.Row
			truth := map[string]int64{}
			for i := range rapid.IntRange(0, 12).Draw(t, label) {
				name := fmt.Sprintf("crate%d", rapid.IntRange(0, 15).Draw(t, fmt.Sprint(label, i)))
				size := rapid.Uint64Range(0, 2000).Draw(t, fmt.Sprint(label, "size", i))
				rows = append(rows, attrib.Row{Name: name, File: size})
				truth[name] += int64(size)
			}
			return rows, truth
		}
		before, old := draw("old")
		after, now := draw("new")
		a := record(t, before, rapid.IntRange(1, 8).Draw(t, "kept of the old"))
		b := record(t, after, rapid.IntRange(1, 8).Draw(t, "kept of the new"))
		b.File += rapid.Uint64Range(0, 100).Draw(t, "padding")
		changes, err := Compare(a, b, "crates")
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, c := range changes {
			sum += c.Bytes
			if strings.HasPrefix(c.Name, "[") {
				continue
			}
			real := now[c.Name] - old[c.Name]
			switch {
			case c.AtLeast && (c.Bytes > 0 && real < c.Bytes || c.Bytes < 0 && real > c.Bytes):
				t.Fatalf("%s: at least %+d, in fact %+d", c.Name, c.Bytes, real)
			case !c.AtLeast && real != c.Bytes:
				t.Fatalf("%s: %+d, in fact %+d", c.Name, c.Bytes, real)
			}
		}
		if want := int64(b.File) - int64(a.File); sum != want {
			t.Fatalf("changes sum to %+d, the file changed by %+d", sum, want)
		}
	})
}

// TestRoundTrip: a line comes back as it was, and is one line.
func TestRoundTrip(t *testing.T) {
	r := record(t, []attrib.Row{{Name: "a\nb\x1b[31m", File: 5}, {Name: strings.Repeat("é", 400), File: 7}}, 10)
	r.Label = "v1\n"
	line, err := r.Line()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(line, []byte{'\n'}) != 1 || bytes.ContainsRune(line, 0x1b) {
		t.Fatalf("line %q", line)
	}
	got, problems, err := Read(line)
	if err != nil || len(problems) > 0 || len(got) != 1 {
		t.Fatalf("%v, %v, %v", got, problems, err)
	}
	if v := got[0].View("crates"); v == nil || len(v.Rows) != 2 || v.Rows[1] != (Row{"ab[31m", 5}) || len(v.Rows[0].Name) > maxName+3 {
		t.Errorf("%+v", got[0].Views)
	}
}

// TestLongRecord: rows go until a line fits.
func TestLongRecord(t *testing.T) {
	var rows []attrib.Row
	for i := range 4000 {
		rows = append(rows, attrib.Row{Name: fmt.Sprintf("%0290d", i), File: uint64(4000 - i)})
	}
	r := record(t, rows, 4000)
	line, err := r.Line()
	if err != nil || len(line) > maxLine {
		t.Fatalf("%d bytes, %v", len(line), err)
	}
	v := r.Views[0]
	sum := v.LeftOut
	for _, row := range v.Rows {
		sum += row.Size
	}
	if sum != r.File || len(v.Rows)+v.Others != 4000 {
		t.Errorf("%d rows and %d others with %d bytes of %d", len(v.Rows), v.Others, sum, r.File)
	}
}

// TestFile: appending, a torn line, foreign lines, dropping the oldest.
func TestFile(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	add := func(program, label string, keep int) Appended {
		t.Helper()
		r := record(t, []attrib.Row{{Name: "core", File: 10}}, 10)
		r.Program, r.Label = program, label
		done, err := Append(ctx, path, r, keep)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	labels := func() (list []string) {
		t.Helper()
		records, _, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			list = append(list, r.Label)
		}
		return list
	}
	add("app", "1", 0)
	add("other", "o", 0)
	if done := add("app", "2", 0); done.Torn || done.Records != 3 {
		t.Errorf("%+v", done)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 1; cut < len(whole); cut++ { // torn anywhere: what is before it is read, what is added after it too
		if err := os.WriteFile(path, whole[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		before := labels()
		if want := bytes.Count(whole[:cut], []byte{'\n'}); len(before) != want && len(before) != want+1 {
			t.Fatalf("cut at %d: %v", cut, before)
		}
		done := add("app", "new", 0)
		if done.Torn == (whole[cut-1] == '\n') || len(labels()) != len(before)+1 {
			t.Fatalf("cut at %d: %+v, %v", cut, done, labels())
		}
	}
	if err := os.WriteFile(path, append([]byte("# a remark\n"), whole...), 0o666); err != nil {
		t.Fatal(err)
	}
	if done := add("app", "3", 2); done.Dropped != 1 || fmt.Sprint(labels()) != "[o 2 3]" {
		t.Errorf("%+v, %v", done, labels())
	}
	text, _ := os.ReadFile(path)
	if !bytes.HasPrefix(text, []byte("# a remark\n")) {
		t.Error("a foreign line was lost")
	}
	if _, problems, _ := Load(path); len(problems) != 1 || problems[0].Torn || problems[0].Line != 1 {
		t.Errorf("%v", problems)
	}
}

func FuzzRead(f *testing.F) {
	r := record(f, []attrib.Row{{Name: "core", File: 10}, {Name: "std", File: 4}}, 1)
	line, err := r.Line()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(append([]byte{}, line...), line...))
	f.Add(line[:len(line)/2])
	f.Add([]byte(`{"schema":"minsize.history/1","program":"a","file":4611686018427387904,"views":[{"name":"kind","rows":[{"name":"x","size":18446744073709551615}],"left_out":1}]}`))
	f.Add([]byte(`{"schema":"minsize.history/1","program":"a","views":null}` + "\n" + `{"schema":"minsize.history/9"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, _, err := Read(data)
		if err != nil {
			return
		}
		Programs(records)
		for i := range records {
			records[i].Name()
			if _, err := records[i].Line(); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				continue
			}
			for _, kept := range Views {
				changes, err := Compare(&records[i-1], &records[i], kept.View)
				if err != nil {
					t.Fatal(err)
				}
				sum := int64(0)
				for _, c := range changes {
					sum += c.Bytes
				}
				if changes != nil && sum != int64(records[i].File)-int64(records[i-1].File) {
					t.Fatalf("changes sum to %d", sum)
				}
			}
		}
	})
}
