// Command image measures `minsize image`: hello and examples/wordfreq as images,
// on disk and compressed, and what is in them beyond the files themselves. It
// prints a Markdown table.
//
//	go run ./bench/image
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/bench/harness"
)

func main() { harness.Main(func() error { return harness.InScratch(run) }) }

type result struct {
	Written, Compressed, Overhead int64
	Platforms                     []struct {
		Linking string
		Size    int64
		Files   []struct{ Path string }
	}
}

func run(dir, minsize string) error {
	type row struct {
		name, program string
		flags         []string
	}
	var rows []row
	for _, example := range []string{"raw", "no-std", "wordfreq"} {
		project := filepath.Join(dir, example)
		if err := os.CopyFS(project, os.DirFS(filepath.Join("examples", example))); err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Join(project, "target")); err != nil {
			return err
		}
		program := filepath.Join(project, "target/release", example)
		if err := harness.Command(project, "cargo", "build", "--quiet", "--release"); err != nil {
			return err
		}
		name := example
		if example == "wordfreq" {
			if err := harness.Command(project, minsize, "shrink", "-q", "--check", "! {} samples"); err != nil {
				return err
			}
			program, name = filepath.Join(project, "target/minsize/wordfreq"), "wordfreq, shrunk"
		}
		rows = append(rows, row{name, program, nil})
	}
	if _, err := exec.LookPath("musl-gcc"); err == nil {
		source := filepath.Join(dir, "hello.c")
		if err := os.WriteFile(source, []byte("#include <stdio.h>\nint main(void) { puts(\"Hello, world!\"); }\n"), 0o666); err != nil {
			return err
		}
		out := filepath.Join(dir, "hello-musl")
		if err := harness.Command(dir, "musl-gcc", "-static", "-Os", "-o", out, source); err != nil {
			return err
		}
		rows = append(rows, row{"hello in C, static musl, --strip", out, []string{"--strip"}})
	}
	harness.Versions("rustc", "musl-gcc")
	fmt.Println("| image | linking | files | bytes of the files | on disk (OCI tar) | layers as stored | manifest and configuration |\n|---|---|--:|--:|--:|--:|--:|")
	for i, x := range rows {
		args := append([]string{"image", x.program, "-t", "bench", "-o", filepath.Join(dir, fmt.Sprint(i, ".tar")), "--json", "-q"}, x.flags...)
		out, err := exec.Command(minsize, args...).Output()
		if err != nil {
			return fmt.Errorf("minsize %s: %w", strings.Join(args, " "), err)
		}
		r := result{}
		if err := json.Unmarshal(out, &r); err != nil {
			return err
		}
		p := r.Platforms[0]
		fmt.Printf("| %s | %s | %d | %d | %d | %d | %d |\n", x.name, p.Linking, len(p.Files), p.Size, r.Written, r.Compressed, r.Overhead)
	}
	return nil
}
