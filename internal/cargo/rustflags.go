package cargo

import (
	"fmt"
	"slices"
	"strings"
)

// RustflagsSource is one place that compiler flags can come from.
type RustflagsSource uint8

// The sources, strongest first; exactly one counts
// (doc.rust-lang.org/cargo/reference/config.html#buildrustflags).
const (
	NoRustflags      RustflagsSource = iota
	EncodedRustflags                 // CARGO_ENCODED_RUSTFLAGS, parted by 0x1f
	EnvRustflags                     // RUSTFLAGS, parted by spaces
	TargetRustflags                  // target.<triple>.rustflags and all target.'cfg(...)'.rustflags that match, joined
	BuildRustflags                   // build.rustflags
)

// encodedSeparator parts CARGO_ENCODED_RUSTFLAGS.
const encodedSeparator = "\x1f"

// Rustflags are the compiler flags that a project already has.
type Rustflags struct {
	Source  RustflagsSource
	Flags   []string
	Origins []string // where they stand: variables and files, strongest first
	Cfg     []string // those of Flags that come from target.'cfg(...)': the last

	// Ignored are sources that are set and have no effect, for a stronger one
	// is set too. Users rarely know that.
	Ignored []Rustflags
}

// Place says where the flags stand: a variable, or a table and its files.
func (r Rustflags) Place() string {
	files := strings.Join(r.Origins, ", ")
	switch r.Source {
	case TargetRustflags:
		return "[target] of " + files
	case BuildRustflags:
		return "[build] of " + files
	}
	return files
}

// Linker gives the value of a `-C linker=` among the flags, or "". It beats
// target.<triple>.linker, for cargo puts rustflags behind its own.
func (r Rustflags) Linker() string {
	linker := ""
	for i, flag := range r.Flags {
		if flag == "-C" && i+1 < len(r.Flags) {
			flag = "-C" + r.Flags[i+1]
		}
		flag = strings.Replace(flag, "--codegen=", "-C", 1)
		if value, ok := strings.CutPrefix(flag, "-Clinker="); ok {
			linker = value
		}
	}
	return linker
}

// readRustflags finds the source that wins for target. cfg are the target's
// `rustc --print cfg` lines.
func readRustflags(c *Config, target string, cfg []string) Rustflags {
	var found []Rustflags
	if value, ok := lookupEnv(c.env, "CARGO_ENCODED_RUSTFLAGS"); ok {
		r := Rustflags{Source: EncodedRustflags, Origins: []string{"CARGO_ENCODED_RUSTFLAGS"}}
		if value != "" {
			r.Flags = strings.Split(value, encodedSeparator)
		}
		found = append(found, r)
	}
	if value, ok := lookupEnv(c.env, "RUSTFLAGS"); ok {
		r := Rustflags{Source: EnvRustflags, Flags: strings.Fields(value), Origins: []string{"RUSTFLAGS"}}
		found = append(found, r)
	}
	// Cargo puts the flags of the triple's table before those of cfg(...).
	if r := joined(TargetRustflags, c.All("target", target, "rustflags")); true {
		for _, name := range c.cfgTables(cfg) {
			more := joined(TargetRustflags, c.All("target", name, "rustflags"))
			r.Flags, r.Origins, r.Cfg = append(r.Flags, more.Flags...), append(r.Origins, more.Origins...), append(r.Cfg, more.Flags...)
		}
		if len(r.Flags) > 0 {
			found = append(found, r)
		}
	}
	if r := joined(BuildRustflags, c.All("build", "rustflags")); len(r.Flags) > 0 {
		found = append(found, r)
	}
	if len(found) == 0 {
		return Rustflags{}
	}
	winner := found[0]
	winner.Ignored = found[1:]
	return winner
}

// joined puts lists together as cargo merges them: the weaker first, so that
// the stronger comes last on the compiler's command line.
func joined(source RustflagsSource, values []Value) Rustflags {
	r := Rustflags{Source: source}
	for _, v := range slices.Backward(values) {
		r.Flags = append(r.Flags, Strings(v.Value)...)
	}
	for _, v := range values {
		r.Origins = append(r.Origins, v.Origin)
	}
	return r
}

// targetValues are the settings of one key in target.<triple> and in each
// target.'cfg(...)' that holds, strongest first: the triple's before cfg's.
func (c *Config) targetValues(key, target string, cfg []string) []Value {
	values := c.All("target", target, key)
	for _, name := range c.cfgTables(cfg) {
		values = append(values, c.All("target", name, key)...)
	}
	return values
}

// cfgTables are the names of the target.'cfg(...)' tables that hold.
func (c *Config) cfgTables(cfg []string) (tables []string) {
	seen := map[string]bool{}
	for _, layer := range c.Layers {
		table, _ := layer.Values["target"].(map[string]any)
		var names []string
		for name := range table {
			if strings.HasPrefix(name, "cfg(") && !seen[name] {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			seen[name] = true
			if holds, err := cfgHolds(name, cfg); err == nil && holds {
				tables = append(tables, name)
			}
		}
	}
	return tables
}

// cfgHolds evaluates `cfg(...)` with all, any, not, true, false, names and
// name = "value" against the lines of `rustc --print cfg`
// (doc.rust-lang.org/reference/conditional-compilation.html).
func cfgHolds(expression string, cfg []string) (bool, error) {
	p := &cfgParser{text: expression, cfg: cfg}
	if !p.eat("cfg") || !p.eat("(") {
		return false, fmt.Errorf("expected cfg(...), got %q", expression)
	}
	holds := p.predicate(0)
	if !p.eat(")") || strings.TrimSpace(p.text) != "" {
		p.bad = true
	}
	if p.bad {
		return false, fmt.Errorf("not a cfg expression: %q", expression)
	}
	return holds, nil
}

type cfgParser struct {
	text string
	cfg  []string
	bad  bool
}

func (p *cfgParser) eat(token string) bool {
	p.text = strings.TrimLeft(p.text, " \t\r\n")
	rest, ok := strings.CutPrefix(p.text, token)
	if ok {
		p.text = rest
	}
	return ok
}

func (p *cfgParser) name() string {
	p.text = strings.TrimLeft(p.text, " \t\r\n")
	n := 0
	for n < len(p.text) && (p.text[n] == '_' || p.text[n] >= '0' && p.text[n] <= '9' || p.text[n]|0x20 >= 'a' && p.text[n]|0x20 <= 'z') {
		n++
	}
	name := p.text[:n]
	p.text = p.text[n:]
	return name
}

// maxCfgDepth bounds nesting, so that a hostile file cannot exhaust the stack.
const maxCfgDepth = 64

func (p *cfgParser) predicate(depth int) bool {
	name := p.name()
	if name == "" || depth > maxCfgDepth {
		p.bad = true
		return false
	}
	if p.eat("(") {
		var holding, all int
		for !p.bad && !p.eat(")") {
			if p.predicate(depth + 1) {
				holding++
			}
			all++
			if !p.eat(",") {
				p.bad = p.bad || !p.eat(")")
				break
			}
		}
		switch name {
		case "all":
			return holding == all
		case "any":
			return holding > 0
		case "not":
			p.bad = p.bad || all != 1
			return holding == 0
		}
		p.bad = true
		return false
	}
	if p.eat("=") {
		if !p.eat(`"`) {
			p.bad = true
			return false
		}
		value, rest, ok := strings.Cut(p.text, `"`)
		p.text, p.bad = rest, p.bad || !ok
		return slices.Contains(p.cfg, name+`="`+value+`"`)
	}
	return name == "true" || name != "false" && slices.Contains(p.cfg, name)
}
