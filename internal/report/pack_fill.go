package report

import "github.com/minsize/minsize/internal/pack"

func (file *PackFile) Fill(r *pack.Report) {
	file.Machine, file.Method, file.Packed = r.Machine, r.Method, uint64(r.Output)
	file.StartupSeconds = r.Startup.Seconds()
	file.Transforms = append(file.Transforms, r.Transforms...)
	file.Parts = append(file.Parts, []PackPart{
		{Name: "headers", Bytes: uint64(r.Headers)},
		{Name: "unpacker", Bytes: uint64(r.Stub)},
		{Name: "payload", Bytes: uint64(r.Payload)},
		{Name: "not loaded: section headers, notes", Bytes: uint64(r.Rest)},
	}...)
	file.Notes = append(file.Notes, r.Notes...)
	for _, c := range r.Candidates {
		file.Candidates = append(file.Candidates, PackCandidate{Method: c.Method, Bytes: uint64(c.Size), Why: c.Why})
	}
}
