package cargo

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/toml"
)

// Why origins are kept: to write `lto = true` into the manifest is no use while a
// variable or a config file says otherwise, and nobody sees that. Each key is
// resolved as cargo does it, along the chain of `inherits`, and carries the name
// of the place that won.

// Profile is how the user builds now: a profile of the workspace root's
// manifest with everything that overrules it. Profiles of other members are
// ignored by cargo.
type Profile struct {
	Name     string
	Chain    []string // itself, what it inherits from, and so on to release or dev
	Settings map[string]Setting
	Packages []string // package overrides that the profile has: names of [profile.X.package.N]
}

// Setting is a profile key's value. Keys are cargo's: "opt-level", "lto",
// "codegen-units", "panic", "strip", "debug", "incremental",
// "overflow-checks", "debug-assertions".
type Setting struct {
	Value  any    // string, int64 or bool
	Origin string // a file, a variable, "--config ...", or "" for cargo's default
}

// String is the value as TOML spells it without quotes.
func (s Setting) String() string { return fmt.Sprint(s.Value) }

// profileDefaults are cargo's own (doc.rust-lang.org/cargo/reference/profiles.html#default-profiles).
var profileDefaults = map[string]map[string]any{
	"release": {
		"opt-level": int64(3), "debug": false, "strip": "none", "debug-assertions": false, "overflow-checks": false,
		"lto": false, "panic": "unwind", "incremental": false, "codegen-units": int64(16), "rpath": false,
	},
	"dev": {
		"opt-level": int64(0), "debug": true, "strip": "none", "debug-assertions": true, "overflow-checks": true,
		"lto": false, "panic": "unwind", "incremental": true, "codegen-units": int64(256), "rpath": false,
	},
}

// ProfileKeys are the keys that Profile.Settings has.
func ProfileKeys() []string {
	return []string{"opt-level", "lto", "codegen-units", "panic", "strip", "debug", "incremental", "overflow-checks", "debug-assertions", "rpath"}
}

// NoProfileError says that a profile was named that does not exist.
type NoProfileError struct{ Name string }

func (e *NoProfileError) Error() string {
	return fmt.Sprintf("the workspace defines no profile %q", e.Name)
}

// readProfile resolves a profile's keys with their origins.
func readProfile(name, manifestPath string, manifest map[string]any, c *Config) (*Profile, error) {
	p := &Profile{Name: name, Settings: map[string]Setting{}}
	for at := name; ; {
		p.Chain = append(p.Chain, at)
		if at == "release" || at == "dev" {
			break
		}
		parent, ok := inherits(at, manifest, c)
		if !ok {
			return nil, &NoProfileError{name}
		}
		if len(p.Chain) > 32 {
			return nil, fmt.Errorf("profile %q inherits from itself", name)
		}
		at = parent
	}
	base := p.Chain[len(p.Chain)-1]
	for _, key := range ProfileKeys() {
		p.Settings[key] = Setting{Value: profileDefaults[base][key]}
		for _, at := range p.Chain {
			if all := profileValues(at, []string{key}, manifestPath, manifest, c); len(all) > 0 {
				p.Settings[key] = Setting{Value: normal(all[0].Value), Origin: all[0].Origin}
				break
			}
		}
	}
	if table, ok := dig(manifest, []string{"profile", name, "package"}); ok {
		if packages, ok := table.(map[string]any); ok {
			for pkg := range packages {
				p.Packages = append(p.Packages, pkg)
			}
		}
	}
	return p, nil
}

// inherits gives the parent of a custom profile. test and bench are cargo's.
func inherits(name string, manifest map[string]any, c *Config) (string, bool) {
	if parent, _ := c.GetString("profile", name, "inherits"); parent != "" {
		return parent, true
	}
	if parent, ok := dig(manifest, []string{"profile", name, "inherits"}); ok {
		text, ok := parent.(string)
		return text, ok
	}
	switch name {
	case "test":
		return "dev", true
	case "bench":
		return "release", true
	}
	return "", false
}

// profileValues are all settings of one key in one profile, strongest first:
// --config, the environment, config files, the root manifest.
func profileValues(profile string, key []string, manifestPath string, manifest map[string]any, c *Config) []Value {
	path := append([]string{"profile", profile}, key...)
	values := c.All(path...)
	if value, ok := dig(manifest, path); ok {
		values = append(values, Value{value, manifestPath})
	}
	return values
}

// normal turns what the environment gives as text into what TOML would have.
func normal(value any) any {
	text, ok := value.(string)
	if !ok {
		return value
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	return text
}

// Overrule is a setting outside the manifest that beats what is written there.
type Overrule struct {
	Key   string // "profile.release.lto"
	Value any
	By    string // the file, the variable, or --config
}

// Overrules finds what would silently beat `[profile.NAME] key = ...` in the
// workspace root's manifest. key may go deeper: {"package", "regex", "opt-level"}.
func (p *Project) Overrules(profile string, key ...string) []Overrule {
	path := append([]string{"profile", profile}, key...)
	var found []Overrule
	for _, v := range p.Config.All(path...) {
		found = append(found, Overrule{Key: strings.Join(path, "."), Value: v.Value, By: v.Origin})
	}
	return found
}

// IgnoredProfiles are the manifests of members that define profiles, which
// have no effect: the workspace root's alone count.
func (p *Project) IgnoredProfiles() []string {
	var paths []string
	for _, member := range p.Metadata.Members() {
		if member.ManifestPath == p.Manifest {
			continue
		}
		if values, err := readManifest(member.ManifestPath); err == nil && values["profile"] != nil {
			paths = append(paths, member.ManifestPath)
		}
	}
	return paths
}

// readManifest decodes a manifest for the parts that cargo metadata leaves out.
func readManifest(path string) (map[string]any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values, err := toml.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}
