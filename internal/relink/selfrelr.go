package relink

// Relative relocations that the program applies itself (package relr): one
// more object in the link, and its relocation made a resolver's afterwards.

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/minsize/minsize/internal/objedit"
	"github.com/minsize/minsize/internal/relocate"
	"github.com/minsize/minsize/internal/relr"
)

// relocatorAvailable says why the program cannot relocate itself.
func relocatorAvailable(p *plan) error {
	if !isDriver(p.recording.link.Driver) {
		return errors.New("the program is linked without a compiler driver")
	}
	if slices.Contains(p.variant.Options, NoPIE) || !positionIndependent(p.recording.link.Args) {
		return errors.New("the program has a fixed address: there are no relative relocations")
	}
	_, err := p.relocator()
	return err
}

// positionIndependent says whether the recorded link makes a program or library
// that can be loaded anywhere.
func positionIndependent(args []string) bool {
	return slices.Contains(args, "-pie") || slices.Contains(args, "-shared")
}

func (p *plan) relocator() (*relr.Stub, error) {
	return relr.StubOf(p.recording.machine())
}

// writeRelocator gives the link the code that applies the relocations.
func (p *plan) writeRelocator() error {
	if !p.selfRelocates {
		return nil
	}
	stub, err := p.relocator()
	if err != nil {
		return err
	}
	object, err := objedit.RelocatorObject(p.recording.machine(), stub.Code())
	if err != nil {
		return err
	}
	return p.addObject("relocate.o", object)
}

// concealRelocations finishes a linked program, which no other has seen yet.
func concealRelocations(program string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if err := relocate.Conceal(data); errors.Is(err, relocate.ErrNotApplicable) {
		return fmt.Errorf("link option self-relr: %w: %w", ErrNotApplicable, err)
	} else if err != nil {
		return err
	}
	return os.WriteFile(program, data, 0o777)
}
