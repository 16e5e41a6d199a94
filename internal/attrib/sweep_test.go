package attrib

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// sweepViews are nested in an order that no report uses, so that the sums are
// tested and not the habits.
var sweepViews = []string{"kind", "crates", "sections", "symbols"}

// attributeFile loads a file, rolls it up in several ways and returns what is
// wrong with it; ErrFormat for files of no known format.
func attributeFile(path string) (bytes, unowned uint64, err error) {
	m, err := byteio.Open(path)
	if err != nil || len(m.Data) < 4 {
		return 0, 0, objfile.ErrFormat
	}
	defer m.Close()
	inputs, err := Load(path, m.Data, Options{References: true, Bodies: true})
	if err != nil {
		return 0, 0, err
	}
	for _, views := range [][]string{{"sections"}, {"segments", "kind"}, sweepViews} {
		if _, err := Rollup(inputs, RollupOptions{Views: views}); err != nil {
			return 0, 0, err
		}
	}
	for _, in := range inputs {
		p := in.Program
		p.Findings()
		sum := uint64(0)
		costs := p.Costs()
		for _, c := range costs {
			sum += c.File
		}
		if sum != p.File.Size {
			return 0, 0, internalError("costs", errors.New(path))
		}
		bytes += p.File.Size
		p.Pieces(func(x Piece) {
			if x.Atom < 0 && (x.Kind == Code || x.Kind == ReadOnly || x.Kind == Data) {
				unowned += p.Space.FileBytes(x.Start, x.End)
			}
		})
	}
	return bytes, unowned, nil
}

// TestSweep attributes every object file of the machine: sums, no panics.
func TestSweep(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP is not set: the sweep over system binaries takes minutes")
	}
	files, total, nobody := 0, uint64(0), uint64(0)
	for _, root := range []string{"/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec"} {
		_ = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			if info, err := d.Info(); err != nil || info.Size() > 200<<20 {
				return nil
			}
			bytes, unowned, err := attributeFile(path)
			switch {
			case errors.Is(err, objfile.ErrFormat):
			case err != nil && strings.Contains(err.Error(), "internal error"):
				t.Errorf("%s: %v", path, err)
			case err != nil:
				t.Logf("%s: %v", path, err)
			default:
				files++
				total += bytes
				nobody += unowned
			}
			return nil
		})
	}
	t.Logf("%d files, %d bytes, all sums exact; %.2f %% of the bytes are loaded and nobody's", files, total, 100*float64(nobody)/float64(total))
}
