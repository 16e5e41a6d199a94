package executor

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack"
	"github.com/minsize/minsize/internal/strip"
	"github.com/minsize/minsize/internal/target"
)

// Objective is the size that a search makes small. What is downloaded is
// compressed, and then equal code in two places costs next to nothing while a
// table of addresses costs more than it looks.
type Objective struct {
	Name    string
	Summary string
	measure func([]byte) (int64, error)
}

// Objectives is the table, each at its format's strongest level, as archives
// that are made once and fetched often are.
var Objectives = []Objective{
	{"raw", "the file itself", func(data []byte) (int64, error) { return int64(len(data)), nil }},
	{"gzip", "gzip -9: wheels, npm, layers, most web servers", through(func(w io.Writer) (io.WriteCloser, error) {
		return gzip.NewWriterLevel(w, gzip.BestCompression)
	})},
	{"zstd", "zstd at its best: packages of distributions, layers", through(func(w io.Writer) (io.WriteCloser, error) {
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	})},
	{"brotli", "brotli -q 11: what browsers fetch", through(func(w io.Writer) (io.WriteCloser, error) {
		return brotli.NewWriterLevel(w, brotli.BestCompression), nil
	})},
	{Flash, "what is loaded into a machine without an operating system: its default", flash},
	{"packed", "the file that unpacks itself (minsize pack)", func(data []byte) (int64, error) {
		packed, _, err := pack.Pack(data, pack.Options{})
		return int64(len(packed)), err
	}},
}

// Flash is the objective of bare machines: their ELF file lies on no machine.
const Flash = "flash"

// flash is the bytes that are loaded, wherever they go.
func flash(data []byte) (int64, error) {
	f, err := objfile.Parse("program", data)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	for _, g := range f.Segments {
		if g.Load {
			n += int64(g.FileSize)
		}
	}
	if n == 0 {
		return 0, errors.New("nothing of it is loaded")
	}
	return n, nil
}

// ParseObjective reads an objective's name.
func ParseObjective(name string) (*Objective, error) {
	i := slices.IndexFunc(Objectives, func(o Objective) bool { return o.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("unknown objective %q (one of %s)", name, strings.Join(ObjectiveNames(), ", "))
	}
	return &Objectives[i], nil
}

// ObjectiveNames are what --objective takes.
func ObjectiveNames() (names []string) {
	for _, o := range Objectives {
		names = append(names, o.Name)
	}
	return names
}

// size is what data weighs; a nil objective is the first.
func (o *Objective) size(data []byte) (int64, error) {
	o = cmp.Or(o, &Objectives[0])
	n, err := o.measure(data)
	if err != nil {
		err = fmt.Errorf("its size as %s: %w", o.Name, err)
	}
	return n, err
}

// through measures what a compressor makes of the data.
func through(open func(io.Writer) (io.WriteCloser, error)) func([]byte) (int64, error) {
	return func(data []byte) (int64, error) {
		var n count
		w, err := open(&n)
		if err != nil {
			return 0, err
		}
		if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
			return 0, err
		}
		err = w.Close() // which writes the rest
		return int64(n), err
	}
}

// count is a writer that keeps the number of bytes alone.
type count int64

func (n *count) Write(p []byte) (int, error) {
	*n += count(len(p))
	return len(p), nil
}

// transferred are the objectives that servers and browsers agree on.
var transferred = []string{"gzip", "brotli"}

// Transfers are what two files weigh on their way to a browser; before may be nil.
func Transfers(before, after []byte) ([]ladder.Transfer, error) {
	list, errs := make([]ladder.Transfer, len(transferred)), make([]error, 2*len(transferred))
	var all sync.WaitGroup
	for i, name := range transferred {
		list[i].As = name
		o, err := ParseObjective(name)
		if err != nil {
			return nil, err
		}
		if before != nil {
			all.Go(func() { list[i].Before, errs[2*i] = o.size(before) })
		}
		all.Go(func() { list[i].After, errs[2*i+1] = o.size(after) })
	}
	all.Wait()
	return list, errors.Join(errs...)
}

// mostTransferred is up to which size of a module a search tells what it weighs
// under brotli, which takes a second for 100 KB.
const mostTransferred = 1 << 20

// Weigh adds to a search on a Wasm module what its best is when it is
// downloaded, against what it began with.
func Weigh(r *ladder.Result) error {
	if target.Parse(r.Target).Format != target.Wasm || r.BaseRaw > mostTransferred {
		return nil
	}
	before, err := os.ReadFile(r.Rungs[0].File)
	if err != nil {
		return err
	}
	if before, _, err = strip.Rewrite(before, strip.Options{Level: strip.All}); err != nil {
		return err
	}
	after, err := os.ReadFile(r.BestFile)
	if err == nil {
		r.Transfer, err = Transfers(before, after)
	}
	return err
}
