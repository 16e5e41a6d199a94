// Command minsize gives back the smallest program that still does the job and
// tells why each byte is there. This is the one place that exits.
package main

import (
	"os"

	"github.com/minsize/minsize/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
