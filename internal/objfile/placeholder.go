package objfile

type (
	PEFile      struct{}
	MachOFile   struct{}
	FatFile     struct{}
	WasmFile    struct{}
	ArchiveFile struct{}
)
