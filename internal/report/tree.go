package report

import (
	"math"
	"sort"
)

// Tree is a hierarchy of sizes, for figures: the HTML treemap and the SVG.
// Size is the bytes of all below it and the area that it gets; in a comparison
// it is the sum of all changes without their signs, and Delta that with them.
// Children add up to their parent.
type Tree struct {
	Name     string
	Size     int64
	Delta    int64
	Compared bool // Delta means something
	Children []Tree
}

// rect is a place on paper.
type rect struct{ x, y, w, h float64 }

// squarify lays weights, largest first, out in r so that the rectangles are
// near squares (Bruls, Huizing, van Wijk: Squarified Treemaps, 2000). The HTML
// figure uses d3-hierarchy for the same; an SVG is written here, where no
// JavaScript runs.
func squarify(weights []float64, r rect) []rect {
	out := make([]rect, len(weights))
	total := 0.0
	for _, w := range weights {
		total += w
	}
	if total <= 0 || r.w <= 0 || r.h <= 0 {
		return out
	}
	scale := r.w * r.h / total
	for i := 0; i < len(weights); {
		side := math.Min(r.w, r.h)
		row, sum := i, 0.0
		worst := math.Inf(1)
		for row < len(weights) {
			area := weights[row] * scale
			next := worstRatio(weights[i]*scale, area, sum+area, side)
			if next > worst {
				break
			}
			worst, sum = next, sum+area
			row++
		}
		thick := sum / side
		at := 0.0
		for k := i; k < row; k++ {
			length := 0.0
			if thick > 0 {
				length = weights[k] * scale / thick
			}
			if r.w >= r.h {
				out[k] = rect{r.x, r.y + at, thick, length}
			} else {
				out[k] = rect{r.x + at, r.y, length, thick}
			}
			at += length
		}
		if r.w >= r.h {
			r.x, r.w = r.x+thick, r.w-thick
		} else {
			r.y, r.h = r.y+thick, r.h-thick
		}
		i = row
	}
	return out
}

// worstRatio is the longest side against the shortest among a row's
// rectangles of which the largest and smallest areas are given.
func worstRatio(largest, smallest, sum, side float64) float64 {
	if smallest <= 0 || sum <= 0 {
		return math.Inf(1)
	}
	s2, w2 := sum*sum, side*side
	return math.Max(w2*largest/s2, s2/(w2*smallest))
}

// largestFirst sorts a copy of children for layout.
func largestFirst(children []Tree) []Tree {
	list := append([]Tree(nil), children...)
	sort.SliceStable(list, func(i, j int) bool { return list[i].Size > list[j].Size })
	return list
}
