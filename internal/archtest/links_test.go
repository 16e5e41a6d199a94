package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading      = regexp.MustCompile("^#+ (.*)")
	code         = regexp.MustCompile("`[^`]*`")
)

// TestLinks: what a page points at is there, down to the heading.
func TestLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, links := map[string]string{}, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "target" || d.Name() == "testdata" || d.Name() == "bin" || d.Name() == ".git" || d.Name() == "node_modules") {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if strings.HasSuffix(path, ".md") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			pages[path] = string(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for page, text := range pages {
		fenced := false
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				fenced = !fenced
			}
			if fenced || strings.HasPrefix(line, "    ") {
				continue
			}
			for _, m := range markdownLink.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				links++
				file, anchor, _ := strings.Cut(m[1], "#")
				to := page
				if file != "" {
					to = filepath.Join(filepath.Dir(page), filepath.FromSlash(file))
				}
				if _, err := os.Stat(to); err != nil {
					t.Errorf("%s: %s is not there", page, m[1])
				} else if anchor != "" && !anchors(pages[to])[anchor] {
					t.Errorf("%s: %s has no heading %s", page, to, anchor)
				}
			}
		}
	}
	if len(pages) < 20 || links < 50 {
		t.Fatalf("%d links on %d pages: the test looks in the wrong place", links, len(pages))
	}
}

// anchors are the names that GitHub gives a page's headings.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for line := range strings.Lines(text) {
		m := heading.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
				return r
			}
			return -1
		}, strings.ToLower(m[1]))
		names[name] = true
	}
	return names
}

// TestMessagesAreSaid: docs/troubleshooting.md explains messages that there are.
func TestMessagesAreSaid(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	err = filepath.WalkDir(filepath.Join("..", "..", "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		source.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	explained := 0
	for line := range strings.Lines(string(text)) {
		message, found := strings.CutPrefix(line, "| `")
		if !found {
			continue
		}
		message, _, _ = strings.Cut(message, "` |")
		explained++
		if !strings.Contains(source.String(), message) {
			t.Errorf("docs/troubleshooting.md explains %q, which nothing says", message)
		}
	}
	if explained < 10 {
		t.Errorf("%d messages: the test looks in the wrong place", explained)
	}
}

// TestGlossary: its entries stand in order, once, and each word is used on
// another page.
func TestGlossary(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(page) != "glossary.md" {
			text.WriteString(strings.ToLower(strings.Join(strings.Fields(string(data)), " ")))
		}
	}
	glossary, err := os.ReadFile(filepath.Join(root, "docs", "glossary.md"))
	if err != nil {
		t.Fatal(err)
	}
	before, n := "", 0
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \|`).FindAllStringSubmatch(string(glossary), -1) {
		entry := strings.ToLower(m[1])
		if entry == "word" {
			continue
		}
		if entry <= before {
			t.Errorf("docs/glossary.md: %q stands behind %q", entry, before)
		}
		words, _, _ := strings.Cut(entry, " (")
		if word, _, _ := strings.Cut(words, ", "); !strings.Contains(text.String(), word) {
			t.Errorf("docs/glossary.md explains %q, which no other page says", word)
		}
		before, n = entry, n+1
	}
	if n < 50 {
		t.Fatalf("%d entries: the test looks in the wrong place", n)
	}
}

// TestGuideFigures: docs/guide.md says no figure that is on none of the pages of
// measurements.
func TestGuideFigures(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	guide, err := os.ReadFile(filepath.Join(docs, "guide.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages, _ := filepath.Glob(filepath.Join(docs, "bench", "*.md"))
	var measured strings.Builder
	for _, page := range append(pages, filepath.Join(docs, "benchmarks.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		measured.Write(text)
	}
	figure := regexp.MustCompile(`\b[0-9]{1,3}(,[0-9]{3})+\b`)
	is := map[string]bool{}
	for _, n := range figure.FindAllString(measured.String(), -1) {
		is[n] = true
	}
	said := figure.FindAllString(string(guide), -1)
	for _, n := range said {
		if !is[n] {
			t.Errorf("docs/guide.md says %s, which no page of docs/bench does", n)
		}
	}
	if len(said) < 15 {
		t.Errorf("%d figures: the test looks in the wrong place", len(said))
	}
}
