package objfile

// openers is every format that can be read. The order matters only where
// magics are ambiguous.
var openers = []opener{
	{"ELF", matchELF, parseELF},
	{"Wasm", matchWasm, parseWasm},
	{"PE", matchPE, parsePE},
	{"Mach-O", matchMachO, parseMachO},
	{"Mach-O fat", matchFat, parseFat},
	{"archive", matchArchive, parseArchive},
	{"COFF", matchCOFF, parseCOFF}, // its magic is a machine number alone: last
}
