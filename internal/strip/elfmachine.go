package strip

import "strconv"

// machineNames are the e_machine values that users meet (System V ABI, ELF
// header), for reports.
var machineNames = map[uint16]string{
	2: "SPARC", 3: "i386", 4: "m68k", 8: "MIPS", 15: "PA-RISC", 18: "SPARC32+", 20: "PowerPC", 21: "PowerPC64",
	22: "s390x", 40: "ARM", 42: "SuperH", 43: "SPARC64", 50: "IA-64", 62: "x86-64", 83: "AVR", 94: "Xtensa",
	183: "AArch64", 243: "RISC-V", 247: "BPF", 258: "LoongArch", 0x9026: "Alpha",
}

func machineName(n uint16) string {
	if name, ok := machineNames[n]; ok {
		return name
	}
	return "machine " + strconv.Itoa(int(n))
}
