package demangle

import "strings"

// GoPackage returns the import path of the package that a Go linker name
// belongs to, "" for names that belong to none ("go:buildid", C functions).
// The rules are the Go linker's (cmd/internal/objabi and debug/gosym): the
// package ends at the first dot behind the last slash that is not part of
// type arguments; dots in the last element are spelt %2e.
func GoPackage(name string) string {
	for _, prefix := range []string{"go:itab.", "type:.eq.", "type:.hash.", "type:.", "type:", "go.itab.", "type..eq.", "type..hash.", "type..", "type."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			name = strings.TrimLeft(rest, "*[]0123456789")
			break
		}
	}
	if strings.HasPrefix(name, "go:") || strings.HasPrefix(name, "go.") {
		return ""
	}
	head := name
	if i := strings.IndexAny(head, "[({,"); i >= 0 {
		head = head[:i]
	}
	slash := strings.LastIndexByte(head, '/') + 1
	dot := strings.IndexByte(head[slash:], '.')
	if dot <= 0 && slash == 0 || dot < 0 {
		return ""
	}
	return unescapePercent(head[:slash+dot])
}

func unescapePercent(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, ok := hexEscape("u" + s[i+1:i+3]); ok {
				out = append(out, byte(hi))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
