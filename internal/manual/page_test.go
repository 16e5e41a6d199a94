package manual

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestGroups: a verb's own flags come first, those of a group under its title,
// in help and in the page alike.
func TestGroups(t *testing.T) {
	root := &cobra.Command{Use: "minsize"}
	root.AddGroup(&cobra.Group{ID: "all", Title: "All:"})
	cmd := &cobra.Command{Use: "size", GroupID: "all", Short: "who owns each byte", Long: "Says where bytes went:\n\n  a  one\n  b  two", RunE: func(*cobra.Command, []string) error { return nil }}
	root.AddCommand(cmd)
	InGroup(root.PersistentFlags(), Global, func() { root.PersistentFlags().Bool("quiet", false, "say less") })
	InGroup(cmd.Flags(), Cargo, func() { cmd.Flags().String("package", "", "the `NAME` of a package") })
	cmd.Flags().Int("rows", 20, "so many `N`")
	var out strings.Builder
	cmd.SetOut(&out)
	Help(cmd, nil)
	page := (&Facts{Version: "1", Released: "2026-11-28", Statuses: []Status{{3, "over"}}}).Page(cmd)
	for text, order := range map[string][]string{
		out.String(): {"Says where", "  a  one", "Usage:", "\nFlags:\n", "--rows N", "\nCargo's flags:\n", "--package NAME", "\nFlags of every verb:\n", "--quiet"},
		page:         {".SH NAME\nminsize\\-size \\- who owns each byte", ".RS 2\n.nf\na  one\nb  two\n.fi", ".SH FLAGS\n", "(default 20)", ".SH CARGO'S FLAGS\n", "\\fINAME\\fR", ".SH FLAGS OF EVERY VERB\n", ".SH EXIT STATUS\n.TP\n.B 3\nover", ".BR minsize (1)\n"},
	} {
		at := 0
		for _, part := range order {
			i := strings.Index(text[at:], part)
			if i < 0 {
				t.Fatalf("no %q, or not in its place:\n%s", part, text)
			}
			at += i
		}
	}
}

// TestRoff: what a description says is what the page shows.
func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		`a\b`:      `a\eb`,
		"--max":    `\-\-max`,
		".cargo":   `\&.cargo`,
		"'{} in'":  `\&'{} in'`,
		"one\ntwo": "one two",
	} {
		if got := roff(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
