package executor

// A library is held to its interface: whatever is done to it, its hosts find
// what they were built against. What they are held to is the project's plain
// build; where that is not made, as by `build`, the same build before its link
// is replayed.

import (
	"fmt"
	"os"
	"slices"

	"github.com/minsize/minsize/internal/ladder"
	"github.com/minsize/minsize/internal/oracle"
	"github.com/minsize/minsize/internal/target"
)

// interfaceOf reads a library's interface; nil for what has none to hold.
func (x *Executor) interfaceOf(path string) (*oracle.Interface, error) {
	if !x.Project.Kind.Loads() || x.Project.Triple.Format != target.ELF {
		return nil, nil
	}
	return readInterface(path)
}

func readInterface(path string) (*oracle.Interface, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return oracle.InterfaceOf(data)
}

// heldInterface refuses a finished library that hosts would see differ.
func (x *Executor) heldInterface(b *ladder.Build, file *ladder.File) error {
	now, err := x.interfaceOf(file.Path)
	if now == nil || err != nil {
		return err
	}
	was := x.held
	if was == nil {
		if was, err = x.interfaceOf(b.Program); err != nil {
			return err
		}
	}
	return sameInterface(was, now)
}

func sameInterface(was, now *oracle.Interface) error {
	if list := was.Differences(now); len(list) > 0 {
		more := ""
		if len(list) > 1 {
			more = fmt.Sprintf(" (and %d more)", len(list)-1)
		}
		return fmt.Errorf("%w: %s%s", ladder.ErrInterface, list[0], more)
	}
	return nil
}

// heldProtections refuses a finished program that has lost what its loader did
// for it against attacks.
func heldProtections(was, now string) error {
	var found [2][]string
	for i, path := range []string{was, now} {
		data, err := os.ReadFile(path)
		if err == nil {
			found[i], err = oracle.Protections(data)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range found[0] {
		if !slices.Contains(found[1], p) {
			return fmt.Errorf("the program has lost %s", p)
		}
	}
	return nil
}

// NeedsNewer says where a finished file needs a newer glibc than was asked for.
// No technique raises what it needs, so the release build does too; "" where it
// does not, or was not asked.
func NeedsNewer(path string, glibc [2]int) string {
	if glibc == [2]int{} {
		return ""
	}
	i, err := readInterface(path)
	if err != nil { // a static program has none
		return ""
	}
	var major, minor int
	newest := i.Newest("GLIBC_")
	if _, err := fmt.Sscanf(newest, "%d.%d", &major, &minor); err != nil || major < glibc[0] || major == glibc[0] && minor <= glibc[1] {
		return ""
	}
	return fmt.Sprintf("it needs glibc %s, not %d.%d: so does the release build, for that is what it is linked with here; build where %d.%d is, as in a manylinux image",
		newest, glibc[0], glibc[1], glibc[0], glibc[1])
}
