// Command shrink reproduces the table of docs/bench/shrink.md: published
// programs, as their authors build them, by the guide's recipe, and by
// minsize.
//
//	go run ./bench/shrink [-state DIR] [-only STAGE] [CRATE|FOLDER...]
//
// Without names it measures the five programs of the table. That takes hours:
// -only STAGE measures a column.
//
// For each program it runs `minsize shrink` with one target dir, so that the
// cache shares full builds, and takes the guide's two recipes from the rungs
// of those runs that are exactly them: the corner (z, fat LTO, one unit,
// abort) for stable, and std built from source with immediate-abort for the
// last. Results are kept in the state folder, one file per program, so that
// programs can be measured one at a time; the table is printed over all.
//
// A crate's name is fetched by cargo into the state folder. Ratios are within
// one run, times are CPU seconds of cargo and its children.
package main

import (
	"bytes"
	"encoding/json"
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

// result of one program, in bytes, as kept in the state folder.
type result struct {
	Name         string  `json:"name"`
	Version      string  `json:"version"`
	Packages     int     `json:"packages"` // of the graph, normal dependencies
	Profile      string  `json:"profile"`  // what its manifest says of release
	Compiler     string  `json:"compiler"`
	Release      int64   `json:"release"` // as cargo leaves it
	Stripped     int64   `json:"stripped"`
	Guide        int64   `json:"guide"`
	Safe         int64   `json:"safe"`
	Abort        int64   `json:"abort"`
	GuideLast    int64   `json:"guide_last"`
	Night        int64   `json:"nightly"`
	Max          int64   `json:"max"`
	Silent       int64   `json:"silent"`     // stable, silent panics, codegen replay
	MaxPrebuilt  int64   `json:"stable_max"` // level max with the std that comes with the compilers, codegen replay
	BuildsStable int     `json:"builds_stable"`
	BuildsNight  int     `json:"builds_nightly"`
	CPUStable    float64 `json:"cpu_stable"`
	CPUNight     float64 `json:"cpu_nightly"`
	Relink       float64 `json:"relink"`
	Relinks      int     `json:"relinks"`
	Checks       int     `json:"checks"`
	Notes        string  `json:"notes"`
}

// report is what is used of minsize's JSON.
type report struct {
	Schema   string   `json:"schema"`
	Rungs    []rung   `json:"rungs"`
	Builds   int      `json:"full_builds"`
	CPUs     float64  `json:"cpu_seconds"`
	Relinks  int      `json:"relinks"`
	Relink   float64  `json:"seconds_per_relink"`
	Checks   []string `json:"checks"`
	Baseline int64    `json:"baseline_size"`
	Stripped int64    `json:"baseline_stripped_size"`
	Final    int64    `json:"final_size"`
	Check    struct {
		Status string `json:"status"`
		Checks int    `json:"checks"`
	} `json:"final_check"`
	Toolchain string `json:"toolchain"`
}

type rung struct {
	Techniques []string `json:"techniques"`
	Kind       string   `json:"kind"`
	Stripped   int64    `json:"stripped"`
	Kept       bool     `json:"kept"`
	Why        string   `json:"why"`
	Check      struct {
		Status string `json:"status"`
	} `json:"check"`
}

var (
	state = flag.String("state", "bench-shrink", "`folder` for sources, results and cargo's target dirs")
	only  = flag.String("only", "", "measure only this stage: safe, abort, silent, max-prebuilt, guide-last, nightly or max")
	print = flag.Bool("print", false, "print the table of what was measured before")
)

// minsize is the program that is measured.
var minsize string

// published are the programs of the table; cargo fetches them from its registry.
var published = []string{"grex", "htmlq", "jaq", "ripgrep", "rnr"}

func main() {
	flag.Parse()
	harness.Main(func() error { return run(flag.Args()) })
}

func run(names []string) error {
	if len(names) == 0 && !*print {
		names = published
	}
	dir, err := os.MkdirTemp("", "bench-shrink-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if !*print {
		if minsize, err = harness.Minsize(dir); err != nil {
			return err
		}
		harness.Versions("rustc", "cargo")
	}
	if *state, err = filepath.Abs(*state); err != nil {
		return err
	}
	for _, folder := range []string{"results", "sources", "target", "samples"} {
		if err := os.MkdirAll(filepath.Join(*state, folder), 0o777); err != nil {
			return err
		}
	}
	if err := writeSamples(filepath.Join(*state, "samples")); err != nil {
		return err
	}
	for _, name := range names {
		if err := measure(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return table()
}

// measure runs all stages of one program and keeps what they gave.
func measure(name string) error {
	dir, err := harness.Source(filepath.Join(*state, "sources"), name)
	if err != nil {
		return err
	}
	r := load(filepath.Base(name))
	r.Name = filepath.Base(name)
	if err := r.describe(dir); err != nil {
		return err
	}
	for _, s := range stages {
		if *only != "" && *only != s.name {
			continue
		}
		args := append([]string{"shrink", "--manifest-path", filepath.Join(dir, "Cargo.toml"), "--no-recipe", "--format", "json", "-q",
			"--target-dir", filepath.Join(*state, "target", r.Name)}, s.args...)
		for _, c := range checks[r.Name] {
			args = append(args, "--check", strings.ReplaceAll(c, "@", filepath.Join(*state, "samples")))
		}
		for _, b := range binaries[r.Name] {
			args = append(args, "--bin", b)
		}
		var rep report
		if err := output(dir, &rep, minsize, args...); err != nil {
			r.Notes = strings.TrimSpace(r.Notes + " " + s.name + ": " + err.Error())
			fmt.Fprintln(os.Stderr, r.Name, s.name, err)
			continue
		}
		r.Release, r.Stripped, r.Compiler = rep.Baseline, rep.Stripped, rep.Toolchain
		r.Checks = max(r.Checks, rep.Check.Checks)
		r.Relinks += rep.Relinks
		if rep.Check.Status != "passed" {
			r.Notes = strings.TrimSpace(r.Notes + " " + s.name + ": final check " + rep.Check.Status)
		}
		s.take(&r, rep)
		fmt.Fprintf(os.Stderr, "%s %s: %d bytes of %d, %d builds, %.0f CPU s\n", r.Name, s.name, rep.Final, rep.Stripped, rep.Builds, rep.CPUs)
		if err := r.save(); err != nil {
			return err
		}
	}
	return nil
}

// stages are the runs, each with the rungs that are taken from it.
var stages = []struct {
	name string
	args []string
	take func(*result, report)
}{
	{"safe", []string{"--level", "safe"}, func(r *result, rep report) { r.Safe = rep.Final }},
	{"abort", []string{"--level", "abort"}, func(r *result, rep report) {
		r.Abort, r.BuildsStable, r.CPUStable, r.Relink = rep.Final, rep.Builds, rep.CPUs, rep.Relink
		r.Guide = stripped(rep, "panic-abort", "opt-level-z")
	}},
	{"silent", []string{"--level", "abort", "--with", "silent-panics,stack-overflow-message,codegen-no-cleanup-outline", "--codegen-budget", "30m"}, func(r *result, rep report) { r.Silent = rep.Final }},
	{"max-prebuilt", []string{"--level", "max", "--with", "stack-overflow-message,codegen-no-cleanup-outline", "--codegen-budget", "30m"}, func(r *result, rep report) { r.MaxPrebuilt = rep.Final }},
	{"guide-last", []string{"--level", "nightly", "--bootstrap", "--without", "opt-level-s,location-detail-none,optimize-for-size,no-unwind-tables"}, func(r *result, rep report) {
		r.GuideLast = stripped(rep, "immediate-abort")
	}},
	{"nightly", []string{"--level", "nightly", "--bootstrap"}, func(r *result, rep report) { r.Night = rep.Final }},
	{"max", []string{"--level", "max", "--bootstrap", "--with", "stack-overflow-message,codegen-no-cleanup-outline", "--codegen-budget", "30m"}, func(r *result, rep report) { r.Max, r.BuildsNight, r.CPUNight = rep.Final, rep.Builds, rep.CPUs }},
}

// stripped is the size of the full build that added these techniques.
func stripped(rep report, names ...string) int64 {
	for _, x := range rep.Rungs {
		if x.Kind != "build" || x.Stripped == 0 || x.Check.Status == "failed" {
			continue
		}
		all := true
		for _, n := range names {
			all = all && slices.Contains(x.Techniques, n)
		}
		if all {
			return x.Stripped
		}
	}
	return 0
}

// describe reads version, size of the graph and the release profile.
func (r *result) describe(dir string) error {
	var meta struct {
		Packages []struct {
			Name, Version, ID string
			Source            *string
		}
	}
	if err := output(dir, &meta, "cargo", "metadata", "--format-version", "1", "--no-deps"); err != nil {
		return err
	}
	r.Version = meta.Packages[0].Version
	cmd := exec.Command("cargo", "tree", "-e", "normal", "--prefix", "none", "--no-dedupe")
	cmd.Dir = dir
	tree, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("cargo tree: %w", err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(tree)) {
		if fields := strings.Fields(line); len(fields) > 1 {
			seen[fields[0]+" "+fields[1]] = true
		}
	}
	r.Packages = len(seen) - 1
	text, err := os.ReadFile(filepath.Join(dir, "Cargo.toml"))
	if err != nil {
		return err
	}
	_, after, found := strings.Cut(string(text), "\n[profile.release]\n")
	r.Profile = "cargo's default"
	if found {
		var keys []string
		for line := range strings.Lines(after) {
			if strings.HasPrefix(line, "[") {
				break
			}
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				keys = append(keys, strings.ReplaceAll(line, " ", ""))
			}
		}
		r.Profile = strings.Join(keys, ", ")
	}
	return nil
}

// output runs a command and reads the JSON that it prints.
func output(dir string, into any, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.TrimSpace(errs.String()))
	}
	return json.Unmarshal(out, into)
}

func load(name string) result {
	var r result
	if text, err := os.ReadFile(resultFile(name)); err == nil {
		json.Unmarshal(text, &r)
	}
	r.Relinks, r.Notes = 0, ""
	return r
}

func resultFile(name string) string { return filepath.Join(*state, "results", name+".json") }

func (r *result) save() error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(resultFile(r.Name), text, 0o666)
}

// table prints everything that was measured as Markdown.
func table() error {
	files, err := filepath.Glob(filepath.Join(*state, "results", "*.json"))
	if err != nil {
		return err
	}
	var all []result
	for _, f := range files {
		all = append(all, load(strings.TrimSuffix(filepath.Base(f), ".json")))
	}
	fmt.Println("| program | packages | its release profile | release | stripped | guide, stable | safe | abort | silent, replay | max, std as it comes | guide, last | nightly | nightly, max | builds | CPU s | relink s | checks |")
	fmt.Println("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range all {
		fmt.Printf("| %s %s | %d | %s | %d | %d | %s | %s | %s | %s | %s | %s | %s | %s | %d / %d | %.0f / %.0f | %.2f | %d |\n", r.Name, r.Version, r.Packages, r.Profile,
			r.Release, r.Stripped, r.of(r.Guide), r.of(r.Safe), r.of(r.Abort), r.of(r.Silent), r.of(r.MaxPrebuilt), r.of(r.GuideLast), r.of(r.Night), r.of(r.Max),
			r.BuildsStable, r.BuildsNight, r.CPUStable, r.CPUNight, r.Relink, r.Checks)
	}
	fmt.Printf("\n| geometric mean over %d programs | share |\n|---|--:|\n", len(all))
	for _, m := range []struct {
		name string
		a, b func(result) int64
	}{
		{"safe, of the stripped release build", func(r result) int64 { return r.Safe }, func(r result) int64 { return r.Stripped }},
		{"abort, of the stripped release build", func(r result) int64 { return r.Abort }, func(r result) int64 { return r.Stripped }},
		{"silent panics with codegen replay, of the stripped release build", func(r result) int64 { return r.Silent }, func(r result) int64 { return r.Stripped }},
		{"level max with codegen replay, std as it comes, of the stripped release build", func(r result) int64 { return r.MaxPrebuilt }, func(r result) int64 { return r.Stripped }},
		{"nightly, of the stripped release build", func(r result) int64 { return r.Night }, func(r result) int64 { return r.Stripped }},
		{"nightly, level max with cuts and codegen replay, of the stripped release build", func(r result) int64 { return r.Max }, func(r result) int64 { return r.Stripped }},
		{"guide's stable recipe, of the stripped release build", func(r result) int64 { return r.Guide }, func(r result) int64 { return r.Stripped }},
		{"guide's last rung, of the stripped release build", func(r result) int64 { return r.GuideLast }, func(r result) int64 { return r.Stripped }},
		{"abort, of the guide's stable recipe", func(r result) int64 { return r.Abort }, func(r result) int64 { return r.Guide }},
		{"nightly, of the guide's last rung", func(r result) int64 { return r.Night }, func(r result) int64 { return r.GuideLast }},
		{"nightly, level max, of the guide's last rung", func(r result) int64 { return r.Max }, func(r result) int64 { return r.GuideLast }},
	} {
		sum, n := 0.0, 0
		for _, r := range all {
			if a, b := m.a(r), m.b(r); a > 0 && b > 0 {
				sum += math.Log(float64(a) / float64(b))
				n++
			}
		}
		if n > 0 {
			fmt.Printf("| %s (%d programs) | %.3f |\n", m.name, n, math.Exp(sum/float64(n)))
		}
	}
	if len(all) > 0 {
		fmt.Printf("\nBaseline compiler: %s.\n", all[0].Compiler)
	}
	for _, r := range all {
		if r.Notes != "" {
			fmt.Printf("%s: %s\n", r.Name, r.Notes)
		}
	}
	return nil
}

// of prints bytes with their share of the stripped release build.
func (r result) of(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%d (%.3f)", n, float64(n)/float64(r.Stripped))
}
