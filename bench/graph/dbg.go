package main

import (
	"fmt"
	"github.com/minsize/minsize/internal/attrib"
	"github.com/minsize/minsize/internal/refgraph"
)

func debug(path string) {
	x, err := load(path, attrib.Options{References: true}, false)
	check(err)
	t := x.g.Dominators()
	e := x.p.AtomAtAddr(x.file.Entry)
	fmt.Printf("entry %#x atom %d\n", x.file.Entry, e)
	n := 0
	for i := int32(1); i < int32(x.g.Len()); i++ {
		if t.Reachable(i) { continue }
		garbage := false
		for _, p := range x.g.Predecessors(i) {
			if p != refgraph.Root && !t.Reachable(p) { garbage = true }
		}
		if !garbage {
			a := x.p.Atoms[i-1]
			n++
			if n < 40 { fmt.Printf("top garbage %s %#x size %d\n", x.g.Name(i), a.Addr, a.Size()) }
		}
	}
	fmt.Println(n, "tops")
}
