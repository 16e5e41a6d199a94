package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestExitStatusesInREADME: help and README list the same statuses.
func TestExitStatusesInREADME(t *testing.T) {
	var list []string
	for _, s := range statusHelp {
		list = append(list, fmt.Sprintf("%d %s", s.Status, s.Means))
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(list, " · "); !bytes.Contains(text, []byte(want)) {
		t.Errorf("README.md has no line\n%s", want)
	}
}

// TestEveryVerbIsExplained: each verb has a sentence, its flags are described,
// and those that are cargo's or every verb's stand apart.
func TestEveryVerbIsExplained(t *testing.T) {
	var out bytes.Buffer
	root := newRootCommand(&env{stdout: &out, stderr: &out}, verbs)
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Name() != "help" && cmd.Long == "" && cmd.HasParent() && cmd.Name() != "version" {
			t.Errorf("%s: --help says nothing", cmd.CommandPath())
		}
		out.Reset()
		cmd.SetOut(&out)
		if err := cmd.Usage(); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if n := strings.Count(text, "--manifest-path"); n > 1 || n == 1 && !strings.Contains(text, "\nCargo's flags:\n") {
			t.Errorf("%s: cargo's flags are not in a group of their own:\n%s", cmd.CommandPath(), text)
		}
		if strings.Count(text, "--quiet") != 1 || !strings.Contains(text, "\nFlags of every verb:\n") {
			t.Errorf("%s: the flags of every verb are not there once:\n%s", cmd.CommandPath(), text)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			takes, _ := pflag.UnquoteUsage(f)
			if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(takes, "[")); takes != "" && f.Value.Type() != "count" && !unicode.IsUpper(first) {
				t.Errorf("%s --%s takes %q: what a flag takes is a word in capitals", cmd.CommandPath(), f.Name, takes)
			}
		})
		for _, line := range strings.Split(text, "\n") {
			if i := strings.Index(line, "--"); i > 0 && strings.TrimSpace(line[:i]) == "" && len(strings.Fields(line)) < 3 {
				t.Errorf("%s: a flag without a description: %s", cmd.CommandPath(), line)
			}
		}
		for _, c := range cmd.Commands() {
			if c.Name() != "completion" {
				visit(c)
			}
		}
	}
	visit(root)
}
