package cli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/manual"
	"github.com/minsize/minsize/internal/testbin"
)

// TestCompletion asks what a shell would ask.
func TestCompletion(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"shrink --level |", "safe abort nightly max"},
		{"shrink --level a|", "abort"},
		{"shrink --with opt-level-s,section-h|", "opt-level-s,section-headers-out"},
		{"shrink --format m|", "markdown"},
		{"top -f s|", ""}, // no figure
		{"size -f s|", "svg"},
		{"size --color |", "auto always never"},
		{"--color n|", "never"},
		{"size -d crates,sections|", "crates,sections"},
		{"size --sort m|", "memory"},
		{"generics --sort c|", "copies"},
		{"image --compression |", "gzip zstd none"},
		{"new --tier |", "no-main no-std raw"},
		{"history show --view k|", "kind"},
		{"comp|", "completion"},
		{"completion |", "bash fish powershell zsh"},
	} {
		words := strings.Split(strings.TrimSuffix(c.typed, "|"), " ")
		status, out, stderr := runMain(t, append([]string{"__complete"}, words...), nil)
		var got []string
		for line := range strings.Lines(out) {
			if word, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(word, ":") {
				got = append(got, word)
			}
		}
		if status != 0 || strings.Join(got, " ") != c.want {
			t.Errorf("%s: status %d, got %q, want %q (%s)", c.typed, status, got, c.want, stderr)
		}
	}
}

// TestFlagMeanings: a flag of one name has one shorthand and one type in every
// verb, and a shorthand one name; what differs is listed with its reason.
func TestFlagMeanings(t *testing.T) {
	other := map[string]string{
		"max":      "a level of strip and pack; a limit of check",
		"check":    "a command of shrink and outline; build runs those that were recorded",
		"keep":     "strip's old file; history's number of records",
		"label":    "repeated in an image; one name in a history",
		"file":     "the history; repeated, what an image holds beside the program",
		"platform": "one of an image; repeated, of each program in it",
		"max-rows": "Twiggy's -r is the rows of dominators and the width of paths",
		"package":  "cargo's", "wide": "-w is docker's working folder in image",
		"output": "of a program; hidden, an older name of --report",
		"all":    "Twiggy's -a",
		"debug":  "strip's level",
		"cut":    "as given",
	}
	shorthands := map[string]string{ // Twiggy's and docker's letters
		"d": "views, max-depth", "r": "retaining-paths, max-rows, max-paths", "n": "rows", "m": "", "a": "", "g": "", "l": "", "t": "", "e": "", "k": "", "w": "workdir",
	}
	type meaning struct{ shorthand, kind, verb string }
	names, letters := map[string]meaning{}, map[string]string{}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			now := meaning{f.Shorthand, f.Value.Type(), cmd.CommandPath()}
			if old, ok := names[f.Name]; ok && (old.shorthand != now.shorthand || old.kind != now.kind) && other[f.Name] == "" {
				t.Errorf("--%s: -%s %s in %s, -%s %s in %s", f.Name, old.shorthand, old.kind, old.verb, now.shorthand, now.kind, now.verb)
			}
			names[f.Name] = now
			if _, known := shorthands[f.Shorthand]; f.Shorthand != "" && !known {
				if old := letters[f.Shorthand]; old != "" && old != f.Name {
					t.Errorf("-%s is --%s and --%s", f.Shorthand, old, f.Name)
				}
				letters[f.Shorthand] = f.Name
			}
		})
		if f := cmd.Flags().Lookup("format"); f != nil {
			for _, name := range []string{"report", "bytes", "wide"} {
				if cmd.Flags().Lookup(name) == nil {
					t.Errorf("%s has --format and no --%s", cmd.CommandPath(), name)
				}
			}
		}
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(newRootCommand(&env{}, verbs))
	for name := range other {
		if _, ok := names[name]; !ok {
			t.Errorf("no flag --%s any more", name)
		}
	}
	if !slices.Contains([]string{"f"}, names["format"].shorthand) {
		t.Error("--format has lost its -f")
	}
}

// TestOldNames: what was typed before still works, and help does not speak of it.
func TestOldNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for old, now := range oldNames {
		found := false
		var visit func(cmd *cobra.Command)
		visit = func(cmd *cobra.Command) {
			cmd.Flags().VisitAll(func(f *pflag.Flag) { found = found || f.Name == now })
			if cmd.Flags().Lookup(old) != cmd.Flags().Lookup(now) {
				t.Errorf("%s: --%s is not --%s", cmd.CommandPath(), old, now)
			}
			var b strings.Builder
			cmd.SetOut(&b)
			if _ = manual.Usage(cmd); strings.Contains(b.String(), "--"+old+" ") {
				t.Errorf("%s: help speaks of --%s", cmd.CommandPath(), old)
			}
			for _, c := range cmd.Commands() {
				visit(c)
			}
		}
		visit(newRootCommand(&env{}, verbs))
		if !found {
			t.Errorf("no flag --%s", now)
		}
	}
	for _, args := range [][]string{{"size", "--number", "1"}, {"history", "show", "--number", "1"}, {"image", "inspect", "--limit", "1", "x.tar"}, {"shrink", "--fail-if-not-smaller"}, {"top", "-o", "x", "no/such"}} {
		if status, _, stderr := runMain(t, args, nil); strings.Contains(stderr, "unknown flag") || strings.Contains(stderr, "unknown shorthand") {
			t.Errorf("%v: status %d: %s", args, status, stderr)
		}
	}
}

// TestReportNames: a report's file says its format, unless one is typed, in
// whatever order.
func TestReportNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, want := range map[string]string{
		"--report a.json": "{", "--report a.json --format text": "app: ", "--format text --report a.json": "app: ",
		"-o a.html": "<!doctype", "--report a.txt": "app: ", "--report a.md --csv": "Part,",
	} {
		if err := os.WriteFile("app", testbin.ELF{}.Bytes(), 0o777); err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(args)
		if status, _, stderr := runMain(t, append([]string{"size", "app"}, words...), nil); status != exitOK {
			t.Fatalf("%s: status %d: %s", args, status, stderr)
		}
		name := words[slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "a.") })]
		if got, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s: %.40q, %v", args, got, err)
		}
	}
}
