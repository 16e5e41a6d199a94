package saving

import "testing"

// TestMerge: changes of different lines are made both, in either order; those
// of one line, or at one place, are not.
func TestMerge(t *testing.T) {
	before := "a = 1\nb = 2\nc = 3\nd = 4\n"
	for _, c := range []struct{ one, other, want string }{
		{"a = 9\nb = 2\nc = 3\nd = 4\n", "a = 1\nb = 2\nc = 8\nd = 4\n", "a = 9\nb = 2\nc = 8\nd = 4\n"},
		{"b = 2\nc = 3\nd = 4\n", "a = 1\nb = 2\nc = 3\nd = 4\ne\n", "b = 2\nc = 3\nd = 4\ne\n"},
		{"a = 1\nb = 22\nc = 3\nd = 4\n", "a = 1\nb = 23\nc = 3\nd = 4\n", ""},
		{"a = 1\nb = 22\nc = 3\nd = 4\n", "a = 1\nd = 4\n", ""},
	} {
		for range 2 {
			if got := merge([]byte(before), []byte(c.one), []byte(c.other)); string(got) != c.want {
				t.Errorf("%q and %q: %q, want %q", c.one, c.other, got, c.want)
			}
			c.one, c.other = c.other, c.one
		}
	}
}
