package relink

import (
	"bufio"
	"slices"
	"strings"
	"testing"
)

// editModule runs the editor over a module's text.
func editModule(t *testing.T, text string, pipeline *Pipeline, cuts ...string) (string, *matcher, []string) {
	t.Helper()
	var list []Cut
	for _, c := range cuts {
		cut, err := ParseCut(c)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, cut)
	}
	m := newMatcher(list, &editCache{})
	var out strings.Builder
	w := bufio.NewWriter(&out)
	e := &moduleEditor{matcher: m, pipeline: pipeline, out: w}
	for line := range strings.Lines(text) {
		if err := e.line(line); err != nil {
			t.Fatal(err)
		}
	}
	e.finish()
	w.Flush()
	return out.String(), m, e.helpers
}

const module = `@x = global i32 0
@twin = internal unnamed_addr alias void (ptr), ptr @merged

define internal noundef nonnull align 8 ptr @"a::b$1"(ptr %0, i64 range(i64 0, 9) %1) unnamed_addr #0 personality ptr @p {
start:
  ret ptr %0
}

define internal { i64, ptr } @pair(i64 noundef %0) #0 {
  unreachable
}

define internal void @merged(ptr %0) #0 {
  ret void
}

define i32 @keep() #0 {
  ret i32 1
}
attributes #0 = { nounwind uwtable }
attributes #1 = { optnone noinline }
`

func TestModuleEditor(t *testing.T) {
	plain := PipelineByName("lto")
	if got, _, _ := editModule(t, module, plain); got != module {
		t.Errorf("nothing to do, another text:\n%s", got)
	}
	got, m, _ := editModule(t, module, plain, "a::b$1=zero", "pair")
	for _, want := range []string{
		"define internal ptr @\"a::b$1\"(ptr %0, i64 range(i64 0, 9) %1) unnamed_addr #0 personality ptr @p {\n  ret ptr zeroinitializer\n}\n",
		"define internal { i64, ptr } @pair(i64 noundef %0) #0 {\n  call void @llvm.trap()\n  unreachable\n}\n",
		"\ndeclare void @llvm.trap()\n", "define i32 @keep() #0 {\n  ret i32 1\n}\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q:\n%s", want, got)
		}
	}
	if len(m.found[0]) != 1 || len(m.found[1]) != 1 {
		t.Errorf("found %v", m.found)
	}
	got, _, helpers := editModule(t, module, plain, "keep=report")
	if !slices.Equal(helpers, []string{"report keep"}) || !strings.Contains(got, "call void @minsize_stub_0()\n  unreachable") || !strings.Contains(got, "declare void @minsize_stub_0()") {
		t.Errorf("%v:\n%s", helpers, got)
	}
	got, m, _ = editModule(t, module, plain, "merged")
	if got != module || !slices.Equal(m.merged[0], []string{"merged"}) {
		t.Errorf("a function that is merged with another was cut: %v\n%s", m.merged, got)
	}
	if got, m, _ = editModule(t, module, plain, "*m*er*ged"); got != module {
		t.Errorf("by a glob: %v", m.merged)
	}
	got, _, _ = editModule(t, module, PipelineByName("size"))
	if !strings.Contains(got, "attributes #0 = { optsize minsize nounwind uwtable }") || !strings.Contains(got, "attributes #1 = { optnone noinline }") {
		t.Errorf("attributes:\n%s", got)
	}
}

func TestReturnTypes(t *testing.T) {
	for head, want := range map[string]string{
		"define internal void ":                                   "void",
		"define noundef zeroext i1 ":                              "i1",
		"define internal fastcc { ptr, i64 } ":                    "{ ptr, i64 }",
		"define <{ i8, [7 x i8] }> ":                              "<{ i8, [7 x i8] }>",
		"define range(i8 0, 3) i8 ":                               "i8",
		"define internal [2 x i64] ":                              "[2 x i64]",
		"define <4 x float> ":                                     "<4 x float>",
		"define noundef nonnull align 8 dereferenceable(16) ptr ": "ptr",
	} {
		if got := typeBefore(head); got != want {
			t.Errorf("%q: %q, expected %q", head, got, want)
		}
	}
	if got := withoutPromises("define noundef nonnull align 8 dereferenceable(16) range(i64 1, 5) ptr "); got != "define ptr " {
		t.Errorf("%q", got)
	}
}
