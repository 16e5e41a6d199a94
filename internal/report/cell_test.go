package report

import (
	"bytes"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestPrintable: nothing that a terminal obeys gets through, and what it does
// not obey stays.
func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"core::fmt::write":         "core::fmt::write",
		"größe<T>":                 "größe<T>",
		"\x1b[2J":                  `\x1b[2J`,
		"a\nb\xff":                 `a\x0ab\xff`,
		"\u009b31m":                `\x9b31m`,
		"\u202egnp.exe":            `\u202egnp.exe`,
		"\x7f":                     `\x7f`,
		strings.Repeat("long ", 9): strings.Repeat("long ", 9),
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(r, "bytes"))
		got := Printable(in)
		if !utf8.ValidString(got) || strings.IndexFunc(got, unicode.IsControl) >= 0 {
			r.Fatalf("%q became %q", in, got)
		}
		prose := PrintableProse(in)
		if strings.Count(prose, "\n") != strings.Count(in, "\n") || strings.Count(prose, "\t") != strings.Count(in, "\t") {
			r.Fatalf("%q lost lines or tabs: %q", in, prose)
		}
	})
}

// TestNamesInReports: a hostile name is harmless in each format for people.
func TestNamesInReports(t *testing.T) {
	d := &Document{Title: "a_b <c>", Blocks: []Block{{
		Heading: "*h*", Text: []string{"\x1b[2J"}, Code: []string{"-<old>", "+*new*"},
		Table: &Table{Columns: []Column{{Name: "name"}}, Rows: []Row{{Cells: []Cell{"<T as *const __rust_x>|a_b\x1b[2J"}}}},
		Notes: []string{"_note_"},
	}}}
	for format, want := range map[string][]string{
		"text":     {"<T as *const __rust_x>|a_b\\x1b[2J", "-<old>\n+*new*\n", "note: _note_"},
		"markdown": {"## a_b &lt;c>\n", `### \*h\*`, `| &lt;T as \*const \_\_rust_x>\|a_b`, "```\n-<old>\n+*new*\n```\n", `> \_note\_`},
		"html":     {"&lt;T as *const __rust_x&gt;|a_b", "<pre>-&lt;old&gt;\n", "a_b &lt;c&gt;"},
	} {
		var out bytes.Buffer
		if err := Write(&out, format, d, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: no %q in\n%s", format, w, out.String())
			}
		}
		if strings.Contains(out.String(), "\x1b") && format != "html" {
			t.Errorf("%s: an escape sequence got through", format)
		}
	}
}

func TestGroupDigits(t *testing.T) {
	for in, want := range map[string]string{
		"2379 relative relocations, as RELR 672 bytes": "2,379 relative relocations, as RELR 672 bytes",
		"59304 bytes larger than z":                    "59,304 bytes larger than z",
		"see 0x12345, 1.2345 and a1234: 1234567":       "see 0x12345, 1.2345 and a1234: 1,234,567",
		"":                                             "",
	} {
		if got := GroupDigits(in); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestWrappedColumn: what a technique loses is read to its end on a narrow
// terminal.
func TestWrappedColumn(t *testing.T) {
	sentence := "names in the program's own backtraces, which a stripped program has none of, and the exported names of shared libraries"
	d := &Document{Blocks: []Block{{Table: &Table{Columns: []Column{{Name: "given up"}, {Name: "what is lost", Flex: true, Wrap: true}},
		Rows: []Row{{Cells: []Cell{"std-symbolizer", sentence}}}}}}}
	var out bytes.Buffer
	if err := Write(&out, "text", d, Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(sentence) {
		if !strings.Contains(out.String(), word) {
			t.Errorf("%q is cut off:\n%s", word, out.String())
		}
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("a line of %d characters: %s", utf8.RuneCountInString(line), line)
		}
	}
}
