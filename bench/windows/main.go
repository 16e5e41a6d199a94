// Command windows measures what `minsize shrink` makes of Rust programs for
// x86_64-pc-windows-gnu, level by level, with Wine running the checks: the
// guide's hello, wordfreq, and published programs.
//
//	go run ./bench/windows [-sources FOLDER] [CRATE...]
//
// A crate's name is fetched by cargo into the folder; its checks are --version
// and --help.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/bench/harness"
)

const triple = "x86_64-pc-windows-gnu"

var sources = flag.String("sources", "bench-windows", "`folder` for the sources of crates")

// project is a program to be measured: its checks by level, for a panic that is
// caught is none where panics abort.
type project struct {
	name, dir string
	checks    func(level string) []string
}

func main() {
	flag.Parse()
	harness.Main(func() error {
		return harness.InScratch(func(dir, minsize string) error { return run(dir, minsize, flag.Args()) })
	})
}

func run(dir, minsize string, crates []string) error {
	harness.Versions("rustc", "x86_64-w64-mingw32-gcc")
	root, err := harness.Root()
	if err != nil {
		return err
	}
	for _, name := range []string{"hello", "wordfreq"} { // a copy: no target folder of a release build
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, "examples", name))); err != nil {
			return err
		}
	}
	list := []project{
		{"hello, the guide's recipe", filepath.Join(dir, "hello"), func(string) []string { return []string{"{}"} }},
		{"wordfreq", filepath.Join(dir, "wordfreq"), func(level string) []string {
			walrus := "{} --format json --top 3 samples/walrus.txt"
			if level == "safe" {
				return []string{"! {} samples", walrus}
			}
			return []string{walrus}
		}},
	}
	if len(crates) > 0 {
		if *sources, err = filepath.Abs(*sources); err != nil {
			return err
		}
		list = nil
	}
	for _, name := range crates {
		source, err := harness.Source(*sources, name)
		if err != nil {
			return err
		}
		list = append(list, project{name, source, func(string) []string { return []string{"{} --version", "{} --help"} }})
	}
	fmt.Println("| program, bytes | release, stripped | safe | | abort | | max | |\n|---|--:|--:|--:|--:|--:|--:|--:|")
	for _, p := range list {
		if err := measure(minsize, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func measure(minsize string, p project) error {
	var cells []string
	var release int64
	for _, level := range []string{"safe", "abort", "max"} {
		args := []string{"shrink", "-q", "--no-recipe", "--format", "json", "--target", triple, "--level", level, "--codegen-budget", "10m"}
		for _, c := range p.checks(level) {
			args = append(args, "--check", c)
		}
		cmd := exec.Command(minsize, args...)
		cmd.Dir = p.dir
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, os.Stderr
		if err := cmd.Run(); err != nil {
			return err
		}
		var r struct {
			Stripped int64 `json:"baseline_stripped_size"`
			Final    int64 `json:"final_size"`
			Check    struct {
				Status string `json:"status"`
			} `json:"final_check"`
		}
		if err := json.Unmarshal(said.Bytes(), &r); err != nil {
			return err
		}
		if r.Check.Status != "passed" {
			return fmt.Errorf("level %s: the checks: %s", level, r.Check.Status)
		}
		release = r.Stripped
		cells = append(cells, fmt.Sprintf("%d | %.3f", r.Final, float64(r.Final)/float64(r.Stripped)))
	}
	fmt.Printf("| %s | %d | %s |\n", p.name, release, strings.Join(cells, " | "))
	return nil
}
