package objfile

// Which operating system is an ELF program for?
//
// No single field tells. EI_OSABI should, but is 0 on most systems, and GNU's
// tools write 3 only where a program uses their extensions. Then notes: each
// BSD has its own, and the GNU ABI tag has a word for the system. Then program
// header types that one system alone has. The dynamic linker's path is the
// last witness, for systems that mark nothing (Haiku, illumos). A program
// without any mark is for whoever runs it: static programs of Linux are so.
//
// Sources: System V gABI, "ELF Identification"; Linux Standard Base, "ABI note
// tag"; the headers sys/elf_common.h and exec_elf.h of the BSDs.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/machine"
)

// SystemLinux is what ELFSystem answers for marked Linux programs.
const SystemLinux = "Linux"

var osABIs = map[byte]string{
	1: "HP-UX", 2: "NetBSD", 3: SystemLinux, 4: "Hurd", 6: "Solaris", 7: "AIX", 8: "IRIX", 9: "FreeBSD", 10: "Tru64 UNIX", 12: "OpenBSD",
	13: "OpenVMS", 14: "NonStop", 15: "AROS", 17: "CloudABI", 18: "OpenVOS", 51: "CUDA", 64: "AMD GPU or bare ARM", 65: "AMD GPU", 66: "AMD GPU", 255: "no system (standalone)",
}

// gnuABITags is the first word of the note GNU, type 1 (NT_GNU_ABI_TAG).
var gnuABITags = map[uint32]string{0: SystemLinux, 1: "Hurd", 2: "Solaris", 3: "FreeBSD", 4: "NetBSD", 5: "Syllable", 6: "Native Client"}

// noteSystems are the names of notes that one system alone has.
var noteSystems = map[string]string{
	"FreeBSD": "FreeBSD", "NetBSD": "NetBSD", "OpenBSD": "OpenBSD", "DragonFly": "DragonFly BSD", "MINIX": "MINIX", "Minix": "MINIX", "QNX": "QNX", "Android": SystemLinux,
}

// segmentSystems are ranges of p_type that one system alone has.
var segmentSystems = []struct {
	first, last uint32
	system      string
}{
	{0x65a3dbe5, 0x65a3dbe9, "OpenBSD"}, {0x65a41be6, 0x65a41be6, "OpenBSD"}, // PT_OPENBSD_*
	{0x6ffffffa, 0x6ffffffd, "Solaris"}, {0x6464e550, 0x6464e550, "Solaris"}, {0x6474e54f, 0x6474e54f, "Solaris"}, // PT_SUNW*
}

// interpreterSystems are beginnings of PT_INTERP, the first that fits counts.
var interpreterSystems = []struct{ path, system string }{
	{"/libexec/ld-elf.so.2", "DragonFly BSD"}, {"/usr/libexec/ld-elf.so.2", "DragonFly BSD"},
	{"/libexec/ld-elf", "FreeBSD"}, {"/usr/libexec/ld-elf", "FreeBSD"},
	{"/libexec/ld.elf_so", "NetBSD"}, {"/usr/libexec/ld.elf_so", "NetBSD"},
	{"/usr/libexec/ld.so", "OpenBSD"},
	{"/system/runtime_loader", "Haiku"}, {"/boot/system/runtime_loader", "Haiku"},
	{"/usr/lib/ldqnx", "QNX"}, {"/proc/boot/ldqnx", "QNX"}, {"/usr/lib/Loader.so", "SerenityOS"}, {"ld.so.1", "Fuchsia"},
}

// ELFSystem names the operating system that an ELF program is for, "" where
// nothing tells. It takes any bytes: what cannot be read tells nothing.
func ELFSystem(data []byte) string {
	v := byteio.View{Data: data, Order: binary.LittleEndian}
	ident, err := v.Slice(0, 52, "ELF header")
	if err != nil || string(ident[:4]) != "\x7fELF" {
		return ""
	}
	if abi := ident[7]; abi != 0 {
		if system, ok := osABIs[abi]; ok {
			return system
		}
		return fmt.Sprintf("OS ABI %d", abi)
	}
	d := decoder{big: ident[5] == 2, wide: ident[4] == 2}
	if d.big {
		v.Order = binary.BigEndian
	}
	number := d.u16(ident[18:])
	phoff, at, size := d.word(ident[28:]), 42, uint64(32)
	if d.wide {
		if v.Len() < 64 {
			return ""
		}
		phoff, at, size = d.word(data[32:]), 54, 56
	}
	table, err := v.Table(phoff, uint64(d.u16(data[at+2:])), size, "program headers")
	if err != nil || uint64(d.u16(data[at:])) != size {
		return ""
	}
	bySegment, byInterpreter := "", ""
	for ; uint64(len(table)) >= size; table = table[size:] {
		kind, off, filesz := d.u32(table), uint64(d.u32(table[4:])), uint64(d.u32(table[16:]))
		if d.wide {
			off, filesz = d.u64(table[8:]), d.u64(table[32:])
		}
		for _, s := range segmentSystems {
			if kind >= s.first && kind <= s.last {
				bySegment = s.system
			}
		}
		body, err := v.Sub(off, filesz, "segment")
		if err != nil {
			continue
		}
		switch kind {
		case PT_NOTE:
			if system := noteSystem(body); system != "" {
				return system
			}
		case PT_INTERP:
			byInterpreter = interpreterSystem(cutNUL(body.Data), number)
		}
	}
	switch {
	case bySegment != "":
		return bySegment
	case byInterpreter != "":
		return byInterpreter
	}
	return goSystem(data)
}

// goSystems are values of GOOS; Go's linker marks no program for DragonFly BSD
// and illumos but by its build information (Go, runtime/debug, BuildInfo).
var goSystems = map[string]string{
	"aix": "AIX", "dragonfly": "DragonFly BSD", "freebsd": "FreeBSD", "illumos": "illumos", "netbsd": "NetBSD", "openbsd": "OpenBSD", "solaris": "Solaris", "plan9": "Plan 9",
}

func goSystem(data []byte) string {
	_, rest, found := bytes.Cut(data, []byte("\nbuild\tGOOS="))
	if !found {
		return ""
	}
	word, _, _ := bytes.Cut(rest[:min(len(rest), 16)], []byte("\n"))
	return goSystems[string(word)]
}

// noteSystem goes through one PT_NOTE.
func noteSystem(v byteio.View) string {
	for at := uint64(0); at+12 <= v.Len(); {
		nameSize, _ := v.U32(at, "n_namesz")
		descSize, _ := v.U32(at+4, "n_descsz")
		kind, _ := v.U32(at+8, "n_type")
		name, err := v.Slice(at+12, uint64(nameSize), "note's name")
		if err != nil {
			return ""
		}
		descAt := at + 12 + (uint64(nameSize)+3)&^3
		if system := noteSystems[cutNUL(name)]; system != "" && kind == 1 {
			return system
		}
		if cutNUL(name) == "GNU" && kind == 1 && descSize >= 4 {
			if word, err := v.U32(descAt, "ABI tag"); err == nil {
				return gnuABITags[word]
			}
		}
		at = descAt + (uint64(descSize)+3)&^3
	}
	return ""
}

func interpreterSystem(path string, number uint16) string {
	for _, s := range interpreterSystems {
		if strings.HasPrefix(path, s.path) {
			return s.system
		}
	}
	switch m := machine.OfELF(number); {
	case m.Solaris && strings.HasSuffix(path, "/ld.so.1"): // Linux's own name on PowerPC, MIPS and m68k
		return "Solaris or illumos"
	case path == m.HurdLoader && path != "":
		return "Hurd"
	}
	return ""
}
