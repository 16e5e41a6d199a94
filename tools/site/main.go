// Command site makes a static site of the manual: README and docs/ as pages with
// a list of all pages and a search that needs no server. The pages work from a
// folder (file://), from any web server, and without a network.
//
//	go run . -out ../../bin/site
package main

import (
	"bytes"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// repository is where links go that leave the manual.
const repository = "https://github.com/minsize/minsize/blob/main/"

//go:embed assets
var assets embed.FS

func main() {
	out := flag.String("out", "../../bin/site", "the folder to write")
	source := flag.String("source", "../..", "minsize's sources")
	flag.Parse()
	n, err := build(*source, *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
	fmt.Printf("%d pages: %s\n", n, filepath.Join(*out, "index.html"))
}

// page is one Markdown file and what became of it.
type page struct {
	source   string // from the repository's root, with slashes
	to       string // from the site's root
	title    string
	body     string // HTML
	sections []section
}

// section is what the search finds: a heading with the text below it.
type section struct {
	ID, Heading, Text string
}

// front are the pages beside docs/, in the order of the list.
var front = []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"}

// groups are the list of pages: what is not named, by itself or by its folder,
// stands in the last one.
var groups = []struct {
	title string
	pages []string
}{
	{"Begin", []string{"README.md", "docs/guide.md", "docs/project.md", "docs/safety.md", "docs/troubleshooting.md", "docs/glossary.md"}},
	{"Make it small", []string{"docs/shrink.md", "docs/techniques.md", "docs/cuts.md", "docs/advice.md", "docs/link.md", "docs/libraries.md", "docs/wasm.md", "docs/windows.md", "docs/macos.md", "docs/firmware.md", "docs/outlining.md"}},
	{"Finished files", []string{"docs/strip.md", "docs/packing.md", "docs/packages.md", "docs/images.md"}},
	{"Who owns the bytes", []string{"docs/size.md", "docs/graph.md"}},
	{"Keep it small", []string{"docs/ci.md", "docs/release.md"}},
	{"Figures", []string{"docs/benchmarks.md", "docs/bench/"}},
	{"More", nil},
}

// build writes the site and says how many pages it has.
func build(source, out string) (int, error) {
	pages, err := read(source)
	if err != nil {
		return 0, err
	}
	written := map[string]*page{}
	for _, p := range pages {
		written[p.source] = p
	}
	copied := map[string]bool{}
	for _, p := range pages {
		text, err := os.ReadFile(filepath.Join(source, filepath.FromSlash(p.source)))
		if err != nil {
			return 0, err
		}
		if err := p.render(text, func(link string) string { return target(source, p, link, written, copied) }); err != nil {
			return 0, fmt.Errorf("%s: %w", p.source, err)
		}
	}
	frame, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return 0, err
	}
	for _, p := range pages {
		var b bytes.Buffer
		up := strings.Repeat("../", strings.Count(p.to, "/"))
		if err := frame.Execute(&b, map[string]any{"Title": p.title, "Up": up, "Groups": listed(pages, p, up), "Body": template.HTML(p.body),
			"Source": repository + p.source, "Home": p.to == "index.html"}); err != nil {
			return 0, err
		}
		if err := put(out, p.to, b.Bytes()); err != nil {
			return 0, err
		}
	}
	for name := range copied {
		data, err := os.ReadFile(filepath.Join(source, filepath.FromSlash(name)))
		if err != nil {
			return 0, err
		}
		if err := put(out, name, data); err != nil {
			return 0, err
		}
	}
	for _, name := range []string{"site.css", "search.js"} {
		data, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return 0, err
		}
		if err := put(out, name, data); err != nil {
			return 0, err
		}
	}
	index, err := index(pages)
	if err != nil {
		return 0, err
	}
	return len(pages), put(out, "index.js", index)
}

func put(out, name string, data []byte) error {
	to := filepath.Join(out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// read finds the pages.
func read(source string) (pages []*page, err error) {
	names := slices.Clone(front)
	err = fs.WalkDir(os.DirFS(source), "docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && path.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	for _, name := range names {
		p := &page{source: name, to: strings.TrimSuffix(name, ".md") + ".html"}
		if name == "README.md" {
			p.to = "index.html"
		}
		pages = append(pages, p)
	}
	return pages, err
}

// target is where a page's link leads on the site. Other pages are there, and
// pictures and schemas are copied; what else the repository has is shown where
// that lies. It is the test's to find links that lead nowhere.
func target(source string, from *page, link string, written map[string]*page, copied map[string]bool) string {
	if link == "" || strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") || link[0] == '#' {
		return link
	}
	file, anchor, hasAnchor := strings.Cut(link, "#")
	if hasAnchor {
		anchor = "#" + anchor
	}
	name := path.Join(path.Dir(from.source), file)
	up := strings.Repeat("../", strings.Count(from.to, "/"))
	if p := written[name]; p != nil {
		return up + p.to + anchor
	}
	info, err := os.Stat(filepath.Join(source, filepath.FromSlash(name)))
	if err != nil {
		return up + name + anchor
	}
	if ext := path.Ext(name); !info.IsDir() && (ext == ".svg" || ext == ".png" || ext == ".json") {
		copied[name] = true
		return up + name
	}
	return repository + name + anchor
}

// group is a part of the list of pages.
type group struct {
	Title string
	Items []item
}

type item struct {
	Title, To string
	Here      bool
}

// listed is the list as p shows it.
func listed(pages []*page, here *page, up string) (all []group) {
	named := map[string]bool{}
	for _, g := range groups {
		one := group{Title: g.title}
		add := func(p *page) {
			named[p.source] = true
			title, _, _ := strings.Cut(p.title, ": ")
			one.Items = append(one.Items, item{title, up + p.to, p == here})
		}
		for _, name := range g.pages {
			for _, p := range pages {
				if p.source == name || strings.HasSuffix(name, "/") && strings.HasPrefix(p.source, name) {
					add(p)
				}
			}
		}
		if g.pages == nil {
			for _, p := range pages {
				if !named[p.source] {
					add(p)
				}
			}
		}
		all = append(all, one)
	}
	return all
}

// index is what the search reads: a script, for a page of a folder may not
// fetch a file.
func index(pages []*page) ([]byte, error) {
	type entry struct {
		To, Page, Heading, Text string
	}
	var all []entry
	for _, p := range pages {
		for _, s := range p.sections {
			to := p.to
			if s.ID != "" {
				to += "#" + s.ID
			}
			all = append(all, entry{to, p.title, s.Heading, s.Text})
		}
	}
	data, err := json.Marshal(all)
	return append(append([]byte("const minsizeIndex = "), data...), ";\n"...), err
}
