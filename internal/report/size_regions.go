package report

import (
	"fmt"

	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/region"
)

// sizeDomain are the leading columns of a table of sizes: of the file and the
// memory image, or of each region of a bare machine, where a byte may count in
// two and the share is of the region.
type sizeDomain struct {
	columns []Column
	cells   func(r *attrib.Row, share Cell) []Cell
	only    func(rows []attrib.Row) []attrib.Row // the rows that have something in them
}

func domainColumns(o SizeOptions) sizeDomain {
	if o.Domain == "regions" {
		return regionColumns(o.regions)
	}
	c := sizeDomain{columns: []Column{{Name: "Share", Kind: Percent}}, only: func(rows []attrib.Row) []attrib.Row { return rows }}
	file, memory := o.Domain != "memory", o.Domain != "file"
	if file {
		c.columns = append(c.columns, Column{Name: "File", Kind: Bytes})
	}
	if memory {
		c.columns = append(c.columns, Column{Name: "Memory", Kind: Bytes})
	}
	c.cells = func(r *attrib.Row, share Cell) []Cell {
		cells := []Cell{share}
		if file {
			cells = append(cells, r.File)
		}
		if memory {
			cells = append(cells, r.Memory)
		}
		return cells
	}
	return c
}

func regionColumns(regions []region.Use) sizeDomain {
	var c sizeDomain
	for _, u := range regions {
		c.columns = append(c.columns, Column{Name: u.Name, Kind: Bytes}, Column{Name: "%", Key: u.Name + "Share", Kind: Percent})
	}
	c.cells = func(r *attrib.Row, _ Cell) (cells []Cell) {
		for i, u := range regions {
			n := uint64(0)
			if i < len(r.Regions) {
				n = r.Regions[i]
			}
			whole := u.Length
			if whole == 0 {
				whole = u.Used
			}
			var share Cell
			if whole > 0 {
				share = float64(n) / float64(whole)
			}
			cells = append(cells, n, share)
		}
		return cells
	}
	c.only = func(rows []attrib.Row) (kept []attrib.Row) {
		for _, r := range rows {
			if sizeOf(&r, "regions") > 0 {
				kept = append(kept, r)
			}
		}
		return kept
	}
	return c
}

// addRow adds sizes up.
func addRow(sum, r *attrib.Row) {
	sum.File += r.File
	sum.Memory += r.Memory
	if sum.Regions == nil && r.Regions != nil {
		sum.Regions = make([]uint64, len(r.Regions))
	}
	for i := range min(len(sum.Regions), len(r.Regions)) {
		sum.Regions[i] += r.Regions[i]
	}
}

// regionsTable is what is used of each region, and what is left.
func regionsTable(uses []region.Use) *Table {
	t := &Table{Columns: []Column{{Name: "Region", Flex: true}, {Name: "Origin"}, {Name: "Length", Kind: Bytes}, {Name: "Used", Kind: Bytes}, {Name: "%", Key: "Share", Kind: Percent},
		{Name: "Free", Kind: Bytes}, {Name: "Stack", Kind: Bytes}, {Name: "Image", Kind: Bytes}}}
	for i := range uses {
		u := &uses[i]
		var length, share, free, stack, image Cell
		if u.Length > 0 {
			length, share, free = u.Length, u.Share(), u.Free()
		}
		if u.Stack > 0 {
			stack = u.Stack
		}
		if u.Image > 0 {
			image = u.Image
		}
		t.Rows = append(t.Rows, Row{Cells: []Cell{u.Name, fmt.Sprintf("%#08x", u.Origin), length, u.Used, share, free, stack, image}})
	}
	return t
}

func regionNotes(s *SizeResult) (notes []string) {
	derived := false
	for i := range s.Regions {
		u := &s.Regions[i]
		derived = derived || u.Length == 0
		if u.Image > 0 {
			binary, hex, uf2 := region.Images(u.Image)
			notes = append(notes, fmt.Sprintf("what is written to %s has %s bytes as .bin, about %s as Intel HEX, %s as UF2", u.Name, thousands(int64(binary)), thousands(int64(hex)), thousands(int64(uf2))))
		}
	}
	if derived {
		notes = append(notes, "the regions are the file's own load and run addresses; --memory-script memory.x or --region NAME=ORIGIN:LENGTH says how long they are")
	}
	if s.Outside > 0 {
		notes = append(notes, fmt.Sprintf("%s bytes lie in no region", thousands(int64(s.Outside))))
	}
	return notes
}

// RegionChange is a region's use on both sides of a comparison.
type RegionChange struct {
	Old region.Use `json:"old"`
	New region.Use `json:"new"`
}

func (c *RegionChange) line() string {
	text := fmt.Sprintf("%s: %s → %s bytes, %s", c.New.Name, thousands(int64(c.Old.Used)), thousands(int64(c.New.Used)), signedThousands(int64(c.New.Used)-int64(c.Old.Used)))
	if c.New.Length > 0 {
		text += fmt.Sprintf("; %.1f %% of %s", 100*c.New.Share(), thousands(int64(c.New.Length)))
	}
	return text
}

// regionChanges is nil unless both sides have the same regions.
func regionChanges(before, after []region.Use) (list []RegionChange) {
	if len(before) != len(after) {
		return nil
	}
	for i := range after {
		if before[i].Name != after[i].Name {
			return nil
		}
		list = append(list, RegionChange{before[i], after[i]})
	}
	return list
}
