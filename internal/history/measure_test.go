package history

import (
	"testing"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/testbin"
)

// TestMeasure: a record has every view, whose rows sum to the file, as it is
// and as it is shipped.
func TestMeasure(t *testing.T) {
	if Need() < attrib.NeedCrates || len(ViewNames()) != len(Views) {
		t.Errorf("need %v for %v", Need(), ViewNames())
	}
	file := testbin.ELF{Extra: []testbin.ELFSection{{Name: ".debug_info", Type: 1, Data: make([]byte, 999)}}}.Bytes()
	inputs, err := attrib.Load("app", file, attrib.Options{Names: true, Debug: true})
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[attrib.Shipped]uint64{}
	for _, shipped := range []attrib.Shipped{attrib.ShippedAsIs, attrib.ShippedStripped} {
		r := &Record{}
		if err := r.Measure(inputs, attrib.RollupOptions{Shipped: shipped}); err != nil {
			t.Fatal(err)
		}
		sizes[shipped] = r.File
		for _, v := range r.Views {
			sum := v.LeftOut
			for _, row := range v.Rows {
				sum += row.Size
			}
			if sum != r.File {
				t.Errorf("%s sums to %d of %d", v.Name, sum, r.File)
			}
		}
		if len(r.Views) != len(Views) || r.Memory == 0 {
			t.Errorf("%d views, %d bytes of memory", len(r.Views), r.Memory)
		}
	}
	if sizes[attrib.ShippedAsIs] != uint64(len(file)) || sizes[attrib.ShippedStripped] > uint64(len(file))-999 {
		t.Errorf("%v of %d", sizes, len(file))
	}
}
