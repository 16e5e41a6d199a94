package objfile

type (
	ELFFile     struct{}
	PEFile      struct{}
	MachOFile   struct{}
	FatFile     struct{}
	WasmFile    struct{}
	ArchiveFile struct{}
	lazyTables  struct{}
)

var openers = []opener{}
