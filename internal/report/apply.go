package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/technique"
)

// editJSON is the contract minsize.apply/1.
type editJSON struct {
	Root      string          `json:"root"`
	Files     []editFile      `json:"files"`
	Settings  []editSetting   `json:"settings"`
	Left      []editLeft      `json:"not_expressible"`
	Overruled []editOverruled `json:"overruled"`
	Notes     []string        `json:"notes"`

	Refused []technique.Refused  `json:"refused"`   // what minsize.toml has and this program does not bear
	Relies  []technique.Reliance `json:"relies_on"` // who relies on what the edit gives up
}

type editFile struct {
	Path string   `json:"path"`
	New  bool     `json:"new"`
	Diff []string `json:"diff"`
}

type editSetting struct {
	File  string `json:"file"`
	Key   string `json:"key"`
	Value string `json:"value"`
	Was   string `json:"was"`
}

type editLeft struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

type editOverruled struct {
	Key   string `json:"key"`
	By    string `json:"by"`
	Value string `json:"value"`
}

// Edit is an edit in every format.
func Edit(root string, edit *apply.Edit) *Document {
	j := editJSON{Root: root, Files: []editFile{}, Settings: []editSetting{}, Left: []editLeft{}, Overruled: []editOverruled{}, Notes: edit.Notes,
		Refused: append([]technique.Refused{}, edit.Refused...), Relies: append([]technique.Reliance{}, edit.Relies...)}
	d := &Document{Title: "minsize apply", Schema: "minsize.apply/1"}
	diffs := Block{Heading: "Changes", Notes: edit.Warnings()}
	for _, f := range edit.Files {
		diff := f.Diff(root)
		j.Files = append(j.Files, editFile{relative(root, f.Path), f.Before == nil, diff})
		diffs.Code = append(diffs.Code, diff...)
	}
	settings := &Table{Columns: []Column{{Name: "file"}, {Name: "setting", Key: "Name"}, {Name: "value", Flex: true}, {Name: "before"}}}
	for _, s := range edit.Written {
		j.Settings = append(j.Settings, editSetting{relative(root, s.File), s.Key, s.Value, s.Was})
		settings.Rows = append(settings.Rows, Row{Cells: []Cell{relative(root, s.File), s.Key, s.Value, s.Was}})
	}
	left := &Table{Columns: []Column{{Name: "only with minsize build", Key: "Name"}, {Name: "why", Flex: true, Wrap: true}}}
	for _, l := range edit.Left {
		j.Left = append(j.Left, editLeft(l))
		left.Rows = append(left.Rows, Row{Cells: []Cell{l.Name, l.Why}})
	}
	for _, o := range edit.Overruled {
		j.Overruled = append(j.Overruled, editOverruled(o))
	}
	d.Blocks = append(d.Blocks, diffs)
	if len(settings.Rows) > 0 {
		d.Blocks = append(d.Blocks, Block{Heading: "Settings", Part: "setting", Table: settings, Notes: edit.Notes})
	}
	if len(left.Rows) > 0 {
		d.Blocks = append(d.Blocks, Block{Heading: "What cargo cannot express", Part: "left", Table: left})
	}
	d.Data = j
	return d
}

// AfterApply says what cargo alone makes of the edited files, beside what
// minsize build makes. shrink has measured it (cargo, 0 for not) on the build
// that cargo can do, stripped by minsize, on the link as it was recorded; so it
// is an estimate.
func AfterApply(edit *apply.Edit, build, cargo int64) string {
	size := FormatBytes(build, true)
	switch {
	case len(edit.Refused) > 0:
		return fmt.Sprintf("minsize build made %s bytes with what was left out; what it and cargo build make without was not measured", size)
	case edit.Linked && len(edit.Left)+len(edit.Overruled) == 0:
		return fmt.Sprintf("%s makes what minsize build makes, %s bytes where nothing else changed", cmp.Or(edit.Apart, "cargo build"), size)
	case cargo == 0 || edit.LeavesSettings():
		return fmt.Sprintf("minsize build makes %s bytes; what cargo build makes with these settings was not measured", size)
	}
	return fmt.Sprintf("cargo build makes about %s bytes with these settings (an estimate, by the search's own build), minsize build makes %s bytes", FormatBytes(cargo, true), size)
}

// DiffText is the change of files as git prints it.
func DiffText(root string, files []apply.FileEdit, colorful bool) string {
	var b strings.Builder
	for _, file := range files {
		for _, line := range file.Diff(root) {
			if colorful {
				line = paintDiff(line)
			}
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// diffColors are git's, for lines by how they begin.
var diffColors = []struct{ begin, color string }{{"---", "1"}, {"+++", "1"}, {"@@", "36"}, {"-", "31"}, {"+", "32"}}

func paintDiff(line string) string {
	for _, c := range diffColors {
		if strings.HasPrefix(line, c.begin) {
			return "\x1b[" + c.color + "m" + line + "\x1b[0m"
		}
	}
	return line
}

// relative is path from root, with slashes.
func relative(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return path
}
