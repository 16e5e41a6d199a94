// Command size reproduces the tables of docs/bench/size.md: what the views of
// `minsize size` cost in CPU time and memory, next to nm and, where they are
// installed or named (BLOATY=path, TWIGGY=path, GSA=path), bloaty, Twiggy and gsa,
// and what a run costs before it reads anything. Every program runs in turn with
// the others, so that a busy machine is busy for all of them; the medians are
// printed.
//
//	go run ./bench/size [-runs N] [FILE...]
//
// Without files it measures programs that most machines have, and
// examples/wordfreq with debug information.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/bench/harness"
)

// contender is one command; FILE stands for the input.
type contender struct {
	name, program string
	args          []string
	against       string // the rival's command that answers the same question
}

func main() {
	runs := flag.Int("runs", 3, "runs of each command")
	flag.Parse()
	harness.Main(func() error {
		return harness.InScratch(func(dir, minsize string) error { return run(dir, minsize, *runs, flag.Args()) })
	})
}

func run(dir, minsize string, runs int, files []string) (err error) {
	if len(files) == 0 {
		if files, err = harness.Programs(); err != nil {
			return err
		}
		wordfreq, err := harness.Example(dir, "wordfreq")
		if err != nil {
			return err
		}
		files = append([]string{wordfreq}, files...)
	}
	contenders := []contender{
		{"minsize -d sections", minsize, []string{"size", "-q", "-d", "sections", "FILE"}, "bloaty -d sections"},
		{"minsize -d symbols", minsize, []string{"size", "-q", "-d", "symbols", "FILE"}, "bloaty -d symbols"},
		{"minsize -d crates", minsize, []string{"size", "-q", "-d", "crates", "FILE"}, ""},
		{"minsize -d compileunits", minsize, []string{"size", "-q", "-d", "compileunits", "FILE"}, "bloaty -d compileunits"},
		{"minsize -d inlines", minsize, []string{"size", "-q", "-d", "inlines", "FILE"}, "bloaty -d inlines"},
		{"minsize (overview)", minsize, []string{"size", "-q", "FILE"}, ""},
		{"minsize --html", minsize, []string{"size", "-q", "--html", "FILE"}, ""},
	}
	for _, rival := range []contender{
		{"nm --size-sort", "nm", []string{"--size-sort", "FILE"}, ""},
		{"bloaty -d sections", "bloaty", []string{"-d", "sections", "FILE"}, ""},
		{"bloaty -d symbols", "bloaty", []string{"-d", "symbols", "FILE"}, ""},
		{"bloaty -d compileunits", "bloaty", []string{"-d", "compileunits", "FILE"}, ""},
		{"bloaty -d inlines", "bloaty", []string{"-d", "inlines", "FILE"}, ""},
		{"twiggy top", "twiggy", []string{"top", "FILE"}, ""},
		{"gsa", "gsa", []string{"--format", "text", "FILE"}, ""},
	} {
		if path := harness.Rival(rival.program); path != "" {
			rival.program = path
			contenders = append(contenders, rival)
		} else if !strings.Contains(rival.name, "bloaty") || strings.HasSuffix(rival.name, " symbols") {
			fmt.Printf("Not installed here: %s.\n", rival.program)
		}
	}
	harness.Versions("rustc", "nm", "bloaty", "twiggy", "gsa")
	fixedCost(minsize)
	fmt.Printf("Medians of %d interleaved runs; a view that a file lacks the information for is left out.\n\n", runs)
	for _, file := range files {
		if err := measure(runs, contenders, file); err != nil {
			return err
		}
	}
	return nil
}

// fixedCost prints what a run costs that has next to nothing to do.
func fixedCost(minsize string) {
	const runs = 100
	commands := [][]string{{minsize, "version"}, {minsize, "size", "-q", "-d", "sections", os.Args[0]}, {minsize, "size", "-q", "/bin/true"}}
	costs := harness.Interleave(runs, commands)
	fmt.Printf("Medians of %d runs: `minsize version` %.1f ms of CPU, `minsize size -d sections` of a program of Go %.1f ms, `minsize size /bin/true` %.1f ms.\n\n",
		runs, costs[0].CPU.Seconds()*1e3, costs[1].CPU.Seconds()*1e3, costs[2].CPU.Seconds()*1e3)
}

// measure prints the table of one file.
func measure(runs int, contenders []contender, file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	commands := make([][]string, len(contenders))
	nm := -1
	index := map[string]int{}
	for i, c := range contenders {
		index[c.name] = i
		commands[i] = append([]string{c.program}, c.args...)
		commands[i][slices.Index(commands[i], "FILE")] = file
		if strings.HasPrefix(c.name, "nm ") {
			nm = i
		}
	}
	costs := harness.Interleave(runs, commands)
	fmt.Printf("%s, %.1f MB\n\n| command | CPU s | wall s | peak MB | CPU against nm | against bloaty |\n|---|--:|--:|--:|--:|--:|\n", filepath.Base(file), float64(info.Size())/1e6)
	for i, c := range contenders {
		if costs[i].CPU == 0 {
			continue
		}
		to := func(k int, ok bool) string {
			if !ok || costs[k].CPU == 0 {
				return "-"
			}
			return fmt.Sprintf("%.2f", costs[i].CPU.Seconds()/costs[k].CPU.Seconds())
		}
		rival, ok := index[c.against]
		fmt.Printf("| %s | %.3f | %.3f | %.0f | %s | %s |\n", c.name, costs[i].CPU.Seconds(), costs[i].Wall.Seconds(), float64(costs[i].Memory)/1e6, to(nm, nm >= 0), to(rival, ok))
	}
	fmt.Println()
	return nil
}
