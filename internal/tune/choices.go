package tune

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Choice is what is done with one call.
type Choice byte

// What can be chosen, as it is written in a list.
const (
	Inline Choice = '+' // the callee's body takes the call's place
	Apart  Choice = '-' // it does not
)

// attribute is LLVM's word for a choice.
func (c Choice) attribute() string {
	if c == Inline {
		return " alwaysinline"
	}
	return " noinline"
}

// Choices are those of a module: by a function's hash, then by the call's
// number among the function's direct calls.
type Choices map[string]map[int]Choice

// ParseChoices reads the lines that List writes: `0123456789ab 3+ 7-`.
func ParseChoices(lines []string) (Choices, error) {
	all := Choices{}
	for _, line := range lines {
		hash, rest, _ := strings.Cut(line, " ")
		if len(hash) != 12 || strings.Trim(hash, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("%q: expected a hash of 12 digits and choices, such as %q", line, "0123456789ab 3+ 7-")
		}
		calls := all[hash]
		if calls == nil {
			calls = map[int]Choice{}
			all[hash] = calls
		}
		for _, word := range strings.Fields(rest) {
			n, err := strconv.Atoi(word[:len(word)-1])
			choice := Choice(word[len(word)-1])
			if err != nil || n < 0 || choice != Inline && choice != Apart {
				return nil, fmt.Errorf("%q: %q is not a call's number and + or -", line, word)
			}
			calls[n] = choice
		}
		if len(calls) == 0 {
			return nil, fmt.Errorf("%q: no choice", line)
		}
	}
	return all, nil
}

// List is the choices as text: a line for each function, in order, so that
// two people's lists are merged line by line.
func (c Choices) List() []string {
	var lines []string
	for hash, calls := range c {
		if len(calls) > 0 {
			lines = append(lines, hash+" "+written(calls))
		}
	}
	slices.Sort(lines)
	return lines
}

// written is one function's choices in order.
func written(calls map[int]Choice) string {
	var words []string
	for _, n := range sorted(calls) {
		words = append(words, strconv.Itoa(n)+string(calls[n]))
	}
	return strings.Join(words, " ")
}

// Apply returns the module's text with the choices that still fit, and how
// many did.
func (m *Module) Apply(c Choices) (text string, fitted int) {
	var b strings.Builder
	b.Grow(len(m.text) + 64*len(c))
	at := 0
	for i := range m.functions {
		f := &m.functions[i]
		if f.hash == "" || c[f.hash] == nil {
			continue
		}
		b.WriteString(m.text[at:f.span.from])
		fitted += m.write(&b, f, f.span.from, c[f.hash])
		at = f.span.to
	}
	b.WriteString(m.text[at:])
	return b.String(), fitted
}

// write writes a function from an offset on, with its choices.
func (m *Module) write(b *strings.Builder, f *function, from int, choices map[int]Choice) (fitted int) {
	for _, n := range sorted(choices) {
		if n >= len(f.calls) || f.calls[n].fixed || choices[n] == Inline && m.functions[f.calls[n].callee].fixed {
			continue
		}
		b.WriteString(m.text[from:f.calls[n].at])
		b.WriteString(choices[n].attribute())
		from = f.calls[n].at
		fitted++
	}
	b.WriteString(m.text[from:f.span.to])
	return fitted
}

func sorted(choices map[int]Choice) []int {
	var list []int
	for n := range choices {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}
