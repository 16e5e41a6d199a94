package report

import "testing"

func TestFold(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"one two\nthree four five six\n\nnext", "one two three four\nfive six\n\nnext"},
		{"lists:\n  ab  what it is, and more\n  c   short", "lists:\n  ab  what it is,\n      and more\n  c   short"},
		{"  indented words go on below", "  indented words go\n  on below"},
		{"", ""},
	} {
		if got := Fold(c.text, 20); got != c.want {
			t.Errorf("%q becomes\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}
