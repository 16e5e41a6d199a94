package tune

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sample has each form of a call and of what stands at the top.
const sample = `; ModuleID = 'x'
source_filename = "x"
target triple = "x86_64-unknown-linux-gnu"

module asm ".globl hidden_thing"

$shared = comdat any

@anon.0f1e.3 = private unnamed_addr constant <{ ptr, [2 x i8] }> <{ ptr @pointed, [2 x i8] c"@a" }>, align 8
@counter = internal global i32 0, align 4
@once = hidden unnamed_addr alias void (i32), ptr @small

define internal void @small(i32 %0) unnamed_addr #0 {
  store i32 %0, ptr @counter, align 4
  ret void
}

define internal noundef range(i32 0, 2) i32 @"_ZN1a5large17h0123456789abcdefE"(i32 noundef %0, { i64, ptr } %1) unnamed_addr #0 comdat($shared) personality ptr @rust_eh_personality {
  %3 = tail call noundef i32 @outside(i32 %0, ptr byval([4 x i8]) "nest"="(" @anon.0f1e.3), !prof !1
  invoke void @small(i32 7) #1
          to label %ok unwind label %bad
  call void asm sideeffect "call @small(", "~{memory}"()
  call void %1(i32 1)
  musttail call void @small(i32 %0)
  call fastcc void @once(i32 9)
ok:
  ret i32 %3
bad:
  %4 = landingpad { ptr, i32 } cleanup
  ret i32 0
}

define internal void @pointed() #2 {
  call void @small(i32 1)
  ret void
}

define dso_local i32 @main(i32 %0, ptr %1) #0 {
  call void @pointed()
  %3 = call i32 @"_ZN1a5large17h0123456789abcdefE"(i32 5, { i64, ptr } zeroinitializer)
  call void @small(i32 %3) noinline
  %4 = notail call i32 @main(i32 %3, ptr %1)
  ret i32 %4
}

declare i32 @outside(i32, ptr)
declare i32 @rust_eh_personality(...)

attributes #0 = { minsize optsize "a"="noinline" }
attributes #1 = { nounwind }
attributes #2 = { cold minsize noinline }

!1 = !{!"branch_weights", i32 1}
`

func TestParse(t *testing.T) {
	m := Parse(sample)
	var got []string
	for _, f := range m.functions {
		got = append(got, fmt.Sprintf("%s local=%v fixed=%v known=%v", f.name, f.local, f.fixed, f.hash != ""))
		for _, c := range f.calls {
			name := "?"
			if c.callee >= 0 {
				name = m.functions[c.callee].name
			}
			got = append(got, fmt.Sprintf("  %s consts=%d fixed=%v at %q", name, c.consts, c.fixed, m.text[c.at-1:c.at+1]))
		}
	}
	want := []string{
		`small local=true fixed=false known=false`,
		`"_ZN1a5large17h0123456789abcdefE" local=true fixed=false known=true`,
		`  ? consts=1 fixed=true at "),"`,
		`  small consts=1 fixed=false at ") "`,
		`  ? consts=1 fixed=true at ")\n"`,
		`pointed local=true fixed=true known=true`,
		`  small consts=1 fixed=false at ")\n"`,
		`main local=false fixed=false known=true`,
		`  pointed consts=0 fixed=false at ")\n"`,
		`  "_ZN1a5large17h0123456789abcdefE" consts=2 fixed=false at ")\n"`,
		`  small consts=0 fixed=true at ") "`,
		`  main consts=0 fixed=true at ")\n"`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if m.uses["small"] != 5 || m.uses["pointed"] != 2 {
		t.Errorf("small is mentioned %d times, pointed %d", m.uses["small"], m.uses["pointed"])
	}
}

// TestHashIsStable: what a build numbers anew is no part of a function, what
// it does is.
func TestHashIsStable(t *testing.T) {
	hashOf := func(text string) string { m := Parse(text); return m.functions[m.named["main"]].hash }
	was := hashOf(sample)
	for _, r := range []string{"17h0123456789abcdefE>17hfedcba9876543210E", "#0>#7", "!1>!22"} {
		old, now, _ := strings.Cut(r, ">")
		if hashOf(strings.ReplaceAll(sample, old, now)) != was {
			t.Errorf("%s changes the hash", r)
		}
	}
	if hashOf(strings.Replace(sample, "(i32 5,", "(i32 6,", 1)) == was {
		t.Error("another argument leaves the hash as it was")
	}
	v0 := func(crate, rest string) string { return stable("_RNvC" + crate + "_4core3fmt" + rest) }
	if v0("sgEmfK2I1SDS", "C") != v0("sjrHSEGnQ3l9", "C") || v0("sa", "C") == v0("sa", "D") {
		t.Error("names of two versions of a crate differ, or those of two functions do not")
	}
}

// TestChoicesAreText: a list is read back as it was, in order, and lines that
// are none are refused with what is wrong.
func TestChoicesAreText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Choices{}
		for range rapid.IntRange(0, 5).Draw(t, "functions") {
			hash := rapid.StringMatching("[0-9a-f]{12}").Draw(t, "hash")
			c[hash] = rapid.MapOfN(rapid.IntRange(0, 400), rapid.SampledFrom([]Choice{Inline, Apart}), 1, 5).Draw(t, "calls")
		}
		lines := c.List()
		back, err := ParseChoices(lines)
		if err != nil || !cmp.Equal(c, back) || !slices.IsSorted(lines) {
			t.Fatalf("%v\nwas read as %v (%v)", c, back, err)
		}
	})
	for _, line := range []string{"", "0123", "0123456789ab", "0123456789ab 3", "0123456789ab +", "0123456789ab -3+", "0123456789aB 3+", "0123456789ab 3*"} {
		if _, err := ParseChoices([]string{line}); err == nil {
			t.Errorf("%q was read", line)
		}
	}
}

var words = regexp.MustCompile(`\) (alwaysinline|noinline)`)

// genModule is a module whose functions call those after them.
func genModule(t *rapid.T) string {
	var b strings.Builder
	n := rapid.IntRange(2, 12).Draw(t, "functions")
	for i := range n {
		linkage := rapid.SampledFrom([]string{"internal", "dso_local", "internal fastcc"}).Draw(t, "linkage")
		if i == 0 {
			linkage = "dso_local"
		}
		fmt.Fprintf(&b, "define %s void @f%d(i32 %%0) #0 {\n", linkage, i)
		for line := range rapid.IntRange(0, 12).Draw(t, "lines") {
			form := rapid.SampledFrom([]string{"  %%%[1]d = add i32 %%0, 1\n", "  store i32 1, ptr @g\n", "  call void @f%[2]d(i32 4)\n", "  invoke fastcc void @f%[2]d(i32 %%0)\n          to label %%a unwind label %%b\n", "  call void @printf(ptr @g)\n"}).Draw(t, "form")
			callee := i + 1
			if i < n-1 {
				callee = rapid.IntRange(i+1, n-1).Draw(t, "callee")
			}
			text := fmt.Sprintf(form, line+10, callee)
			if i == n-1 && strings.Contains(text, "@f") {
				continue
			}
			b.WriteString(strings.TrimSuffix(text, "%!(EXTRA int="+fmt.Sprint(callee)+")"))
		}
		b.WriteString("  ret void\n}\n\n")
	}
	return b.String() + "@g = internal global i32 0\n\nattributes #0 = { minsize }\n"
}

// TestEditingIsWords: a choice is one word behind the call that is meant, all
// else stays, and what fits nothing changes nothing.
func TestEditingIsWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := genModule(t)
		m := Parse(text)
		c, n := Choices{"000000000000": {0: Inline}}, 0
		for _, f := range m.functions {
			for i, call := range f.calls {
				if f.hash != "" && rapid.Bool().Draw(t, "chosen") {
					if c[f.hash] == nil {
						c[f.hash] = map[int]Choice{9999: Inline}
					}
					c[f.hash][i] = rapid.SampledFrom([]Choice{Inline, Apart}).Draw(t, "choice")
					if !call.fixed {
						n++
					}
				}
			}
		}
		edited, fitted := m.Apply(c)
		if fitted != n {
			t.Fatalf("%d choices fitted of %d", fitted, n)
		}
		if found := words.FindAllString(edited, -1); len(found) != n {
			t.Fatalf("%d words for %d choices", len(found), n)
		}
		if back := words.ReplaceAllString(edited, ")"); back != text {
			t.Fatalf("more than words changed:\n%s", cmp.Diff(text, back))
		}
		again := Parse(edited)
		for i := range again.functions {
			if len(again.functions[i].calls) != len(m.functions[i].calls) {
				t.Fatal("a call is not seen any more")
			}
		}
	})
}

// TestRecursion: a body with variables is never moved into a function that may
// call itself, by whatever way; what takes no stack may be.
func TestRecursion(t *testing.T) {
	const text = `define dso_local void @a(i32 %0) {
  call void @b(i32 1)
  call void @large(i32 1)
  call void @small(i32 1)
  ret void
}
define dso_local void @b(i32 %0) {
  call void @a(i32 2)
  ret void
}
define dso_local void @once(i32 %0) {
  call void @large(i32 3)
  call void @small(i32 3)
  ret void
}
define internal void @large(i32 %0) {
  %2 = alloca [4096 x i8], align 1
  ret void
}
define internal void @small(i32 %0) {
  %2 = alloca [8 x i8], align 1
  ret void
}
`
	m := Parse(text)
	found, _, err := Search(t.Context(), m, &fake{}, Options{Compiles: 40, PerFunction: 32})
	if err != nil {
		t.Fatal(err)
	}
	inlined := func(name string, call int) bool {
		return found[m.functions[m.named[name]].hash][call] == Inline
	}
	if inlined("a", 1) || !inlined("a", 2) || !inlined("once", 0) || !inlined("once", 1) {
		t.Errorf("%v", found.List())
	}
}

// TestTrial: a trial has each variant as a strong definition, what it calls as
// bodies that make no code, and declares or defines all else that it mentions.
func TestTrial(t *testing.T) {
	m := Parse(sample)
	main := m.named["main"]
	text := m.Trial([]Variant{{main, nil}, {main, map[int]Choice{1: Inline}}}, make([]map[int]Choice, len(m.functions)))
	for _, want := range []string{
		"define dso_local i32 @minsize.t0(i32 %0, ptr %1) #0 {\n",
		"define dso_local i32 @minsize.t1(i32 %0, ptr %1) #0 {\n",
		"define available_externally dso_local noundef range(i32 0, 2) i32 @\"_ZN1a5large17h0123456789abcdefE\"(i32 noundef %0, { i64, ptr } %1) unnamed_addr #0 personality ptr @rust_eh_personality {\n",
		"declare dso_local void @pointed() #2\n",
		"declare dso_local void @once(i32 %0) #0\n",
		"@counter = dso_local global i32 0, align 4\n",
		"@anon.0f1e.3 = private unnamed_addr constant",
		"zeroinitializer) alwaysinline\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "comdat") || strings.Contains(text, "module asm") || strings.Count(text, "alwaysinline") != 1 {
		t.Errorf("too much in\n%s", text)
	}
}

// TestModelLearns: small callees and last calls come first, and what was seen
// outweighs the rule of thumb.
func TestModelLearns(t *testing.T) {
	var l model
	of := func(k kind, size int64, calls uint8) float64 {
		return l.guess(features{kind: k, bytes: uint8(size / 16), calls: calls}, size, 32)
	}
	if of(inlineOne, 16, 3) <= of(inlineOne, 400, 3) || of(inlineAll, 60, 2) <= of(inlineAll, 60, 4) || of(inlineAll, 60, 2) <= of(inlineOne, 60, 2) {
		t.Error("the rule of thumb is upside down")
	}
	small := of(inlineOne, 16, 3)
	for range 20 {
		l.learn(features{kind: inlineOne, bytes: 1, calls: 3}, -100)
		l.learn(features{kind: inlineOne, bytes: 25, calls: 3}, 50)
	}
	if of(inlineOne, 16, 3) >= small/4 || of(inlineOne, 400, 3) < 40 {
		t.Error("twenty measurements did not change the guess")
	}
}

// fake compiles by arithmetic: each line is 4 bytes, a call 12; a body that is
// inlined costs its lines less what constants save. Local functions that
// nothing calls are gone.
type fake struct {
	compiles int
	broken   string // a name that does not compile in a trial
}

func (c *fake) Compile(_ context.Context, text string, trial bool) (map[string]int64, error) {
	c.compiles++
	m := Parse(text)
	if trial && c.broken != "" && strings.Contains(text, c.broken) {
		return nil, fmt.Errorf("%s does not compile", c.broken)
	}
	var size func(i, depth int) int64
	called := map[int]bool{}
	size = func(i, depth int) int64 {
		f := &m.functions[i]
		n := int64(strings.Count(m.text[f.span.from:f.span.to], "\n")) * 4
		for _, call := range f.calls {
			if call.callee < 0 {
				continue
			}
			if strings.HasPrefix(m.text[call.at:], " alwaysinline") && depth < 9 {
				n += size(call.callee, depth+1) - 16 - 6*int64(call.consts)
			} else {
				n += 12
				called[call.callee] = true
			}
		}
		return n
	}
	sizes := map[string]int64{}
	for i := range m.functions {
		sizes[m.functions[i].name] = size(i, 0)
	}
	for i, f := range m.functions {
		if strings.Contains(m.text[f.span.from:f.head], "available_externally") || f.local && !called[i] {
			delete(sizes, f.name)
		}
	}
	return sizes, nil
}

// TestSearch: never worse than without a choice, by what the compiler says of
// the whole; the same twice; within the budget; and what one search found the
// next one knows without a compile.
func TestSearch(t *testing.T) {
	better := 0
	rapid.Check(t, func(t *rapid.T) {
		text := genModule(t)
		o := Options{Compiles: rapid.IntRange(4, 40).Draw(t, "budget"), PerFunction: 32}
		run := func(o Options) ([]string, Progress, *fake) {
			c := &fake{}
			found, p, err := Search(t.Context(), Parse(text), c, o)
			if err != nil {
				t.Fatal(err)
			}
			return found.List(), p, c
		}
		found, p, c := run(o)
		if c.compiles > o.Compiles {
			t.Fatalf("%d compiles of %d", c.compiles, o.Compiles)
		}
		again, q, _ := run(o)
		if !slices.Equal(found, again) || p != q {
			t.Fatalf("%v, then %v", found, again)
		}
		total := func(lines []string) (n int64) {
			choices, err := ParseChoices(lines)
			if err != nil {
				t.Fatal(err)
			}
			edited, _ := Parse(text).Apply(choices)
			sizes, _ := (&fake{}).Compile(t.Context(), edited, false)
			for _, size := range sizes {
				n += size + o.PerFunction
			}
			return n
		}
		if now, before := total(found), total(nil); now > before || p.Now != now || p.Before != before {
			t.Fatalf("%d bytes of %d, said %d of %d", now, before, p.Now, p.Before)
		}
		if p.Now < p.Before {
			better++
		}
		o.Known = map[string]int64{}
		run(o)
		choices, _ := ParseChoices(found)
		o.Start = choices
		_, later, _ := run(o)
		if later.Now > p.Now {
			t.Fatalf("beginning with %d bytes ended with %d", p.Now, later.Now)
		}
	})
	if better == 0 {
		t.Error("nothing was ever gained")
	}
}

// TestBrokenTrial: a function that does not compile apart costs its own moves
// alone.
func TestBrokenTrial(t *testing.T) {
	text := "@g = internal global i32 0\n"
	for i := range 6 {
		text += fmt.Sprintf("define dso_local void @m%d(i32 %%0) {\n  call void @s%d(i32 1)\n  call void @s%d(i32 2)\n  ret void\n}\n", i, i, i) +
			fmt.Sprintf("define internal void @s%d(i32 %%0) {\n  store i32 %%0, ptr @g\n  ret void\n}\n", i)
	}
	text = strings.Replace(text, "ptr @g\n", "ptr @g ; odd\n", 1)
	found, p, err := Search(t.Context(), Parse(text), &fake{broken: "; odd"}, Options{Compiles: 60, PerFunction: 32})
	if err != nil || p.Now >= p.Before || len(found) < 4 {
		t.Errorf("%v: %d of %d bytes, %v", err, p.Now, p.Before, found)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		m := Parse(text)
		c := Choices{}
		var variants []Variant
		for i, fn := range m.functions {
			if fn.hash != "" {
				c[fn.hash] = map[int]Choice{0: Inline, 1: Apart}
				variants = append(variants, Variant{i, c[fn.hash]})
			}
		}
		edited, fitted := m.Apply(c)
		if len(edited) < len(text)+fitted*len(Apart.attribute()) || fitted == 0 && edited != text {
			t.Fatalf("%d choices made %q of %q", fitted, edited, text)
		}
		m.Trial(variants, make([]map[int]Choice, len(m.functions)))
	})
}
