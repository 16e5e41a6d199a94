// Package harness is what the programs of bench/ share: the minsize of this
// checkout, rivals where they are installed, what a command costs, and the
// files to measure on when none is named.
//
// Two traps are dealt with here once. A child's peak memory (ru_maxrss) begins
// with that of the process that made it, so a benchmark must stay small
// itself. And a busy machine is busy for everyone only if contenders take
// turns: Interleave runs them so.
package harness

import (
	"errors"
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

// Main runs a benchmark; an error is printed under the program's name and ends
// it with status 1.
func Main(run func() error) {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "bench/%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

// InScratch gives a benchmark a folder that goes when it ends, and the minsize
// that it measures.
func InScratch(run func(dir, minsize string) error) error {
	dir, err := os.MkdirTemp("", "minsize-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	minsize, err := Minsize(dir)
	if err != nil {
		return err
	}
	return run(dir, minsize)
}

// Minsize is the program to measure: $MINSIZE, or this checkout built into dir.
func Minsize(dir string) (string, error) {
	if path := os.Getenv("MINSIZE"); path != "" {
		return exec.LookPath(path)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "minsize")
	return out, Command(root, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/minsize")
}

// Root is the checkout that the working folder lies in.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if path := strings.TrimSpace(string(out)); err == nil && filepath.Base(path) == "go.mod" {
		return filepath.Dir(path), nil
	}
	return "", errors.New("expected to run inside the checkout: go run ./bench/NAME")
}

// Rival is the path of another tool: the variable named like it in capitals
// (UPX=path, LLVM_STRIP=path), or what PATH has. Empty when there is none.
func Rival(name string) string {
	variable := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if path := os.Getenv(variable); path != "" {
		name = path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// Command runs a command in a folder and puts what it said into the error.
func Command(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}

// Versions prints the machine and the first line that each tool says of
// itself: a figure without them says nothing.
func Versions(tools ...string) {
	fmt.Printf("%s, %s/%s, %d processors", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, tool := range tools {
		if line := version(tool); line != "" {
			fmt.Printf(", %s", line)
		}
	}
	fmt.Print("\n\n")
}

func version(tool string) string {
	path := Rival(tool)
	if path == "" {
		return ""
	}
	for _, word := range []string{"--version", "version"} {
		if out, err := exec.Command(path, word).Output(); err == nil {
			for line := range strings.Lines(string(out)) {
				if strings.ContainsAny(line, "0123456789") {
					return strings.TrimSpace(line)
				}
			}
		}
	}
	return filepath.Base(path)
}

// Cost is what one run of a program took.
type Cost struct {
	CPU, Wall time.Duration
	Memory    int64 // bytes, peak resident, mapped file pages included
}

// Run runs a command, its output thrown away.
func Run(command ...string) (Cost, error) {
	cmd := exec.Command(command[0], command[1:]...)
	var said strings.Builder
	cmd.Stderr = &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return Cost{}, fmt.Errorf("%s: %w %.200s", filepath.Base(command[0]), err, said.String())
	}
	c := Cost{CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Wall: time.Since(start)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.Memory = usage.Maxrss
		if runtime.GOOS != "darwin" { // there it is bytes already
			c.Memory *= 1024
		}
	}
	return c, nil
}

// Least is the run of n with the least CPU time.
func Least(n int, command ...string) (Cost, error) {
	best := Cost{}
	for i := range n {
		c, err := Run(command...)
		if err != nil {
			return Cost{}, err
		}
		if i == 0 || c.CPU < best.CPU {
			best = c
		}
	}
	return best, nil
}

// Interleave runs all commands in turn, n times, and gives each one's medians.
// One that fails in any run has the zero Cost.
func Interleave(n int, commands [][]string) []Cost {
	runs := make([][]Cost, len(commands))
	failed := make([]bool, len(commands))
	for range n {
		for i, command := range commands {
			if failed[i] {
				continue
			}
			c, err := Run(command...)
			if failed[i] = err != nil; failed[i] {
				fmt.Fprintln(os.Stderr, err)
				continue
			}
			runs[i] = append(runs[i], c)
		}
	}
	costs := make([]Cost, len(commands))
	for i := range runs {
		if !failed[i] && len(runs[i]) > 0 {
			costs[i] = Cost{
				CPU:    median(runs[i], func(c Cost) time.Duration { return c.CPU }),
				Wall:   median(runs[i], func(c Cost) time.Duration { return c.Wall }),
				Memory: median(runs[i], func(c Cost) int64 { return c.Memory }),
			}
		}
	}
	return costs
}

func median[T int64 | time.Duration](runs []Cost, of func(Cost) T) T {
	values := make([]T, len(runs))
	for i := range runs {
		values[i] = of(runs[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// Programs are files that nobody here made and most machines of developers
// have, smallest kind first: C, Rust and Go programs, and the compiler itself.
func Programs() ([]string, error) {
	candidates := []string{"/usr/bin/xz", "/usr/bin/bash", "/usr/bin/hyperfine", "/usr/lib/cargo/bin/fd", "/usr/bin/git", "/usr/bin/rg", "/usr/bin/gdb"}
	if out, err := exec.Command("go", "env", "GOROOT").Output(); err == nil {
		candidates = append(candidates, filepath.Join(strings.TrimSpace(string(out)), "bin", "go"))
	}
	if out, err := exec.Command("rustc", "--print", "sysroot").Output(); err == nil {
		drivers, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "lib", "librustc_driver-*.so"))
		candidates = append(candidates, drivers...)
	}
	var files []string
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			files = append(files, path)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("name the files: none of the usual programs is installed here")
	}
	return files, nil
}

// Example builds a program of examples/ in a copy under dir, with the release
// profile and full debug information, and gives its path.
func Example(dir, name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	project := filepath.Join(dir, name)
	if err := os.CopyFS(project, os.DirFS(filepath.Join(root, "examples", name))); err != nil {
		return "", err
	}
	if err := os.RemoveAll(filepath.Join(project, "target")); err != nil { // what the checkout's own runs left
		return "", err
	}
	err = Command(project, "cargo", "build", "--quiet", "--release", "--config", "profile.release.debug=2", "--config", "profile.release.strip=false")
	return filepath.Join(project, "target", "release", name), err
}
