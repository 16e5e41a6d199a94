package attrib

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// RulesError says what is wrong in a file of rules.
type RulesError struct {
	Path string
	Line int
	What string
}

func (e *RulesError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.What) }

// ReadRules reads custom views. The file is lines; `#` begins a comment:
//
//	view team symbols          a view "team" made of the view "symbols"
//	/^serde/    data team      a regular expression, then the label; $1 is its first group
//	/^(\w+)::/  $1
//
// The first rule that matches wins; what none matches keeps its name.
func ReadRules(path string) ([]Rules, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []Rules
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		bad := func(what string) error {
			return &RulesError{path, n, what}
		}
		if words := strings.Fields(line); words[0] == "view" {
			if len(words) != 3 {
				return nil, bad("expected `view NAME BASE`")
			}
			if _, err := CanonicalView(words[2], nil); err != nil {
				return nil, bad(err.Error())
			}
			list = append(list, Rules{Name: words[1], Base: words[2]})
			continue
		}
		pattern, label, ok := cutRule(line)
		if !ok {
			return nil, bad("expected a regular expression between slashes, then a label")
		}
		if len(list) == 0 {
			return nil, bad("a rule before the first `view NAME BASE`")
		}
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, bad(err.Error())
		}
		last := &list[len(list)-1]
		last.Rules = append(last.Rules, Rule{Pattern: re, Replace: label})
	}
	return list, lines.Err()
}

// cutRule splits "/pattern/ label"; a slash inside the pattern is \/.
func cutRule(line string) (pattern, label string, ok bool) {
	if !strings.HasPrefix(line, "/") {
		return "", "", false
	}
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '/':
			return strings.ReplaceAll(line[1:i], `\/`, "/"), strings.TrimSpace(line[i+1:]), strings.TrimSpace(line[i+1:]) != ""
		}
	}
	return "", "", false
}
