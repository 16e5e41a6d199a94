package technique

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestPlanCombines(t *testing.T) {
	corner := NewPlan("stable", Find("opt-level-z"), Find("lto-fat"), Find("panic-abort"))
	s := corner.With(Find("opt-level-s"))
	want := []KeyValue{{"lto", `"fat"`}, {"panic", `"abort"`}, {"opt-level", `"s"`}}
	if diff := cmp.Diff(want, s.Setting.Profile); diff != "" {
		t.Errorf("s on top of the corner (-want +got):\n%s", diff)
	}
	if v, _ := corner.Setting.Key("opt-level"); v != `"z"` {
		t.Errorf("With changed the plan it was called on: opt-level %s", v)
	}
	if s.With(Find("relr")).BuildKey() != s.BuildKey() {
		t.Error("a link technique changes the BuildKey: the recorded link would not be found again")
	}
	if s.With(Find("relr")).Key() == s.Key() {
		t.Error("a link technique does not change the Key")
	}
	if s.On("nightly").BuildKey() == s.BuildKey() {
		t.Error("another toolchain has the same BuildKey")
	}
}

// TestPlanProperties: a plan does not depend on how it was put together, and
// taking out what was put in gives the plan from before.
func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var some, safe []*Technique
		for _, x := range Table() {
			if len(x.Excludes) == 0 {
				safe = append(safe, x)
			}
		}
		some = rapid.SliceOfDistinct(rapid.SampledFrom(safe), func(x *Technique) string { return x.Name }).Draw(r, "some")
		extra := rapid.SampledFrom(safe).Draw(r, "extra")
		whole := NewPlan("t", some...)
		step := NewPlan("t")
		for _, x := range some {
			step = step.With(x)
		}
		if whole.Key() != step.Key() {
			r.Fatalf("one by one %s, at once %s", step.Key(), whole.Key())
		}
		if !slices.Contains(some, extra) {
			if back := whole.With(extra).Without(extra.Name); back.Key() != whole.Key() {
				r.Fatalf("with and without %s is another plan", extra.Name)
			}
		}
		if again := whole.With(some...); again.Key() != whole.Key() && again.BuildKey() != whole.BuildKey() {
			r.Fatal("putting a technique in twice changes the plan")
		}
	})
}

func TestPolicy(t *testing.T) {
	for _, c := range []struct {
		name, technique string
		policy          Policy
		allowed         bool
	}{
		{"safe has size", "lto-fat", Policy{}, true},
		{"safe has debuggability", "no-build-id", Policy{}, true},
		{"safe has no abort", "panic-abort", Policy{}, false},
		{"abort has abort", "panic-abort", Policy{Level: Abort}, true},
		{"abort has no relr unasked", "relr", Policy{Level: Abort}, false},
		{"abort has relr for a new glibc", "relr", Policy{Level: Abort, Glibc: [2]int{2, 36}}, true},
		{"safe has no relr for a new glibc", "relr", Policy{Glibc: [2]int{2, 36}}, false},
		{"abort has no relr for an old glibc", "relr", Policy{Level: Abort, Glibc: [2]int{2, 31}}, false},
		{"relr by its class", "relr", Policy{Allow: map[Risk]bool{Deployment: true}}, true},
		{"no security at max", "no-pie", Policy{Level: Max}, false},
		{"security by its class", "no-pie", Policy{Allow: map[Risk]bool{Security: true}}, true},
		{"security by name", "no-pie", Policy{With: []string{"no-pie"}}, true},
		{"behaviour by its class", "icf-all", Policy{Allow: map[Risk]bool{Behaviour: true}}, true},
		{"debuggability forbidden", "no-build-id", Policy{Level: Max, Allow: map[Risk]bool{Debuggability: false}}, false},
		{"refused by name", "lto-fat", Policy{Level: Max, Without: []string{"lto-fat"}}, false},
	} {
		if got, why := c.policy.Allows(Find(c.technique)); got != c.allowed {
			t.Errorf("%s: allowed %v (%s), want %v", c.name, got, why, c.allowed)
		}
	}
}

// TestDecoded: the literals of a profile are the values that TOML has.
func TestDecoded(t *testing.T) {
	for literal, want := range map[string]any{`"fat"`: "fat", "true": true, "false": false, "16": 16, "1.5": nil, "fat": nil, "": nil} {
		got, err := KeyValue{"key", literal}.Decoded()
		if got != want || (err == nil) != (want != nil) {
			t.Errorf("%s: got %v, %v, want %v", literal, got, err, want)
		}
	}
}
