package objedit

// Where functions begin. Compilers begin those that they compile for speed at
// a multiple of 16 bytes, so that the first instructions come with one fetch;
// between short functions that is a good part of the code.

import "strings"

// maxAlignment is the most that a compiler asks for by itself: a function
// that lies on more was put there on purpose.
const maxAlignment = 16

// AlignFunctions lets the functions that have a section for themselves begin
// wherever the machine allows it, and returns how many that are. Sections of
// several symbols stay: hand-written code keeps tables in them.
func (o *Object) AlignFunctions() int {
	data := map[int]bool{} // sections with data among the code (aarch64's mapping symbols)
	for i := range o.symbols {
		if s := &o.symbols[i]; s.index > 0 && (s.name == "$d" || strings.HasPrefix(s.name, "$d.")) {
			data[s.index] = true
		}
	}
	count := 0
	for i := range o.functions {
		f := &o.functions[i]
		s := &o.sections[f.at.section]
		if !f.alone || s.align <= o.code(f).Alignment || s.align > maxAlignment || s.size != f.Size || data[f.at.section] || !strings.HasPrefix(s.name, ".text.") {
			continue
		}
		s.align = o.code(f).Alignment
		o.edit()
		o.format.putSection(f.at.section)
		count++
	}
	return count
}
