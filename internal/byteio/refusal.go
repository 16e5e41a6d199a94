package byteio

import "fmt"

// Refusal is the error for a file that is left alone although it is well
// formed: what was asked for would break it, lose something, or makes no sense
// for its kind. Hint names the flag that overrides, or the right tool.
type Refusal struct {
	Cause string
	Hint  string
}

func (r *Refusal) Error() string { return r.Cause }

// Refuse makes a Refusal.
func Refuse(hint, format string, args ...any) error {
	return &Refusal{Cause: fmt.Sprintf(format, args...), Hint: hint}
}
