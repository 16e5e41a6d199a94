package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTwiggyExpectations runs the command lines of Twiggy's own tests and
// compares with what it expects there, by value: MINSIZE_TWIGGY names a
// checkout of rustwasm/twiggy. It prints what is equal and what is not, for the
// count in docs/graph.md, and fails where a command line that was equal is not.
func TestTwiggyExpectations(t *testing.T) {
	checkout := os.Getenv("MINSIZE_TWIGGY")
	if checkout == "" {
		t.Skip("MINSIZE_TWIGGY names no checkout of rustwasm/twiggy")
	}
	dir, err := filepath.Abs(filepath.Join(checkout, "twiggy", "tests", "all"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	sources, _ := filepath.Glob("*_tests.rs")
	equal, full, all := 0, 0, 0
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range twiggyTest.FindAllStringSubmatch(string(twiggyComment.ReplaceAll(text, nil)), -1) {
			name, args := test[1], []string(nil)
			for _, quoted := range twiggyArg.FindAllString(test[2], -1) {
				arg, err := strconv.Unquote(quoted)
				if err != nil {
					t.Fatal(err)
				}
				args = append(args, arg)
			}
			want, err := os.ReadFile(filepath.Join("expectations", name))
			if err != nil {
				t.Fatal(err)
			}
			all++
			if reason := twiggyDifference(t, args, want); reason != "" {
				// Our text is cut to a screen where no limit was typed.
				if (args[0] == "dominators" || args[0] == "paths") && twiggyDifference(t, append(args, "--max-rows", "0"), want) == "" {
					full++
					t.Logf("in full  %-70s %s", name, reason)
					continue
				}
				t.Logf("differs  %-70s %s", name, reason)
				continue
			}
			equal++
			t.Logf("equal    %s", name)
		}
	}
	t.Logf("%d of %d are equal, %d more with --max-rows 0", equal, all, full)
	if equal < twiggyEqual || equal+full < twiggyInFull {
		t.Errorf("%d are equal and %d in full, docs/graph.md says %d and %d", equal, equal+full, twiggyEqual, twiggyInFull)
	}
}

// The counts in docs/graph.md.
const twiggyEqual, twiggyInFull = 78, 81

var (
	twiggyTest    = regexp.MustCompile(`(?s)test!\(\s*(\w+),(.*?)\n?\);`)
	twiggyComment = regexp.MustCompile(`(?m)\s//.*$`)
	twiggyArg     = regexp.MustCompile(`(?m)"(?:[^"\\]|\\.)*"`)
)

// twiggyDifference runs a command line of Twiggy's and says how the answer
// differs from want; "" for not.
func twiggyDifference(t *testing.T, args []string, want []byte) string {
	format, out := "text", ""
	for i := 0; i+1 < len(args); i++ {
		switch args[i] {
		case "-f":
			format = args[i+1]
		case "-o":
			out = filepath.Join(t.TempDir(), "out")
			args[i+1] = out
		}
	}
	typed := args
	if format == "text" && out == "" { // the columns of text, between bars
		typed = append(append([]string{}, args...), "--format", "markdown")
	}
	var stdout, stderr bytes.Buffer
	if status := Main(append([]string{"minsize", "--quiet"}, typed...), nil, &stdout, &stderr); status != exitOK {
		return fmt.Sprintf("status %d: %s", status, strings.TrimSpace(stderr.String()))
	}
	if out != "" {
		if _, err := os.Stat(out); err != nil || stdout.String() != string(want) {
			return "stdout, or no file"
		}
		return ""
	}
	switch format {
	case "json":
		var ours struct {
			Items            []any
			Remaining, Total map[string]any
			Data             map[string]any `json:"potential_false_positive_data_segments"`
		}
		var theirs any
		if err := json.Unmarshal(stdout.Bytes(), &ours); err != nil {
			return err.Error()
		}
		if err := json.Unmarshal(want, &theirs); err != nil {
			return err.Error()
		}
		if object, ok := theirs.(map[string]any); ok {
			theirs = object["items"]
		}
		list, sums := splitSums(theirs)
		for name, sum := range sums {
			place := ours.Total
			switch {
			case strings.HasPrefix(name, "..."):
				place = ours.Remaining
			case strings.Contains(name, "data segments"):
				place = ours.Data
			}
			if !slices.ContainsFunc([]string{"size", "total_size", "delta_bytes"}, func(field string) bool { return place[field] == sum && sum != nil }) {
				return fmt.Sprintf("%s: %v instead of %v", name, place, sum)
			}
		}
		return jsonDifference(any(ours.Items), list, "items")
	case "csv":
		return tableDifference(csvTable(stdout.String()), csvTable(string(want)))
	}
	return tableDifference(markdownRows(stdout.String()), boxRows(string(want)))
}

// splitSums takes the rows that sum others out of a list: with us they are
// objects of their own, so that who adds the items up counts nothing twice.
func splitSums(theirs any) (list any, sums map[string]any) {
	rows, _ := theirs.([]any)
	items := []any{}
	sums = map[string]any{}
	for _, row := range rows {
		fields, _ := row.(map[string]any)
		name, _ := fields["name"].(string)
		if generic, some := fields["generic"].(string); some {
			name = generic
		}
		if strings.HasPrefix(name, "Σ [") || strings.HasPrefix(name, "... and ") || strings.HasSuffix(name, "false-positive data segments") {
			for _, field := range []string{"bytes", "total_size", "delta_bytes"} {
				if value, some := fields[field]; some {
					sums[name] = value
				}
			}
			continue
		}
		for _, field := range []string{"monomorphizations"} {
			if copies, some := fields[field]; some {
				fields[field], _ = splitSums(copies)
			}
		}
		items = append(items, fields)
	}
	return items, sums
}

// jsonDifference compares theirs with ours on the fields that theirs has.
func jsonDifference(ours, theirs any, at string) string {
	switch want := theirs.(type) {
	case []any:
		got, _ := ours.([]any)
		for i := range want {
			if i == len(got) {
				return fmt.Sprintf("%s: %d of %d rows; next is %v", at, len(got), len(want), want[i])
			}
			if reason := jsonDifference(got[i], want[i], fmt.Sprintf("%s[%d]", at, i)); reason != "" {
				return reason
			}
		}
		if len(got) > len(want) {
			return fmt.Sprintf("%s: %d rows instead of %d", at, len(got), len(want))
		}
	case map[string]any:
		got, _ := ours.(map[string]any)
		for key, value := range want {
			if list, ok := value.([]any); ok && len(list) == 0 && got[key] == nil {
				continue
			}
			if reason := jsonDifference(got[key], value, at+"."+key); reason != "" {
				return reason
			}
		}
	case float64:
		if got, ok := ours.(float64); !ok || math.Abs(got-want) > 1e-9*math.Abs(want) {
			return fmt.Sprintf("%s: %v instead of %v", at, ours, want)
		}
	default:
		if ours != theirs {
			return fmt.Sprintf("%s: %v instead of %v", at, ours, theirs)
		}
	}
	return ""
}

// tableDifference compares the columns that theirs has. Numbers are opaque in
// the columns of ids.
func tableDifference(ours, theirs [][]string) string {
	if len(theirs) == 0 {
		return ""
	}
	if len(ours) == 0 {
		return "no table"
	}
	place := map[string]int{}
	for i, name := range ours[0] {
		if _, twice := place[name]; !twice {
			place[name] = i
		}
	}
	for row := 1; row < len(theirs); row++ {
		if row == len(ours) {
			return fmt.Sprintf("%d of %d rows; next is %q", len(ours)-1, len(theirs)-1, theirs[row])
		}
		for i, name := range theirs[0] {
			if name == "Id" || name == "ImmediateDominator" {
				continue
			}
			k, some := place[name]
			if !some {
				return fmt.Sprintf("no column %q in %q", name, ours[0])
			}
			if !sameCell(ours[row][k], theirs[row][i]) {
				return fmt.Sprintf("row %d, %s: %q instead of %q", row, name, ours[row][k], theirs[row][i])
			}
		}
	}
	if len(ours) > len(theirs) {
		return fmt.Sprintf("%d rows instead of %d", len(ours)-1, len(theirs)-1)
	}
	return ""
}

// sameCell: equal, or the same number; ours has one decimal of a percentage in
// text, theirs two.
func sameCell(ours, theirs string) bool {
	ours = strings.ReplaceAll(ours, ",", "")
	if ours == strings.ReplaceAll(theirs, ",", "") {
		return true
	}
	a, errA := strconv.ParseFloat(strings.TrimSuffix(ours, "%"), 64)
	b, errB := strconv.ParseFloat(strings.TrimSuffix(theirs, "%"), 64)
	if errA != nil || errB != nil {
		return false
	}
	if strings.HasSuffix(theirs, "%") {
		return math.Abs(a-b) < .0551
	}
	return math.Abs(a-b) <= 1e-9*math.Abs(b)
}

func csvTable(text string) [][]string {
	r := csv.NewReader(strings.NewReader(text))
	rows, _ := r.ReadAll()
	return rows
}

// level splits a name's indentation off, and its arrow.
func level(s string) string {
	depth := len(s) - len(strings.TrimLeft(s, " "))
	name := strings.TrimLeft(s, " ")
	for _, arrow := range []string{"⤷ ", "⬑ ", "↳ "} {
		if rest, ok := strings.CutPrefix(name, arrow); ok {
			return fmt.Sprintf("%d %s", (depth+3)/4, rest)
		}
	}
	return fmt.Sprintf("%d %s", depth/4, name)
}

// boxRows reads Twiggy's tables of text.
func boxRows(text string) [][]string {
	var out [][]string
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if i == 1 || line == "" {
			continue
		}
		cells := strings.FieldsFunc(line, func(r rune) bool { return r == '│' || r == '┊' })
		for k := range cells {
			cells[k] = strings.TrimPrefix(strings.TrimRight(cells[k], " "), " ")
			if k < len(cells)-1 || i == 0 {
				cells[k] = strings.TrimSpace(cells[k])
			} else {
				cells[k] = level(cells[k])
			}
		}
		out = append(out, cells)
	}
	return out
}

// markdownRows reads the first table of our Markdown.
func markdownRows(text string) [][]string {
	var out [][]string
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			if out != nil {
				break
			}
			continue
		}
		line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
		cells := strings.Split(line, "|")
		if strings.HasPrefix(cells[0], "--") {
			continue
		}
		for k := range cells {
			cell := strings.TrimSpace(cells[k])
			plain := strings.NewReplacer("\x00", "|", "&lt;", "<", `\_`, "_", `\*`, "*", "\\`", "`", `\~`, "~", `\\`, `\`)
			indent := strings.Count(cell, "&nbsp;")
			cell = plain.Replace(strings.ReplaceAll(cell, "&nbsp;", ""))
			if k == len(cells)-1 && len(out) > 0 {
				if strings.ContainsAny(cell, "⤷⬑↳") {
					indent = 4*(indent/2) - 2
				}
				cell = level(strings.Repeat(" ", max(indent, 0)) + cell)
			}
			cells[k] = cell
		}
		out = append(out, cells)
	}
	return out
}
