package target

import (
	"fmt"
	"strings"
)

// manylinux are the names of Python's oldest platform tags, which say no
// version (PEP 513, 571, 599).
var manylinux = map[string]string{"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}

// Glibc reads a version of glibc, as 2.17, or the tag of wheels that need no
// newer one: manylinux2014, manylinux_2_28, with or without a machine behind it.
func Glibc(text string) (version [2]int, err error) {
	given := text
	for name, v := range manylinux {
		if rest, ok := strings.CutPrefix(text, name); ok && (rest == "" || rest[0] == '_') {
			text = v
		}
	}
	if rest, ok := strings.CutPrefix(text, "manylinux_"); ok {
		major, minor, _ := strings.Cut(rest, "_")
		minor, _, _ = strings.Cut(minor, "_")
		text = major + "." + minor
	}
	var more string
	if n, _ := fmt.Sscanf(text, "%d.%d%s", &version[0], &version[1], &more); n != 2 || version[0] < 0 || version[1] < 0 {
		return [2]int{}, fmt.Errorf("%q is no version of glibc, nor a tag of manylinux", given)
	}
	return version, nil
}
