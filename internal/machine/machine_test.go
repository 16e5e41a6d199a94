package machine

import (
	"fmt"
	"testing"

	"github.com/minsize/minsize/internal/machinecode"
)

// TestTable: no two machines are one in any format or name, and a lookup of
// what stands in the table finds it.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	once := func(m *Machine, format string, a ...any) {
		if key := fmt.Sprintf(format, a...); seen[key] {
			t.Errorf("%s: %s stands for another machine, too", m.Title, key)
		} else {
			seen[key] = true
		}
	}
	for _, m := range All() {
		once(m, "title %s", m.Title)
		for _, n := range m.ELF {
			once(m, "e_machine %d", n)
			if OfELF(n) != m {
				t.Errorf("%s is not found by e_machine %d", m.Title, n)
			}
		}
		for i := range m.Arches {
			a := &m.Arches[i]
			once(m, "name %s", a.Name)
			if a.Name == "" || a.Bits != 32 && a.Bits != 64 {
				t.Errorf("%s: %+v", m.Title, a)
			}
			if found, arch := Named(a.Name); found != m || arch != a || OfTriple(a.Name) != a {
				t.Errorf("%s is not found by name", a.Name)
			}
			if len(m.ELF) > 0 && m.Arch(a.Bits, a.Big) != a {
				t.Errorf("%s: an ELF file of %d bits, big-endian %v, is for %s", a.Name, a.Bits, a.Big, m.Arch(a.Bits, a.Big).Name)
			}
			for _, name := range []string{"go " + a.Go, "qemu " + a.Qemu} {
				if name != "go " && name != "qemu " {
					once(m, "%s", name)
				}
			}
			for _, p := range a.Prefixes {
				once(m, "prefix %s", p)
			}
			for _, n := range a.COFF {
				once(m, "COFF %#x", n)
				if found, arch := OfCOFF(n); found != m || arch != a {
					t.Errorf("%s is not found by COFF's %#x", a.Name, n)
				}
			}
			for _, n := range a.MachO {
				once(m, "Mach-O %#x", n)
				if found, arch := OfMachO(n); found != m || arch != a {
					t.Errorf("%s is not found by Mach-O's %#x", a.Name, n)
				}
			}
		}
		for _, r := range []*Relocations{&m.Relocations, m.Narrow} {
			if r == nil {
				continue
			}
			types := map[uint32]bool{}
			for _, list := range r.Sizes {
				for _, n := range list {
					if types[n] {
						t.Errorf("%s: relocation %d has two sizes", m.Title, n)
					}
					types[n] = true
				}
			}
		}
	}
	if m := OfELF(0xfffe); m.Title != "" || m.Arch(64, false).Name != "unknown" {
		t.Errorf("a machine that nobody knows is %+v", m)
	}
}

// TestTriples: the longest beginning of a name counts.
func TestTriples(t *testing.T) {
	for first, want := range map[string]string{
		"x86_64h": "x86_64", "i686": "i386", "thumbv7em": "arm", "armebv7r": "armeb", "thumbeb": "armeb", "arm64e": "aarch64",
		"aarch64_be": "aarch64_be", "riscv32imac": "riscv32", "sparcv9": "sparc64", "powerpc64le": "powerpc64le", "wasm32v1": "wasm32", "hexagon": "unknown",
	} {
		if got := OfTriple(first).Name; got != want {
			t.Errorf("%s is %s, want %s", first, got, want)
		}
	}
	if Host().Bits == 0 {
		t.Error("what this test runs on is not known")
	}
}

// TestCode: who can put code in place of functions has all that asks for.
func TestCode(t *testing.T) {
	for _, m := range All() {
		if m.Decoder != nil && (m.Blank == nil || m.CodeUnit == 0 || m.StubAlign == 0) {
			t.Errorf("%s: a decoder comes with Blank, CodeUnit and StubAlign", m.Title)
		}
		for _, c := range []*Code{m.Code, m.Thumb} {
			if c != nil {
				checkCode(t, m, c)
			}
		}
	}
}

func checkCode(t *testing.T, m *Machine, c *Code) {
	code := map[Stub][]byte{Report: c.Report([]byte("message\n"))}
	for _, list := range []map[Stub][]byte{c.Stubs, c.Linux} {
		for kind, b := range list {
			code[kind] = b
		}
	}
	for _, kind := range []Stub{Return, Zero, ZeroFloat, ZeroPair, Trap, Report, DefaultSignal} {
		body := code[kind]
		if kind == ZeroFloat && body == nil {
			continue // no one zero may serve all widths and ABIs
		}
		if kind == Report {
			body = body[:len(body)-8] // the message
		}
		if _, stats := m.Decode(&machinecode.Request{Code: body}, nil); len(body) == 0 || stats.Skipped > 0 {
			t.Errorf("%s: %s is % x, %d bytes of which are no code", m.Title, kind, body, stats.Skipped)
		}
	}
	if r := m.Relocations; r.Pointer != 0 && (len(r.Data) == 0 || r.Data[0] != r.Pointer) || c.Alignment == 0 {
		t.Errorf("%s: something that objects are made with is missing", m.Title)
	}
	space := make([]byte, 16)
	if c.FillTraps(space); space[15] == 0 {
		t.Errorf("%s: % x is not filled with traps", m.Title, space)
	}
}

// TestBlank: the same function at two addresses has the same bytes, two
// functions with different references have their own references.
func TestBlank(t *testing.T) {
	for name, c := range map[string]struct {
		m           *Machine
		here, there []byte
	}{
		"x86-64 call":  {X86_64, []byte{0xe8, 0xfb, 0x0f, 0, 0, 0xc3}, []byte{0xe8, 0xfb, 0x0e, 0, 0, 0xc3}},
		"RISC-V jal":   {RISCV, Words(0x000010ef, 0x00008067), Words(0x701000ef, 0x00008067)},
		"RISC-V auipc": {RISCV, Words(0x00001517, 0x00050513, 0x00008067), Words(0x00001517, 0xf0050513, 0x00008067)},
		"RISC-V store": {RISCV, Words(0x00001517, 0x00b53023, 0x00008067), Words(0x00001517, 0xf0b53023, 0x00008067)},
		"AArch64 bl":   {AArch64, Words(0x94000400, 0xd65f03c0), Words(0x940003c0, 0xd65f03c0)},
		"AArch64 adrp": {AArch64, Words(0xb0000000, 0x91000000, 0xd65f03c0), Words(0xb0000000, 0x91000000, 0xd65f03c0)},
	} {
		var blank [2][]byte
		for i, code := range [][]byte{c.here, c.there} {
			addr := uint64(0x1000 + 0x100*i)
			refs, _ := c.m.Decode(&machinecode.Request{Code: code, Addr: addr}, nil)
			if len(refs) != 1 || refs[0].Target != 0x2000 {
				t.Fatalf("%s: %+v", name, refs)
			}
			c.m.Blank(code, addr, refs)
			blank[i] = code
		}
		if string(blank[0]) != string(blank[1]) {
			t.Errorf("%s: % x and % x", name, blank[0], blank[1])
		}
	}
}
