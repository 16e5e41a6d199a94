package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/minsize/minsize/internal/relink"
)

func main() {
	root, _ := filepath.Abs(os.Args[1])
	self := os.Args[2]
	r := relink.Recorder{Dir: root + "/target/rec", Bin: os.Args[3]}
	c := exec.Command("cargo", append([]string{"build", "--release"}, r.CargoArgs("x86_64-unknown-linux-gnu", self)...)...)
	c.Dir = root
	c.Env = append(os.Environ(), r.Env()...)
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		panic(err)
	}
	rec, err := relink.Find(r.Dir, root+"/target/release/"+os.Args[3])
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	l, f := rec.Linkers(ctx)
	fmt.Println(l, f)
	for _, l := range l {
		v := relink.Variant{Linker: l, Options: []string{"strip-all"}}
		try := func(what string) {
			out := "/tmp/relink-out/" + l.ID() + what
			res, err := rec.Link(ctx, v, out)
			if err != nil {
				fmt.Println(l.ID(), what, err)
				return
			}
			o, err := exec.Command(out).CombinedOutput()
			fmt.Println(l.ID(), what, res.Size, res.Wall, res.CPU, string(o), err)
			for _, c := range res.Cuts {
				fmt.Println("   ", c.Cut.Name, c.Bytes, len(c.Functions))
			}
		}
		try("plain")
		for _, o := range []string{"relr", "icf-all"} {
			v.Options = append(v.Options, o)
			try(o)
		}
		for _, c := range relink.Catalogue {
			v.Cuts = append(v.Cuts, c.Cut)
			try(c.Name)
		}
		for _, o := range []string{"unwind-tables-out", "no-eh-frame-hdr", "own-start", "no-build-id", "hash-style-gnu"} {
			v.Options = append(v.Options, o)
			try(o)
		}
	}
}
