// Command dist makes what a release of minsize consists of, for every system:
// archives with manual pages, completions and licences, packages of Linux
// distributions, npm and Python packages that carry the program, a container
// image, manifests for package managers, bills of materials, and the checksums
// of it all. The same sources give the same bytes, in any folder, on any day.
//
//	go run . -out ../../bin/dist
//	go run . -out /tmp/d -targets linux/amd64
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	r := &release{}
	flag.StringVar(&r.out, "out", "../../bin/dist", "the folder to write, which is emptied first")
	flag.StringVar(&r.source, "source", "../..", "minsize's sources")
	only := flag.String("targets", "", "such as linux/amd64,darwin/arm64; all where it is empty")
	flag.StringVar(&r.commit, "commit", "", "what `minsize version` names; git knows it in a checkout")
	flag.Parse()
	if err := r.make(*only); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// release is what all that is made has in common.
type release struct {
	out, source string
	commit      string
	version     string
	time        time.Time // of the commit; what the files in archives bear
	host        string    // a minsize that runs here
	targets     []target
	parts       []part // of every product, on every system
	programs    map[target]*program
	images      []string // files of the image's platforms
}

// program is minsize as it was built for a target.
type program struct {
	target
	data    []byte
	others  map[string][]byte // what starts it under each other name, where there are no links
	modules []module
	archive string // its archive's name
}

// make is the list of what is done, in order.
func (r *release) make(only string) error {
	var err error
	if r.targets, err = chosen(only); err != nil {
		return err
	}
	for _, path := range []*string{&r.out, &r.source} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if err := emptied(r.out); err != nil {
		return err
	}
	if err := r.identify(); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "minsize-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := r.build(work); err != nil {
		return err
	}
	if err := r.describe(work); err != nil {
		return err
	}
	// From here on everything is in memory, and only out is written.
	for _, t := range r.targets {
		p := r.programs[t]
		for _, product := range []func(*program) error{r.archive, r.bill, r.linux, r.npmPlatform, r.wheel} {
			if err := product(p); err != nil {
				return fmt.Errorf("%s: %w", t, err)
			}
		}
	}
	for _, product := range []func() error{r.npmMain, r.image, r.installer, r.manifests, r.sums} {
		if err := product(); err != nil {
			return err
		}
	}
	return nil
}

// emptied makes the folder anew. What is no release's folder is left alone.
func emptied(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(folder, sumsName)); err != nil {
			return fmt.Errorf("%s: not empty, and no release lies there: choose another -out", folder)
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return os.MkdirAll(folder, 0o755)
}

// write puts one product into the folder.
func (r *release) write(name string, data []byte) error {
	path := filepath.Join(r.out, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	fmt.Printf("%10d %s\n", len(data), name)
	mode := os.FileMode(0o644)
	if strings.HasSuffix(name, ".sh") {
		mode = 0o755
	}
	return os.WriteFile(path, data, mode)
}
