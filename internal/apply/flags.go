package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/technique"
	"github.com/minsize/minsize/internal/toml"
)

// Compiler flags in a config file count for every profile: for debug builds,
// and for tests, which unwind whatever the profile says. So only flags that
// cost nothing there are written. --strip-all would take the debug information
// out of debug builds; -Cforce-unwind-tables=no and std without unwinding do
// not even compile with panic=unwind; location-detail=none takes the line
// numbers out of failing tests.

// worthAFlag is what a linker's argument has to save to be written: it is one
// more thing that everybody who builds the project has to have.
const worthAFlag = 1024

// saveTemps keeps the bitcode that is optimised again.
const saveTemps = "-Csave-temps"

// everyProfile is why such a technique is left.
const everyProfile = "as a compiler flag it would count for debug builds and tests, too"

// flags writes compiler flags into the workspace's config file, at the key
// whose flags count there now, and names the techniques that are left.
func (w *writer) flags(ctx context.Context) error {
	var flags []string
	add := func(more ...string) {
		for _, flag := range more {
			if !slices.Contains(flags, flag) && !slices.Contains(w.Project.Rustflags.Flags, flag) {
				flags = append(flags, flag)
			}
		}
	}
	known := map[string]bool{}
	for _, name := range w.Plan.Techniques {
		t := technique.Find(name)
		if t == nil {
			continue
		}
		harmless := t.Risk == technique.Size || t.Risk == technique.Deployment
		switch {
		case t.Set != nil:
			for _, flag := range t.Set.Rustflags {
				known[flag] = true
			}
			if len(t.Set.BuildStd)+len(t.Set.StdFeatures)+len(t.Set.Rustflags) == 0 {
				continue // profile keys, which are written
			}
			if len(t.Set.Rustflags) > 0 && harmless && !unstableFlags(t.Set.Rustflags) {
				add(t.Set.Rustflags...)
				continue
			}
			w.left(name, "%s", w.whyNotFlag(t.Set))
		case t.Link != nil && w.Linker == "":
			twin, err := w.twin(ctx, t, harmless)
			if err != nil {
				return err
			}
			add(twin...)
		}
	}
	for _, flag := range w.Plan.Setting.Rustflags {
		if !known[flag] { // typed into minsize.toml by its owner
			add(flag)
		}
	}
	if w.Linker != "" && w.Plan.Link.Pipeline != "" {
		add(saveTemps)
	}
	if s := w.Plan.Setting; s.Target != "" {
		w.left("target "+s.Target, "the target is chosen on the command line: cargo build --target TRIPLE")
	}
	if len(flags) == 0 {
		return nil
	}
	return w.appendFlags(flags)
}

func unstableFlags(flags []string) bool {
	return slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, "-Z") })
}

// whyNotFlag is why a build setting that is no profile key is left.
func (w *writer) whyNotFlag(s *technique.Setting) string {
	if len(s.BuildStd)+len(s.StdFeatures) > 0 || unstableFlags(s.Rustflags) {
		if w.Toolchain != w.Project.Toolchain.ID() {
			return "it needs another toolchain than the project's own"
		}
		if !w.Project.Toolchain.Unstable() {
			return "it needs -Z, which this toolchain takes with RUSTC_BOOTSTRAP=1 only"
		}
	}
	if len(s.Rustflags) == 0 {
		return "in [unstable] it would count for debug builds and tests, too, which unwind"
	}
	return everyProfile
}

// twin is what cargo can say instead of a change to the replayed link: flags
// that this project's own linker takes and that a program survives.
func (w *writer) twin(ctx context.Context, t *technique.Technique, harmless bool) ([]string, error) {
	switch {
	case len(t.Link.Cuts) > 0 || t.Link.Pipeline != "":
		return nil, nil // named by rest
	case t.Name == "strip-all" && w.Plan.Rewrite.StripSymbols:
		return nil, nil // the profile's strip does it
	case t.Twin == nil || len(t.Twin.Rustflags) == 0:
		w.left(t.Name, "the recorded link is changed and replayed")
		return nil, nil
	case !harmless:
		w.left(t.Name, everyProfile)
		return nil, nil
	}
	if saves, known := w.Saves[t.Name]; known && saves < worthAFlag {
		w.left(t.Name, "%d bytes are not worth a flag in every build", saves)
		return nil, nil
	}
	if t.Link.Linker != "" {
		if linker, err := w.Links(ctx, nil); err == nil && linker == t.Link.Linker {
			return nil, nil // it links with that already
		}
	}
	if _, err := w.Links(ctx, t.Twin.Rustflags); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w.left(t.Name, "this project's own linker does not do it (%v)", err)
		return nil, nil
	}
	return t.Twin.Rustflags, nil
}

// namesLinker says whether a compiler flag chooses the linker.
func namesLinker(flag string) bool {
	return strings.Contains(flag, "-fuse-ld=") || strings.Contains(flag, "linker=") || strings.Contains(flag, "linker-flavor")
}

// appendFlags puts flags where they are added to what counts now.
func (w *writer) appendFlags(flags []string) error {
	p := w.Project
	key := []string{"target", p.Triple.Base(), "rustflags"}
	switch p.Rustflags.Source {
	case cargo.BuildRustflags:
		// A [target] table would silence [build]; lists of several files are joined.
		key = []string{"build", "rustflags"}
	case cargo.EncodedRustflags, cargo.EnvRustflags:
		w.edit.Overruled = append(w.edit.Overruled, Overruled{toml.Key(key), p.Rustflags.Origins[0], strings.Join(p.Rustflags.Flags, " ")})
	}
	if key[0] == "target" { // the linker that is named last is the one that links
		ours := slices.ContainsFunc(flags, namesLinker)
		if i := slices.IndexFunc(p.Rustflags.Cfg, namesLinker); ours && i >= 0 {
			w.edit.Overruled = append(w.edit.Overruled, Overruled{toml.Key(key), p.Rustflags.Place() + ", behind it", p.Rustflags.Cfg[i]})
		}
	}
	was := ""
	old, _ := w.config.Get(key...)
	flags = slices.DeleteFunc(flags, func(flag string) bool { return slices.Contains(cargo.Strings(old), flag) })
	if len(flags) == 0 {
		return nil // there already, where a variable hides them
	}
	var err error
	switch text := old.(type) {
	case string: // `rustflags = "-C a -C b"`
		was = text
		err = w.config.Set(key, append(strings.Fields(text), flags...))
	default:
		was = strings.Join(cargo.Strings(old), " ")
		err = w.config.Append(key, flags...)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", w.path, err)
	}
	w.edit.Written = append(w.edit.Written, Written{File: w.path, Key: toml.Key(key), Value: "+ " + strings.Join(flags, " "), Was: was})
	note := "compiler flags count for every profile of this target: debug builds and tests are compiled again once"
	if slices.Contains(flags, saveTemps) {
		note += ", and " + saveTemps + " leaves each crate's bitcode in the target folder (cargo knows no flags of one profile; --codegen-budget 0 searches without)"
	}
	w.edit.Notes = append(w.edit.Notes, note)
	return nil
}
