package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"

	"github.com/minsize/minsize/bench/harness"
)

// program is a published one, which cargo fetches from its registry.
type program struct {
	name   string
	why    string   // what it stands for
	checks []string // in an empty folder that has words.txt and data.toml
}

var published = []program{
	{"hexyl", "clap", []string{"{} words.txt", "{} -n 64 --border none words.txt", "! {} missing", "{} --help", "{} --version"}},
	{"choose", "regex", []string{"{} 0 2 -i words.txt", "{} -f 'w[o]r' 1 -i words.txt", "{} --help"}},
	{"toml2json", "serde", []string{"{} data.toml", "! {} words.txt", "{} --help"}},
	{"zopfli", "a compressor", []string{"{} words.txt && cksum words.txt.gz && rm words.txt.gz"}},
}

var only = flag.String("only", "", "of the published programs, these `NAMES` alone, by commas")

// target is what all of it is built for.
const target = "wasm32-wasip1"

// programs are measured at both ends of the levels, against the guide's recipe.
func programs(dir, minsize string) error {
	sources := filepath.Join(dir, "sources")
	fmt.Print("\n| program | | the guide's recipe | brotli | `--level safe` | brotli | of the recipe's | `--level max` | brotli | of the recipe's |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, p := range published {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), p.name) {
			continue
		}
		project, err := harness.Source(sources, p.name)
		if err != nil {
			return err
		}
		if err := samplesFor(project); err != nil {
			return err
		}
		if err := withRecipe(project, filepath.Join(dir, "guide-"+p.name)); err != nil {
			return err
		}
		plain, err := os.ReadFile(filepath.Join(dir, "guide-"+p.name, target, "release", p.name+".wasm"))
		if err != nil {
			return err
		}
		guide := browser(plain)
		row := fmt.Sprintf("| %s | %s | %d | %d |", p.name, p.why, len(plain), guide)
		for _, level := range []string{"safe", "max"} {
			args := []string{"shrink", "-q", "--no-recipe", "--target", target, "--bin", p.name, "--level", level}
			for _, check := range p.checks {
				args = append(args, "--check", check)
			}
			if err := harness.Command(project, minsize, args...); err != nil {
				return err
			}
			data, err := os.ReadFile(filepath.Join(project, "target/minsize", p.name+".wasm"))
			if err != nil {
				return err
			}
			row += fmt.Sprintf(" %d | %d | %.3f |", len(data), browser(data), float64(browser(data))/float64(guide))
		}
		fmt.Println(row)
	}
	return nil
}

// withRecipe builds a project as the guide has it.
func withRecipe(project, into string) error {
	recipe := []string{"env", "CARGO_PROFILE_RELEASE_OPT_LEVEL=z", "CARGO_PROFILE_RELEASE_LTO=fat", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1",
		"CARGO_PROFILE_RELEASE_PANIC=abort", "CARGO_PROFILE_RELEASE_STRIP=true", "cargo", "build", "-q", "--release", "--target", target, "--target-dir", into}
	return harness.Command(project, recipe[0], recipe[1:]...)
}

// samplesFor are the files that the checks read.
func samplesFor(project string) error {
	var words, data strings.Builder
	for i := range 500 {
		fmt.Fprintf(&words, "%s word %d\n", []string{"apple", "pear", "world", "grüße", "日本"}[i%5], i*7919%1000)
		fmt.Fprintf(&data, "[item%d]\nname = \"item %d\"\nprice = %d.%02d\ntags = [\"a\", \"b\\u00e9\", true]\nday = 2024-03-%02d\n", i, i, i%7, i*13%100, i%28+1)
	}
	return harness.Write(project, map[string]string{"words.txt": words.String(), "data.toml": data.String()})
}

// browser is what a browser fetches: the length under brotli -q 11.
func browser(data []byte) int {
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, brotli.BestCompression)
	_, _ = w.Write(data) // into memory: nothing can fail
	_ = w.Close()
	return b.Len()
}
