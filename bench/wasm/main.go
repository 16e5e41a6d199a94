// Command wasm measures what minsize makes of Wasm: `minsize shrink` on hello by
// level and on published programs against the guide's recipe, `minsize strip
// --max` on finished modules beside wasm-opt -Oz (Binaryen) and after it, and
// what reading a module costs beside Twiggy and bloaty.
//
//	go run ./bench/wasm [-parts hello,programs,modules,reading] [FILE.wasm...]
//
// Files take the place of the modules that npm has.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/minsize/minsize/bench/harness"
)

var parts = flag.String("parts", "hello,programs,modules,reading", "which `TABLES` to make")

func main() {
	flag.Parse()
	harness.Main(func() error {
		return harness.InScratch(func(dir, minsize string) error { return run(dir, minsize, flag.Args()) })
	})
}

func run(dir, minsize string, files []string) (err error) {
	harness.Versions("rustc", "wasm-opt", "node", "twiggy", "bloaty")
	wanted := func(part string) bool { return slices.Contains(strings.Split(*parts, ","), part) }
	if wanted("hello") {
		if err := ladder(dir, minsize); err != nil {
			return err
		}
	}
	if wanted("programs") {
		if err := programs(dir, minsize); err != nil {
			return err
		}
	}
	if len(files) == 0 && (wanted("modules") || wanted("reading")) {
		if files, err = npmModules(dir); err != nil {
			return err
		}
	}
	if wanted("modules") {
		fmt.Println("\n| module | bytes | `strip` | `strip --max` | of `strip` | wasm-opt -Oz | of `strip` | `strip --max` after it | brotli: `strip` / `--max` / wasm-opt | CPU s: `--max` / wasm-opt |")
		fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
		opt := harness.Rival("wasm-opt")
		for _, file := range files {
			if err := measure(minsize, opt, dir, file); err != nil {
				return err
			}
		}
	}
	if wanted("reading") {
		return reading(minsize, files)
	}
	return nil
}

// ladder is what shrink makes of hello: by level, with its own writer alone,
// with wasm-opt where it is there, and with the codegen replay.
func ladder(dir, minsize string) error {
	project := filepath.Join(dir, "hello")
	if err := harness.Write(project, map[string]string{
		"Cargo.toml":  "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
		"src/main.rs": "fn main() {\n    println!(\"Hello, world!\");\n}\n",
	}); err != nil {
		return err
	}
	if err := withRecipe(project, filepath.Join(dir, "guide")); err != nil {
		return err
	}
	plain, err := os.ReadFile(filepath.Join(dir, "guide", target, "release/hello.wasm"))
	if err != nil {
		return err
	}
	fmt.Println("| hello, wasip1, `minsize shrink` | the guide's recipe | own writer alone | with wasm-opt | with codegen replay | with both | brotli of these |\n|---|--:|--:|--:|--:|--:|--:|")
	for _, level := range []string{"safe", "abort", "max"} {
		row, zipped := fmt.Sprintf("| --level %s | %d |", level, len(plain)), fmt.Sprint(browser(plain))
		for _, flags := range [][]string{{"--codegen-budget", "0", "--without", "wasm-opt"}, {"--codegen-budget", "0"}, {"--without", "wasm-opt"}, nil} {
			args := append([]string{"shrink", "-q", "--no-recipe", "--target", target, "--level", level, "--check", "{}"}, flags...)
			if err := harness.Command(project, minsize, args...); err != nil {
				return err
			}
			data, err := os.ReadFile(filepath.Join(project, "target/minsize/hello.wasm"))
			if err != nil {
				return err
			}
			row += fmt.Sprintf(" %d |", len(data))
			zipped += fmt.Sprintf(" / %d", browser(data))
		}
		fmt.Println(row + " " + zipped + " |")
	}
	return nil
}

// npmModules are published modules, of several compilers.
func npmModules(dir string) (files []string, err error) {
	for _, m := range []struct{ pkg, file string }{
		{"web-tree-sitter@0.25.3", "lib/tree-sitter.wasm"}, // with names
		{"web-tree-sitter@0.25.3", "tree-sitter.wasm"},
		{"sql.js@1.13.0", "dist/sql-wasm-debug.wasm"},
		{"sql.js@1.13.0", "dist/sql-wasm.wasm"},
		{"@resvg/resvg-wasm@2.6.2", "index_bg.wasm"},
		{"esbuild-wasm@0.25.3", "esbuild.wasm"},
		{"@swc/wasm-web@1.11.24", "wasm_bg.wasm"},
	} {
		into := filepath.Join(dir, "npm", strings.NewReplacer("/", "-", "@", "-").Replace(m.pkg))
		if _, err := os.Stat(into); err != nil {
			if err := os.MkdirAll(into, 0o777); err != nil {
				return nil, err
			}
			if err := harness.Command(into, "sh", "-c", "npm pack --silent "+m.pkg+" && tar xzf *.tgz"); err != nil {
				fmt.Fprintf(os.Stderr, "bench/wasm: without %s: %v\n", m.pkg, err)
				continue
			}
		}
		if path := filepath.Join(into, "package", m.file); harness.Exists(path) {
			files = append(files, path)
		}
	}
	return files, nil
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
	squeeze := func(data []byte) string {
		if len(data) > mostSqueezed {
			return "-"
		}
		return fmt.Sprint(browser(data))
	}
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
			rivalZip, rivalTime = squeeze(data), seconds(c.CPU)
		} else {
			rival = "refused"
		}
	}
	fmt.Printf("| %s | %d | %d | %d | %s | %s | %s | %s | %s / %s / %s | %s / %s |\n", named(file), len(before), len(strip), len(small), share(len(small)),
		rival, rivalShare, both, squeeze(strip), squeeze(small), rivalZip, seconds(cost.CPU), rivalTime)
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// mostSqueezed is up to which size brotli at its best is waited for.
const mostSqueezed = 3 << 20

// named is a file as a table calls it: by its package.
func named(file string) string {
	if before, inside, ok := strings.Cut(file, "/package/"); ok {
		return filepath.Base(before) + "/" + inside
	}
	return filepath.Base(file)
}

// reading is what the verbs that only look cost, against those who do the same.
func reading(minsize string, files []string) error {
	fmt.Println("\n| module | `top` / twiggy | `dominators` / twiggy | `garbage` / twiggy | `size -d symbols` / bloaty |\n|---|--:|--:|--:|--:|")
	for _, file := range files {
		row := "| " + named(file) + " |"
		for _, c := range []struct {
			ours  []string
			rival string
			its   []string
		}{
			{[]string{"top", file}, "twiggy", []string{"top", file}},
			{[]string{"dominators", file}, "twiggy", []string{"dominators", file}},
			{[]string{"garbage", file}, "twiggy", []string{"garbage", file}},
			{[]string{"size", "-d", "symbols", file}, "bloaty", []string{"-d", "symbols", file}},
		} {
			commands := [][]string{append([]string{minsize}, c.ours...)}
			if rival := harness.Rival(c.rival); rival != "" {
				commands = append(commands, append([]string{rival}, c.its...))
			}
			costs := harness.Interleave(5, commands)
			row += " " + seconds(costs[0].CPU)
			if len(costs) > 1 && costs[1].CPU > 0 {
				row += fmt.Sprintf(" / %s (%.2f)", seconds(costs[1].CPU), float64(costs[0].CPU)/float64(costs[1].CPU))
			}
			row += " |"
		}
		fmt.Println(row)
	}
	return nil
}
