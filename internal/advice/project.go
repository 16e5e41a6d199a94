package advice

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/examples"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/target"
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

// Beyond is what beyond flags would make a project's program smaller: an
// allocator that it brings, the allocator that old compilers bring, and the
// next tier for programs that are at the floor of theirs. size is the
// program's; named makes it with its names, for what is counted by them.
func Beyond(p *cargo.Project, size int64, named func() (path string, err error)) []string {
	lines := allocatorAdvice(p, named)
	if line := oldJemalloc(p); line != "" {
		lines = append(lines, line)
	}
	if p.Triple.Format == target.Wasm {
		lines = append(lines, wasmAllocator(p, named)...)
	}
	if line := bindgenAdvice(p); line != "" {
		lines = append(lines, line)
	}
	if line := tierAdvice(p, size); line != "" {
		lines = append(lines, line)
	}
	return lines
}

// allocatorAdvice names the allocators of the graph, what they cost in this
// program by its symbols, and where the project asks for them.
func allocatorAdvice(p *cargo.Project, named func() (string, error)) []string {
	var lines []string
	for _, pkg := range p.Metadata.Linked(p.Package) {
		for _, a := range allocators {
			if a.crate != pkg.Name {
				continue
			}
			line := fmt.Sprintf("%s %s is an allocator of the program's own", pkg.Name, pkg.Version)
			if path, err := named(); err == nil {
				if size, err := sizeOfFunctions(path, a.prefixes); err == nil && size > 0 {
					line += fmt.Sprintf(": its functions are %d bytes of it", size)
				}
			}
			if place := globalAllocator(p); place != "" {
				line += ", asked for at " + place
			}
			lines = append(lines, line+"; the system's allocator costs none (measure the speed: --bench)")
		}
	}
	return lines
}

// sizeOfFunctions sums up the functions of a program whose names have one of
// the prefixes.
func sizeOfFunctions(path string, prefixes []string) (uint64, error) {
	m, err := byteio.Open(path)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	f, err := objfile.Parse(path, m.Data)
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
		if s.Kind == objfile.SymFunc && !seen[s.Addr] && slices.ContainsFunc(prefixes, func(p string) bool {
			return strings.HasPrefix(s.Name, p) || strings.HasPrefix(p, "_ZN") && strings.HasPrefix(s.Name, "_R") && strings.Contains(s.Name, p[3:])
		}) {
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

// dlmalloc are functions of the allocator that modules get where nobody asks for
// another: Rust's crate of that name, or the C library's file of WASI.
var dlmalloc = []string{"_ZN8dlmalloc", "dlmalloc", "dlfree", "dlrealloc", "dlcalloc", "dispose_chunk", "prepend_alloc",
	"tmalloc_", "try_realloc_chunk", "internal_memalign", "internal_aligned_alloc", "sys_alloc", "sys_trim", "sbrk"}

// smallAllocators are crates that take less, at the price of speed or of memory
// that is never given back.
var smallAllocators = []string{"talc", "lol_alloc"}

// wasmAllocator says what the allocator of a module costs, where the project has
// chosen none.
func wasmAllocator(p *cargo.Project, named func() (string, error)) []string {
	if globalAllocator(p) != "" {
		return nil
	}
	path, err := named()
	if err != nil {
		return nil
	}
	size, err := sizeOfFunctions(path, dlmalloc)
	if err != nil || size == 0 {
		return nil
	}
	line := fmt.Sprintf("the allocator that std brings, dlmalloc, is %d bytes of the module's code; ", size)
	for _, pkg := range p.Metadata.Built(p.Package) {
		if slices.Contains(smallAllocators, pkg.Name) {
			return []string{line + pkg.Name + " " + pkg.Version + ", which the project has already, is smaller as #[global_allocator]"}
		}
	}
	return []string{line + "crates such as " + strings.Join(smallAllocators, " and ") + " have smaller ones for #[global_allocator]"}
}

// bindgenAdvice says how wasm-bindgen's modules are searched on: before its CLI,
// which then belongs to the check, or what it leaves.
func bindgenAdvice(p *cargo.Project) string {
	if !slices.ContainsFunc(p.Package.Dependencies, func(d cargo.Dependency) bool { return d.Name == "wasm-bindgen" && d.Kind == "" }) {
		return ""
	}
	tool, place := "wasm-bindgen's CLI and wasm-pack leave", "pkg/"+strings.ReplaceAll(p.Target.Name, "-", "_")+"_bg.wasm"
	if _, err := os.Stat(filepath.Join(filepath.Dir(p.Package.ManifestPath), "Trunk.toml")); err == nil {
		tool, place = "trunk leaves", "dist/*_bg.wasm"
	}
	line := fmt.Sprintf("wasm-bindgen: what %s is searched on as `minsize shrink %s --stage %s --check 'node test.mjs'`", tool, place, place)
	if p.Triple.Format == target.Wasm {
		return line + "; here its CLI belongs into the check: --check 'wasm-bindgen {} --target nodejs --out-dir pkg && node test.mjs'"
	}
	return line + "; the module before that with --target wasm32-unknown-unknown"
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

// mostlyStd is from where on down what std itself brings is most of a
// program, so that a smaller tier is worth a thought.
const mostlyStd = 100_000

// tierAdvice says what the next tiers start at, to programs that std is most of.
func tierAdvice(p *cargo.Project, size int64) string {
	if !p.Kind.Starts() || p.Triple.Arch != "x86_64" || p.Triple.OS != "linux" || size > mostlyStd {
		return ""
	}
	var next []string
	for _, t := range examples.Tiers {
		next = append(next, fmt.Sprintf("--tier %s (%s) at %d bytes", t.Name, t.Summary, t.Floor))
	}
	return "what std brings is most of a program of this size; programs of `minsize new` start lower: " + strings.Join(next, ", ")
}
