package cli

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/saving"
	"github.com/minsize/minsize/internal/testbin"
)

// csvVerbs are command lines whose report is not empty; those of verbs that
// work on a project are made from a sample of their result instead.
func csvVerbs(t *testing.T) map[string][][]string {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o777); err != nil {
			t.Fatal(err)
		}
		return path
	}
	module, err := os.ReadFile("../refgraph/testdata/data.wasm")
	if err != nil {
		t.Fatal(err)
	}
	wasm, other := file("a.wasm", module), file("b.wasm", testbin.Wasm())
	program := file("program", testbin.ELF{Extra: []testbin.ELFSection{{Name: ".comment", Type: 1, Data: make([]byte, 300)}}}.Bytes())
	record := filepath.Join(dir, "history.jsonl")
	for range 3 {
		for _, f := range []string{wasm, other} {
			if status := Main([]string{"minsize", "history", "add", "--file", record, f}, nil, &bytes.Buffer{}, os.Stderr); status != exitOK {
				t.Fatalf("history add: status %d", status)
			}
		}
	}
	return map[string][][]string{
		"size":         {{wasm}, {program}, {"-d", "sections,symbols", wasm}, {"-d", "kind", "-n", "1", wasm}, {"--explain", "@10", program}},
		"diff":         {{wasm, other}, {"-d", "sections,symbols", wasm, other}},
		"top":          {{wasm}, {"--retained", "-r", wasm}, {"-n", "2", program}},
		"dominators":   {{wasm}, {"-d", "2", "-r", "3", program}},
		"paths":        {{wasm}, {"--descending", wasm}},
		"why":          {{"--regex", wasm, "."}, {"--regex", wasm, ".", "--cut", "."}},
		"monos":        {{wasm}, {"-g", wasm}},
		"garbage":      {{wasm}},
		"check":        {{"--max", "file=1MiB", "--max", "memory=1MiB", wasm}},
		"gate":         {{"--max", "file=1MiB", "--max", "memory=1MiB", wasm}},
		"history show": {{"--file", record}, {"--file", record, "-d", "kind"}},
		"strip":        {{"--dry-run", program, wasm}},
		"pack":         {{"--dry-run", program}},
		"doctor":       {{}},
	}
}

// csvSamples are documents of verbs that need a project or an image.
func csvSamples() map[string]*report.Document {
	passed := ladder.Verdict{Status: ladder.Passed, Checks: 1}
	shrunk := &ladder.Result{
		Program: "app", Rungs: []ladder.Rung{{Name: "release", Kind: "baseline", Size: 9, Stripped: 8, Check: passed, Kept: true}, {Name: "lto", Kind: "build", Size: 5, Stripped: 5, Share: .6, Speed: 1, Check: passed, Kept: true}},
		GivenUp: []ladder.GivenUp{{Name: "lto"}}, Left: []ladder.LeftOut{{Name: "no-pie", Allow: true}}, Best: 1, Suggested: []ladder.Suggestion{{Cut: "a"}}, Pruned: []ladder.FeaturePrune{{Dependency: "b"}},
	}
	outlined := []report.OutlineFunction{{Function: "f", File: "a.rs", Tried: true}}
	files := []report.ImageFile{{Path: "/app", Size: 3, Why: "the program"}}
	return map[string]*report.Document{
		"shrink":        report.Ladder(shrunk),
		"advise":        (&report.Advise{Program: "app", Size: 9, Savings: []saving.Saving{{State: saving.Tried, Bytes: 3}, {State: saving.Fails, Why: "it does not build"}}}).Document(),
		"unpack":        report.PackResult{Verb: "unpack", Files: []report.PackFile{{FileOutcome: report.FileOutcome{File: "app"}, Original: 9, Packed: 3, Parts: []report.PackPart{{Name: "code"}}}}}.Document(),
		"wheel":         report.ParcelResult{Verb: "wheel", Packages: []report.Parcel{{FileOutcome: report.FileOutcome{File: "a.whl"}, Before: 9, After: 5, Files: []report.StripFile{{FileOutcome: report.FileOutcome{File: "a.so", Status: report.Stripped}, Before: 9, After: 5}}}}}.Document(),
		"npm":           report.ParcelResult{Verb: "npm", Packages: []report.Parcel{report.NewParcel("a.tgz")}}.Document(),
		"generics":      (&report.Generics{Items: []report.GenericCost{{Generic: "f", Copies: 2, Instances: make([]report.GenericCopy, 2)}}}).Document(3),
		"build":         (&report.Built{Program: "app", Size: 3, Baseline: 9}).Document(),
		"apply":         report.Edit("", &apply.Edit{Written: []apply.Written{{File: "Cargo.toml", Key: "a", Value: "b"}}, Left: []apply.Left{{Name: "cuts", Why: "not cargo's"}}}),
		"outline":       (&report.Outline{Functions: outlined, Refused: outlined}).Document(true),
		"image":         (&report.Image{Platforms: []report.ImagePlatform{{Platform: "linux/amd64", Files: files, Size: 3}, {Platform: "linux/arm64", Files: files, Size: 3}}}).Document(),
		"image inspect": (&report.ImageInspection{Layers: make([]report.InspectedLayer, 2), Files: make([]report.InspectedFile, 2), WastedFiles: make([]report.InspectedWaste, 1), Alternative: &report.ImageAlternative{Files: files}}).Document(),
	}
}

// TestOneTableInCSV: whatever a verb answers, csv and tsv hold one table: one
// header of different names, every row as wide, levels that climb by one, and
// shares that are fractions.
func TestOneTableInCSV(t *testing.T) {
	lines, samples := csvVerbs(t), csvSamples()
	t.Chdir(t.TempDir()) // no project
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		name := strings.TrimPrefix(cmd.CommandPath(), "minsize ")
		if cmd.Flags().Lookup("csv") != nil {
			if lines[name] == nil && samples[name] == nil {
				t.Errorf("%s has --csv and no line in csvVerbs or csvSamples", name)
			}
		}
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit(newRootCommand(&env{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}, verbs))
	for _, format := range []string{"csv", "tsv"} {
		for name, lines := range lines {
			for _, line := range lines {
				var out, complaints bytes.Buffer
				args := append(append([]string{"minsize"}, strings.Fields(name)...), append([]string{"--format", format}, line...)...)
				status := Main(args, nil, &out, &complaints)
				// A pack that is not smaller and a doctor that misses something have a report all the same.
				if status != exitOK && (out.Len() == 0 || status == exitUsage) {
					t.Errorf("%q: status %d: %s", args[1:], status, &complaints)
					continue
				}
				oneTable(t, strings.Join(args[1:], " "), format, out.Bytes())
			}
		}
		for name, d := range samples {
			var out bytes.Buffer
			if err := report.Write(&out, format, d, report.Options{}); err != nil {
				t.Fatal(err)
			}
			oneTable(t, name, format, out.Bytes())
		}
	}
}

func oneTable(t *testing.T, what, format string, data []byte) {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(data))
	if format == "tsv" {
		r.Comma = '\t'
	}
	rows, err := r.ReadAll() // of one width, or it is an error
	if err != nil {
		t.Errorf("%s: %v\n%s", what, err, data)
		return
	}
	if len(rows) < 2 {
		t.Errorf("%s: no row:\n%s", what, data)
		return
	}
	header := rows[0]
	for i, name := range header {
		if name == "" || slices.Index(header, name) != i {
			t.Errorf("%s: the header %q has an empty name or one twice", what, header)
		}
		if strings.Contains(name, "%") {
			t.Errorf("%s: column %q: shares are fractions, and called so", what, name)
		}
	}
	level, parent, before := slices.Index(header, "Level"), slices.Index(header, "Parent"), -1
	if (level < 0) != (parent < 0) {
		t.Errorf("%s: %q: Level and Parent go together", what, header)
	}
	for _, row := range rows[1:] {
		for i, name := range header {
			if share, err := strconv.ParseFloat(row[i], 64); err == nil && strings.HasSuffix(strings.ToLower(name), "share") && (share > 1 || share < -1) {
				t.Errorf("%s: %s is %s, which is no fraction", what, name, row[i])
			}
		}
		if level < 0 || row[level] == "" {
			continue
		}
		depth, err := strconv.Atoi(row[level])
		if err != nil || depth > before+1 || (depth > 0) != (row[parent] != "") {
			t.Errorf("%s: level %q below level %d, parent %q", what, row[level], before, row[parent])
		}
		before = depth
	}
}

// TestLevelsAddUp: docs/size.md says that the rows of one level of one part add
// up; what has no level, such as advice, is no part of the sum.
func TestLevelsAddUp(t *testing.T) {
	sums := 0
	for _, line := range csvVerbs(t)["size"] {
		if line[0] == "--explain" {
			continue
		}
		var out, complaints bytes.Buffer
		if status := Main(append([]string{"minsize", "size", "--csv"}, line...), nil, &out, &complaints); status != exitOK {
			t.Fatalf("%q: status %d: %s", line, status, &complaints)
		}
		path := line[len(line)-1]
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		column := func(row []string, name string) string {
			if i := slices.Index(rows[0], name); i >= 0 {
				return row[i]
			}
			return ""
		}
		type group struct{ part, level string }
		files, shares := map[group]int64{}, map[group]float64{}
		for _, row := range rows[1:] {
			g := group{column(row, "Part"), column(row, "Level")}
			if g.level == "" {
				continue
			}
			bytes, err := strconv.ParseInt(column(row, "File"), 10, 64)
			if err != nil {
				t.Fatalf("%q: %q: %v", line, row, err)
			}
			share, err := strconv.ParseFloat(column(row, "Share"), 64)
			if err != nil {
				t.Fatalf("%q: %q: %v", line, row, err)
			}
			files[g] += bytes
			shares[g] += share
		}
		for g, sum := range files {
			sums++
			if sum != info.Size() || shares[g] < .999999 || shares[g] > 1.000001 {
				t.Errorf("%q: part %q, level %s: %d bytes and a share of %f, of a file of %d", line, g.part, g.level, sum, shares[g], info.Size())
			}
		}
	}
	if sums < 8 {
		t.Errorf("%d sums were looked at", sums)
	}
}
