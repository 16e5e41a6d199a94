package report

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/attrib"
)

// Explanation turns the answer of --explain into a Document.
func Explanation(x *attrib.Explanation) *Document {
	t := &Table{Columns: []Column{{Name: "What"}, {Name: "Answer", Flex: true, Wrap: true}}}
	add := func(what string, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			t.Rows = append(t.Rows, Row{Cells: []Cell{what, text}})
		}
	}
	if x.InFile {
		add("offset in the file", "%#x", x.Offset)
	} else {
		add("offset in the file", "none: zero-filled memory")
	}
	if x.Loaded {
		add("address", "%#x", x.Addr)
	} else {
		add("address", "none: not loaded")
	}
	add("segment", "%s", x.Segment)
	add("section", "%s", x.Section)
	add("kind", "%s", x.Kind)
	add("owner", "%s", x.Owner)
	if x.Raw != x.Owner {
		add("name in the file", "%s", x.Raw)
	}
	add("other names", "%s", strings.Join(x.Aliases, ", "))
	add("crate", "%s", x.Crate)
	add("module", "%s", x.Module)
	add("compile unit", "%s", x.Unit)
	add("source line", "%s", x.Line)
	add("run of bytes", "%d", x.Bytes)
	for _, why := range x.Why {
		add("why", "%s", why)
	}
	for i, r := range x.Referrer {
		add("referred to by", "%s%s", strings.Repeat("  ", i), r)
	}
	if c := x.Cost; c != nil {
		add("owner's cost", "%d bytes of the file: body %d, unwind %d, exception tables %d, relocations %d, symbols %d, linkage %d, padding %d",
			c.File, c.Body, c.Unwind, c.Exception, c.Relocations, c.Symbols, c.Linkage, c.Padding)
	}
	return &Document{Title: "explanation", Schema: "minsize.explain/1", Data: x, Blocks: []Block{{Table: t}}}
}
