package objfile

type (
	FatFile   struct{}
	PEFile    struct{}
	MachOFile struct{}
)
