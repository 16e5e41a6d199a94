package attrib

// Kind is what a byte is for. Every byte has exactly one, whoever owns it.
type Kind uint8

const (
	Unmapped  Kind = iota // nobody can say
	Code                  // instructions
	ReadOnly              // constants
	Vtable                // tables of a type's methods
	String                // text
	Data                  // initialised, writable
	Zero                  // zero-filled memory: no bytes in the file
	Linkage               // PLT stubs, GOT slots, import tables
	Unwind                // frame descriptions: .eh_frame, .pdata, __unwind_info
	Exception             // landing pads and their actions: .gcc_except_table
	Reloc                 // what the loader patches
	SymbolTab             // symbols, their names, hash tables, versions
	Debug                 // debug information
	Runtime               // tables of a language's runtime: Go's pclntab, type links
	Note                  // build ids, comments, properties
	Resource              // PE resources: icons, manifests, versions
	Signature             // code signatures
	Padding               // bytes for alignment
	Header                // file, segment and section headers
	Payload               // bytes behind what the format describes
	kinds
)

// kindTable: a Kind is one constant and one line here.
var kindTable = [kinds]string{
	Unmapped:  "unmapped",
	Code:      "code",
	ReadOnly:  "read-only data",
	Vtable:    "vtables",
	String:    "strings",
	Data:      "writable data",
	Zero:      "zero-filled data",
	Linkage:   "linkage",
	Unwind:    "unwind tables",
	Exception: "exception tables",
	Reloc:     "relocations",
	SymbolTab: "symbols",
	Debug:     "debug information",
	Runtime:   "runtime tables",
	Note:      "notes",
	Resource:  "resources",
	Signature: "signature",
	Padding:   "padding",
	Header:    "headers",
	Payload:   "appended payload",
}

// String is the kind's name in reports.
func (k Kind) String() string {
	if k < kinds {
		return kindTable[k]
	}
	return "unknown kind"
}
