package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/region"
)

// regionFlags are the memories of a bare machine as typed.
type regionFlags struct {
	regions []string
	script  string
}

func (f *regionFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.regions, "region", nil, "a memory of a machine without an operating system: `NAME=ORIGIN:LENGTH`, as in flash=0x08000000:256K")
	flags.StringVar(&f.script, "memory-script", "", "its memories from MEMORY in this linker script `FILE`; in a cargo project memory.x is read by itself")
}

// resolve is nil where nothing was typed.
func (f *regionFlags) resolve() ([]region.Region, error) {
	var list []region.Region
	if f.script != "" {
		var err error
		if list, err = readScript(f.script); err != nil {
			return nil, err
		}
	}
	for _, text := range f.regions {
		r, err := region.Parse(text)
		if err != nil {
			return nil, usageError("--region flash=0x08000000:256K", "%v", err)
		}
		list = append(list, r)
	}
	if err := region.Check(list); err != nil {
		return nil, usageError("", "%v", err)
	}
	return list, nil
}

func readScript(path string) ([]region.Region, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := region.ReadScript(data)
	if err != nil {
		return nil, usageError("--region NAME=ORIGIN:LENGTH says them by hand", "%s: %v", path, err)
	}
	return list, nil
}

// projectRegions is what the memory.x of a bare machine's package says, which
// is where crates of processors and boards look for it; none where it is
// elsewhere.
func projectRegions(p *cargo.Project) ([]region.Region, error) {
	if !p.Triple.BareMetal() || p.Package == nil {
		return nil, nil
	}
	for _, dir := range []string{filepath.Dir(p.Package.ManifestPath), p.Root} {
		path := filepath.Join(dir, "memory.x")
		if _, err := os.Stat(path); err == nil {
			return readScript(path)
		}
	}
	return nil, nil
}

// byRegions settles the request for these programs: a bare machine's is counted
// by what it takes of its memories.
func (l *loadedPrograms) byRegions(r *sizeRequest) error {
	r.rollup.Regions = l.regionsOf(&r.rollup)
	known := len(r.rollup.Regions) > 0
	switch {
	case known && !r.domainTyped:
		r.show.Domain = "regions"
		if r.show.Sort == "file" {
			r.show.Sort = "regions"
		}
	case !known && r.show.Domain == "regions":
		return usageError("--region NAME=ORIGIN:LENGTH, or --memory-script FILE", "%s does not tell what memories its machine has", nameOf(l))
	}
	return nil
}

// regionsOf are the regions that were typed, or the project's, or what the
// file tells itself; nil for none.
func (l *loadedPrograms) regionsOf(r *attrib.RollupOptions) []region.Region {
	switch {
	case len(r.Regions) > 0 || len(l.Inputs) != 1:
		return r.Regions
	case len(l.regions) > 0:
		return l.regions
	}
	return region.Derive(l.Inputs[0].Program.File)
}

func nameOf(l *loadedPrograms) string {
	if len(l.Inputs) == 1 {
		return l.Inputs[0].Name
	}
	return fmt.Sprintf("one of %d files", len(l.Inputs))
}
