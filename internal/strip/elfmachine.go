package strip

import (
	"strconv"

	"github.com/minsize/minsize/internal/machine"
)

func (f *elfFile) machine() *machine.Machine { return machine.OfELF(f.head.Machine) }

func (f *elfFile) machineName() string {
	return titled(f.machine(), "machine ", uint64(f.head.Machine))
}

// titled is the name of a machine for reports, or its number.
func titled(m *machine.Machine, what string, number uint64) string {
	if m.Title != "" {
		return m.Title
	}
	return what + strconv.FormatUint(number, 10)
}
