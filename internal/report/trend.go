package report

import (
	"fmt"
	"html"
	"strings"
)

// Trend is sizes over builds, stacked: the figure of a history, in the SVG
// format and in the page.
type Trend struct {
	Title  string
	Series []string // from the bottom up
	Points []TrendPoint
}

// TrendPoint is one build. Parts are bytes, one for each series.
type TrendPoint struct {
	Label, Title string
	Parts        []uint64
}

// total is the point's height in bytes.
func (p *TrendPoint) total() uint64 {
	n := uint64(0)
	for _, part := range p.Parts {
		n += part
	}
	return n
}

// svg draws the figure; colours and letters are those of the treemap. The
// axis begins at 0, for a cut axis makes small changes look large.
func (t *Trend) svg(o Options) string {
	const left, right, top, bottom = 70.0, 210.0, 34.0, 36.0
	w, h := svgWidth-left-right, svgHeight-top-bottom
	highest := uint64(1)
	for i := range t.Points {
		highest = max(highest, t.Points[i].total())
	}
	x := func(i int) float64 {
		if len(t.Points) < 2 {
			return left + w/2
		}
		return left + w*float64(i)/float64(len(t.Points)-1)
	}
	y := func(n uint64) float64 { return top + h*(1-float64(n)/float64(highest)) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui,sans-serif" font-size="11" role="img" aria-label="%s">`+"\n",
		svgWidth, svgHeight, html.EscapeString(t.Title))
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="#ffffff"/>`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&b, `<text x="6" y="17" font-size="14" font-weight="600" fill="#1b1f24">%s, %d builds</text>`+"\n", html.EscapeString(t.Title), len(t.Points))
	for k := range 5 {
		n := highest * uint64(k) / 4
		fmt.Fprintf(&b, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" stroke="#d0d7de"/><text x="%g" y="%.1f" text-anchor="end" fill="#57606a">%s</text>`+"\n",
			left, left+w, y(n), y(n), left-6, y(n)+4, FormatBytes(int64(n), o.ExactBytes))
	}
	below := make([]uint64, len(t.Points))
	for s, name := range t.Series {
		color := svgColors[s%len(svgColors)]
		if s == len(t.Series)-1 {
			color = "#e6e9ed"
		}
		var up, down []string
		for i := range t.Points {
			from := below[i]
			below[i] += t.Points[i].Parts[s]
			dx := 0.0
			if len(t.Points) < 2 {
				dx = 30
			}
			up = append(up, fmt.Sprintf("%.1f,%.1f", x(i)-dx, y(below[i])))
			down = append([]string{fmt.Sprintf("%.1f,%.1f", x(i)-dx, y(from))}, down...)
			if dx > 0 {
				up = append(up, fmt.Sprintf("%.1f,%.1f", x(i)+dx, y(below[i])))
				down = append([]string{fmt.Sprintf("%.1f,%.1f", x(i)+dx, y(from))}, down...)
			}
		}
		if len(t.Points) > 0 {
			fmt.Fprintf(&b, `<polygon points="%s %s" fill="%s" stroke="#fff" stroke-width=".5"><title>%s</title></polygon>`+"\n",
				strings.Join(up, " "), strings.Join(down, " "), color, html.EscapeString(name))
		}
		at := top + 16*float64(len(t.Series)-1-s)
		fmt.Fprintf(&b, `<rect x="%g" y="%g" width="11" height="11" fill="%s" stroke="#8c959f" stroke-width=".5"/>`, left+w+14, at, color)
		svgText(&b, name, rect{left + w + 27, at - 1.5, right - 30, 14}, false)
		b.WriteString("\n")
	}
	every := max(1, (len(t.Points)+9)/10)
	for i := range t.Points {
		p := &t.Points[i]
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="#1b1f24"><title>%s</title></circle>`, x(i), y(p.total()), html.EscapeString(p.Title))
		if i%every == 0 || i == len(t.Points)-1 && i%every > every/2 {
			fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="middle" fill="#57606a">%s</text>`, x(i), svgHeight-bottom+16, html.EscapeString(shortLabel(p.Label)))
		}
		b.WriteString("\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// shortLabel fits under a point.
func shortLabel(s string) string {
	if letters := []rune(s); len(letters) > 12 {
		return string(letters[:11]) + "…"
	}
	return s
}
