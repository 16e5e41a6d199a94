package technique

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/minsize/minsize/internal/relink"
)

// wholePlan is a plan of all techniques that can be together, as it is read
// back from a file: without parts.
func wholePlan() Plan {
	p := NewPlan("c", slices.Concat(Table(), CutTable(), PipelineTable())...)
	p.parts = nil
	return p
}

// TestHeed: for each kind of evidence, no technique that it speaks against is
// left in the plan, nor one that needs such a one; what is left is what a plan
// of the rest would be; and nothing goes without evidence or against the
// user's word.
func TestHeed(t *testing.T) {
	whole := wholePlan()
	if p, refused := whole.Heed(Facts{Panic: "unwind"}); len(refused) > 0 || !slices.Equal(p.Techniques, whole.Techniques) {
		t.Errorf("without evidence %v went", refused)
	}
	for _, strict := range []bool{false, true} {
		for _, k := range relink.Kinds() {
			f := Facts{Panic: "unwind", Strict: strict, Evidence: []relink.Evidence{{Kind: k, Crate: "app", Function: "app::f"}}}
			p, refused := whole.Heed(f)
			var rest []*Technique
			for _, name := range whole.Techniques {
				technique := Find(name)
				i := slices.IndexFunc(refused, func(r Refused) bool { return r.Technique == name })
				speaks := slices.Contains(technique.Against, k) || strict && slices.ContainsFunc(technique.Loses, func(l Loss) bool { return slices.Contains(l.Shown, k) })
				switch {
				case speaks && (i < 0 || slices.Contains(p.Techniques, name)):
					t.Errorf("%s speaks against %s (strict %v), which stayed", k, name, strict)
				case i < 0:
					rest = append(rest, technique)
				case speaks && !strings.Contains(refused[i].Why, "app::f "+k.Does()):
					t.Errorf("%s: %q does not name who", name, refused[i].Why)
				case !speaks && technique.Missing(Facts{Panic: "unwind"}, p) == "":
					t.Errorf("%s: %s went, which nothing speaks against", k, name)
				}
			}
			want := NewPlan("c", rest...)
			byText := cmpopts.SortSlices(func(a, b string) bool { return a < b })
			if diff := cmp.Diff(want, p, cmpopts.IgnoreUnexported(Plan{}), cmpopts.EquateEmpty(), byText); diff != "" {
				t.Errorf("%s: (-a plan of the rest +heeded) %s", k, diff)
			}
			f.Insist = whole.Techniques
			if _, refused := whole.Heed(f); len(refused) > 0 {
				t.Errorf("%s: %v went although asked for by name", k, refused)
			}
		}
	}
	f := Facts{Panic: "unwind", Strict: true, Evidence: []relink.Evidence{{Kind: relink.CatchUnwind, Crate: "app", Function: "app::f"}}}
	p, _ := NewPlan("c", Find("panic-abort"), Find("no-eh-frame-hdr"), Find("strip-symbols")).Heed(f)
	if !slices.Equal(p.Techniques, []string{"strip-symbols"}) || len(p.Setting.Profile) > 0 || len(p.Link.Options) > 0 {
		t.Errorf("what is right because a panic aborts stayed: %+v", p)
	}
}

// TestHeedKeepsTheRest: what no technique brought stays in a plan.
func TestHeedKeepsTheRest(t *testing.T) {
	p := NewPlan("c", Find("no-eh-frame-hdr"), Find("panic-abort"))
	p.Setting.Rustflags = append(p.Setting.Rustflags, "-Cmine")
	p.Techniques = append(p.Techniques, "cut:app::f=trap")
	p.Link.Cuts = append(p.Link.Cuts, "app::f=trap")
	p, refused := p.Heed(Facts{Evidence: []relink.Evidence{{Kind: relink.ForeignUnwind, Object: "a.o", Symbol: "__gxx_personality_v0"}}})
	if len(refused) != 1 || refused[0].Technique != "no-eh-frame-hdr" || !strings.Contains(refused[0].Why, "a.o unwinds") {
		t.Errorf("refused %+v", refused)
	}
	if !slices.Equal(p.Link.Cuts, []string{"app::f=trap"}) || !slices.Equal(p.Setting.Rustflags, []string{"-Cmine"}) || len(p.Link.Options) > 0 {
		t.Errorf("%+v", p)
	}
}
