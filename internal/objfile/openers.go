package objfile

// openers is every format that can be read. The order matters only where
// magics are ambiguous.
var openers = []opener{
	{"ELF", matchELF, parseELF},
	{"Wasm", matchWasm, parseWasm},
	{"PE", matchPE, parsePE},
	{"archive", matchArchive, parseArchive},
	{"COFF", matchCOFF, parseCOFF}, // its magic is a machine number alone: last
}
