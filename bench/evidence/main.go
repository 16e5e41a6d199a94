// Command evidence reproduces docs/bench/evidence.md: what the recorded link of
// published programs tells of them, which steps are left out for it, and what
// asking costs.
//
//	go run ./bench/evidence [-state DIR] [-v] [CRATE|FOLDER...]
//
// Without names it takes the ten programs of the table, and needs most of an
// hour. Each is built once as its authors build it (cargo build --release),
// with this program as the linker. Whether a step that is left out would have
// broken the program is for a reader of its sources to say; -v names what was
// found, and where.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/minsize/minsize/bench/harness"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/technique"
)

var (
	state   = flag.String("state", "bench-evidence", "`folder` for sources and cargo's target dirs")
	verbose = flag.Bool("v", false, "print every piece of evidence")
)

var published = []string{"grex", "htmlq", "jaq", "ripgrep", "rnr", "sd", "tokei", "zoxide", "procs", "xh"}

func main() {
	if relink.ActsAsLinker() {
		os.Exit(relink.LinkerMain(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	flag.Parse()
	harness.Main(func() error { return run(flag.Args()) })
}

func run(names []string) (err error) {
	if len(names) == 0 {
		names = published
	}
	if *state, err = filepath.Abs(*state); err != nil {
		return err
	}
	if err := os.MkdirAll(*state, 0o777); err != nil {
		return err
	}
	harness.Versions("rustc", "cargo", "ld.lld")
	fmt.Println("| program | evidence | left out at level max | --strict leaves out as well | search CPU s | relink CPU s | share |")
	fmt.Println("|---|---|---|---|--:|--:|--:|")
	for _, name := range names {
		if err := measure(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// measure builds a program, asks its link, and links it again.
func measure(name string) error {
	ctx := context.Background()
	dir, err := harness.Source(filepath.Join(*state, "sources"), name)
	if err != nil {
		return err
	}
	program, version, r, err := build(dir)
	if err != nil {
		return err
	}
	before := cpu()
	found, err := r.Evidence()
	if err != nil {
		return err
	}
	search := cpu() - before
	relinked, err := relinkCost(ctx, r)
	if err != nil {
		return err
	}
	facts := technique.Facts{Evidence: found}
	strict := facts
	strict.Strict = true
	out, relied := opposed(facts), opposed(strict)
	relied = slices.DeleteFunc(relied, func(s string) bool { return slices.Contains(out, s) })
	fmt.Printf("| %s %s | %s | %s | %s | %.2f | %.2f | %.2f |\n", program, version, strings.Join(kinds(found), ", "), strings.Join(out, ", "), strings.Join(relied, ", "),
		search.Seconds(), relinked.Seconds(), search.Seconds()/relinked.Seconds())
	if *verbose {
		for _, e := range found {
			fmt.Printf("    %s: %s %s (%s)\n", e.Kind, e.Who(), e.Kind.Does(), e.Symbol)
		}
	}
	return nil
}

// kinds are the kinds that were found, each with how often.
func kinds(found []relink.Evidence) []string {
	var list []string
	for _, k := range relink.Kinds() {
		n := 0
		for _, e := range found {
			if e.Kind == k {
				n++
			}
		}
		if n > 0 {
			list = append(list, fmt.Sprintf("%s %d", k, n))
		}
	}
	return list
}

// opposed are the steps of level max that evidence keeps out.
func opposed(f technique.Facts) []string {
	policy := technique.Policy{Level: technique.Max}
	var list []string
	for _, t := range slices.Concat(technique.Table(), technique.CutTable(), technique.PipelineTable()) {
		if ok, _ := policy.Allows(t); ok && t.Opposed(f) != "" {
			list = append(list, t.Name)
		}
	}
	return list
}

// relinkCost is what one rung of the search costs: the median of three, of the
// linker that the search would choose.
func relinkCost(ctx context.Context, r *relink.Recording) (time.Duration, error) {
	linkers, _ := r.Linkers(ctx)
	v := relink.Variant{Options: []string{"strip-all", "hash-style-gnu"}, Cuts: []relink.Cut{relink.CutByName("std-symbolizer").Cut}}
	if len(linkers) > 0 {
		v.Linker = linkers[0]
	}
	out, err := os.MkdirTemp(*state, "link-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(out)
	var times []time.Duration
	for range 3 {
		res, err := r.Link(ctx, v, filepath.Join(out, "program"))
		if err != nil {
			return 0, err
		}
		times = append(times, res.CPU)
	}
	slices.Sort(times)
	return times[1], nil
}

// cpu is what this process has used.
func cpu() time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		panic(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// build builds the first program of a project, as cargo chooses its settings,
// and returns its recorded link.
func build(dir string) (program, version string, r *relink.Recording, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", "", nil, err
	}
	var project struct {
		Packages []struct {
			Name, Version string
			Targets       []struct {
				Name string
				Kind []string
			}
		}
	}
	cmd := exec.Command("cargo", "metadata", "--no-deps", "--format-version=1")
	cmd.Dir = dir
	text, err := cmd.Output()
	if err != nil {
		return "", "", nil, fmt.Errorf("cargo metadata: %w", err)
	}
	if err := json.Unmarshal(text, &project); err != nil {
		return "", "", nil, err
	}
	for _, p := range project.Packages {
		for _, t := range p.Targets {
			if program == "" && slices.Contains(t.Kind, "bin") {
				program, version = t.Name, p.Version
			}
		}
	}
	host, err := exec.Command("rustc", "--print", "host-tuple").Output()
	if err != nil {
		return "", "", nil, fmt.Errorf("rustc: %w", err)
	}
	triple := strings.TrimSpace(string(host))
	target := filepath.Join(*state, "target", filepath.Base(dir))
	recorder := relink.Recorder{Dir: filepath.Join(target, "recordings"), Bin: program}
	args := append([]string{"build", "--release", "--bin", program, "-q", "--target-dir", target}, recorder.CargoArgs(triple, self)...)
	cmd = exec.Command("cargo", args...)
	cmd.Dir, cmd.Stderr, cmd.Env = dir, os.Stderr, append(os.Environ(), recorder.Env()...)
	if err := cmd.Run(); err != nil {
		return "", "", nil, fmt.Errorf("cargo build: %w", err)
	}
	r, err = relink.Find(recorder.Dir, filepath.Join(target, "release", program))
	return program, version, r, err
}
