package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/refgraph"
)

// edgeTable holds found edges against those that the linker kept, in files
// linked with --emit-relocs; without files in the programs, which it builds.
func edgeTable(programs, work string, files []string) error {
	if len(files) == 0 {
		for _, name := range []string{"mid", "tool", "system"} {
			path, err := buildWithRelocs(programs, work, name)
			if err != nil {
				return err
			}
			files = append(files, path)
		}
	}
	fmt.Println("| program | edges, linker | edges, found | missed | recall | extra | precision |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|")
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), "-relocs")
		plain, err := load(path, attrib.Options{References: true}, true)
		if err != nil {
			return err
		}
		whole, err := load(path, attrib.Options{NoDecode: true}, false)
		if err != nil {
			return err
		}
		want, err := truth(plain, whole)
		if err != nil {
			return err
		}
		r := compareEdges(plain, want)
		fmt.Printf("| %s | %d | %d | %d | %.3f %% | %d | %.3f %% |\n", name, r.truth, r.found,
			r.missed, 100-100*float64(r.missed)/float64(r.truth), r.extra, 100-100*float64(r.extra)/float64(r.found))
		for _, list := range []struct {
			word  string
			edges []edge
		}{{"missed", r.missedList}, {"extra", r.extraList}} {
			for i, e := range list.edges {
				if i < 10 {
					fmt.Fprintf(os.Stderr, "%s: %s %s -> %s\n", name, list.word, plain.p.Name(e.from), plain.p.Name(e.to))
				}
			}
		}
	}
	return nil
}

// buildWithRelocs links a program with --emit-relocs.
func buildWithRelocs(programs, work, name string) (string, error) {
	out := filepath.Join(work, name+"-relocs")
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	target := filepath.Join(work, "target-"+name)
	cmd := exec.Command("cargo", "rustc", "--release", "--quiet", "--manifest-path", filepath.Join(programs, name, "Cargo.toml"),
		"--target-dir", target, "--", "-C", "link-arg=-Wl,--emit-relocs")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cargo rustc of %s: %w\n%s", name, err, text)
	}
	data, err := os.ReadFile(filepath.Join(target, "release", name))
	if err != nil {
		return "", err
	}
	return out, os.WriteFile(out, data, 0o755)
}

// reachTable says how much of each program is reached. On programs that a
// linker has collected garbage from, every unreachable function is a mistake.
func reachTable(files []string) error {
	fmt.Println("| program | bytes, stripped | unreachable bytes | reachable | functions | unreachable functions | share |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|")
	for _, path := range files {
		x, err := load(path, attrib.Options{References: true}, false)
		if err != nil {
			return err
		}
		t := x.g.Dominators()
		functions, lost, bytes := 0, 0, uint64(0)
		for n := int32(1); n < int32(x.g.Len()); n++ {
			node := x.g.Node(n)
			if node.Kind == refgraph.KindCode {
				functions++
			}
			if t.Reachable(n) {
				continue
			}
			bytes += node.Size
			if node.Kind == refgraph.KindCode {
				lost++
			}
		}
		fmt.Printf("| %s | %d | %d | %.3f %% | %d | %d | %.3f %% |\n", filepath.Base(path), x.g.Total, bytes,
			100-100*float64(bytes)/float64(x.g.Total), functions, lost, 100*float64(lost)/float64(max(functions, 1)))
	}
	return nil
}

// cost is what one run of a program took.
type cost struct {
	cpu    time.Duration
	memory int64 // KiB, peak resident, mapped file pages included
	err    error
}

// run measures the best of three runs.
func run(command ...string) cost {
	best := cost{cpu: 1<<63 - 1}
	for range 3 {
		cmd := exec.Command(command[0], command[1:]...)
		var text strings.Builder
		cmd.Stderr = &text
		if err := cmd.Run(); err != nil {
			return cost{err: fmt.Errorf("%s: %w %.80s", command[0], err, text.String())}
		}
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); cpu < best.cpu {
			best = cost{cpu: cpu, memory: usage.Maxrss}
		}
	}
	return best
}

func (c cost) String() string {
	if c.err != nil {
		return "failed"
	}
	return fmt.Sprintf("%.3f s / %d MB", c.cpu.Seconds(), c.memory/1024)
}

// wasmTable compares with Twiggy on the same question.
func wasmTable(minsize string, modules []string) error {
	if _, err := exec.LookPath("twiggy"); err != nil {
		fmt.Println("twiggy is not installed: no comparison")
		return nil
	}
	fmt.Println("| module | bytes | question | twiggy | minsize | ratio of CPU time |")
	fmt.Println("|---|--:|---|--:|--:|--:|")
	for _, path := range modules {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		for _, question := range [][]string{{"top", "--retained", "-f", "csv"}, {"dominators", "-f", "json"}} {
			args := append(append([]string{}, question...), path)
			theirs := run(append([]string{"twiggy"}, args...)...)
			ours := run(append([]string{minsize}, args...)...)
			if ours.err != nil {
				return ours.err
			}
			ratio := "-"
			if theirs.err == nil {
				ratio = fmt.Sprintf("%.3f", ours.cpu.Seconds()/theirs.cpu.Seconds())
			}
			fmt.Printf("| %s | %d | %s | %s | %s | %s |\n", filepath.Base(path), info.Size(), strings.Join(question[:len(question)-2], " "), theirs, ours, ratio)
		}
	}
	return nil
}

// timeTable measures whole runs: reading, attribution, graph, dominators.
func timeTable(minsize string, files []string) error {
	_, err := exec.LookPath("nm")
	fmt.Println("| program | bytes | `top --retained` | `size -d sections` | `nm --size-sort` |")
	fmt.Println("|---|--:|--:|--:|--:|")
	for _, path := range files {
		info, statError := os.Stat(path)
		if statError != nil {
			return statError
		}
		ours := run(minsize, "top", "--retained", "-n", "10", path)
		if ours.err != nil {
			return ours.err
		}
		nm := cost{err: err}
		if err == nil {
			nm = run("nm", "--size-sort", path)
		}
		fmt.Printf("| %s | %d | %s | %s | %s |\n", filepath.Base(path), info.Size(), ours, run(minsize, "size", "-d", "sections", path), nm)
	}
	return nil
}
