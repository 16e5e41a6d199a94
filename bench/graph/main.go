// Command graph measures the reference graph against truth and rivals.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/minsize/minsize/internal/attrib"
)

func main() {
	relocs := flag.String("relocs", "", "")
	flag.Parse()
	a, err := load(*relocs, attrib.Options{References: true}, true)
	check(err)
	b, err := load(*relocs, attrib.Options{NoDecode: true}, false)
	check(err)
	want, err := truth(a, b)
	check(err)
	r := compareEdges(a, want)
	fmt.Printf("truth %d found %d missed %d (recall %.3f%%) extra %d (precision %.3f%%)\n", r.truth, r.found, r.missed, 100-100*float64(r.missed)/float64(r.truth), r.extra, 100-100*float64(r.extra)/float64(r.found))
	for i, e := range r.missedList {
		if i%max(1, len(r.missedList)/25) == 0 {
			fmt.Printf("missed %s %#x -> %s %#x (%d)\n", a.p.Name(e.from), a.p.Atoms[e.from].Addr, a.p.Name(e.to), a.p.Atoms[e.to].Addr, a.p.Atoms[e.to].Size())
		}
	}
	for i, e := range r.extraList {
		if i%max(1, len(r.extraList)/25) == 0 {
			fmt.Printf("extra %s %#x -> %s %#x (%d)\n", a.p.Name(e.from), a.p.Atoms[e.from].Addr, a.p.Name(e.to), a.p.Atoms[e.to].Addr, a.p.Atoms[e.to].Size())
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "graph:", err)
		os.Exit(1)
	}
}
