package region

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// ReadScript reads the MEMORY commands of a linker script, such as memory.x
// (GNU ld's manual, "MEMORY Command"). Expressions may use numbers, ORIGIN and
// LENGTH of the regions above, and + - * /; what else stands in the script is
// passed over. Errors name the line.
func ReadScript(script []byte) ([]Region, error) {
	s := &scanner{text: blankComments(script), line: 1}
	var list []Region
	for {
		word := s.next()
		switch {
		case word == "":
			if len(list) == 0 {
				return nil, fmt.Errorf("no MEMORY command in it")
			}
			return list, Check(list)
		case word == "MEMORY" && s.peek() == "{":
			s.next()
			var err error
			if list, err = s.memory(list); err != nil {
				return nil, fmt.Errorf("line %d: %w", s.line, err)
			}
		}
	}
}

// blankComments puts spaces in the place of comments, lines kept.
func blankComments(script []byte) []byte {
	out := bytes.Clone(script)
	for from := 0; ; {
		i := bytes.Index(out[from:], []byte("/*"))
		if i < 0 {
			return out
		}
		i += from
		end := len(out)
		if j := bytes.Index(out[i+2:], []byte("*/")); j >= 0 {
			end = i + 2 + j + 2
		}
		for k := i; k < end; k++ {
			if out[k] != '\n' {
				out[k] = ' '
			}
		}
		from = end
	}
}

// scanner cuts a script into words and single signs.
type scanner struct {
	text []byte
	at   int
	line int
}

func wordByte(c byte) bool {
	return c == '_' || c == '.' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// next is "" at the end.
func (s *scanner) next() string {
	for s.at < len(s.text) && (s.text[s.at] <= ' ' || s.text[s.at] == 0x7f) {
		if s.text[s.at] == '\n' {
			s.line++
		}
		s.at++
	}
	start := s.at
	if start == len(s.text) {
		return ""
	}
	if s.at++; wordByte(s.text[start]) {
		for s.at < len(s.text) && wordByte(s.text[s.at]) {
			s.at++
		}
	}
	return string(s.text[start:s.at])
}

func (s *scanner) peek() string {
	saved := *s
	word := s.next()
	*s = saved
	return word
}

func (s *scanner) expect(sign string) error {
	if got := s.next(); got != sign {
		return fmt.Errorf("expected %q, got %q", sign, got)
	}
	return nil
}

// memory reads the regions between the braces:
//
//	NAME (ATTRIBUTES) : ORIGIN = EXPRESSION, LENGTH = EXPRESSION
func (s *scanner) memory(list []Region) ([]Region, error) {
	for {
		r := Region{Name: s.next()}
		if r.Name == "}" {
			return list, nil
		}
		if !wordByte(append([]byte(r.Name), 0)[0]) {
			return list, fmt.Errorf("MEMORY: expected the name of a region, got %q", r.Name)
		}
		if r.Name == "INCLUDE" {
			return list, fmt.Errorf("MEMORY: INCLUDE is not followed: name the included file, or give the regions one by one")
		}
		if s.peek() == "(" {
			for word := s.next(); word != ")"; word = s.next() {
				if word == "" {
					return list, fmt.Errorf("region %s: attributes without an end", r.Name)
				}
			}
		}
		if err := s.expect(":"); err != nil {
			return list, fmt.Errorf("region %s: %w", r.Name, err)
		}
		for _, part := range []struct {
			names []string
			to    *uint64
		}{{[]string{"ORIGIN", "origin", "org", "o"}, &r.Origin}, {[]string{"LENGTH", "length", "len", "l"}, &r.Length}} {
			if name := s.next(); !slices.Contains(part.names, name) {
				return list, fmt.Errorf("region %s: expected %s, got %q", r.Name, part.names[0], name)
			}
			if err := s.expect("="); err != nil {
				return list, fmt.Errorf("region %s: %w", r.Name, err)
			}
			var err error
			if *part.to, err = s.sum(list, 0); err != nil {
				return list, fmt.Errorf("region %s: %s: %w", r.Name, part.names[0], err)
			}
			if s.peek() == "," {
				s.next()
			}
		}
		if err := r.check(); err != nil {
			return list, err
		}
		list = append(list, r)
	}
}

// maxDepth of parentheses.
const maxDepth = 50

func (s *scanner) sum(list []Region, depth int) (uint64, error) {
	v, err := s.product(list, depth)
	for err == nil && (s.peek() == "+" || s.peek() == "-") {
		sign := s.next()
		var w uint64
		if w, err = s.product(list, depth); sign == "+" {
			v += w
		} else {
			v -= w
		}
	}
	return v, err
}

func (s *scanner) product(list []Region, depth int) (uint64, error) {
	v, err := s.term(list, depth)
	for err == nil && (s.peek() == "*" || s.peek() == "/") {
		sign := s.next()
		var w uint64
		if w, err = s.term(list, depth); err != nil {
			break
		}
		switch {
		case sign == "*":
			v *= w
		case w == 0:
			return 0, fmt.Errorf("division by 0")
		default:
			v /= w
		}
	}
	return v, err
}

func (s *scanner) term(list []Region, depth int) (uint64, error) {
	word := s.next()
	switch {
	case word == "(" && depth < maxDepth:
		v, err := s.sum(list, depth+1)
		if err == nil {
			err = s.expect(")")
		}
		return v, err
	case (word == "ORIGIN" || word == "LENGTH" || word == "org" || word == "len") && s.peek() == "(":
		s.next()
		name := s.next()
		i := slices.IndexFunc(list, func(r Region) bool { return r.Name == name })
		if i < 0 {
			return 0, fmt.Errorf("%s(%s): no such region above", word, name)
		}
		v := list[i].Origin
		if strings.HasPrefix(strings.ToLower(word), "len") {
			v = list[i].Length
		}
		return v, s.expect(")")
	case word != "" && word[0] >= '0' && word[0] <= '9':
		return number(word)
	}
	return 0, fmt.Errorf("expected a number, ORIGIN(REGION) or LENGTH(REGION), got %q", word)
}
