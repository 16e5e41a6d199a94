package llvmlines

import (
	"strings"

	"github.com/minsize/minsize/internal/cargo"
)

// Crates are the crates whose IR counts: the program's, or all that the
// workspace's members build.
func Crates(p *cargo.Project, workspace bool) map[string]bool {
	crates := map[string]bool{crateName(p.Target.Name): true}
	if !workspace {
		return crates
	}
	for _, member := range p.Metadata.Members() {
		for _, t := range member.Targets {
			if t.IsBin() || t.IsLib() {
				crates[crateName(t.Name)] = true
			}
		}
	}
	return crates
}

func crateName(target string) string { return strings.ReplaceAll(target, "-", "_") }

// Request is the build that writes the IR below dir: before any optimisation,
// every function of a crate in one file.
func Request(p *cargo.Project, dir string) cargo.Request {
	return cargo.Request{
		Profile:   []cargo.KeyValue{{Key: "lto", Value: "off"}, {Key: "codegen-units", Value: 1}},
		Rustflags: []string{"--emit=llvm-ir", "-Cno-prepopulate-passes", "-Csymbol-mangling-version=v0"},
		Target:    p.Triple.Name, TargetDir: dir,
	}
}
