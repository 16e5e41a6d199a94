// Command strip measures minsize strip against the strippers that are
// installed, on the same files in one run, and prints Markdown.
//
//	go run ./bench/strip            everything
//	go run ./bench/strip -every 10  every tenth file of the system
//	go run ./bench/strip -relocations 300 /usr/bin/rg
//	                                what --relocations saves, and costs at start
//
// "sstrip -z" is what ELFkickers' sstrip leaves: the file up to the last byte
// that a program header covers, less trailing zeros. It is computed here where
// the program itself is not installed.
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/bench/harness"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/strip"
)

var (
	every   = flag.Int("every", 1, "take every n-th file of the system")
	only    = flag.String("tools", "", "compare with the tools whose name contains one of these words alone, by commas")
	packed  = flag.Int("relocations", 0, "only pack the relocations of the files that are named, and start programs so often before and after")
	reasons = flag.Bool("reasons", false, "print on stderr why an output would load otherwise")
)

// tool is one stripper.
type tool struct {
	name string
	// run strips the file at in to out; an error is a refusal or failure.
	run func(in, out string) error
}

func command(args ...string) func(in, out string) error {
	return func(in, out string) error {
		expanded := make([]string, len(args))
		for i, a := range args {
			expanded[i] = strings.NewReplacer("IN", in, "OUT", out).Replace(a)
		}
		msg, err := exec.Command(expanded[0], expanded[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, firstLine(msg))
		}
		return nil
	}
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}

// minsize is the program as users run it, built by run.
var minsize string

func ours(flags ...string) func(in, out string) error {
	return func(in, out string) error {
		args := append(append([]string{minsize, "strip", "-q"}, flags...), "-o", "OUT", "IN")
		return command(args...)(in, out)
	}
}

// sstripZ is the stand-in: end of the last program header's bytes, zeros off.
func sstripZ(in, out string) error {
	data, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	if len(data) < 64 || data[4] != 2 || data[5] != 1 {
		return fmt.Errorf("not a 64-bit little-endian file")
	}
	le := binary.LittleEndian
	phoff, phnum := le.Uint64(data[32:]), uint64(le.Uint16(data[56:]))
	end := max(64, phoff+56*phnum)
	for i := range phnum {
		p := data[phoff+56*i:]
		if le.Uint32(p) != 0 {
			end = max(end, le.Uint64(p[8:])+le.Uint64(p[32:]))
		}
	}
	if phnum == 0 || end > uint64(len(data)) {
		return fmt.Errorf("no program")
	}
	return os.WriteFile(out, bytes.TrimRight(data[:end], "\x00"), 0o755)
}

func tools() []tool {
	list := []tool{
		{"minsize", ours()},
		{"minsize --sections", ours("--sections")},
		{"minsize --max", ours("--max")},
	}
	add := func(name, program string, args ...string) {
		if _, err := exec.LookPath(program); err == nil {
			list = append(list, tool{name, command(append([]string{program}, args...)...)})
		}
	}
	add("GNU strip", "strip", "-o", "OUT", "IN")
	llvm := "llvm-strip-22"
	if _, err := exec.LookPath(llvm); err != nil {
		llvm = "llvm-strip"
	}
	add("llvm-strip", llvm, "-o", "OUT", "IN")
	objcopy := strings.Replace(llvm, "strip", "objcopy", 1)
	add("llvm-objcopy --strip-sections", objcopy, "--strip-sections", "IN", "OUT")
	add("eu-strip", "eu-strip", "-o", "OUT", "IN")
	if _, err := exec.LookPath("sstrip"); err == nil {
		list = append(list, tool{"sstrip -z", func(in, out string) error {
			data, err := os.ReadFile(in)
			if err == nil {
				err = os.WriteFile(out, data, 0o755)
			}
			if err == nil {
				err = command("sstrip", "-z", out)(in, out)
			}
			return err
		}})
	} else {
		list = append(list, tool{"sstrip -z (computed)", sstripZ})
	}
	if *only == "" {
		return list
	}
	return slices.DeleteFunc(list, func(t tool) bool {
		return !strings.HasPrefix(t.name, "minsize") && !slices.ContainsFunc(strings.Split(*only, ","), func(word string) bool { return strings.Contains(t.name, word) })
	})
}

func main() {
	flag.Parse()
	harness.Main(run)
}

func run() error {
	if *packed > 0 {
		relocations(flag.Args(), *packed)
		return nil
	}
	folder, err := os.MkdirTemp("", "bench-strip")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	harness.Versions("rustc", "strip", "llvm-strip-22", "eu-strip")
	if minsize, err = harness.Minsize(folder); err != nil {
		return err
	}
	if *only != "" {
		compareSystem(folder)
		return nil
	}
	if err := speed(folder); err != nil { // first: a child's peak memory counts this process's own at its start
		return err
	}
	compareSystem(folder)
	home, _ := os.UserHomeDir()
	if rust := elfFiles(filepath.Join(home, ".rustup", "toolchains")); len(rust) > 0 {
		compare("The Rust toolchain", rust, folder)
	}
	return samples(folder)
}

func compareSystem(folder string) {
	var sampled []string
	for i, path := range elfFiles("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec") {
		if i%*every == 0 {
			sampled = append(sampled, path)
		}
	}
	compare(fmt.Sprintf("ELF files of /usr/bin, /usr/sbin, /usr/lib, /usr/libexec (every %d)", *every), sampled, folder)
}

// elfFiles lists the executables and shared objects below the folders.
func elfFiles(folders ...string) (paths []string) {
	for _, folder := range folders {
		filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			if strings.HasPrefix(path, "/usr/lib/debug/") {
				return nil // debug companions, which have nothing else
			}
			f, err := os.Open(path)
			if err != nil {
				return nil
			}
			defer f.Close()
			var head [20]byte
			if n, _ := f.Read(head[:]); n == len(head) && bytes.HasPrefix(head[:], []byte("\x7fELF")) && (head[16] == 2 || head[16] == 3) {
				paths = append(paths, path)
			}
			return nil
		})
	}
	return paths
}

// compare strips every file with every tool.
func compare(title string, paths []string, folder string) {
	list := tools()
	sizes := make([][]int64, len(list)) // by tool, by file; the input's size where it failed
	failed := make([]int, len(list))
	damaged := make([]int, len(list))
	sound := make([][]bool, len(list))
	var before int64
	var inputs []int64
	out := filepath.Join(folder, "out")
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		before += info.Size()
		inputs = append(inputs, info.Size())
		for i, t := range list {
			os.Remove(out)
			size, ok := info.Size(), true
			if err := t.run(path, out); err != nil {
				failed[i]++
			} else if got, err := os.Stat(out); err == nil {
				size = got.Size()
				if ok = t.name == "sstrip -z (computed)" || loadsTheSame(path, out); !ok {
					damaged[i]++
				}
			}
			sizes[i] = append(sizes[i], size)
			sound[i] = append(sound[i], ok)
		}
	}
	fmt.Printf("\n### %s: %d files, %s bytes\n\n", title, len(inputs), group(before))
	fmt.Println("| tool | bytes after | saved | refused or failed | would load otherwise | minsize not larger | minsize --max not larger |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|")
	for i, t := range list {
		var after int64
		var level, maximum, counted int
		for j, n := range sizes[i] {
			after += n
			if !sound[i][j] {
				continue // a broken file is no measure
			}
			counted++
			if sizes[0][j] <= n {
				level++
			}
			if sizes[2][j] <= n {
				maximum++
			}
		}
		share := func(n int) string { return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(max(counted, 1))) }
		fmt.Printf("| %s | %s | %.2f %% | %d | %d | %s | %s |\n", t.name, group(after), 100*float64(before-after)/float64(max(before, 1)), failed[i], damaged[i], share(level), share(maximum))
	}
}

// loadsTheSame asks the oracle of minsize strip.
func loadsTheSame(in, out string) bool {
	old, err := byteio.Open(in)
	if err != nil {
		return false
	}
	defer old.Close()
	changed, err := byteio.Open(out)
	if err != nil {
		return false
	}
	defer changed.Close()
	if err := strip.SameImage(old.Data, changed.Data); err != nil {
		if *reasons {
			fmt.Fprintf(os.Stderr, "%s: %v\n", in, err)
		}
		return false
	}
	return true
}

func group(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

const goSource = `package main
import ("encoding/json"; "fmt"; "os")
func main() { b, _ := json.Marshal(map[string]int{"arguments": len(os.Args)}); fmt.Println(string(b)) }
`

const cSource = `#include <stdio.h>
int main(void) { puts("fine"); return 0; }
`

// samples are programs that are made here: large pages, Go for several systems.
func samples(folder string) error {
	for name, text := range map[string]string{"main.go": goSource, "go.mod": "module example.com/sample\n\ngo 1.26\n", "main.c": cSource} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	fmt.Print("\n### Single programs (bytes)\n\n| program | before | GNU strip | llvm-strip | minsize | minsize --max | the compiler's own |\n|---|--:|--:|--:|--:|--:|--:|\n")
	build := func(env []string, args ...string) error {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = folder
		cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false"), env...)
		if msg, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, firstLine(msg))
		}
		return nil
	}
	size := func(run func(in, out string) error, in string) string {
		out := filepath.Join(folder, "sample-out")
		os.Remove(out)
		if err := run(in, out); err != nil {
			return "refused"
		}
		info, err := os.Stat(out)
		if err != nil {
			return "failed"
		}
		return group(info.Size())
	}
	row := func(name, in, own string) {
		info, err := os.Stat(in)
		if err != nil {
			return
		}
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %s |\n", name, group(info.Size()), size(command("strip", "-o", "OUT", "IN"), in),
			size(command("llvm-strip-22", "-o", "OUT", "IN"), in), size(ours(), in), size(ours("--max"), in), own)
	}
	in := filepath.Join(folder, "sample")
	for _, c := range []struct {
		name string
		args []string
	}{
		{"C, pages of 2 MB", []string{"gcc", "-Wl,-z,max-page-size=0x200000", "-o", in, "main.c"}},
		{"C, static", []string{"gcc", "-static", "-o", in, "main.c"}},
		{"C, aarch64", []string{"aarch64-linux-gnu-gcc", "-o", in, "main.c"}},
		{"C, mingw", []string{"x86_64-w64-mingw32-gcc", "-o", in + ".exe", "main.c"}},
	} {
		if build(nil, c.args...) == nil {
			file := in
			if c.name == "C, mingw" {
				file += ".exe"
			}
			row(c.name, file, "")
		}
	}
	for _, target := range []string{"linux/amd64", "linux/arm64", "linux/s390x", "windows/amd64", "darwin/arm64", "wasip1/wasm"} {
		system, arch, _ := strings.Cut(target, "/")
		env := []string{"GOOS=" + system, "GOARCH=" + arch}
		own := filepath.Join(folder, "own")
		if build(env, "go", "build", "-o", in, ".") != nil || build(env, "go", "build", "-ldflags=-s -w", "-o", own, ".") != nil {
			continue
		}
		info, err := os.Stat(own)
		if err != nil {
			return err
		}
		row("Go, "+target, in, group(info.Size())+" (-s -w)")
	}
	return nil
}

// speed runs the real programs on one large file and on a tiny one.
func speed(folder string) error {
	var large string
	var size int64
	for _, path := range elfFiles("/usr/lib") {
		if info, err := os.Stat(path); err == nil && info.Size() > size {
			large, size = path, info.Size()
		}
	}
	out := filepath.Join(folder, "out")
	fmt.Printf("\n### Speed and memory: %s, %s bytes; least of 5 runs\n\n| tool | CPU s | MB/s | peak memory / input | start on a file of 16 kB, CPU ms |\n|---|--:|--:|--:|--:|\n", filepath.Base(large), group(size))
	for _, t := range []struct {
		name string
		args []string
	}{
		{"minsize", []string{minsize, "strip", "-q", "-o", "OUT", "IN"}},
		{"minsize --max", []string{minsize, "strip", "-q", "--max", "-o", "OUT", "IN"}},
		{"GNU strip", []string{"strip", "-o", "OUT", "IN"}},
		{"llvm-strip", []string{"llvm-strip-22", "-o", "OUT", "IN"}},
		{"eu-strip", []string{"eu-strip", "-o", "OUT", "IN"}},
	} {
		cost, err := measure(t.args, large, out, 5)
		if err != nil {
			continue
		}
		start, err := measure(t.args, "/usr/bin/true", out, 20)
		if err != nil {
			continue
		}
		fmt.Printf("| %s | %.2f | %.0f | %.2f (%s kB) | %.1f |\n", t.name, cost.CPU.Seconds(), float64(size)/1e6/cost.CPU.Seconds(), float64(cost.Memory)/float64(size), group(cost.Memory/1024), float64(start.CPU.Microseconds())/1000)
	}
	return nil
}

// measure runs the command n times on a file: least CPU time, and memory then.
func measure(args []string, in, out string, n int) (harness.Cost, error) {
	expanded := slices.Clone(args)
	for i, a := range expanded {
		switch a {
		case "IN":
			expanded[i] = in
		case "OUT":
			expanded[i] = out
		}
	}
	return harness.Least(n, expanded...)
}
