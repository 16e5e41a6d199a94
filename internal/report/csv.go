package report

import (
	"encoding/csv"
	"io"
)

// writeCSV prints every table with its header, raw numbers, an empty line
// between tables.
func writeCSV(w io.Writer, d *Document, _ Options) error { return writeSeparated(w, d, ',') }

// writeTSV is writeCSV with tabs.
func writeTSV(w io.Writer, d *Document, _ Options) error { return writeSeparated(w, d, '\t') }

func writeSeparated(w io.Writer, d *Document, comma rune) error {
	first := true
	for _, b := range d.Blocks {
		if b.Table == nil {
			continue
		}
		if !first {
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		first = false
		table := b.Table.readFor(Programs)
		cw := csv.NewWriter(w)
		cw.Comma = comma
		var record []string
		for _, c := range table.Columns {
			if c.Key != "" {
				record = append(record, c.Key)
			} else {
				record = append(record, c.Name)
			}
		}
		if err := cw.Write(record); err != nil {
			return err
		}
		for _, r := range table.Rows {
			record = record[:0]
			for _, cell := range r.Cells {
				record = append(record, raw(cell))
			}
			if err := cw.Write(record); err != nil {
				return err
			}
		}
		cw.Flush()
		if err := cw.Error(); err != nil {
			return err
		}
	}
	return nil
}
