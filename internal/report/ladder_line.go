package report

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/ladder"
)

// RungLine is a rung as it is told when it is done: what it weighs, what it
// took, and whether it is kept.
func RungLine(r ladder.Rung) string {
	size := r.Bytes()
	var b strings.Builder
	fmt.Fprintf(&b, "%-30s", r.Name)
	if size > 0 {
		change := ""
		if r.Kind != ladder.Baseline {
			change = signed(r.Change)
		}
		fmt.Fprintf(&b, " %10s %10s %6.1f%%", FormatBytes(size, false), change, r.Share*100)
	} else {
		b.WriteString(strings.Repeat(" ", 30))
	}
	switch {
	case r.Cached:
		b.WriteString("   cached")
	case r.CPU > 0:
		fmt.Fprintf(&b, " %6.1f s", r.CPU)
	case r.Wall > 0:
		fmt.Fprintf(&b, " %6.2f s", r.Wall)
	default:
		b.WriteString("         ")
	}
	switch {
	case r.Kept && r.Check.Status == ladder.Passed:
		b.WriteString("  kept, checked")
	case r.Kept:
		b.WriteString("  kept, not run")
	default:
		b.WriteString("  left out: " + GroupDigits(r.Why))
	}
	return b.String()
}

func signed(n int64) string {
	if n > 0 {
		return "+" + FormatBytes(n, false)
	}
	return FormatBytes(n, false)
}
