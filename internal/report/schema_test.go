package report

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/budget"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/golden"
	"github.com/minsize/minsize/internal/history"
	"github.com/minsize/minsize/internal/llvmlines"
	"github.com/minsize/minsize/internal/saving"
	"github.com/minsize/minsize/internal/technique"
)

// everyDocument is a sample of each kind of report; its lists have something in
// them.
func everyDocument(t *testing.T) (all []*Document) {
	for _, d := range sampleDocuments(t) {
		all = append(all, d)
	}
	change := []attrib.DiffRow{{}}
	outlined := []OutlineFunction{{Function: "f", Kept: true, Why: "it does"}}
	files := []ImageFile{{Path: "/app"}}
	return append(all,
		Ladder(sampleLadder()),
		Techniques(),
		Doctor(&cargo.Survey{Project: &cargo.Project{Metadata: &cargo.Metadata{}, Profile: &cargo.Profile{}}, Toolchains: []*cargo.Toolchain{{}}, Linkers: []*cargo.Linker{{}}, Pieces: []cargo.Piece{{}}}),
		Edit("", &apply.Edit{Files: []apply.FileEdit{{Path: "a"}}, Written: []apply.Written{{}}, Left: []apply.Left{{}}, Overruled: []apply.Overruled{{}}, Refused: []technique.Refused{{}}, Relies: []technique.Reliance{{}}}),
		(&Built{Notes: []string{"a note"}, Refused: []technique.Refused{{}}, Loses: []string{"it"}}).Document(),
		StripResult{Files: []StripFile{NewStripFile("a"), {Removed: []StripReason{{}}}}}.Document(),
		PackResult{Files: []PackFile{NewPackFile("a"), {Parts: []PackPart{{}}, Candidates: []PackCandidate{{}}}}}.Document(),
		ParcelResult{Packages: []Parcel{NewParcel("a")}}.Document(),
		Size(&SizeResult{Files: []SizeFile{{}}, Rows: []attrib.Row{{}}}, SizeOptions{}),
		Diff(&DiffResult{Rows: change}, SizeOptions{}),
		Gate(&GateResult{Check: &CheckResult{}, Causes: []string{"it"}, Diff: &DiffResult{Rows: change}}, nil),
		Check(&CheckResult{Limits: []budget.Verdict{{Nearest: []string{"it"}}}}),
		History(sampleHistory(t)),
		&Document{Schema: history.Schema, Data: history.Record{Views: []history.View{{Rows: []history.Row{{}}}}}},
		Explanation(&attrib.Explanation{}),
		(&Generics{Items: []GenericCost{{Crates: []string{"a"}, Instances: []GenericCopy{{}}}}}).Document(1),
		(&LLVMLines{Items: []llvmlines.Function{{}}}).Document(),
		(&Advise{Savings: []saving.Saving{{State: saving.Range, Items: []string{"a.rs:1"}}, {State: saving.Fails}}, Notes: []string{"a note"}}).Document(),
		(&Outline{Functions: outlined, Refused: outlined}).Document(true),
		(&Image{Platforms: []ImagePlatform{{Files: files, Hints: []ImageHint{{}}}}}).Document(),
		(&ImageInspection{Layers: make([]InspectedLayer, 1), Files: make([]InspectedFile, 1), WastedFiles: make([]InspectedWaste, 1), Alternative: &ImageAlternative{Files: files}}).Document(),
	)
}

// TestSchemas holds the JSON of every report to its committed schema, and the
// folder of schemas to the reports. Fields may be added only: a renamed or
// dropped one needs a new version.
func TestSchemas(t *testing.T) {
	folder := golden.Open(t, filepath.Join("..", "..", "docs", "schema"))
	seen := map[string]bool{}
	for _, d := range everyDocument(t) {
		seen[d.Schema] = true
		schema := schemaOf(d.Schema, d.Data)
		folder.Compare(t, golden.SchemaFile(d.Schema), schema)
		var printed bytes.Buffer
		if err := Write(&printed, "json", d, Options{}); err != nil {
			t.Fatal(err)
		}
		golden.Schema(t, schema, printed.Bytes())
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`Schema: +"(minsize\.[^"]+)"`).FindAllSubmatch(text, -1) {
			if !strings.HasSuffix(source, "_test.go") && !seen[string(m[1])] {
				t.Errorf("%s: no sample of %s in everyDocument", source, m[1])
			}
		}
	}
}

// TestFormats: names and extensions are told apart, and what a file is called
// says the format only where the report can have it.
func TestFormats(t *testing.T) {
	extensions := map[string]string{}
	for _, f := range formats {
		if f.Extension != "" && extensions[f.Extension] != "" {
			t.Errorf("%s is %s's and %s's", f.Extension, extensions[f.Extension], f.Name)
		}
		extensions[f.Extension] = f.Name
		if FormatNamed(f.Name).Name != f.Name || f.Summary == "" || f.Write == nil {
			t.Errorf("%+v", f)
		}
	}
	for file, want := range map[string]string{"a.html": "html", "b/c.json": "json", "a.svg": "", "a": "", "json": "", "x.sarif": ""} {
		if got := NameFor(file, Names()); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	if got := NameFor("a.svg", Names(Figure)); got != "svg" {
		t.Errorf("a.svg of a report with a figure: %q", got)
	}
}
