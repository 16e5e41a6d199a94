package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	reference = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	named     = regexp.MustCompile(`id="([^"]*)"`)
)

// TestSite: every page of docs/ is there, in the list and in the search, and
// whatever any page refers to on the site is there, down to the heading.
func TestSite(t *testing.T) {
	out := t.TempDir()
	n, err := build("../..", out)
	if err != nil {
		t.Fatal(err)
	}
	sources, _ := filepath.Glob("../../docs/*.md")
	if n < len(sources)+len(front) || len(sources) < 20 {
		t.Fatalf("%d pages of %d sources", n, len(sources))
	}
	pages, ids := map[string]string{}, map[string]bool{}
	err = filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".html" {
			return err
		}
		text, err := os.ReadFile(path)
		pages[path] = string(text)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if ids[path+"#"+m[1]] {
				t.Errorf("%s: two headings have the name %s", path, m[1])
			}
			ids[path+"#"+m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(out, "index.js"))
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for path, text := range pages {
		relative, _ := filepath.Rel(out, path)
		if relative = filepath.ToSlash(relative); !strings.Contains(string(index), `"To":"`+relative) {
			t.Errorf("%s: the search does not know it", relative)
		}
		if strings.Count(text, "aria-current") != 1 {
			t.Errorf("%s: is %d times in the list", relative, strings.Count(text, "aria-current"))
		}
		if !strings.Contains(text, "<h1") {
			t.Errorf("%s: has no title", relative)
		}
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			file, anchor, _ := strings.Cut(m[1], "#")
			to := path
			if file != "" {
				to = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: %s is not there", relative, m[1])
			} else if anchor != "" && !ids[to+"#"+anchor] {
				t.Errorf("%s: %s has no heading of that name", relative, m[1])
			}
		}
	}
	if links < 500 {
		t.Errorf("only %d links: the test looks in the wrong place", links)
	}
}

// TestSearch: a browser shows the sections that have the words, with nothing but
// the folder.
func TestSearch(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("needs chromium")
	}
	out := t.TempDir()
	if _, err := build("../..", out); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ page, words, finds string }{
		{"index.html", "reproducible+image", `href="docs/images.html#reproducible"`},
		{"docs/ci.html", "pull+request+fork", `href="../docs/ci.html#github"`},
		{"docs/ci.html", "no-such-word-anywhere", "No section has all of these words."},
	} {
		cmd := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=5000", "--dump-dom",
			"file://"+filepath.ToSlash(filepath.Join(out, c.page))+"#search="+c.words)
		dom, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", browser, err)
		}
		_, found, _ := strings.Cut(string(dom), `<ol id="found">`)
		found, _, _ = strings.Cut(found, "</ol>")
		if !strings.Contains(found, c.finds) {
			t.Errorf("%s, %s: found\n%s", c.page, c.words, found)
		}
	}
}
