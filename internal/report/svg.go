package report

import (
	"errors"
	"fmt"
	"html"
	"io"
	"strings"
	"unicode/utf8"
)

// ErrNoFigure is the answer for a Document without a Tree.
var ErrNoFigure = errors.New("this report has no figure: choose text, json, markdown, csv, tsv or html")

const (
	svgWidth  = 960.0
	svgHeight = 560.0
	svgHead   = 26.0
	svgLabel  = 15.0 // height of a group's label
)

// svgColors are told apart by colour-blind readers too (Okabe and Ito, 2008),
// lightened so that dark text stands on them.
var svgColors = []string{"#9ecae9", "#f6c27c", "#8fd0b5", "#f3a59b", "#d5b3dd", "#c9d37e", "#b8c4cf", "#f4d58d", "#a5d8dd", "#e0b8a0"}

// Colours of a comparison.
const svgGrown, svgShrunk = "#f6c27c", "#9ecae9"

// amount is what a node is worth, in words.
func (t *Tree) amount(o Options) string {
	if t.Compared {
		return Column{Kind: Delta}.number(t.Delta, o)
	}
	return FormatBytes(t.Size, o.ExactBytes)
}

// writeSVG draws the Tree as a treemap of two levels, small enough for a README.
func writeSVG(w io.Writer, d *Document, o Options) error {
	if d.Trend != nil && len(d.Trend.Points) > 0 {
		_, err := io.WriteString(w, d.Trend.svg(o))
		return err
	}
	var tree *Tree
	if d.Tree != nil {
		tree = d.Tree()
	}
	if tree == nil || tree.Size <= 0 {
		return ErrNoFigure
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui,sans-serif" font-size="11" role="img" aria-label="%s">`+"\n",
		svgWidth, svgHeight, html.EscapeString(d.Title))
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#ffffff"/>`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, `<text x="6" y="17" font-size="14" font-weight="600" fill="#1b1f24">%s, %s</text>`+"\n",
		html.EscapeString(tree.Name), tree.amount(o))
	groups := largestFirst(tree.Children)
	places := squarify(sizes(groups), rect{2, svgHead, svgWidth - 4, svgHeight - svgHead - 2})
	for i, g := range groups {
		color := svgColors[i%len(svgColors)]
		if g.Compared {
			color = svgShrunk
			if g.Delta > 0 {
				color = svgGrown
			}
		}
		svgGroup(&b, g, places[i], color, o)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func sizes(list []Tree) []float64 {
	out := make([]float64, len(list))
	for i := range list {
		out[i] = float64(max(list[i].Size, 0))
	}
	return out
}

func svgGroup(b *strings.Builder, g Tree, r rect, color string, o Options) {
	if r.w < 1 || r.h < 1 {
		return
	}
	fmt.Fprintf(b, `<g><title>%s, %s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" stroke="#fff"/>`,
		html.EscapeString(g.Name), g.amount(o), r.x, r.y, r.w, r.h, color)
	svgText(b, g.Name+" "+g.amount(o), r, true)
	if r.w > 40 && r.h > svgLabel+12 {
		inner := rect{r.x + 2, r.y + svgLabel, r.w - 4, r.h - svgLabel - 2}
		children := largestFirst(g.Children)
		for i, p := range squarify(sizes(children), inner) {
			if p.w < 3 || p.h < 3 {
				continue
			}
			fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#fff" fill-opacity=".38" stroke="%s"><title>%s, %s</title></rect>`,
				p.x, p.y, p.w, p.h, color, html.EscapeString(children[i].Name), children[i].amount(o))
			svgText(b, children[i].Name, p, false)
		}
	}
	b.WriteString("</g>\n")
}

// svgText sets a label where it fits, cut with an ellipsis; a letter of
// this size is about six units wide.
func svgText(b *strings.Builder, s string, r rect, strong bool) {
	letter := 6.0
	if strong {
		letter = 6.8
	}
	room := int((r.w - 6) / letter)
	if room < 4 || r.h < 13 {
		return
	}
	if utf8.RuneCountInString(s) > room {
		s = string([]rune(s)[:room-1]) + "…"
	}
	weight := ""
	if strong {
		weight = ` font-weight="600"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="#1b1f24"%s>%s</text>`, r.x+3, r.y+11, weight, html.EscapeString(s))
}
