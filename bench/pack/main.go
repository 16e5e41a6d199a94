//go:build linux

// Command pack (in bench) measures packing against UPX: sizes, packing time,
// and what unpacking costs at start-up, in CPU time and in memory.
//
//	go run ./bench/pack [-runs N] [-max-below BYTES] [FILE...]
//
// With UPX=path, or upx on the PATH, the sizes and times of `upx --best --lzma` are measured in the
// same run. Without it, the sizes that were published for UPX 4.2.3 are used
// for inputs of the very same size, and the table says so. Start-up is CPU
// time (user and system, the least of N runs) over that of the plain program,
// as a multiple of `xz -dc` on the same file: a measure that survives a change
// of machine. Memory is the most that the process has resident, once for each.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/minsize/minsize/bench/harness"
	"github.com/minsize/minsize/internal/pack"
)

// published is UPX 4.2.3 `--best --lzma` on programs known by their size:
// packed bytes, and CPU milliseconds to start plain and packed (0: unknown),
// measured where `xz -dc` unpacks 57.5 MB/s.
var published = map[int]struct {
	packed       int
	plain, start float64
}{
	51472:    {24484, .9, 2.7},
	84680:    {34848, 1.3, 3.7},
	1130064:  {415240, 1.5, 35},
	1247792:  {443828, 0, 0},
	1265648:  {482812, 1.2, 38},
	1585314:  {562408, 1.3, 43},
	2875554:  {976116, 0, 0},
	2960136:  {820976, 1.5, 68},
	3713416:  {1386196, 1.6, 119},
	4566560:  {1192208, 2.6, 99},
	6831736:  {1886264, 1.3, 159},
	10395104: {3046764, 89, 312},
}

const publishedXZ = 57.5e6 // bytes a second

// levels are the columns; short names for the heads of the table.
var levels = []struct {
	name    string
	options pack.Options
}{
	{"default", pack.Options{}},
	{"`--fast-start`", pack.Options{FastStart: true}},
	{"`--max`", pack.Options{Max: true}},
}

func main() {
	runs := flag.Int("runs", 15, "runs of each program for the start-up time; 0 leaves it out")
	maxBelow := flag.Int("max-below", 5e6, "files of more bytes are not packed with --max, which takes seconds to start")
	only := flag.String("only", "", "pack this file in memory, measure nothing: for the measurement of memory")
	flag.Parse()
	if *only != "" {
		data, err := os.ReadFile(*only)
		if err == nil {
			_, _, err = pack.Pack(data, pack.Options{})
		}
		harness.Main(func() error { return err })
		return
	}
	harness.Main(func() error { return run(*runs, *maxBelow, flag.Args()) })
}

func run(runs, maxBelow int, files []string) error {
	if len(files) == 0 {
		files = []string{"/usr/bin/xz", "/usr/bin/hyperfine", "/usr/bin/bash", "/usr/lib/cargo/bin/fd", "/usr/bin/git", "/usr/bin/rg", "/usr/bin/python3.11", "/usr/bin/gdb"}
	}
	b := bench{upx: harness.Rival("upx"), runs: runs, maxBelow: maxBelow}
	os.Unsetenv("UPX") // which upx itself reads: options for it
	harness.Versions("upx", "xz")
	head, rule := "| file | original | UPX --best --lzma |", "|---|--:|--:|"
	for _, l := range levels {
		head += " " + l.name + " | ratio |"
		rule += "--:|--:|"
	}
	head += " default: packing s per MB | UPX's | memory while packing, MB | of 32 MB + 8 x input | `xz -dc` MB/s | start-up / xz -dc: UPX |"
	rule += "--:|--:|--:|--:|--:|--:|"
	for _, l := range levels {
		head += " " + l.name + " |"
		rule += "--:|"
	}
	head += " peak memory MB: plain | UPX |"
	rule += "--:|--:|"
	for _, l := range levels {
		head += " " + l.name + " |"
		rule += "--:|"
	}
	fmt.Printf("%s\n%s\n", head, rule)
	for _, name := range files {
		if err := b.measure(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	fmt.Println()
	for i, l := range levels {
		if n := b.known[i]; n > 0 {
			fmt.Printf("Geometric mean of the sizes to UPX's, %s: %.3f over %d files\n", l.name, math.Exp(b.logs[i]/float64(n)), n)
		}
	}
	return nil
}

// bench is the settings of a run and the sums of its ratios, by level.
type bench struct {
	upx            string
	runs, maxBelow int
	logs           [3]float64
	known          [3]int
}

// measure prints one row.
func (b *bench) measure(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-pack")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, data, 0o755); err != nil {
		return err
	}
	upxSize, note, upxStart, upxPeak, upxPerMB := 0, "", "", "", ""
	upxFile := filepath.Join(dir, "upx")
	if p, ok := nearest(len(data)); ok && b.upx == "" {
		upxSize, note = p.packed, "*"
		if p.start > 0 {
			upxStart = fmt.Sprintf("%.2f", (p.start-p.plain)/1e3/(float64(len(data))/publishedXZ))
		}
	}
	if b.upx != "" {
		cost, err := harness.Run(b.upx, "-q", "--best", "--lzma", "-o", upxFile, plain)
		if err != nil {
			return err
		}
		upxPerMB = fmt.Sprintf("%.2f", cost.CPU.Seconds()/(float64(len(data))/1e6))
		info, err := os.Stat(upxFile)
		if err != nil {
			return err
		}
		upxSize = int(info.Size())
	}
	row := fmt.Sprintf("| %s | %d | %d%s |", filepath.Base(name), len(data), upxSize, note)
	var perMB float64
	for i, l := range levels {
		if l.options.Max && len(data) > b.maxBelow {
			row += " | |"
			continue
		}
		before := cpu(syscall.RUSAGE_SELF)
		out, _, err := pack.Pack(data, l.options)
		if err != nil {
			return err
		}
		if i == 0 {
			perMB = (cpu(syscall.RUSAGE_SELF) - before) / (float64(len(data)) / 1e6)
		}
		if err := os.WriteFile(b.file(dir, i), out, 0o755); err != nil {
			return err
		}
		ratio := ""
		if upxSize > 0 {
			r := float64(len(out)) / float64(upxSize)
			b.known[i]++
			b.logs[i] += math.Log(r)
			ratio = fmt.Sprintf("%.3f", r)
		}
		row += fmt.Sprintf(" %d | %s |", len(out), ratio)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	packing, err := peakMemory(self, "-only", plain)
	if err != nil {
		return err
	}
	row += fmt.Sprintf(" %.2f | %s | %.1f | %.2f |", perMB, upxPerMB, float64(packing)/1e6, float64(packing)/float64(32<<20+8*len(data)))
	if b.runs == 0 {
		fmt.Println(row)
		return nil
	}
	base, err := startup(plain, b.runs)
	if err != nil {
		return err
	}
	xz, err := xzTime(data, dir, b.runs)
	if err != nil {
		return err
	}
	plainPeak, err := peakMemory(plain, "--version")
	if err != nil {
		return err
	}
	if b.upx != "" {
		t, err := startup(upxFile, b.runs)
		if err != nil {
			return err
		}
		peak, err := peakMemory(upxFile, "--version")
		if err != nil {
			return err
		}
		upxStart, upxPeak = fmt.Sprintf("%.2f (%.1f ms)", (t-base)/xz, (t-base)*1e3), fmt.Sprintf("%.1f", float64(peak)/1e6)
	}
	row += fmt.Sprintf(" %.1f | %s |", float64(len(data))/xz/1e6, upxStart)
	peaks := fmt.Sprintf(" %.1f | %s |", float64(plainPeak)/1e6, upxPeak)
	for i, l := range levels {
		if l.options.Max && len(data) > b.maxBelow {
			row += " |"
			peaks += " |"
			continue
		}
		runs := b.runs
		if l.options.Max {
			runs = min(runs, 3)
		}
		t, err := startup(b.file(dir, i), runs)
		if err != nil {
			return err
		}
		peak, err := peakMemory(b.file(dir, i), "--version")
		if err != nil {
			return err
		}
		row += fmt.Sprintf(" %.2f (%.1f ms) |", (t-base)/xz, (t-base)*1e3)
		peaks += fmt.Sprintf(" %.1f |", float64(peak)/1e6)
	}
	fmt.Println(row + peaks)
	return nil
}

// file is where the packed form of a level lies.
func (b *bench) file(dir string, level int) string {
	return filepath.Join(dir, fmt.Sprintf("packed%d", level))
}

// nearest finds the published row of an input of this size, give or take
// 0.3 % (Go's own programs differ a little from build to build).
func nearest(size int) (row struct {
	packed       int
	plain, start float64
}, ok bool) {
	for n, p := range published {
		if math.Abs(float64(n-size)) <= .003*float64(n) {
			return p, true
		}
	}
	return row, false
}

func cpu(who int) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// startup is the least CPU time of a run that only prints the version.
func startup(program string, runs int) (float64, error) {
	best := math.Inf(1)
	for range runs {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		cmd := exec.CommandContext(ctx, program, "--version")
		cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
		err := cmd.Run()
		cancel()
		if cmd.ProcessState == nil || strings.Contains(cmd.ProcessState.String(), "signal") {
			return 0, fmt.Errorf("%s: %v", program, err)
		}
		u := cmd.ProcessState
		best = min(best, (u.UserTime() + u.SystemTime()).Seconds())
	}
	return best, nil
}

// xzTime is the least CPU time of `xz -dc` on data packed by xz -9e.
func xzTime(data []byte, dir string, runs int) (float64, error) {
	file := filepath.Join(dir, "data")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return 0, err
	}
	if out, err := exec.Command("xz", "-9e", file).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("xz: %v: %s", err, out)
	}
	best := math.Inf(1)
	for range runs {
		cmd := exec.Command("xz", "-dc", file+".xz")
		cmd.Stdout = io.Discard
		if err := cmd.Run(); err != nil {
			return 0, err
		}
		best = min(best, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
	}
	return best, nil
}
