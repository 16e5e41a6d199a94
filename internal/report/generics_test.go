package report

import (
	"bytes"
	"strings"
	"testing"
)

// TestGenericsPiped: a pipe gets names in full, and the longest of them puts no
// blanks into the other rows.
func TestGenericsPiped(t *testing.T) {
	long := "app::each::<" + strings.Repeat("(app::Point, ", 40) + "()" + strings.Repeat(")", 40) + ">"
	g := &Generics{Program: "app", Items: []GenericCost{
		{Generic: "app::each::<_>", Kind: "function", Bytes: 300, Copies: 2, Largest: 200, Bound: 100, Crates: []string{"app"},
			Instances: []GenericCopy{{Name: long, Types: long, Crate: "app", Bytes: 200}, {Name: "app::each::<u8>", Types: "u8", Crate: "app", Bytes: 100}}},
		{Generic: "app::one::<_>", Kind: "function", Bytes: 9, Copies: 1, Largest: 9, Crates: []string{"app"}},
	}}
	var b bytes.Buffer
	if err := Write(&b, "text", g.Document(3), Options{ExactBytes: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), long) {
		t.Errorf("the long name is cut:\n%s", b.String())
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(line, " ") || !strings.Contains(line, long) && len(line) > 200 {
			t.Errorf("a row of %d columns: %q", len(line), line)
		}
	}
}
