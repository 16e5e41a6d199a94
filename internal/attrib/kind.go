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
var kindTable = [kinds]struct {
	name     string
	stripped bool // what `strip` removes from a finished program
}{
	Unmapped:  {"unmapped", false},
	Code:      {"code", false},
	ReadOnly:  {"read-only data", false},
	Vtable:    {"vtables", false},
	String:    {"strings", false},
	Data:      {"writable data", false},
	Zero:      {"zero-filled data", false},
	Linkage:   {"linkage", false},
	Unwind:    {"unwind tables", false},
	Exception: {"exception tables", false},
	Reloc:     {"relocations", false},
	SymbolTab: {"symbols", false},
	Debug:     {"debug information", true},
	Runtime:   {"runtime tables", false},
	Note:      {"notes", false},
	Resource:  {"resources", false},
	Signature: {"signature", false},
	Padding:   {"padding", false},
	Header:    {"headers", false},
	Payload:   {"appended payload", false},
}

// String is the kind's name in reports.
func (k Kind) String() string {
	if k < kinds {
		return kindTable[k].name
	}
	return "unknown kind"
}

// Kinds returns all kinds' names in order.
func Kinds() []string {
	names := make([]string, kinds)
	for k := range kinds {
		names[k] = k.String()
	}
	return names
}
