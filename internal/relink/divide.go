package relink

// Objects whose functions have one section together: those that rustc makes for
// windows-gnu. There nothing can be cut, and no linker can leave anything out.
//
// With the bitcode that LTO ends with, llc makes the same machine code again, a
// section for each function and constant; the recording has that object from
// then on. Rejected: taking the section apart by its symbols. Every reference
// to a function has a relocation, so code could be; but constants have no
// symbols, and without their ends nothing tells which vtable a function is in.

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// finalSuffix replaces ".o" in the name of the bitcode that rustc made the
// object of, which -C save-temps leaves too.
const finalSuffix = ".bc"

// Undivided says whether the recording has an object to divide.
func (r *Recording) Undivided() bool {
	return slices.ContainsFunc(r.link.Inputs, func(in recordedInput) bool { return in.Final != "" && !in.Divided })
}

// divided says whether cuts can be made in the recorded object.
func (r *Recording) divided() bool {
	return slices.ContainsFunc(r.link.Inputs, func(in recordedInput) bool { return in.Divided })
}

// Divide gives each function and constant of the recorded object a section of
// its own, and returns what it took.
func (r *Recording) Divide(ctx context.Context, tools LLVM) (time.Duration, error) {
	p := &plan{recording: r, flavour: r.flavour}
	for i := range r.link.Inputs {
		in := &r.link.Inputs[i]
		if in.Final == "" || in.Divided {
			continue
		}
		part := r.file(in.Stored) + ".part"
		if err := p.llc(ctx, tools, r.file(in.Final), part, p.relocationModel(), nil); err != nil {
			os.Remove(part)
			return p.codegenCPU, err
		}
		stored := strings.TrimSuffix(in.Stored, ".o") + ".divided.o"
		if err := os.Rename(part, r.file(stored)); err != nil {
			return p.codegenCPU, err
		}
		in.Stored, in.Divided = stored, true
	}
	text, err := json.MarshalIndent(&r.link, "", "\t")
	if err != nil {
		return p.codegenCPU, err
	}
	file := filepath.Join(r.Dir, "link.json")
	if err := os.WriteFile(file+".part", text, 0o666); err != nil {
		return p.codegenCPU, err
	}
	return p.codegenCPU, os.Rename(file+".part", file)
}
