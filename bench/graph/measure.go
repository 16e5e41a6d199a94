package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/bench/harness"
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

// cell is a cost in a table: CPU seconds and MB, of the best of three runs.
func cell(c harness.Cost, err error) string {
	if err != nil {
		return "failed"
	}
	return fmt.Sprintf("%.3f s / %d MB", c.CPU.Seconds(), c.Memory>>20)
}

// wasmTable compares with Twiggy on the same question.
func wasmTable(minsize string, modules []string) error {
	twiggy := harness.Rival("twiggy")
	if twiggy == "" {
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
			args := append(slices.Clone(question), path)
			theirs, theirError := harness.Least(3, append([]string{twiggy}, args...)...)
			ours, err := harness.Least(3, append([]string{minsize}, args...)...)
			if err != nil {
				return err
			}
			ratio := "-"
			if theirError == nil {
				ratio = fmt.Sprintf("%.3f", ours.CPU.Seconds()/theirs.CPU.Seconds())
			}
			fmt.Printf("| %s | %d | %s | %s | %s | %s |\n", filepath.Base(path), info.Size(), strings.Join(question[:len(question)-2], " "), cell(theirs, theirError), cell(ours, nil), ratio)
		}
	}
	return nil
}

// timeTable measures whole runs: reading, attribution, graph, dominators.
func timeTable(minsize string, files []string) error {
	fmt.Println("| program | bytes | `top --retained` | `size -d sections` | `nm --size-sort` |")
	fmt.Println("|---|--:|--:|--:|--:|")
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		top, err := harness.Least(3, minsize, "top", "--retained", "-n", "10", path)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %d | %s | %s | %s |\n", filepath.Base(path), info.Size(), cell(top, nil),
			cell(harness.Least(3, minsize, "size", "-d", "sections", path)), cell(harness.Least(3, "nm", "--size-sort", path)))
	}
	return nil
}
