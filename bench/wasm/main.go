// Command wasm measures what `minsize strip --max` makes of Wasm modules, beside
// wasm-opt -Oz (Binaryen) and after it: bytes, bytes under gzip -9, CPU time.
// Without arguments it measures what Go and rustc make of small programs, and
// what `minsize shrink` makes of Rust's hello for WASI, level by level.
//
//	go run ./bench/wasm [FILE.wasm...]
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/minsize/minsize/bench/harness"
)

func main() {
	harness.Main(func() error {
		return harness.InScratch(func(dir, minsize string) error { return run(dir, minsize, os.Args[1:]) })
	})
}

func run(dir, minsize string, files []string) (err error) {
	opt := harness.Rival("wasm-opt")
	harness.Versions("rustc", "wasm-opt")
	if len(files) == 0 {
		if err := ladder(dir, minsize); err != nil {
			return err
		}
		if files, err = samples(dir); err != nil {
			return err
		}
	}
	fmt.Println("\n| module | bytes | `strip` | `strip --max` | of `strip` | wasm-opt -Oz | of `strip` | `strip --max` after it | gzip -9: `strip` / `--max` / wasm-opt | CPU s: `--max` / wasm-opt |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, file := range files {
		if err := measure(minsize, opt, dir, file); err != nil {
			return err
		}
	}
	return nil
}

// ladder is what shrink makes of hello: by level, with its own writer alone,
// with wasm-opt where it is there, and with the codegen replay.
func ladder(dir, minsize string) error {
	project := filepath.Join(dir, "hello")
	for name, text := range map[string]string{
		"Cargo.toml":  "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"src/main.rs": "fn main() {\n    println!(\"Hello, world!\");\n}\n",
	} {
		if err := os.MkdirAll(filepath.Join(project, filepath.Dir(name)), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o666); err != nil {
			return err
		}
	}
	recipe := []string{"env", "CARGO_PROFILE_RELEASE_OPT_LEVEL=z", "CARGO_PROFILE_RELEASE_LTO=fat", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1",
		"CARGO_PROFILE_RELEASE_PANIC=abort", "CARGO_PROFILE_RELEASE_STRIP=true", "cargo", "build", "-q", "--release", "--target", "wasm32-wasip1", "--target-dir", filepath.Join(dir, "guide")}
	if err := harness.Command(project, recipe[0], recipe[1:]...); err != nil {
		return err
	}
	plain, err := os.Stat(filepath.Join(dir, "guide/wasm32-wasip1/release/hello.wasm"))
	if err != nil {
		return err
	}
	fmt.Println("| hello, wasip1, `minsize shrink` | the guide's recipe | own writer alone | with wasm-opt | with codegen replay | with both | gzip -9 of these |\n|---|--:|--:|--:|--:|--:|--:|")
	for _, level := range []string{"safe", "abort", "max"} {
		row, zipped := fmt.Sprintf("| --level %s | %d |", level, plain.Size()), ""
		for _, flags := range [][]string{{"--codegen-budget", "0", "--without", "wasm-opt"}, {"--codegen-budget", "0"}, {"--without", "wasm-opt"}, nil} {
			args := append([]string{"shrink", "-q", "--no-recipe", "--target", "wasm32-wasip1", "--level", level, "--check", "{}", "--manifest-path", filepath.Join(project, "Cargo.toml")}, flags...)
			if err := harness.Command(project, minsize, args...); err != nil {
				return err
			}
			data, err := os.ReadFile(filepath.Join(project, "target/minsize/hello.wasm"))
			if err != nil {
				return err
			}
			row += fmt.Sprintf(" %d |", len(data))
			zipped += fmt.Sprintf(" / %d", compressed(data))
		}
		fmt.Println(row + zipped[2:] + " |")
	}
	return nil
}

// samples are modules of the compilers that are here.
func samples(dir string) (files []string, err error) {
	source, out := filepath.Join(dir, "hello.go"), filepath.Join(dir, "go-hello.wasm")
	if err := os.WriteFile(source, []byte("package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"Hello, world!\") }\n"), 0o644); err != nil {
		return nil, err
	}
	if err := harness.Command(dir, "env", "GOOS=wasip1", "GOARCH=wasm", "go", "build", "-ldflags=-s -w", "-o", out, source); err != nil {
		return nil, err
	}
	files = append(files, out)
	source = filepath.Join(dir, "hello.rs")
	if err := os.WriteFile(source, []byte("fn main() { println!(\"Hello, world!\"); }\n"), 0o644); err != nil {
		return nil, err
	}
	out = filepath.Join(dir, "hello.wasm")
	if err := harness.Command(dir, "rustc", "--edition", "2021", "--target", "wasm32-wasip1", "-Copt-level=z", "-Clto=fat", "-Ccodegen-units=1", "-Cpanic=abort", "-o", out, source); err != nil {
		fmt.Fprintln(os.Stderr, "bench/wasm: without Rust's hello: no std for wasm32-wasip1")
		return files, nil
	}
	return append(files, out), nil
}

func measure(minsize, opt, dir, file string) error {
	path := func(name string) string { return filepath.Join(dir, name+".wasm") }
	if err := harness.Command(dir, minsize, "strip", "-q", "-o", path("strip"), file); err != nil {
		return err
	}
	cost, err := harness.Run(minsize, "strip", "-q", "--max", "-o", path("max"), file)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	strip, err := os.ReadFile(path("strip"))
	if err != nil {
		return err
	}
	small, err := os.ReadFile(path("max"))
	if err != nil {
		return err
	}
	share := func(n int) string { return fmt.Sprintf("%.4f", float64(n)/float64(len(strip))) }
	rival, rivalShare, both, rivalZip, rivalTime := "", "", "", "", ""
	if opt != "" {
		c, err := harness.Run(opt, "-Oz", "--converge", "--all-features", path("strip"), "-o", path("opt"))
		if err == nil {
			data, err := os.ReadFile(path("opt"))
			if err != nil {
				return err
			}
			if err := harness.Command(dir, minsize, "strip", "-q", "--max", "-o", path("both"), path("opt")); err != nil {
				return err
			}
			after, err := os.Stat(path("both"))
			if err != nil {
				return err
			}
			rival, rivalShare, both = fmt.Sprint(len(data)), share(len(data)), fmt.Sprint(after.Size())
			rivalZip, rivalTime = fmt.Sprint(compressed(data)), seconds(c.CPU)
		} else {
			rival = "refused"
		}
	}
	fmt.Printf("| %s | %d | %d | %d | %s | %s | %s | %s | %d / %d / %s | %s / %s |\n", filepath.Base(file), len(before), len(strip), len(small), share(len(small)),
		rival, rivalShare, both, compressed(strip), compressed(small), rivalZip, seconds(cost.CPU), rivalTime)
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// compressed is the length under gzip -9.
func compressed(data []byte) int {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(data) // into memory: nothing can fail
	_ = w.Close()
	return b.Len()
}
