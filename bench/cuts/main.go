package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/minsize/minsize/internal/relink"
)

func main() {
	root, _ := filepath.Abs(os.Args[1])
	self := os.Args[2]
	r := relink.Recorder{Dir: root + "/target/rec", Bin: os.Args[3]}
	c := exec.Command("cargo", append(append([]string{"rustc", "--release"}, r.CargoArgs("x86_64-unknown-linux-gnu", self)...), "--", "-Csave-temps")...)
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
	if len(os.Args) > 4 {
		var v relink.Variant
		ls, _ := rec.Linkers(ctx)
		v.Linker = ls[0]
		v.Options = []string{"strip-all", "relr", "icf-all", "unwind-tables-out", "no-eh-frame-hdr", "no-build-id", "hash-style-gnu", "optimize-strings"}
		v.Add = []string{"-Wl,-Map=/tmp/relink-out/map"}
		for _, n := range os.Args[4:] {
			if relink.PipelineByName(n) != nil {
				tools, err := relink.FindLLVM(ctx, "22.1.2")
				if err != nil {
					panic(err)
				}
				v.Codegen = &relink.Codegen{Pipeline: n, Tools: tools}
			} else if c := relink.CutByName(n); c != nil {
				v.Cuts = append(v.Cuts, c.Cut)
			} else if c, err := relink.ParseCut(n); err == nil {
				v.Cuts = append(v.Cuts, c)
			} else {
				panic(err)
			}
		}
		if v.Codegen != nil {
			res, err := rec.Link(ctx, v, "/tmp/relink-out/one")
			fmt.Println(res, err)
			return
		}
		t := time.Now()
		sug, err := rec.Suggest(v.Cuts)
		if err != nil {
			panic(err)
		}
		fmt.Println("suggest", time.Since(t), sug.Reachable)
		for _, f := range sug.Functions {
			if f.Retained > 600 {
				fmt.Println(f)
			}
		}
		for _, f := range sug.Crates {
			if true {
				fmt.Println(f)
			}
		}
		res, err := rec.Link(ctx, v, "/tmp/relink-out/one")
		fmt.Println(res, err)
		return
	}
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
