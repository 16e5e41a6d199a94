// Command library measures what `minsize shrink` makes of published Python
// packages in Rust: their extension modules as their authors build them,
// stripped, and by minsize, held to their own tests.
//
//	go run ./bench/library [-sdists DIR] [-state DIR] [-levels safe,abort] [-fast] [PACKAGE...]
//
// It wants python3 with venv. A package's sources are the sdist NAME-*.tar.gz
// in -sdists, else pip fetches them; the published wheel of the same version is
// installed in a virtual environment of its own, and each result is laid in the
// place of its module while the tests run. -fast adds the limit of 5 % on the
// package's benchmark. Results are kept in the state folder, a file per
// package; the table is printed over all.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/bench/harness"
)

// library is a package of the table.
type library struct {
	name     string
	dir      string   // of the manifest, in the sdist
	features []string // that its pyproject.toml turns on
	module   string   // where the wheel has the module
	needs    []string // packages that the tests import
	tests    []string // for pytest, on every result; from the manifest's folder
	bench    string   // Python whose time is the package's speed
}

var libraries = []library{
	{name: "rpds-py", features: []string{"pyo3/extension-module"}, module: "rpds/rpds.*.so", tests: []string{"tests"},
		bench: "from rpds import HashTrieMap, List\nfor r in range(12):\n m = HashTrieMap()\n for i in range(9000): m = m.insert(str(i), i)\n s = sum(m[k] for k in m)\n l = List(range(30000))\n assert len(list(l)) == 30000"},
	{name: "orjson", module: "orjson/orjson.*.so", needs: []string{"faker", "numpy", "pytz", "python-dateutil", "psutil", "xxhash"}, tests: []string{"test", "--deselect test/test_dict.py::TestDict::test_dict_0xffff_repeated"}, // that one takes as long as all others
		bench: "import orjson\nd = {str(i): {'id': i, 'name': 'name %d' % i, 'tags': ['a', 'b', 'ü'], 'x': i / 7} for i in range(5000)}\nfor r in range(60): assert orjson.loads(orjson.dumps(d)) == d"},
	{name: "jiter", dir: "crates/jiter-python", module: "jiter/jiter.*.so", needs: []string{"dirty-equals"}, tests: []string{"tests", "--deselect tests/test_jiter.py::test_short_strings_are_singletons"}, // fails with the published wheel, too
		bench: "import jiter, json\nd = json.dumps({str(i): {'id': i, 'name': 'name %d' % i, 'tags': ['a', 'b', 'ü'], 'x': i / 7} for i in range(5000)}).encode()\nfor r in range(100): jiter.from_json(d)"},
	{name: "pydantic-core", module: "pydantic_core/_pydantic_core.*.so", needs: []string{"dirty-equals", "hypothesis", "inline-snapshot", "pytest-benchmark", "pytest-mock", "pytest-timeout", "pytest-run-parallel", "pytz", "tzdata", "typing-inspection"},
		tests: []string{"tests/test_misc.py", "tests/test_errors.py", "tests/test_json.py", "tests/validators/test_model.py", "tests/validators/test_string.py", "tests/serializers/test_model.py"},
		bench: "from pydantic_core import SchemaValidator, core_schema as c\nv = SchemaValidator(c.list_schema(c.typed_dict_schema({'id': c.typed_dict_field(c.int_schema()), 'name': c.typed_dict_field(c.str_schema(max_length=40)), 'tags': c.typed_dict_field(c.list_schema(c.str_schema())), 'x': c.typed_dict_field(c.float_schema())})))\nd = [{'id': i, 'name': 'name %d' % i, 'tags': ['a', 'b'], 'x': i / 7} for i in range(2000)]\nfor r in range(200): v.validate_python(d)"},
	{name: "blake3", module: "blake3/blake3.*.so", needs: []string{"numpy"}, tests: []string{"tests"},
		bench: "from blake3 import blake3\nd = bytes(range(256)) * 4096\nfor r in range(400): blake3(d).digest()"},
	{name: "regress", features: []string{"pyo3/extension-module"}, module: "regress/regress.*.so", tests: []string{"tests"},
		bench: "from regress import Regex\nr = Regex(r'(\\w+)@(\\w+)\\.com')\nt = 'some words and me@example.com ' * 400\nfor i in range(60): assert len(list(r.find_iter(t))) == 400"},
}

// result of one package, in bytes, as kept in the state folder.
type result struct {
	Name     string           `json:"name"`
	Version  string           `json:"version"`
	Compiler string           `json:"compiler"`
	Stripped int64            `json:"stripped"` // its own release build
	Sizes    map[string]int64 `json:"sizes"`    // by run
	CPUs     float64          `json:"cpu_seconds"`
	Notes    []string         `json:"notes,omitempty"`
}

// report is what is used of minsize's JSON.
type report struct {
	CPUs     float64 `json:"cpu_seconds"`
	Stripped int64   `json:"baseline_stripped_size"`
	Final    int64   `json:"final_size"`
	Check    struct {
		Status string `json:"status"`
	} `json:"final_check"`
	Toolchain string `json:"toolchain"`
}

var (
	sdists = flag.String("sdists", "", "`folder` of source distributions; pip fetches what is not there")
	state  = flag.String("state", "bench-library", "`folder` for sources, environments, cargo's target dirs and results")
	levels = flag.String("levels", "safe,abort", "levels to measure")
	fast   = flag.Bool("fast", false, "at most 5 % slower on the package's benchmark")
	print  = flag.Bool("print", false, "print the table of what was measured before")
)

func main() {
	flag.Parse()
	harness.Main(func() error {
		return harness.InScratch(func(_, minsize string) error { return run(minsize, flag.Args()) })
	})
}

func run(minsize string, names []string) (err error) {
	if *state, err = filepath.Abs(*state); err != nil {
		return err
	}
	for _, folder := range []string{"results", "sources", "venv", "target"} {
		if err := os.MkdirAll(filepath.Join(*state, folder), 0o777); err != nil {
			return err
		}
	}
	harness.Versions("rustc", "python3")
	for _, l := range libraries {
		if *print || len(names) > 0 && !slices.Contains(names, l.name) {
			continue
		}
		if err := l.measure(minsize); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return table()
}

// source is the folder of the unpacked sdist.
func (l *library) source() (string, error) {
	spelled := strings.ReplaceAll(l.name, "-", "_")
	sources := filepath.Join(*state, "sources")
	if found, _ := filepath.Glob(filepath.Join(sources, spelled+"-*", "Cargo.toml")); len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	folder := *sdists
	if folder == "" {
		folder = sources
	}
	archives := func() []string {
		found, _ := filepath.Glob(filepath.Join(folder, spelled+"-*.tar.gz"))
		return found
	}
	if len(archives()) == 0 { // pip asks the package's build system for its metadata
		if err := harness.Command(sources, "python3", "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", folder, l.name); err != nil {
			return "", err
		}
	}
	found := archives()
	if len(found) == 0 {
		return "", fmt.Errorf("no %s-*.tar.gz in %s", spelled, folder)
	}
	if err := harness.Command(sources, "tar", "xzf", found[len(found)-1]); err != nil {
		return "", err
	}
	return filepath.Join(sources, strings.TrimSuffix(filepath.Base(found[len(found)-1]), ".tar.gz")), nil
}

// environment is a virtual environment with the published wheel and what the
// tests need, and the place of the module in it.
func (l *library) environment(version string) (python, module string, err error) {
	venv := filepath.Join(*state, "venv", l.name)
	python = filepath.Join(venv, "bin", "python")
	place := filepath.Join(venv, "lib", "python3*", "site-packages", l.module)
	found, _ := filepath.Glob(place)
	if len(found) == 0 {
		if err := harness.Command(*state, "python3", "-m", "venv", venv); err != nil {
			return "", "", err
		}
		install := append([]string{"-m", "pip", "install", "-q", "--only-binary", ":all:", "pytest", l.name + "==" + version}, l.needs...)
		if err := harness.Command(*state, python, install...); err != nil {
			return "", "", err
		}
		if found, _ = filepath.Glob(place); len(found) == 0 {
			return "", "", fmt.Errorf("its wheel has no %s", l.module)
		}
	}
	return python, found[0], nil
}

// measure runs all levels of one package and keeps what they gave.
func (l *library) measure(minsize string) error {
	source, err := l.source()
	if err != nil {
		return err
	}
	_, version, _ := strings.Cut(filepath.Base(source), "-")
	python, module, err := l.environment(version)
	if err != nil {
		return err
	}
	if *fast && l.bench == "" {
		return errors.New("no benchmark of it is known: leave it out, or -fast")
	}
	r := load(l.name)
	r.Name, r.Version = l.name, version
	if r.Sizes == nil {
		r.Sizes = map[string]int64{}
	}
	for level := range strings.SplitSeq(*levels, ",") {
		// Of pytest's answer its verdict counts, not the times.
		args := []string{"shrink", "-q", "--lib", "--no-recipe", "--format", "json", "--glibc", "2.17", "--level", level,
			"--target-dir", filepath.Join(*state, "target", l.name), "--stage", module, "--check-timeout", "10m",
			"--check", python + " -m pytest -q -p no:cacheprovider " + strings.Join(l.tests, " "), "--check-ignore", `in [0-9.]+s.*`}
		if len(l.features) > 0 {
			args = append(args, "--features", strings.Join(l.features, ","))
		}
		name := level
		if *fast {
			name += ", 5 %"
			args = append(args, "--bench", python+" -c '"+strings.ReplaceAll(l.bench, "'", `'\''`)+"'", "--max-slowdown", "5%")
		}
		var rep report
		// As maturin has pyo3 build: for this Python, and without linking it.
		env := append(os.Environ(), "PYO3_PYTHON="+python, "PYO3_BUILD_EXTENSION_MODULE=1")
		if err := output(filepath.Join(source, l.dir), env, &rep, minsize, args...); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if rep.Check.Status != "passed" {
			return fmt.Errorf("%s: final check %s", name, rep.Check.Status)
		}
		r.Stripped, r.Compiler = rep.Stripped, rep.Toolchain
		r.Sizes[name] = rep.Final
		r.CPUs += rep.CPUs
		fmt.Fprintf(os.Stderr, "%s %s: %d bytes of %d\n", l.name, name, rep.Final, rep.Stripped)
		if err := r.save(); err != nil {
			return err
		}
	}
	return nil
}

// output runs a command and reads the JSON that it prints.
func output(dir string, env []string, into any, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.TrimSpace(errs.String()))
	}
	return json.Unmarshal(out, into)
}

func resultFile(name string) string { return filepath.Join(*state, "results", name+".json") }

func load(name string) (r result) {
	if text, err := os.ReadFile(resultFile(name)); err == nil {
		json.Unmarshal(text, &r)
	}
	return r
}

func (r *result) save() error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(resultFile(r.Name), text, 0o666)
}

// table prints everything that was measured, as Markdown.
func table() error {
	runs := []string{"safe", "safe, 5 %", "abort", "abort, 5 %"}
	fmt.Printf("| package | stripped release build | %s |\n|---|--:%s|\n", strings.Join(runs, " | "), strings.Repeat("|--:", len(runs)))
	sums, counts := make([]float64, len(runs)), make([]int, len(runs))
	for _, l := range libraries {
		r := load(l.name)
		if r.Stripped == 0 {
			continue
		}
		fmt.Printf("| %s %s | %d |", r.Name, r.Version, r.Stripped)
		for i, run := range runs {
			size := r.Sizes[run]
			if size == 0 {
				fmt.Print(" |")
				continue
			}
			share := float64(size) / float64(r.Stripped)
			sums[i] += math.Log(share)
			counts[i]++
			fmt.Printf(" %d (%.3f) |", size, share)
		}
		fmt.Println()
	}
	fmt.Print("| geometric mean | |")
	for i := range runs {
		if counts[i] == 0 {
			fmt.Print(" |")
			continue
		}
		fmt.Printf(" %.3f of %d |", math.Exp(sums[i]/float64(counts[i])), counts[i])
	}
	fmt.Println()
	return nil
}
