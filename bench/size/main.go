// Command size reproduces the tables of docs/bench/size.md: what the views of
// `minsize size` cost in CPU time and memory, next to nm and, where they are
// installed, bloaty and gsa. Every program runs in turn with the others, so
// that a busy machine is busy for all of them; the medians are printed.
//
//	go build -o bin/minsize ./cmd/minsize && go run ./bench/size -minsize bin/minsize FILE...
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// contender is one command; FILE stands for the input.
type contender struct {
	name string
	args []string
}

// cost is one run.
type cost struct{ cpu, wall, megabytes float64 }

func main() {
	minsize := flag.String("minsize", "minsize", "the program to measure")
	runs := flag.Int("runs", 5, "runs of each command")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "size: which files?")
		os.Exit(2)
	}
	contenders := []contender{
		{"minsize -d sections", []string{*minsize, "size", "-q", "-d", "sections", "FILE"}},
		{"minsize -d symbols", []string{*minsize, "size", "-q", "-d", "symbols", "FILE"}},
		{"minsize -d crates", []string{*minsize, "size", "-q", "-d", "crates", "FILE"}},
		{"minsize -d compileunits", []string{*minsize, "size", "-q", "-d", "compileunits", "FILE"}},
		{"minsize -d inlines", []string{*minsize, "size", "-q", "-d", "inlines", "FILE"}},
		{"minsize (overview)", []string{*minsize, "size", "-q", "FILE"}},
		{"minsize --html", []string{*minsize, "size", "-q", "--html", "-o", os.DevNull, "FILE"}},
		{"nm --size-sort", []string{"nm", "--size-sort", "FILE"}},
		{"bloaty -d sections", []string{"bloaty", "-d", "sections", "FILE"}},
		{"bloaty -d symbols", []string{"bloaty", "-d", "symbols", "FILE"}},
		{"bloaty -d compileunits", []string{"bloaty", "-d", "compileunits", "FILE"}},
		{"gsa", []string{"gsa", "--format", "text", "FILE"}},
	}
	fmt.Printf("%s/%s, %d processors, %s; medians of %d interleaved runs; %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), version(*minsize), *runs, version("nm"))
	var absent []string
	for _, file := range flag.Args() {
		info, err := os.Stat(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, "size:", err)
			os.Exit(1)
		}
		costs := make([][]cost, len(contenders))
		for range *runs {
			for i, c := range contenders {
				if got, ok := run(c, file); ok {
					costs[i] = append(costs[i], got)
				}
			}
		}
		fmt.Printf("%s, %.1f MB\n\n| command | CPU s | wall s | peak MB | CPU against nm |\n|---|--:|--:|--:|--:|\n", filepath.Base(file), float64(info.Size())/1e6)
		nm := 0.0
		for i, c := range contenders {
			if c.name == "nm --size-sort" {
				nm = median(costs[i], func(c cost) float64 { return c.cpu })
			}
		}
		for i, c := range contenders {
			if len(costs[i]) == 0 {
				if _, err := exec.LookPath(c.args[0]); err != nil && !slices.Contains(absent, c.args[0]) {
					absent = append(absent, c.args[0])
				}
				continue
			}
			cpu := median(costs[i], func(c cost) float64 { return c.cpu })
			fmt.Printf("| %s | %.3f | %.3f | %.0f | %.2f |\n", c.name, cpu, median(costs[i], func(c cost) float64 { return c.wall }),
				median(costs[i], func(c cost) float64 { return c.megabytes }), cpu/nm)
		}
		fmt.Println()
	}
	if len(absent) > 0 {
		fmt.Printf("Not installed here: %s.\n", strings.Join(absent, ", "))
	}
}

// run measures one command; not ok when it is not there or fails.
func run(c contender, file string) (cost, bool) {
	path, err := exec.LookPath(c.args[0])
	if err != nil {
		return cost{}, false
	}
	args := slices.Clone(c.args[1:])
	for i := range args {
		if args[i] == "FILE" {
			args[i] = file
		}
	}
	cmd := exec.Command(path, args...)
	start := time.Now()
	if cmd.Run() != nil {
		return cost{}, false
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return cost{}, false
	}
	return cost{
		cpu:  (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		wall: time.Since(start).Seconds(), megabytes: float64(usage.Maxrss) / 1024,
	}, true
}

func median(list []cost, of func(cost) float64) float64 {
	if len(list) == 0 {
		return 0
	}
	values := make([]float64, len(list))
	for i := range list {
		values[i] = of(list[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// version is the first line that a program says of itself.
func version(program string) string {
	for _, word := range []string{"version", "--version"} {
		if out, err := exec.Command(program, word).Output(); err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			return line
		}
	}
	return program
}
