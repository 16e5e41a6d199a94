package cargo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/toml"
)

// Config is every configuration file that cargo would read, and --config, in
// the order of precedence (doc.rust-lang.org/cargo/reference/config.html).
// `cargo config get` would say the same, but on nightly only.
type Config struct {
	Layers []Layer // strongest first: --config, then files from the deepest folder up, CARGO_HOME last
	env    []string
}

// Layer is one file, or one --config argument.
type Layer struct {
	Origin string // what the user would call it: a path, or "--config ..."
	Path   string // the file, "" for --config KEY=VALUE
	Values map[string]any
}

// loadConfig reads the files that count for a run of cargo in dir.
func loadConfig(dir string, o Options) (*Config, error) {
	c := &Config{env: o.environ()}
	for i := len(o.Config) - 1; i >= 0; i-- {
		layer, err := commandLineLayer(dir, o.Config[i])
		if err != nil {
			return nil, err
		}
		c.Layers = append(c.Layers, layer...)
	}
	seen := map[string]bool{}
	add := func(folder string) error {
		path := configFile(folder)
		if path == "" || seen[path] {
			return nil
		}
		seen[path] = true
		layers, err := fileLayers(path, 0)
		c.Layers = append(c.Layers, layers...)
		return err
	}
	for folder := dir; ; folder = filepath.Dir(folder) {
		if err := add(filepath.Join(folder, ".cargo")); err != nil {
			return nil, err
		}
		if folder == filepath.Dir(folder) {
			break
		}
	}
	if home := o.cargoHome(); home != "" {
		if err := add(home); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// cargoHome is $CARGO_HOME or ~/.cargo.
func (o Options) cargoHome() string {
	if home := o.getenv("CARGO_HOME"); home != "" {
		return home
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".cargo")
}

// configFile is the file of a .cargo folder. Where both names are there the
// old one, without extension, wins, and cargo warns.
func configFile(folder string) string {
	for _, name := range []string{"config", "config.toml"} {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

// maxIncludes ends a chain of `include` keys that goes round in a circle.
const maxIncludes = 16

// fileLayers reads a file and what it includes. Included files are weaker
// than the file that names them.
func fileLayers(path string, depth int) ([]Layer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values, err := toml.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	layers := []Layer{{Origin: path, Path: path, Values: values}}
	if depth == maxIncludes {
		return nil, fmt.Errorf("%s: more than %d files include each other", path, maxIncludes)
	}
	for _, include := range includes(values["include"]) {
		included := include.path
		if !filepath.IsAbs(included) {
			included = filepath.Join(filepath.Dir(path), included)
		}
		more, err := fileLayers(included, depth+1)
		if include.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		layers = append(layers, more...)
	}
	return layers, nil
}

type include struct {
	path     string
	optional bool
}

// includes reads `include = "a"`, `["a", "b"]` or `[{path = "a", optional = true}]`,
// the last one first, for it is the strongest.
func includes(value any) []include {
	switch v := value.(type) {
	case string:
		return []include{{path: v}}
	case map[string]any:
		path, _ := v["path"].(string)
		optional, _ := v["optional"].(bool)
		return []include{{path, optional}}
	case []any:
		var all []include
		for i := len(v) - 1; i >= 0; i-- {
			all = append(all, includes(v[i])...)
		}
		return all
	}
	return nil
}

// commandLineLayer reads one --config argument: KEY=VALUE, or a file's path.
func commandLineLayer(dir, argument string) ([]Layer, error) {
	path := argument
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return fileLayers(path, 0)
	}
	values, err := toml.Decode([]byte(argument))
	if err != nil {
		return nil, fmt.Errorf("--config %s: %w", argument, err)
	}
	return []Layer{{Origin: "--config " + argument, Values: values}}, nil
}

// Value is a setting and the place that it comes from.
type Value struct {
	Value  any
	Origin string // a file, "--config ...", or the variable's name
}

// Get looks a scalar up as cargo does: --config, then the environment
// variable CARGO_<KEY>, then the files.
func (c *Config) Get(key ...string) (Value, bool) {
	all := c.All(key...)
	if len(all) == 0 {
		return Value{}, false
	}
	return all[0], true
}

// All gives every setting of a key, strongest first.
func (c *Config) All(key ...string) []Value {
	var command, files []Value
	for _, layer := range c.Layers {
		value, ok := dig(layer.Values, key)
		if !ok {
			continue
		}
		if layer.Path == "" {
			command = append(command, Value{value, layer.Origin})
		} else {
			files = append(files, Value{value, layer.Origin})
		}
	}
	name := envName(key)
	if value, ok := lookupEnv(c.env, name); ok {
		command = append(command, Value{value, name})
	}
	return append(command, files...)
}

// envName is the environment variable of a key: CARGO_, capitals, dots and
// dashes as underscores.
func envName(key []string) string {
	name := strings.ToUpper(strings.Join(key, "_"))
	return "CARGO_" + strings.NewReplacer("-", "_", ".", "_").Replace(name)
}

// GetString is Get for a text.
func (c *Config) GetString(key ...string) (string, string) {
	v, ok := c.Get(key...)
	if !ok {
		return "", ""
	}
	s, _ := v.Value.(string)
	return s, v.Origin
}

// variable is what cargo gives its children in a variable of the environment:
// its own, else that of an [env] table.
func (c *Config) variable(name string) (value, origin string) {
	if value, ok := lookupEnv(c.env, name); ok {
		return value, name
	}
	for _, key := range [][]string{{"env", name}, {"env", name, "value"}} {
		for _, v := range c.All(key...) {
			if s, ok := v.Value.(string); ok {
				return s, v.Origin
			}
		}
	}
	return "", ""
}

// Strings reads a list of words that TOML or the environment spells either as
// a list or as one text with spaces (StringList in cargo).
func Strings(value any) []string {
	switch v := value.(type) {
	case string:
		return strings.Fields(v)
	case []any:
		var words []string
		for _, word := range v {
			if s, ok := word.(string); ok {
				words = append(words, s)
			}
		}
		return words
	}
	return nil
}

// dig walks nested tables.
func dig(values map[string]any, key []string) (any, bool) {
	var at any = values
	for _, part := range key {
		table, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = table[part]; !ok {
			return nil, false
		}
	}
	return at, true
}
