package apply

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/launch"
	"github.com/minsize/minsize/internal/toml"
)

// linker makes minsize the linker of the target's builds, with the linker that
// it calls behind it. cargo knows no linker of one profile, so minsize-link
// tells by itself which builds are meant: that is what it is told the profile
// for, where it is another than minsize.toml's.
func (w *writer) linker() error {
	p := w.Project
	if w.Linker == "" {
		return nil
	}
	triple := p.Triple.Base()
	key := []string{"target", triple, "linker"}
	if flag := p.Rustflags.Linker(); flag != "" {
		w.edit.Overruled = append(w.edit.Overruled, Overruled{strings.Join(key, "."), p.Rustflags.Place(), "-Clinker=" + flag})
	} else if v, ok := p.Config.Get(key...); ok && v.Value != w.Linker && !filepath.IsAbs(v.Origin) {
		w.edit.Overruled = append(w.edit.Overruled, Overruled{strings.Join(key, "."), v.Origin, fmt.Sprint(v.Value)})
	}
	if err := w.set(w.config, w.path, key, w.Linker); err != nil {
		return err
	}
	if behind, _ := p.Linker.Value.(string); behind != "" && p.Rustflags.Linker() == "" {
		if strings.ContainsRune(behind, filepath.Separator) && !filepath.IsAbs(behind) { // cargo reads it as from beside .cargo
			behind = filepath.Join(filepath.Dir(filepath.Dir(p.Linker.Origin)), behind)
		}
		if err := w.set(w.config, w.path, []string{"env", launch.LinkerVariable(triple)}, behind); err != nil {
			return err
		}
	}
	if w.Profile != p.Profile.Name {
		if err := w.set(w.config, w.path, []string{"env", cargo.LinkProfile}, w.Profile); err != nil {
			return err
		}
	}
	if err := w.lint(); err != nil {
		return err
	}
	w.edit.Linked = true
	if p.Kind.Loads() && len(p.Target.CrateTypes) > 1 {
		w.edit.Apart = strings.Join(append([]string{"cargo rustc --profile", w.Profile}, append(p.Flags(), "--crate-type", p.Kind.CrateType())...), " ")
		w.edit.Notes = append(w.edit.Notes, fmt.Sprintf("the library is %s at once, and of such cargo build makes no LTO; %s does, as maturin calls it; or list %s alone in Cargo.toml",
			strings.Join(p.Target.CrateTypes, " and "), w.edit.Apart, p.Kind.CrateType()))
	}
	w.edit.Notes = append(w.edit.Notes, "minsize-link links this "+p.Kind.String()+" in builds of profile "+w.Profile+", and everything else as before; MINSIZE=off cargo build leaves it out, MINSIZE=strict fails where the recorded link cannot be made")
	return nil
}

// lint has rustc show what a linker says though it succeeds: minsize-link's
// warning that a program was linked as it is. rustc hides it otherwise.
func (w *writer) lint() error {
	p := w.Project
	key := []string{"lints", "rust", "linker_messages"}
	d := w.manifest
	if p.Package.ManifestPath != p.Manifest {
		data, err := os.ReadFile(p.Package.ManifestPath)
		if err != nil {
			return err
		}
		if d, err = toml.Parse(data); err != nil {
			return fmt.Errorf("%s: %w", p.Package.ManifestPath, err)
		}
	}
	if inherits, ok := d.Get("lints", "workspace"); ok && inherits == true {
		d, key = w.manifest, append([]string{"workspace"}, key...)
	}
	if _, set := d.Get(key...); set {
		return nil
	}
	if d != w.manifest {
		w.edit.Notes = append(w.edit.Notes, "rustc shows minsize-link's warnings where linker_messages = \"warn\" stands in [lints.rust] of "+p.Short(p.Package.ManifestPath))
		return nil
	}
	return w.set(w.manifest, p.Manifest, key, "warn")
}
