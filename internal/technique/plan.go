package technique

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/relink"
)

// Plan is a program described whole: which toolchain builds it, and all that
// its techniques add up to. Equal plans on equal sources give equal bytes.
type Plan struct {
	Toolchain  string   `json:"toolchain"` // cargo.Toolchain's name
	Techniques []string `json:"techniques"`
	Setting    Setting  `json:"setting"`
	Link       Link     `json:"link"`
	Rewrite    Rewrite  `json:"rewrite"`

	parts []*Technique
}

// NewPlan combines techniques in the order of their list. What a later one
// excludes is taken out.
func NewPlan(toolchain string, list ...*Technique) Plan {
	return Plan{Toolchain: toolchain}.With(list...)
}

// With returns the plan with more techniques; p is not changed. A technique
// that p holds already changes nothing.
func (p Plan) With(list ...*Technique) Plan {
	parts := slices.Clone(p.parts)
	for _, t := range list {
		parts = slices.DeleteFunc(parts, func(old *Technique) bool {
			return old.Name == t.Name || slices.Contains(t.Excludes, old.Name)
		})
		parts = append(parts, t)
	}
	return combine(p.Toolchain, parts)
}

// Without returns the plan without the named techniques.
func (p Plan) Without(names ...string) Plan {
	parts := slices.DeleteFunc(slices.Clone(p.parts), func(t *Technique) bool {
		return slices.Contains(names, t.Name)
	})
	return combine(p.Toolchain, parts)
}

// Named returns the plan without what takes names away from the program.
func (p Plan) Named() Plan {
	return combine(p.Toolchain, slices.DeleteFunc(slices.Clone(p.parts), (*Technique).nameless))
}

// nameless says whether t takes names away: all that rewrites the finished
// file does, or finds none there.
func (t *Technique) nameless() bool {
	return t.Rewrite != nil || t.Link != nil && slices.ContainsFunc(t.Link.Options, func(o string) bool {
		return slices.ContainsFunc(relink.Flavours, func(f *relink.Flavour) bool { return f.Strips(o) })
	})
}

// On returns the plan for another toolchain.
func (p Plan) On(toolchain string) Plan {
	return combine(toolchain, slices.Clone(p.parts))
}

func combine(toolchain string, parts []*Technique) Plan {
	p := Plan{Toolchain: toolchain, parts: parts}
	for _, t := range parts {
		p.Techniques = append(p.Techniques, t.Name)
		switch {
		case t.Set != nil:
			p.Setting.merge(t.Set)
		case t.Link != nil:
			p.Link.merge(t.Link)
		case t.Rewrite != nil:
			p.Rewrite.merge(t.Rewrite)
		}
	}
	return p
}

// Parts returns the plan's techniques in order.
func (p Plan) Parts() []*Technique { return slices.Clone(p.parts) }

// Has says whether the plan holds the named technique.
func (p Plan) Has(name string) bool { return slices.Contains(p.Techniques, name) }

// profileKey is what p's build has for a key of the profile: the plan's word,
// or else the project's own.
func (p Plan) profileKey(key, project string) string {
	if v, ok := p.Setting.Key(key); ok {
		return strings.Trim(v, `"`)
	}
	return project
}

// FatLTO says whether p's build optimises the program as one, which leaves its
// bitcode in one piece. project is lto in the project's own profile.
func (p Plan) FatLTO(project string) bool {
	return slices.Contains([]string{"fat", "true"}, p.profileKey("lto", project))
}

// BuildKey identifies what costs a full build: toolchain and setting. Two
// plans with one BuildKey share one recorded link.
func (p Plan) BuildKey() string {
	return digest(struct {
		Toolchain string
		Setting   Setting
	}{p.Toolchain, p.Setting})
}

// Key identifies the finished file.
func (p Plan) Key() string {
	return digest(struct {
		Toolchain string
		Setting   Setting
		Link      Link
		Rewrite   Rewrite
	}{p.Toolchain, p.Setting, p.Link, p.Rewrite})
}

// digest is 32 hex digits over v's JSON, whose field order is fixed.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data: cannot fail
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
