package cli

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/report"
)

// allocators are packages that bring a memory allocator, with the prefixes of
// their functions. They win speed in some programs and always cost bytes; the
// system's allocator is in the C library and costs none.
var allocators = []struct {
	crate    string
	prefixes []string
}{
	{"tikv-jemalloc-sys", []string{"_rjem_", "je_", "prof_", "arena_"}},
	{"jemalloc-sys", []string{"_rjem_", "je_", "prof_", "arena_"}},
	{"libmimalloc-sys", []string{"mi_", "_mi_"}},
	{"snmalloc-sys", []string{"sn_", "_ZN8snmalloc"}},
	{"rpmalloc-sys", []string{"rpmalloc", "rpfree", "rprealloc"}},
	{"tcmalloc", []string{"TCMalloc", "tc_"}},
	{"wee_alloc", []string{"_ZN9wee_alloc"}},
	{"dlmalloc", []string{"_ZN8dlmalloc"}},
}

// advice is what beyond flags would make the program smaller: an allocator
// that it brings, the allocator that old compilers bring, and the next tier
// for programs that are at the floor of theirs.
func advice(ctx context.Context, x *executor.Executor, r *ladder.Result) []string {
	var lines []string
	lines = append(lines, allocatorAdvice(ctx, x, r)...)
	if line := oldJemalloc(x.Project); line != "" {
		lines = append(lines, line)
	}
	if line := tierAdvice(x.Project, r); line != "" {
		lines = append(lines, line)
	}
	return lines
}

// allocatorAdvice names the allocators of the graph, what they cost in this
// program by its symbols, and where the project asks for them.
func allocatorAdvice(ctx context.Context, x *executor.Executor, r *ladder.Result) []string {
	var lines []string
	for _, pkg := range x.Project.Metadata.Linked(x.Project.Package) {
		i := slices.IndexFunc(allocators, func(a struct {
			crate    string
			prefixes []string
		}) bool {
			return a.crate == pkg.Name
		})
		if i < 0 {
			continue
		}
		line := fmt.Sprintf("%s %s is an allocator of the program's own", pkg.Name, pkg.Version)
		if size, err := sizeOfFunctions(ctx, x, r, allocators[i].prefixes); err == nil && size > 0 {
			line += fmt.Sprintf(": its functions are %d bytes of it", size)
		}
		if place := globalAllocator(x.Project); place != "" {
			line += ", asked for at " + place
		}
		lines = append(lines, line+"; the system's allocator costs none (measure the speed: --bench)")
	}
	return lines
}

// sizeOfFunctions sums up the functions whose names have one of the prefixes,
// in the winner linked with its symbols.
func sizeOfFunctions(ctx context.Context, x *executor.Executor, r *ladder.Result, prefixes []string) (uint64, error) {
	file, err := x.Finish(ctx, r.BestBuild, r.BestPlan.Named())
	if err != nil {
		return 0, err
	}
	m, err := byteio.Open(file.Path)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	f, err := objfile.Parse(file.Path, m.Data)
	if err != nil {
		return 0, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return 0, err
	}
	var size uint64
	seen := map[uint64]bool{} // several names may stand for one function
	for _, s := range symbols {
		if s.Kind == objfile.SymFunc && !seen[s.Addr] && slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s.Name, p) }) {
			seen[s.Addr] = true
			size += s.Size
		}
	}
	return size, nil
}

// globalAllocator finds #[global_allocator] in the sources of the project's
// own packages, as file:line; "" where there is none.
func globalAllocator(p *cargo.Project) string {
	place := ""
	for _, pkg := range p.Metadata.Linked(p.Package) {
		if pkg.Source != "" || place != "" {
			continue
		}
		filepath.WalkDir(filepath.Dir(pkg.ManifestPath), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil
			case d.IsDir() && (strings.HasPrefix(d.Name(), ".") || path == p.Metadata.TargetDirectory):
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".rs"):
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			for i, line := range bytes.Split(text, []byte("\n")) {
				if bytes.HasPrefix(bytes.TrimSpace(line), []byte("#[global_allocator]")) {
					place = fmt.Sprintf("%s:%d", p.Short(path), i+1)
					return fs.SkipAll
				}
			}
			return nil
		})
	}
	return place
}

// oldJemalloc: from 1.28, when #[global_allocator] became stable, to 1.31
// programs get jemalloc unless they ask for the system's allocator; 1.32 and
// later do not (the guide's rule).
func oldJemalloc(p *cargo.Project) string {
	var major, minor int
	fmt.Sscanf(p.Toolchain.Version, "%d.%d", &major, &minor)
	if major != 1 || minor < 28 || minor > 31 || globalAllocator(p) != "" {
		return ""
	}
	return fmt.Sprintf("Rust %s puts jemalloc into every program: `#[global_allocator] static A: std::alloc::System = std::alloc::System;` takes it out, and so does Rust 1.32", p.Toolchain.Version)
}

// tiers are how little a program can be written on, with what an empty one
// costs on x86-64 Linux without section headers (docs/bench/shrink.md).
var tiers = []struct {
	name, what string
	floor      int64
}{
	{"no-main", "std without its start-up code and formatting", 2051},
	{"no-std", "the C library alone", 1203},
	{"raw", "system calls alone", 149},
}

// mostlyStd is from where on down what std itself brings is most of a
// program, so that a smaller tier is worth a thought.
const mostlyStd = 100_000

// tierAdvice says what the next tiers start at, to programs that std is most of.
func tierAdvice(p *cargo.Project, r *ladder.Result) string {
	if p.Triple.Arch != "x86_64" || p.Triple.OS != "linux" || r.FinalSize > mostlyStd {
		return ""
	}
	var next []string
	for _, t := range tiers {
		next = append(next, fmt.Sprintf("--tier %s (%s) at %s bytes", t.name, t.what, report.FormatBytes(t.floor, true)))
	}
	return "what std brings is most of a program of this size; programs of `minsize new` start lower: " + strings.Join(next, ", ")
}
