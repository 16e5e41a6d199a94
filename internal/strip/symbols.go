package strip

// The symbol file that is kept beside a finished program: NAME.symbols. It is
// a debug companion, so every debugger reads it; what it has more is a note
// with the digest of the one file that it belongs to. A build-id cannot prove
// that: it costs bytes of the program, so the smallest ones have none, and it
// stays when somebody changes the program.
//
// A symbol file is made from the link that the program was rewritten from, or
// from one that differs in symbols alone. That is not taken on trust: a loader
// has to see the same in both.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/minsize/minsize/internal/byteio"
)

// SymbolsNote is the name (n_name), the section and the type (n_type) of the
// note; its descriptor is the SHA-256 of the program's file.
const (
	SymbolsNote    = "minsize"
	SymbolsSection = ".note.minsize"
	SymbolsType    = 1
)

// Symbols makes the symbol file of a program. linked is an ELF program with
// symbols; image is the finished program as a loader sees it once it runs; file
// is that as it lies on the disk, which is another one where it is packed.
// Errors: *byteio.Refusal where linked has nothing to keep, and a plain error where
// image is not linked's.
func Symbols(linked, image, file []byte) ([]byte, error) {
	if !bytes.HasPrefix(linked, []byte("\x7fELF")) {
		return nil, refuse("", "there are no symbol files for programs of this kind")
	}
	bare := func(data []byte) ([]byte, error) {
		out, _, err := Rewrite(data, Options{Level: All, DropBuildID: true})
		return out, err
	}
	want, err := bare(linked)
	if err != nil {
		return nil, err
	}
	got, err := bare(image)
	if err != nil {
		return nil, err
	}
	if err := SameImage(want, got); err != nil {
		return nil, fmt.Errorf("the symbols are of another link: %w", err)
	}
	f, err := parseELF(linked)
	if err != nil {
		return nil, err
	}
	g, err := parseELF(image)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(file)
	var b []byte
	for _, word := range []uint32{uint32(len(SymbolsNote) + 1), sha256.Size, SymbolsType} {
		if b, err = binary.Append(b, f.order, word); err != nil {
			return nil, err
		}
	}
	b = append(b, SymbolsNote+"\x00"...) // 8 bytes, so the descriptor is aligned
	b = append(b, digest[:]...)
	return companion(linked, g.buildID(), SymbolsSection, b)
}

// buildID is the descriptor of the build-id's note, nil without one.
func (f *elfFile) buildID() []byte {
	for _, p := range f.segments {
		if p.Type == ptNote && p.Filesz >= 16 {
			if from, to := findBuildID(f.data[p.Offset:p.end()], f.order); to > 0 {
				return f.data[p.Offset+from : p.Offset+to]
			}
		}
	}
	return nil
}

// withBuildID gives notes with another build-id of the same length.
func withBuildID(notes, id []byte, order binary.ByteOrder) []byte {
	if from, to := findBuildID(notes, order); to-from == uint64(len(id)) {
		notes = bytes.Clone(notes)
		copy(notes[from:to], id)
	}
	return notes
}

// findBuildID is where the descriptor of a build-id lies in notes; 0, 0
// without one.
func findBuildID(notes []byte, order binary.ByteOrder) (from, to uint64) {
	v := byteio.View{Data: notes, Order: order}
	for at := uint64(0); at+12 <= v.Len(); {
		nameSize, _ := v.U32(at, "n_namesz")
		descSize, _ := v.U32(at+4, "n_descsz")
		kind, _ := v.U32(at+8, "n_type")
		from = at + 12 + alignUp(uint64(nameSize), 4)
		to = from + uint64(descSize)
		if to > v.Len() {
			break
		}
		if kind == 3 && nameSize == 4 && string(notes[at+12:at+15]) == "GNU" { // NT_GNU_BUILD_ID
			return from, to
		}
		at = alignUp(to, 4)
	}
	return 0, 0
}
