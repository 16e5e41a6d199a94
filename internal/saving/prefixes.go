package saving

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
)

// pathPrefixes finds what the absolute paths of sources have in common: the
// messages of panics name files, and cargo names those of dependencies whole.
func pathPrefixes(s *Subject) (found []Saving) {
	if s.program == nil {
		return nil
	}
	prefixes := map[string]bool{}
	for _, l := range s.program.PanicLocations() {
		for _, pkg := range s.Project.Metadata.Packages {
			if folder := filepath.Dir(pkg.ManifestPath); strings.HasPrefix(l.Path, folder+"/") {
				prefixes[filepath.Dir(folder)+"/"] = true
			}
		}
	}
	f := s.program.File
	for prefix := range prefixes {
		n := 0
		for i := range f.Sections {
			if c := &f.Sections[i]; c.Alloc && !c.Exec && c.Offset+c.FileSize <= f.Size {
				n += bytes.Count(f.Data[c.Offset:c.Offset+c.FileSize], []byte(prefix))
			}
		}
		size := uint64(n * len(prefix))
		found = append(found, Saving{
			What: fmt.Sprintf("%d paths of sources begin with %s", n, prefix), File: ".cargo/config.toml",
			Step: fmt.Sprintf("[build] rustflags = [%q]", "--remap-path-prefix="+prefix+"="),
		}.within(size-size/10, size, size+size/10+512))
	}
	arrange.Sort(found, func(a, b Saving) int { return strings.Compare(a.What, b.What) })
	return found
}
