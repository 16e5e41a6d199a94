package relink

// Garbage collection of our own, for linkers that keep what has unwind tables.

import (
	"errors"
	"path/filepath"

	"github.com/minsize/minsize/internal/objedit"
)

// sweep takes out of the program's own objects what nothing reaches any more.
// Archives stay as they are: a linker takes their members one by one.
func (p *plan) sweep() error {
	if !p.flavour.collects(p.recording.link.Args) {
		return nil
	}
	var objects []*objedit.Object
	var fromArchive []bool
	files := map[int]*objedit.File{} // by input: those that may be swept
	from := map[int]int{}            // object -> input
	roots := p.recording.entries()
	for i := range p.files {
		file, err := objedit.OpenFile(filepath.Base(p.files[i].Path), p.files[i].now)
		if errors.Is(err, objedit.ErrUnsupported) {
			return nil // another machine's: nothing is known
		}
		if err != nil {
			return err
		}
		if file == nil {
			continue
		}
		defer file.Close()
		if !file.IsArchive() {
			files[i] = file
		}
		for _, o := range file.Objects() {
			if !file.IsArchive() {
				from[len(objects)] = i
				// What the C runtime or a library refers to, nobody here knows.
				for _, d := range o.Definitions() {
					if p.recording.library() || !ownedByRust(d.Name) {
						roots = append(roots, d.Name)
					}
				}
			}
			objects, fromArchive = append(objects, o), append(fromArchive, file.IsArchive())
		}
	}
	g, err := buildGraph(objects, fromArchive, roots)
	if err != nil {
		return err
	}
	reached := make([]bool, len(g.nodes))
	for _, n := range g.postorder() {
		reached[n] = true
	}

	live := map[place]bool{}
	for n, node := range g.nodes {
		if reached[n] {
			live[place{node.object, node.section}] = true
		}
	}
	dead := map[int]map[int]bool{} // object -> sections
	for _, node := range g.nodes {
		if node.object >= 0 && !live[place{node.object, node.section}] {
			if dead[node.object] == nil {
				dead[node.object] = map[int]bool{}
			}
			dead[node.object][node.section] = true
		}
	}
	for i, file := range files {
		for k, o := range objects {
			if input, ours := from[k]; !ours || input != i {
				continue
			}
			if err := o.TakeOutSections(dead[k]); err != nil {
				return err
			}
		}
		if file.Edited() {
			if err := p.files[i].write(p.scratch, file); err != nil {
				return err
			}
		}
	}
	return nil
}
