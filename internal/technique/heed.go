package technique

// A plan that was found for one state of the sources meets another: what came
// into the program since then may speak against what was right for it.

import (
	"fmt"
	"slices"
)

// Refused is a technique that was taken out of a plan.
type Refused struct {
	Technique string `json:"technique"`
	Why       string `json:"why"`
}

// relative are the needs that another technique of a plan fills, or that the
// machine of a later day may lack.
var relative = []Need{NeedPanicAbort, NeedBuildStd, NeedStripped, NeedPipelines}

// Heed returns the plan without what the evidence speaks against, and without
// what is only right beside that. What p holds is told by its names, for a
// plan that was written down has no more; what no technique of the table
// brought into it stays.
func (p Plan) Heed(f Facts) (Plan, []Refused) {
	var refused []Refused
	p.parts = p.named()
	for {
		i := slices.IndexFunc(p.parts, func(t *Technique) bool { return p.objection(t, f) != "" })
		if i < 0 {
			return p, refused
		}
		t := p.parts[i]
		refused = append(refused, Refused{t.Name, p.objection(t, f)})
		p = p.less(t)
	}
}

// named are the techniques of the table that a plan names; what was typed into
// it is none.
func (p Plan) named() []*Technique {
	var list []*Technique
	for _, name := range p.Techniques {
		if t := Find(name); t != nil {
			list = append(list, t)
		}
	}
	return list
}

// Told returns what of a plan cargo can be told and evidence can speak of: the
// plan with that alone.
func (p Plan) Told() Plan {
	list := slices.DeleteFunc(p.named(), func(t *Technique) bool { return t.Set == nil && t.Twin == nil || !t.Heeds() })
	return NewPlan(p.Toolchain, list...)
}

// objection says why t cannot stay in p, "" where it can.
func (p Plan) objection(t *Technique, f Facts) string {
	switch e, strict := t.opposition(f); {
	case strict:
		return says(*e) + ", and nothing that the program relies on is given up (strict)"
	case e != nil:
		return fmt.Sprintf("%s; minsize shrink --with %s lets it in, with a --check that %s", says(*e), t.Name, e.Kind.Check())
	}
	for _, n := range t.Needs {
		if slices.Contains(relative, n) {
			if why := needs[n].missing(f, p); why != "" {
				return why
			}
		}
	}
	return ""
}

// less is p without what t brought, unless another of its techniques brought
// the same.
func (p Plan) less(t *Technique) Plan {
	p.Techniques = slices.DeleteFunc(slices.Clone(p.Techniques), func(name string) bool { return name == t.Name })
	p.parts = slices.DeleteFunc(slices.Clone(p.parts), func(o *Technique) bool { return o.Name == t.Name })
	switch {
	case t.Set != nil:
		p.Setting.take(t.Set)
	case t.Link != nil:
		p.Link.take(t.Link)
	case t.Rewrite != nil:
		p.Rewrite.take(t.Rewrite)
	}
	for _, o := range p.parts {
		switch {
		case o.Set != nil:
			p.Setting.merge(o.Set)
		case o.Link != nil:
			p.Link.merge(o.Link)
		case o.Rewrite != nil:
			p.Rewrite.merge(o.Rewrite)
		}
	}
	return p
}

// without is a list less what another one holds.
func without[T comparable](list, gone []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return slices.Contains(gone, v) })
}

// take is merge's opposite.
func (a *Setting) take(b *Setting) {
	a.Profile = without(a.Profile, b.Profile)
	a.Packages = slices.Clone(a.Packages)
	for _, gone := range b.Packages {
		for i := range a.Packages {
			if a.Packages[i].Package == gone.Package {
				a.Packages[i].Profile = without(a.Packages[i].Profile, gone.Profile)
			}
		}
	}
	a.Rustflags, a.BuildStd, a.StdFeatures = without(a.Rustflags, b.Rustflags), without(a.BuildStd, b.BuildStd), without(a.StdFeatures, b.StdFeatures)
	a.NoStdDefaults = a.NoStdDefaults && !b.NoStdDefaults
	a.Unstable = without(a.Unstable, b.Unstable)
	if a.Target == b.Target {
		a.Target = ""
	}
	a.NoDefaultFeatures = a.NoDefaultFeatures && !b.NoDefaultFeatures
	a.Features = without(a.Features, b.Features)
}

func (a *Link) take(b *Link) {
	if a.Linker == b.Linker {
		a.Linker = ""
	}
	a.Options, a.Add, a.Cuts = without(a.Options, b.Options), without(a.Add, b.Add), without(a.Cuts, b.Cuts)
	if a.Pipeline == b.Pipeline {
		a.Pipeline = ""
	}
	if b.Inlining != nil {
		a.Inlining = nil
	}
}

func (a *Rewrite) take(b *Rewrite) {
	a.StripSymbols = a.StripSymbols && !b.StripSymbols
	a.SectionHeaders = a.SectionHeaders && !b.SectionHeaders
	a.Layout = a.Layout && !b.Layout
	if a.Optimizer == b.Optimizer {
		a.Optimizer = ""
	}
	if a.Pack == b.Pack {
		a.Pack = ""
	}
}
