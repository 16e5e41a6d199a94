package relink

// Whether a function returns anything.
//
// A stub that returns at once is right where the function returns nothing;
// where it returns something the caller reads what happened to be in the
// register. A symbol does not say: neither mangling has the result's type.
// What says it, and is there:
//   - the catalogue, for the functions that it has such stubs for itself;
//   - the merged bitcode: a function that is void, has no sret argument (a
//     place for a result that is too large for registers) and does come back;
//   - debug information, which the caller has to ask (ObjectFiles): package
//     dwarf is above this one.
//
// The machine code does not: a caller that drops a result looks like one that
// gets none.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/objedit"
)

// Returning is a function that a cut makes return at once.
type Returning struct {
	Cut      string // the cut's name
	Function string // normal name
	Symbol   string
	Known    bool   // the rest was found out
	Result   string // its type as LLVM or the debug information has it; "" for nothing; "!" for one that never returns
	From     string // what says so
}

// Returning lists the functions that the cuts' sites with StubReturn name, and
// what they return as far as the catalogue and the recorded bitcode tell.
// tools without a folder: the bitcode is not asked.
func (r *Recording) Returning(ctx context.Context, cuts []Cut, tools LLVM) ([]Returning, error) {
	m, err := r.matcher(cuts)
	if err != nil {
		return nil, err
	}
	var list []Returning
	index := map[string]int{}
	err = r.ObjectFiles(func(o *objedit.Object) error {
		for _, f := range o.Functions() {
			at, name, ok := m.matchAll(f.Name, f.Aliases)
			if !ok || cuts[at.cut].Sites[at.site].Stub != StubReturn {
				continue
			}
			if m.count[at]++; m.count[at] > maxMatches {
				return m.tooMany(at)
			}
			if _, known := index[f.Name]; known {
				continue
			}
			index[f.Name] = len(list)
			e := Returning{Cut: cuts[at.cut].Name, Function: name, Symbol: f.Name}
			if inCatalogue(name) {
				e.Known, e.From = true, "the catalogue"
			}
			list = append(list, e)
		}
		return nil
	})
	if err != nil || len(list) == 0 || tools.Dir == "" {
		return list, err
	}
	for _, in := range r.link.Inputs {
		if in.Bitcode == "" {
			continue
		}
		if err := returnsInBitcode(ctx, tools, r.file(in.Bitcode), list, index); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// inCatalogue says whether the catalogue itself makes the function return.
func inCatalogue(name string) bool {
	return slices.ContainsFunc(Catalogue, func(c CatalogueCut) bool { return slices.Contains(c.Sites, Site{name, StubReturn}) })
}

// ObjectFiles calls yield with each recorded object, members of archives too.
// An object is valid until yield returns.
func (r *Recording) ObjectFiles(yield func(*objedit.Object) error) error {
	for _, in := range r.link.Inputs {
		file, err := objedit.OpenFile(filepath.Base(in.Path), r.file(in.Stored))
		if errors.Is(err, objedit.ErrUnsupported) || err == nil && file == nil {
			continue
		}
		if err != nil {
			return err
		}
		for _, o := range file.Objects() {
			if err = yield(o); err != nil {
				break
			}
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// returnsInBitcode reads the headers of the functions in a module as llvm-dis
// prints it, and fills in what list does not know yet.
func returnsInBitcode(ctx context.Context, tools LLVM, bitcode string, list []Returning, index map[string]int) error {
	cmd := exec.CommandContext(ctx, filepath.Join(tools.Dir, "llvm-dis"+exeSuffix()), bitcode, "-o", "-")
	text, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	h := returnHeaders{list: list, index: index}
	scanner := bufio.NewReaderSize(text, 1<<20)
	for {
		line, readErr := scanner.ReadString('\n')
		h.line(line)
		if readErr != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("llvm-dis: %w", err)
	}
	return ctx.Err()
}

// returnHeaders takes what a module says of some functions' results.
type returnHeaders struct {
	list   []Returning
	index  map[string]int
	groups map[string][]int // attribute group -> entries of list that have it
}

func (h *returnHeaders) line(line string) {
	if group, text, ok := strings.Cut(line, " = {"); ok && strings.HasPrefix(line, "attributes #") {
		for _, i := range h.groups[strings.TrimPrefix(group, "attributes ")] {
			if strings.Contains(text, " noreturn ") {
				h.list[i].Result = "!"
			}
		}
		return
	}
	if !strings.HasPrefix(line, "define ") {
		return
	}
	symbol, at := symbolIn(line)
	i, wanted := h.index[symbol]
	if !wanted || h.list[i].Known {
		return
	}
	e := &h.list[i]
	e.Known, e.From = true, "the bitcode"
	if e.Result = typeBefore(line[:at]); e.Result == "void" {
		e.Result = ""
	}
	if strings.Contains(line[at:], " sret(") {
		e.Result = "a value through a pointer"
	}
	for _, word := range strings.Fields(line[at:]) {
		if word == "noreturn" {
			e.Result = "!"
		}
		if strings.HasPrefix(word, "#") {
			if h.groups == nil {
				h.groups = map[string][]int{}
			}
			h.groups[word] = append(h.groups[word], i)
		}
	}
}
