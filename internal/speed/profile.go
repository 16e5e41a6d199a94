package speed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/demangle"
	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/technique"
)

// Profiler finds the packages that a bench spends its time in: the program is
// linked once more with its symbols, run under the bench, and sampled; samples
// are counted by the crate that defines the function.
//
// Samples in std's own code count for nobody: a generic function of std that a
// crate instantiated cannot be told from another's in legacy names, and the
// prebuilt std is not compiled again by a profile override.
type Profiler struct {
	Bench   *Bench
	Builder ladder.Builder
	Project *cargo.Project

	enough int // samples, where they are not sampleMost
}

// minSamples is how many samples say something; more than sampleMost say
// nothing new.
const minSamples, sampleMost = 100, 4000

// Hot implements ladder.Profiler.
func (p *Profiler) Hot(ctx context.Context, b *ladder.Build, plan technique.Plan) ([]ladder.HotPackage, error) {
	file, err := p.Builder.Finish(ctx, b, plan.Named())
	if err != nil {
		return nil, err
	}
	functions, err := functionsOf(file.Path)
	if err != nil {
		return nil, err
	}
	if len(functions) == 0 {
		return nil, errors.New("the program keeps no symbols")
	}
	path, err := p.Bench.place(file.Path)
	if err != nil {
		return nil, err
	}
	samples, err := sampleProgram(ctx, p.Bench.Dir, p.Bench.argv(path), path, cmp.Or(p.enough, sampleMost))
	if err != nil {
		return nil, fmt.Errorf("sampling the bench: %w", err)
	}
	total, crates := 0, map[string]int{}
	for address, n := range samples {
		total += n
		crates[crateAt(functions, address)] += n
	}
	if total < minSamples {
		return nil, fmt.Errorf("only %d samples of the bench: give it more to do", total)
	}
	var hot []ladder.HotPackage
	for crate, n := range crates {
		if pkg := packageOfCrate(p.Project, crate); pkg != nil {
			hot = append(hot, ladder.HotPackage{Package: p.Project.Metadata.Spec(pkg), Share: float64(n) / float64(total)})
		}
	}
	arrange.Sort(hot, func(a, b ladder.HotPackage) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), strings.Compare(a.Package, b.Package))
	})
	return hot, nil
}

// function is where a function starts in the program's own addresses.
type function struct {
	start, end uint64
	crate      string
}

// functionsOf reads a program's function symbols, by address.
func functionsOf(path string) ([]function, error) {
	m, err := byteio.Open(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	f, err := objfile.Parse(path, m.Data)
	if err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	var list []function
	var names demangle.Parser
	for _, s := range symbols {
		if s.Size == 0 || s.Kind != objfile.SymFunc {
			continue
		}
		name := names.Parse(s.Name)
		crate := strings.Clone(name.Crate)
		if name.Instantiating != "" && isStd(crate) {
			crate = strings.Clone(name.Instantiating)
		}
		list = append(list, function{s.Addr, s.Addr + s.Size, crate})
	}
	arrange.Sort(list, func(a, b function) int { return cmp.Compare(a.start, b.start) })
	return list, nil
}

func isStd(crate string) bool { return slices.Contains([]string{"core", "alloc", "std"}, crate) }

// crateAt is the crate of the function at an address, "" for none.
func crateAt(list []function, address uint64) string {
	i, found := slices.BinarySearchFunc(list, address, func(f function, a uint64) int { return cmp.Compare(f.start, a) })
	if !found {
		i--
	}
	if i < 0 || address >= list[i].end {
		return ""
	}
	return list[i].crate
}

// packageOfCrate is the package of the program's graph whose library or
// program has the crate's name.
func packageOfCrate(p *cargo.Project, crate string) *cargo.Package {
	if crate == "" || isStd(crate) {
		return nil
	}
	for _, pkg := range p.Metadata.Linked(p.Package) {
		for _, t := range pkg.Targets {
			if strings.ReplaceAll(t.Name, "-", "_") == crate && !slices.Contains(t.Kind, "custom-build") {
				return pkg
			}
		}
	}
	return nil
}
