// Command dwarf measures internal/dwarf against the standard library's reader
// on the same files: functions, inlined calls and line tables of every unit.
//
//	go run ./bench/dwarf [FILE...]
//
// Without files it reads examples/wordfreq with full debug information, and the
// minsize of this checkout.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/minsize/minsize/bench/harness"
	"github.com/minsize/minsize/internal/byteio"
	ours "github.com/minsize/minsize/internal/dwarf"
	"github.com/minsize/minsize/internal/objfile"
)

func main() { harness.Main(func() error { return run(os.Args[1:]) }) }

func run(files []string) error {
	dir, err := os.MkdirTemp("", "bench-dwarf-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if len(files) == 0 {
		wordfreq, err := harness.Example(dir, "wordfreq")
		if err != nil {
			return err
		}
		root, err := harness.Root()
		if err != nil {
			return err
		}
		minsize := filepath.Join(dir, "minsize")
		if err := harness.Command(root, "go", "build", "-o", minsize, "./cmd/minsize"); err != nil {
			return err
		}
		files = []string{wordfreq, minsize}
	}
	harness.Versions("rustc")
	fmt.Print("CPU seconds, best of 3\n\n")
	fmt.Println("| file | MB | units | functions | inlined calls | rows | minsize | debug/dwarf | ratio |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, path := range files {
		if err := measure(path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func measure(path string) error {
	m, err := byteio.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	var units, functions, inlined, rows int
	fast, err := best(func() error {
		units, functions, inlined, rows = 0, 0, 0, 0
		f, err := objfile.Parse(path, m.Data)
		if err != nil {
			return err
		}
		d, err := ours.Open(f, nil)
		if err != nil {
			return err
		}
		units = len(d.Units)
		for i := range d.Units {
			code, err := d.Code(&d.Units[i])
			if err != nil {
				return err
			}
			lines, err := d.Lines(&d.Units[i])
			if err != nil {
				return err
			}
			functions += len(code.Functions)
			inlined += len(code.Inlined)
			if lines != nil {
				rows += len(lines.Rows)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slow, err := best(func() error { return standard(path) })
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %.1f | %d | %d | %d | %d | %.3f | %.3f | %.2f |\n", filepath.Base(path), float64(len(m.Data))/1e6, units, functions, inlined, rows, fast.Seconds(), slow.Seconds(), fast.Seconds()/slow.Seconds())
	return nil
}

// standard reads the same with debug/dwarf.
func standard(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		return err
	}
	for r := d.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			return err
		}
		if e == nil {
			return nil
		}
		switch e.Tag {
		case dwarf.TagSubprogram, dwarf.TagInlinedSubroutine:
			_, _ = d.Ranges(e)
		case dwarf.TagCompileUnit:
			lines, err := d.LineReader(e)
			if err != nil {
				return err
			}
			if lines == nil {
				continue
			}
			var row dwarf.LineEntry
			for {
				if err := lines.Next(&row); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					return err
				}
			}
		}
	}
}

// best is the least CPU time of three runs, of all threads.
func best(run func() error) (time.Duration, error) {
	least := time.Duration(1 << 62)
	for range 3 {
		runtime.GC()
		before := cpu()
		if err := run(); err != nil {
			return 0, err
		}
		least = min(least, cpu()-before)
	}
	return least, nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
