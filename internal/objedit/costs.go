package objedit

import "strings"

// Costs are the bytes of each function that has a section of its own: that
// section, and the loaded ones that are named after it, as a compiler names
// exception tables, jump tables, and tables that it made of a switch.
func (o *Object) Costs() map[string]int64 {
	costs := map[string]int64{}
	for _, f := range o.Functions() {
		if f.alone {
			costs[f.Name] += int64(o.sections[f.at.section].size)
		}
	}
	for i := range o.sections {
		s := &o.sections[i]
		if !s.loaded || s.code {
			continue
		}
		for _, prefix := range []string{".gcc_except_table.", ".rodata."} {
			name, ok := strings.CutPrefix(s.name, prefix)
			if !ok {
				continue
			}
			name = strings.TrimPrefix(name, ".Lswitch.table.")
			if _, known := costs[name]; !known { // switch.table.NAME.3
				if dot := strings.LastIndexByte(name, '.'); dot > 0 && strings.Trim(name[dot+1:], "0123456789") == "" {
					name = name[:dot]
				}
			}
			if _, known := costs[name]; known {
				costs[name] += int64(s.size)
			}
		}
	}
	return costs
}
