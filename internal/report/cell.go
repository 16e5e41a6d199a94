package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// format sets one cell as text. Unknown types print as fmt does, so that a
// mistake is seen rather than hidden.
func (c Column) format(cell Cell, o Options) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case string:
		return Printable(v)
	case int:
		return c.number(int64(v), o)
	case int64:
		return c.number(v, o)
	case uint64:
		return c.number(int64(v), o)
	case float64:
		return c.float(v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	default:
		return Printable(fmt.Sprint(v))
	}
}

// Printable is s as a terminal may see it: names come out of files, which may
// hold anything. Control characters, what turns the direction of writing, and
// bytes that are no UTF-8 become escapes as in Go's strings (\x1b).
func Printable(s string) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = s[i] >= ' ' && s[i] < 0x7f
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.Is(unicode.Bidi_Control, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// PrintableProse is Printable of sentences, whose lines and tabs are meant.
func PrintableProse(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		i := strings.IndexAny(s, "\n\t")
		if i < 0 {
			i = len(s)
		}
		b.WriteString(Printable(s[:i]))
		if i < len(s) {
			b.WriteByte(s[i])
			i++
		}
		s = s[i:]
	}
	return b.String()
}

func (c Column) number(n int64, o Options) string {
	switch c.Kind {
	case Bytes:
		return FormatBytes(n, o.ExactBytes)
	case Delta:
		s := FormatBytes(n, o.ExactBytes)
		if n > 0 {
			s = "+" + s
		}
		return s
	default:
		return thousands(n)
	}
}

func (c Column) float(f float64) string {
	switch c.Kind {
	case Percent:
		return strconv.FormatFloat(f*100, 'f', 1, 64) + "%"
	case Ratio:
		return strconv.FormatFloat(f, 'f', 3, 64)
	case Seconds:
		return strconv.FormatFloat(f, 'f', 2, 64)
	default:
		return strconv.FormatFloat(f, 'g', 4, 64)
	}
}

// FormatBytes prints n bytes: exact with separators, or in KiB and MiB.
func FormatBytes(n int64, exact bool) string {
	abs := n
	if abs < 0 {
		abs = -abs
	}
	switch {
	case exact || abs < 1024:
		return thousands(n)
	case abs < 1<<20:
		return strconv.FormatFloat(float64(n)/1024, 'f', 1, 64) + " KiB"
	default:
		return strconv.FormatFloat(float64(n)/(1<<20), 'f', 2, 64) + " MiB"
	}
}

// thousands prints 1234567 as 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// GroupDigits sets separators in the counts of a sentence that is the same in
// every format: runs of digits that stand alone as words.
func GroupDigits(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		number := strings.TrimRight(w, ",:;)")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n > 999 && strconv.FormatInt(n, 10) == number {
			words[i] = thousands(n) + w[len(number):]
		}
	}
	return strings.Join(words, " ")
}

// raw sets a cell for machines: numbers without separators and units.
func raw(cell Cell) string {
	switch v := cell.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case uint64:
		return strconv.FormatUint(v, 10)
	case int64:
		return strconv.FormatInt(v, 10)
	case int:
		return strconv.Itoa(v)
	default:
		return fmt.Sprint(v)
	}
}

// alignRight says whether the column's cells end flush.
func (c Column) alignRight() bool { return c.Kind != Words }
