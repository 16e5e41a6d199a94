package main

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
)

// render makes the page's HTML, its title, and what the search finds. link says
// where a link leads on the site.
func (p *page) render(source []byte, link func(string) string) error {
	// The pages have comments that mark what programs write; they are our own,
	// so that raw HTML may stay.
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()), goldmark.WithRendererOptions(html.WithUnsafe()))
	root := md.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(&anchors{seen: map[string]bool{}}))))
	now := section{}
	var words strings.Builder
	end := func() {
		now.Text = strings.Join(strings.Fields(words.String()), " ")
		if now.Heading != "" || now.Text != "" {
			p.sections = append(p.sections, now)
		}
		words.Reset()
	}
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			if n.Type() == ast.TypeBlock || n.Kind() == east.KindTableCell {
				words.WriteByte(' ')
			}
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			end()
			id, _ := n.AttributeString("id")
			name, _ := id.([]byte)
			now = section{ID: string(name), Heading: plain(n, source)}
			if p.title == "" {
				p.title = now.Heading
			}
			return ast.WalkSkipChildren, walkLinks(n, link)
		case *ast.Link:
			n.Destination = []byte(link(string(n.Destination)))
		case *ast.Image:
			n.Destination = []byte(link(string(n.Destination)))
		case *ast.Text:
			words.Write(n.Segment.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				words.WriteByte(' ')
			}
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			for i := range n.Lines().Len() {
				line := n.Lines().At(i)
				words.Write(line.Value(source))
			}
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return err
	}
	end()
	var b bytes.Buffer
	if err := md.Renderer().Render(&b, source, root); err != nil {
		return err
	}
	p.body = b.String()
	return nil
}

func walkLinks(n ast.Node, link func(string) string) error {
	return ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if l, is := n.(*ast.Link); is && entering {
			l.Destination = []byte(link(string(l.Destination)))
		}
		return ast.WalkContinue, nil
	})
}

// plain is a node's text without its marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, is := n.(*ast.Text); is && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// anchors names headings as GitHub does, so that a link works on both.
type anchors struct{ seen map[string]bool }

// Generate implements parser.IDs.
func (a *anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
			return r
		}
		return -1
	}, strings.ToLower(strings.TrimSpace(string(value))))
	for n := name; ; n += "-1" {
		if !a.seen[n] {
			a.seen[n] = true
			return []byte(n)
		}
	}
}

// Put implements parser.IDs.
func (a *anchors) Put(value []byte) { a.seen[string(value)] = true }
