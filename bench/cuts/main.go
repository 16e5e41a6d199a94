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
		for _, o := range relink.Options {
			res, err := rec.Link(ctx, relink.Variant{Linker: l, Options: []string{o.Name}}, "/tmp/relink-out")
			if err != nil {
				fmt.Println(l.ID(), o.Name, err)
				continue
			}
			out, err := exec.Command("/tmp/relink-out").CombinedOutput()
			fmt.Println(l.ID(), o.Name, res.Size, res.Wall, res.CPU, string(out), err)
		}
	}
}
