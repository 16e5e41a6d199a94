package toml

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// The parser gives ranges for keys and scalars and for whole `key = value`
// pairs, none for arrays and inline tables. That is enough: the value of a pair
// runs from behind its `=` to the pair's end. Elements of an array are known as
// long as they are scalars, which is all that lists of words need.

// span is a range of bytes, end not included.
type span struct{ start, end int }

// entry is one `key = value`, at the top level or inside an inline table.
type entry struct {
	path   []string // absolute
	key    span     // the dotted key as written
	value  span
	header int  // index of the header that it stands under, -1 for the root
	inline int  // index of the entry whose inline table holds it, -1 for none
	first  bool // of its inline table
	parts  int  // number of parts of the dotted key
	table  bool // the value is an inline table
	array  bool
	items  []span // elements of an array, where all of them are scalars
	scalar bool   // items are complete
}

// header is one [table] or [[table]].
type header struct {
	path  []string
	line  span // from the bracket to the end of the line, comment and newline included
	array bool // [[...]]
}

// index is where everything stands in a document.
type index struct {
	data    []byte
	entries []entry
	headers []header
}

// maxDocument bounds what is parsed: manifests are kilobytes, and the parser
// keeps offsets in 32 bits.
const maxDocument = 64 << 20

// scan parses a document into its index.
func scan(data []byte) (*index, error) {
	if len(data) > maxDocument {
		return nil, fmt.Errorf("%d bytes are too many for a TOML file (limit %d)", len(data), maxDocument)
	}
	x := &index{data: data}
	parser := &unstable.Parser{}
	parser.Reset(data)
	var under []string
	for parser.NextExpression() {
		node := parser.Expression()
		switch node.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, _, last := keyOf(node.Key())
			under = path
			start := x.lineStart(last.start)
			x.headers = append(x.headers, header{path: path, line: span{start, x.lineEnd(last.end)}, array: node.Kind == unstable.ArrayTable})
		case unstable.KeyValue:
			x.add(node, under, -1, true)
		}
	}
	if err := parser.Error(); err != nil {
		return nil, x.position(parser, err)
	}
	return x, nil
}

// keyOf reads a dotted key: its parts, the range of all of it, and of the last part.
func keyOf(it unstable.Iterator) (parts []string, whole, last span) {
	for it.Next() {
		part := it.Node()
		last = span{int(part.Raw.Offset), int(part.Raw.Offset + part.Raw.Length)}
		if parts == nil {
			whole.start = last.start
		}
		parts = append(parts, string(part.Data))
	}
	whole.end = last.end
	return parts, whole, last
}

// add indexes one key and, in an inline table, those below it.
func (x *index) add(node *unstable.Node, under []string, inline int, first bool) {
	parts, whole, _ := keyOf(node.Key())
	e := entry{
		path: slices.Concat(under, parts), key: whole, parts: len(parts),
		header: len(x.headers) - 1, inline: inline, first: first,
	}
	e.value = span{x.afterEquals(whole.end), int(node.Raw.Offset + node.Raw.Length)}
	value := node.Value()
	e.table, e.array = value.Kind == unstable.InlineTable, value.Kind == unstable.Array
	if e.array {
		e.scalar = true
		for it := value.Children(); it.Next(); {
			item := it.Node()
			switch item.Kind {
			case unstable.Array, unstable.InlineTable:
				e.scalar = false // their ranges are not known to the parser
			default:
				e.items = append(e.items, span{int(item.Raw.Offset), int(item.Raw.Offset + item.Raw.Length)})
			}
		}
	}
	x.entries = append(x.entries, e)
	if e.table {
		at := len(x.entries) - 1
		first := true
		for it := value.Children(); it.Next(); {
			if child := it.Node(); child.Kind == unstable.KeyValue {
				x.add(child, e.path, at, first)
				first = false
			}
		}
	}
}

// afterEquals is where the value behind a key starts.
func (x *index) afterEquals(at int) int {
	for at < len(x.data) && x.data[at] != '=' {
		at++
	}
	for at++; at < len(x.data) && (x.data[at] == ' ' || x.data[at] == '\t'); {
		at++
	}
	return at
}

// lineStart is the offset behind the newline before at.
func (x *index) lineStart(at int) int {
	for at > 0 && x.data[at-1] != '\n' {
		at--
	}
	return at
}

// lineEnd is the offset behind the newline at or after at, or the end.
func (x *index) lineEnd(at int) int {
	for at < len(x.data) && x.data[at] != '\n' {
		at++
	}
	return min(at+1, len(x.data))
}

// line numbers from 1.
func (x *index) line(at int) int {
	n := 1
	for _, c := range x.data[:at] {
		if c == '\n' {
			n++
		}
	}
	return n
}

// position adds line and column to a parser's error.
func (x *index) position(parser *unstable.Parser, err error) error {
	var p *unstable.ParserError
	if !errors.As(err, &p) || len(p.Highlight) == 0 {
		return err
	}
	at := int(parser.Range(p.Highlight).Offset)
	return fmt.Errorf("line %d, column %d: %w", x.line(at), at-x.lineStart(at)+1, err)
}

// find gives the entry with a path, -1 for none.
func (x *index) find(path []string) int {
	return slices.IndexFunc(x.entries, func(e entry) bool { return slices.Equal(e.path, path) })
}

// findHeader gives the [table] with a path, -1 for none.
func (x *index) findHeader(path []string) int {
	return slices.IndexFunc(x.headers, func(h header) bool { return !h.array && slices.Equal(h.path, path) })
}

// hasPrefix says whether path starts with prefix.
func hasPrefix(path, prefix []string) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}
