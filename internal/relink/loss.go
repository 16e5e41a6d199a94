package relink

// What is lost is data, not prose: a report that has to know whether anything
// is lost counts a list, and never reads a sentence.

// Loss is one thing that a program can no longer do.
type Loss struct {
	What  string // a plain phrase without a full stop
	Shown []Kind // evidence that a program relies on it
}

// Losing is a list of one loss.
func Losing(what string, shown ...Kind) []Loss { return []Loss{{what, shown}} }
