package toml

import "bytes"

// Section is the text of the tables at and below path as it stands: headers,
// keys, the comments between them, and those right above each header. It is
// empty where path has no header of its own, as in an inline table.
func (d *Document) Section(path ...string) []byte {
	x, err := scan(d.data)
	if err != nil {
		return nil
	}
	var text []byte
	for i, h := range x.headers {
		if !hasPrefix(h.path, path) {
			continue
		}
		end := len(d.data)
		if i+1 < len(x.headers) {
			end = x.commentsAbove(x.headers[i+1].line.start)
		}
		text = append(text, d.data[x.commentsAbove(h.line.start):end]...)
	}
	return bytes.TrimRight(text, " \t\r\n")
}

// commentsAbove is where the lines of comment begin that end at a line's start.
func (x *index) commentsAbove(start int) int {
	for start > 0 {
		before := x.lineStart(start - 1)
		if !bytes.HasPrefix(bytes.TrimLeft(x.data[before:start], " \t"), []byte("#")) {
			break
		}
		start = before
	}
	return start
}
