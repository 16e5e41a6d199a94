// Package toml reads TOML, and changes single settings in a file that belongs
// to somebody else.
//
// What is hard is the second: a manifest has comments, columns that somebody
// lined up, quotes of one kind, and four ways to write one setting ([a.b] with
// c = 1; [a] with b.c = 1; a.b.c = 1; a = {b = {c = 1}}). Whoever decodes it
// and writes it anew destroys all that; the best writer that was tried changed
// eleven lines of a commented file with no edit at all. So here a parser says
// where things stand, and an edit replaces just those bytes: what is not
// named by an edit stays identical, byte for byte, and a test holds that for
// random documents.
//
// The grammar is go-toml's, whose `unstable` parser gives the ranges; only
// decode.go and index.go know it.
package toml

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Document is a TOML file under edit.
type Document struct {
	data    []byte
	newline string // "\n", or "\r\n" where the file has that
}

// Parse takes a file's bytes. The error names line and column.
func Parse(data []byte) (*Document, error) {
	if _, err := Decode(data); err != nil {
		return nil, err
	}
	if _, err := scan(data); err != nil {
		return nil, err
	}
	d := &Document{data: slices.Clone(data), newline: "\n"}
	if strings.Contains(string(data), "\r\n") {
		d.newline = "\r\n"
	}
	return d, nil
}

// Bytes are the document as it is now.
func (d *Document) Bytes() []byte { return slices.Clone(d.data) }

// Get looks a value up, however it is written.
func (d *Document) Get(path ...string) (any, bool) {
	values, err := Decode(d.data)
	if err != nil {
		return nil, false // cannot be: every edit is checked
	}
	var at any = values
	for _, part := range path {
		table, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = table[part]; !ok {
			return nil, false
		}
	}
	return at, true
}

// Line is the line, from 1, on which a key or a table's header stands; 0 for none.
func (d *Document) Line(path ...string) int {
	x, err := scan(d.data)
	if err != nil {
		return 0
	}
	if i := x.find(path); i >= 0 {
		return x.line(x.entries[i].key.start)
	}
	if i := x.findHeader(path); i >= 0 {
		return x.line(x.headers[i].line.start)
	}
	return 0
}

// ErrShape says that a path goes through something that is no table.
var ErrShape = errors.New("is no table")

// Set gives a key a value: a string, bool, int, int64, []string or Literal.
// The value is replaced where the key is, in whichever form; a new key joins
// its table in the form that the table has; a new table comes behind its
// relatives. Nothing changes where the value is that already.
func (d *Document) Set(path []string, value any) error {
	for _, part := range path {
		if !utf8.ValidString(part) {
			return fmt.Errorf("%q: not UTF-8, as TOML has to be", part)
		}
	}
	text, err := Format(value)
	if err != nil {
		return fmt.Errorf("%s: %w", Key(path), err)
	}
	x, err := scan(d.data)
	if err != nil {
		return err
	}
	if i := x.find(path); i >= 0 {
		e := x.entries[i]
		if e.table {
			return fmt.Errorf("%s: is a table, expected a value", Key(path))
		}
		if same(string(d.data[e.value.start:e.value.end]), text) {
			return nil
		}
		return d.splice(path, e.value, text)
	}
	if x.findHeader(path) >= 0 {
		return fmt.Errorf("%s: is a table, expected a value", Key(path))
	}
	return d.insert(x, path, text)
}

// insert adds a key that is not there.
func (d *Document) insert(x *index, path []string, text string) error {
	for n := 1; n < len(path); n++ {
		if i := x.find(path[:n]); i >= 0 {
			if !x.entries[i].table {
				return fmt.Errorf("%s: %w", Key(path[:n]), ErrShape)
			}
			return d.insertInline(x, i, path, text)
		}
		if slices.ContainsFunc(x.headers, func(h header) bool { return h.array && slices.Equal(h.path, path[:n]) }) {
			return fmt.Errorf("%s: is an array of tables, which one is not said", Key(path[:n]))
		}
	}
	table, key := path[:len(path)-1], path[len(path)-1]
	line := quoteKey(key) + " = " + text
	if len(table) == 0 {
		return d.insertRoot(x, path, line)
	}
	if h := x.findHeader(table); h >= 0 {
		return d.insertLine(x, path, h, line)
	}
	// The table exists by dotted keys: take the last of them as the model.
	for i := len(x.entries) - 1; i >= 0; i-- {
		e := x.entries[i]
		if e.inline < 0 && hasPrefix(e.path, table) && len(e.path)-e.parts < len(table) && !x.inArrayTable(e) {
			above := e.path[:len(e.path)-e.parts]
			return d.insertAfter(x, path, e, Key(path[len(above):])+" = "+text)
		}
	}
	return d.insertTable(x, path, line)
}

func (x *index) inArrayTable(e entry) bool { return e.header >= 0 && x.headers[e.header].array }

// insertInline adds to `{ a = 1 }`.
func (d *Document) insertInline(x *index, holder int, path []string, text string) error {
	e := x.entries[holder]
	// The deepest inline table on the way takes the key.
	for {
		deeper := slices.IndexFunc(x.entries, func(c entry) bool {
			return c.inline == holder && c.table && hasPrefix(path, c.path) && len(c.path) < len(path)
		})
		if deeper < 0 {
			break
		}
		holder, e = deeper, x.entries[deeper]
	}
	if blocked := slices.IndexFunc(x.entries, func(c entry) bool {
		return c.inline == holder && !c.table && hasPrefix(path, c.path)
	}); blocked >= 0 {
		return fmt.Errorf("%s: %w", Key(x.entries[blocked].path), ErrShape)
	}
	setting := Key(path[len(e.path):]) + " = " + text
	last := -1
	for i, c := range x.entries {
		if c.inline == holder {
			last = i
		}
	}
	if last < 0 {
		return d.splice(path, span{e.value.start, e.value.end}, "{ "+setting+" }")
	}
	at := x.entries[last].value.end
	return d.splice(path, span{at, at}, ", "+setting)
}

// insertRoot adds a top-level key: behind the others, before the first table.
func (d *Document) insertRoot(x *index, path []string, line string) error {
	for i := len(x.entries) - 1; i >= 0; i-- {
		if e := x.entries[i]; e.header < 0 && e.inline < 0 {
			return d.insertAfter(x, path, e, line)
		}
	}
	if len(x.headers) == 0 {
		return d.splice(path, span{len(d.data), len(d.data)}, d.freshLine()+line+d.newline)
	}
	at := x.headers[0].line.start
	for at > 0 { // comments that stand on the header belong to it
		above := x.lineStart(at - 1)
		if !strings.HasPrefix(strings.TrimSpace(string(d.data[above:at])), "#") {
			break
		}
		at = above
	}
	return d.splice(path, span{at, at}, line+d.newline+d.newline)
}

// insertLine adds a key under a header, behind the table's last key.
func (d *Document) insertLine(x *index, path []string, h int, line string) error {
	for i := len(x.entries) - 1; i >= 0; i-- {
		if e := x.entries[i]; e.header == h && e.inline < 0 {
			return d.insertAfter(x, path, e, line)
		}
	}
	at := x.headers[h].line.end
	if at > 0 && d.data[at-1] != '\n' {
		line = d.newline + line
	} else {
		line += d.newline
	}
	return d.splice(path, span{at, at}, line)
}

// insertAfter adds a line behind an entry's, with its indentation.
func (d *Document) insertAfter(x *index, path []string, e entry, line string) error {
	start := x.lineStart(e.key.start)
	indent := string(d.data[start:e.key.start])
	if strings.TrimSpace(indent) != "" {
		indent = ""
	}
	at := x.lineEnd(e.value.end)
	if d.data[at-1] != '\n' { // the file's last line has no end
		return d.splice(path, span{at, at}, d.newline+indent+line)
	}
	return d.splice(path, span{at, at}, indent+line+d.newline)
}

// insertTable adds a new [table] with one key, behind the section of its
// nearest relative, or at the end.
func (d *Document) insertTable(x *index, path []string, line string) error {
	table := path[:len(path)-1]
	best, common := -1, 0
	for i, h := range x.headers {
		n := 0
		for n < len(h.path) && n < len(table) && h.path[n] == table[n] {
			n++
		}
		if n > 0 && n >= common {
			best, common = i, n
		}
	}
	at := len(d.data)
	if best >= 0 {
		at = x.sectionEnd(best)
	}
	text := "[" + Key(table) + "]" + d.newline + line + d.newline
	switch {
	case at == 0:
	case d.data[at-1] != '\n':
		text = d.newline + d.newline + text
	case at < 2 || !strings.HasSuffix(strings.ReplaceAll(string(d.data[:at]), "\r", ""), "\n\n"):
		text = d.newline + text
	}
	return d.splice(path, span{at, at}, text)
}

// sectionEnd is where the keys of a header end: behind its last one.
func (x *index) sectionEnd(h int) int {
	end := x.headers[h].line.end
	for _, e := range x.entries {
		if e.header == h {
			end = max(end, x.lineEnd(e.value.end))
		}
	}
	return end
}

func (d *Document) freshLine() string {
	if len(d.data) > 0 && d.data[len(d.data)-1] != '\n' {
		return d.newline
	}
	return ""
}

func skip(data []byte, at int, set string) int {
	for at < len(data) && strings.IndexByte(set, data[at]) >= 0 {
		at++
	}
	return at
}

// Append adds words to an array of scalars, in its layout; an absent key
// becomes a new array. Words that are there already are added again, for the
// order of compiler flags matters.
func (d *Document) Append(path []string, words ...string) error {
	x, err := scan(d.data)
	if err != nil {
		return err
	}
	i := x.find(path)
	if i < 0 {
		return d.Set(path, words)
	}
	e := x.entries[i]
	if !e.array || !e.scalar {
		return fmt.Errorf("%s: expected an array of words", Key(path))
	}
	var quoted []string
	for _, word := range words {
		text, err := Format(word)
		if err != nil {
			return err
		}
		quoted = append(quoted, text)
	}
	if len(e.items) == 0 {
		return d.splice(path, span{e.value.start + 1, e.value.start + 1}, strings.Join(quoted, ", "))
	}
	last := e.items[len(e.items)-1]
	separator := ", "
	if start := x.lineStart(last.start); start > e.value.start { // one word on each line
		separator = "," + d.newline + string(d.data[start:skip(d.data, start, " \t")])
	}
	return d.splice(path, span{last.end, last.end}, separator+strings.Join(quoted, separator))
}

// splice replaces bytes, and makes sure that the result is TOML: an edit that
// breaks the file must never get out, whatever form the file has.
func (d *Document) splice(path []string, at span, text string) error {
	changed := slices.Concat(d.data[:at.start], []byte(text), d.data[at.end:])
	if _, err := Decode(changed); err != nil {
		return fmt.Errorf("%s: cannot be changed in the form that the file has (%w)", Key(path), err)
	}
	d.data = changed
	return nil
}

// Literal is a value as TOML spells it.
type Literal string

// Format spells a value.
func Format(value any) (string, error) {
	switch v := value.(type) {
	case string:
		if !utf8.ValidString(v) {
			return "", fmt.Errorf("%q: not UTF-8, as TOML has to be", v)
		}
		return quote(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case Literal:
		if _, err := Decode([]byte("x = " + string(v))); err != nil || strings.Contains(string(v), "\n") {
			return "", fmt.Errorf("%q is no value", string(v))
		}
		return string(v), nil
	case []string:
		quoted := make([]string, len(v))
		for i, word := range v {
			if !utf8.ValidString(word) {
				return "", fmt.Errorf("%q: not UTF-8, as TOML has to be", word)
			}
			quoted[i] = quote(word)
		}
		return "[" + strings.Join(quoted, ", ") + "]", nil
	}
	return "", fmt.Errorf("no TOML for a %T", value)
}

// Key writes a path as a dotted key.
func Key(path []string) string {
	parts := make([]string, len(path))
	for i, part := range path {
		parts[i] = quoteKey(part)
	}
	return strings.Join(parts, ".")
}

func quoteKey(key string) string {
	for _, c := range []byte(key) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return quote(key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}

// quote writes a basic string (TOML v1.0.0, "String"). Go's escapes \x and \a
// are not TOML's.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// same says whether two spellings mean one value: 'z' and "z".
func same(a, b string) bool {
	left, errLeft := Decode([]byte("x = " + a))
	right, errRight := Decode([]byte("x = " + b))
	return errLeft == nil && errRight == nil && fmt.Sprintf("%T %v", left["x"], left["x"]) == fmt.Sprintf("%T %v", right["x"], right["x"])
}
