// Command pack (in bench) measures packing against UPX: sizes, packing time,
// and what unpacking costs at start-up.
//
//	go run ./bench/pack [-runs N] [FILE...]
//
// With UPX=path the sizes and times of `upx --best --lzma` are measured in the
// same run. Without it, the sizes that were published for UPX 4.2.3 are used
// for inputs of the very same size, and the table says so. Start-up is CPU
// time (user and system, the least of N runs) over that of the plain program,
// as a multiple of `xz -dc` on the same file: a measure that survives a change
// of machine.
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
	"runtime"
	"strings"
	"syscall"
	"time"

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

func main() {
	runs := flag.Int("runs", 15, "runs of each program for the start-up time; 0 leaves it out")
	flag.Parse()
	files := flag.Args()
	if len(files) == 0 {
		files = []string{"/usr/bin/xz", "/usr/bin/hyperfine", "/usr/bin/bash", "/usr/lib/cargo/bin/fd", "/usr/bin/git", "/usr/bin/rg", "/usr/bin/python3.11", "/usr/bin/gdb"}
	}
	upx := os.Getenv("UPX")
	fmt.Printf("%s, %s/%s, %s\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, time.Now().Format("2006-01-02"))
	fmt.Println("| file | original | UPX --best --lzma | default | ratio | `--fast-start` | ratio | s per MB | start-up / xz -dc: UPX | default | fast |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	var logs [2]float64
	var known int
	for _, name := range files {
		if err := measure(name, upx, *runs, &logs, &known); err != nil {
			fmt.Fprintf(os.Stderr, "pack: %s: %v\n", name, err)
			os.Exit(1)
		}
	}
	if known > 0 {
		fmt.Printf("\nGeometric mean of the ratios over %d files: default %.3f, --fast-start %.3f\n", known, math.Exp(logs[0]/float64(known)), math.Exp(logs[1]/float64(known)))
	}
}

// measure prints one row.
func measure(name, upx string, runs int, logs *[2]float64, known *int) error {
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
	upxSize, note, upxStart := 0, "", 0.0
	if p, ok := nearest(len(data)); ok && upx == "" {
		upxSize, note = p.packed, "*"
		if p.start > 0 {
			upxStart = (p.start - p.plain) / 1e3 / (float64(len(data)) / publishedXZ)
		}
	}
	if upx != "" {
		packed := filepath.Join(dir, "upx")
		if out, err := exec.Command(upx, "-q", "--best", "--lzma", "-o", packed, plain).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %v: %s", upx, err, out)
		}
		info, err := os.Stat(packed)
		if err != nil {
			return err
		}
		upxSize = int(info.Size())
	}
	var sizes [2]int
	var perMB float64
	packed := [2]string{filepath.Join(dir, "default"), filepath.Join(dir, "fast")}
	for i, o := range []pack.Options{{}, {FastStart: true}} {
		before := cpu(syscall.RUSAGE_SELF)
		out, _, err := pack.Pack(data, o)
		if err != nil {
			return err
		}
		if i == 0 {
			perMB = (cpu(syscall.RUSAGE_SELF) - before) / (float64(len(data)) / 1e6)
		}
		sizes[i] = len(out)
		if err := os.WriteFile(packed[i], out, 0o755); err != nil {
			return err
		}
	}
	ratio := func(n int) string {
		if upxSize == 0 {
			return ""
		}
		return fmt.Sprintf("%.3f", float64(n)/float64(upxSize))
	}
	if upxSize > 0 {
		*known++
		logs[0] += math.Log(float64(sizes[0]) / float64(upxSize))
		logs[1] += math.Log(float64(sizes[1]) / float64(upxSize))
	}
	var start [3]string
	if runs > 0 {
		base, err := startup(plain, runs)
		if err != nil {
			return err
		}
		xz, err := xzTime(data, dir, runs)
		if err != nil {
			return err
		}
		if upx != "" {
			t, err := startup(filepath.Join(dir, "upx"), runs)
			if err != nil {
				return err
			}
			upxStart = (t - base) / xz
		}
		if upxStart > 0 {
			start[0] = fmt.Sprintf("%.2f", upxStart)
		}
		for i, p := range packed {
			t, err := startup(p, runs)
			if err != nil {
				return err
			}
			start[1+i] = fmt.Sprintf("%.2f (%.1f ms)", (t-base)/xz, (t-base)*1e3)
		}
	}
	fmt.Printf("| %s | %d | %d%s | %d | %s | %d | %s | %.2f | %s | %s | %s |\n", filepath.Base(name), len(data), upxSize, note, sizes[0], ratio(sizes[0]), sizes[1], ratio(sizes[1]), perMB, start[0], start[1], start[2])
	return nil
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
