package technique

import (
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/target"
)

// docs is docs/techniques.md, made from the tables.
func docs() string {
	var b strings.Builder
	b.WriteString(`# Techniques

Made from the table in internal/technique by ` + "`go test ./internal/technique -run Docs -update`" + `; do not edit.

` + "`minsize shrink`" + ` tries these from top to bottom on a recorded build of your program, keeps what pays and passes
your checks, and drops the rest with its reason. A technique enters at a level (` + "`--level`" + `), by the flag of its
risk class (` + "`--allow-deployment`" + `, ` + "`--allow-behaviour`" + `, ` + "`--allow-security`" + `), or by name (` + "`--with NAME`" + `);
` + "`--without NAME`" + ` refuses one.

## Risk classes

| class | what may be lost |
|---|---|
`)
	for _, r := range []Risk{Size, Debuggability, Deployment, Behaviour, Security} {
		fmt.Fprintf(&b, "| %s | %s |\n", r, r.Explain())
	}
	b.WriteString(`
## Levels

| level | what enters by itself |
|---|---|
| safe (the default) | size and debuggability: the program does the same |
| abort | a panic ends the program; what that makes possible; RELR where ` + "`--glibc`" + ` says 2.36 or later |
| nightly | what needs an unstable compiler and std from source |
| max | everything but security, deployment and what is marked "asked" |

`)
	for _, part := range []struct {
		title, text string
		list        []*Technique
	}{
		{"Build settings", "Given to cargo; each new combination is a full build. The search spends at most 3 of them on a stable toolchain and 6 with a nightly one.", buildTable()},
		{"Changes to the link", "The final link is recorded once and replayed, well under a second each.", linkTable()},
		{"Cuts", "Functions replaced by a stub while the link is replayed; everything that only they kept goes too. See cuts.md.", CutTable()},
		{"Codegen replay", "Where LLVM's own tools of the compiler's version are: the merged bitcode of the LTO build is optimised again and compiled anew, with the cuts made in the bitcode. The farthest pipeline that passes is kept; `--codegen-budget TIME` limits it; `--tune` the last one.", slices.Concat(pipelineTable(), inliningTable)},
		{"Rewrites of the finished file", "Done by minsize itself on a copy of the linked program.", fileTable()},
	} {
		if len(part.list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n| name | what it does | what is lost | risk | enters at | needs | evidence | what cargo is told |\n|---|---|---|---|---|---|---|---|\n", part.title, part.text)
		for _, t := range part.list {
			needs := t.NeedsSummary()
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", t.Name, cell(t.Summary), cell(orNothing(t.lost())), t.Risk, t.Enters(), cell(needs), t.evidence(), cell(t.told()))
		}
		b.WriteString("\n")
	}
	b.WriteString("## Evidence\n\nWhat the objects of the recorded link tell of the program. A kind in bold keeps its technique out, unless `--with NAME` asks for it;\nthe others are losses that a level or class has given up: the report names who relies on them, first, and `--strict` leaves the technique out.\n\n| kind | the program | a check that shows it |\n|---|---|---|\n")
	for _, k := range relink.Kinds() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", k, k.Does(), k.Check())
	}
	b.WriteString("\n")
	b.WriteString(`"What cargo is told" is what ` + "`minsize apply`" + ` writes. Where it is empty cargo cannot express the technique, and
` + "`minsize build`" + ` is the way to it.
`)
	return b.String()
}

// told is the setting, or the twin, as one line.
func (t *Technique) told() string {
	s := t.Set
	if s == nil {
		s = t.Twin
	}
	if s == nil {
		return ""
	}
	var parts []string
	for _, kv := range s.Profile {
		parts = append(parts, fmt.Sprintf("`%s = %s`", kv.Key, kv.Value))
	}
	for _, f := range s.Rustflags {
		parts = append(parts, "`"+f+"`")
	}
	if len(s.BuildStd) > 0 {
		parts = append(parts, "`-Zbuild-std="+strings.Join(s.BuildStd, ",")+"`")
	}
	if len(s.StdFeatures) > 0 {
		parts = append(parts, "`-Zbuild-std-features="+strings.Join(s.StdFeatures, ",")+"`")
	}
	if s.Target != "" {
		parts = append(parts, "`--target ...-"+s.Target+"`")
	}
	return strings.Join(parts, " ")
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// lost is what t loses, with the words for modules where they are others.
func (t *Technique) lost() string {
	all := t.Losses(Facts{})
	if module := t.Losses(Facts{Target: target.Parse("wasm32-wasip1")}); module != all {
		all += ". In a Wasm module: " + module
	}
	return all
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

// evidence says which kinds speak against t, for docs.
func (t *Technique) evidence() string {
	var parts []string
	for _, k := range t.Against {
		parts = append(parts, "**"+string(k)+"**")
	}
	for _, l := range t.Loses {
		for _, k := range l.Shown {
			parts = append(parts, string(k))
		}
	}
	return strings.Join(parts, ", ")
}
