// Command cargo-minsize is what `cargo minsize` starts: minsize under that
// name. `make build` and the packages have a link instead.
package main

import (
	"os"

	"github.com/minsize/minsize/internal/launch"
)

func main() {
	os.Exit(launch.Main(os.Args, os.Stderr))
}
