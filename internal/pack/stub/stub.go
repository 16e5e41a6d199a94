// Package stub holds the machine code that packed programs carry, built from
// the sources in src by `make stubs`; TestBlobs rebuilds and compares.
package stub

import (
	"embed"
	"fmt"
)

//go:embed blobs
var blobs embed.FS

// Part returns one piece of the stub for a machine: "boot-xlz", "boot-lzma",
// ... (part 0, which is plain code in the file), "first-xlz", ... (part 1 with
// its decoder, linked behind the part 0 of that name), "second" (part 2), "op-*"
// (what undoes one transform). Machines are named as in LLVM target triples.
func Part(machine, part string) ([]byte, error) {
	b, err := blobs.ReadFile("blobs/" + machine + "-" + part + ".bin")
	if err != nil {
		return nil, fmt.Errorf("no stub part %s for %s", part, machine)
	}
	return b, nil
}
