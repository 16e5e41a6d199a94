// Command minsize-link is what cargo starts as the linker after `minsize apply
// --link`. It becomes minsize where a link concerns it, else the linker behind
// it; a link to minsize does the same, and takes longer to start.
package main

import (
	"os"

	"github.com/minsize/minsize/internal/launch"
)

func main() {
	os.Exit(launch.Linker(os.Args, os.Stderr))
}
