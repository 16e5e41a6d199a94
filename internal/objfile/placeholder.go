package objfile

type (
	FatFile   struct{}
	MachOFile struct{}
)
