// Package region knows the memories of a machine without an operating system:
// flash, RAM, and what else its linker script calls MEMORY.
//
// Such a machine has no file: an image lies in flash, and a part of it is
// copied to RAM before main. So one byte may cost two: .data has its initial
// values where it is loaded (the physical address of its segment) and its room
// where it runs (the virtual one). Sums over regions are therefore no
// partition of anything, and each region has a column of its own.
package region

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/objfile"
)

// Region is a range of addresses. Sizes are bytes.
type Region struct {
	Name   string `json:"name"`
	Origin uint64 `json:"origin"`
	Length uint64 `json:"length,omitempty"` // 0: nobody said how long it is

	limit uint64 // without a length: where the next region begins, 0 for nowhere
}

// Max is how many regions a program may be divided into.
const Max = 30

// Part is how much of [addr, addr+size) lies in the region; empty where from is to.
func (r Region) Part(addr, size uint64) (from, to uint64) {
	end := r.Origin + r.Length
	if r.Length == 0 {
		end = r.limit
	}
	if end <= r.Origin {
		end = ^uint64(0)
	}
	from, to = max(addr, r.Origin), min(addr+size, end)
	return from, max(from, to)
}

// Parse reads NAME=ORIGIN:LENGTH, as in flash=0x08000000:256K.
func Parse(s string) (Region, error) {
	name, rest, ok := strings.Cut(s, "=")
	origin, length, both := strings.Cut(rest, ":")
	if !ok || !both || name == "" {
		return Region{}, fmt.Errorf("region %q: expected NAME=ORIGIN:LENGTH, as in flash=0x08000000:256K", s)
	}
	r := Region{Name: name}
	for _, n := range []struct {
		what, text string
		to         *uint64
	}{{"origin", origin, &r.Origin}, {"length", length, &r.Length}} {
		v, err := number(strings.TrimSpace(n.text))
		if err != nil {
			return r, fmt.Errorf("region %q: %s: %w", s, n.what, err)
		}
		*n.to = v
	}
	return r, r.check()
}

func (r Region) check() error {
	if r.Length == 0 {
		return fmt.Errorf("region %s: a length of 0 bytes", r.Name)
	}
	if _, over := bits.Add64(r.Origin, r.Length-1, 0); over != 0 {
		return fmt.Errorf("region %s: %#x and %d bytes leave the 64-bit address space", r.Name, r.Origin, r.Length)
	}
	return nil
}

// Check says what is wrong with a set of regions: two of one name, two that
// overlap, too many.
func Check(list []Region) error {
	if len(list) > Max {
		return fmt.Errorf("%d regions, more than %d", len(list), Max)
	}
	for i, a := range list {
		for _, b := range list[:i] {
			if strings.EqualFold(a.Name, b.Name) {
				return fmt.Errorf("two regions are called %s", a.Name)
			}
			if from, to := a.Part(b.Origin, b.Length); from < to {
				return fmt.Errorf("regions %s and %s overlap at %#x", b.Name, a.Name, from)
			}
		}
	}
	return nil
}

// number reads a number of a linker script: decimal, hexadecimal or octal, K
// and M for its units.
func number(s string) (uint64, error) {
	text, unit := s, uint64(1)
	if n := len(s); n > 1 && !strings.HasPrefix(strings.ToLower(s), "0x") || n > 3 {
		switch s[n-1] {
		case 'K', 'k':
			text, unit = s[:n-1], 1<<10
		case 'M', 'm':
			text, unit = s[:n-1], 1<<20
		}
	}
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number (0x08000000, 65536, 256K, 2M)", s)
	}
	high, low := bits.Mul64(v, unit)
	if high != 0 {
		return 0, fmt.Errorf("%q has more than 64 bits", s)
	}
	return low, nil
}

// Bare says whether a file is the program of a machine without an operating
// system, and so has an image rather than a process: an ELF file at fixed
// addresses that no loader is named in, some part of which is loaded elsewhere
// than it runs.
func Bare(f *objfile.File) bool {
	if f.ELF == nil || f.Kind != objfile.Executable || f.ELF.Interp != "" {
		return false
	}
	return slices.ContainsFunc(f.Segments, func(g objfile.Segment) bool {
		return g.Load && g.FileSize > 0 && g.LoadAddr != g.Addr
	})
}

// Derive is the regions of a bare program as far as it tells itself: flash is
// what is loaded, RAM what is written. Neither has a length: nobody says where
// it ends. nil where the file does not tell.
func Derive(f *objfile.File) []Region {
	if !Bare(f) {
		return nil
	}
	flash, ram := Region{Name: "flash", Origin: ^uint64(0)}, Region{Name: "RAM", Origin: ^uint64(0)}
	for _, g := range f.Segments {
		if !g.Load || g.MemSize == 0 {
			continue
		}
		if g.FileSize > 0 {
			flash.Origin = min(flash.Origin, g.LoadAddr)
		}
		if g.Write || g.LoadAddr != g.Addr {
			ram.Origin = min(ram.Origin, g.Addr)
		}
	}
	list := []Region{flash, ram}
	arrange.Sort(list, func(a, b Region) int { return cmp.Compare(a.Origin, b.Origin) })
	if list[0].Origin == list[1].Origin || list[1].Origin == ^uint64(0) {
		return nil
	}
	list[0].limit = list[1].Origin
	return list
}
