package relink

// The flavour of programs for machines without an operating system. GNU's
// command line, read by the linker itself: rustc calls rust-lld, or what the
// project names (flip-link, arm-none-eabi-gcc). There is no loader, so nothing
// that is for one is tried, and the user's linker script says what lies where.

import (
	"slices"

	"github.com/minsize/minsize/internal/target"
)

var bare = Flavour{
	Name:      target.Bare,
	Formats:   gnu.Formats,
	Drivers:   []string{"rust-lld"},
	Values:    append(slices.Clone(gnu.Values), "-T"),
	Options:   bareOptions("strip-all", UnwindTablesOut, "icf-all", "icf-data", "optimize-strings", "even-functions", "locations-out"),
	Linkers:   []program{{LLD, "LLD", []string{"rust-lld", "ld.lld*"}}},
	StripsAll: gnu.StripsAll,
	Model:     "static",
	NamesOnly: gnu.NamesOnly,
	serves:    target.Triple.BareMetal,
	collects:  gnu.collects,
	exports:   gnu.exports,
	choose:    gnu.choose,
	edit:      gnu.edit,
	finish:    func(*plan) error { return nil },
	suggest:   gnu.suggest,
}

func bareOptions(names ...string) (list []Option) {
	for _, o := range gnuOptions {
		if slices.Contains(names, o.Name) {
			list = append(list, o)
		}
	}
	return list
}
