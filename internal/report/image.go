package report

import (
	"fmt"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/oci"
)

// Image is the result of `minsize image`.
type Image struct {
	Name       string          `json:"name,omitempty"`
	Digest     string          `json:"digest"`
	Output     []string        `json:"output"`     // where it was written
	Written    int64           `json:"written"`    // bytes of the output on disk; 0 when only pushed
	Compressed int64           `json:"compressed"` // bytes of the layers as stored
	Overhead   int64           `json:"overhead"`   // bytes of everything but the layers: manifests, configurations, index, SBOM aside
	Platforms  []ImagePlatform `json:"platforms"`
}

// ImagePlatform is one program with its files.
type ImagePlatform struct {
	Platform   string      `json:"platform"`
	Program    string      `json:"program"`
	Linking    string      `json:"linking"` // static or dynamic
	Libc       string      `json:"libc,omitempty"`
	User       string      `json:"user"`
	Files      []ImageFile `json:"files"`
	Size       int64       `json:"size"`       // bytes of all files
	Compressed int64       `json:"compressed"` // bytes of the layers as stored
	Hints      []ImageHint `json:"hints"`
}

// ImageFile is one file of an image.
type ImageFile struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
	Why  string `json:"why"`
}

// ImageHint is something that a program may open by name at run time.
type ImageHint struct {
	What string `json:"what"`
	Why  string `json:"why"`
	Add  string `json:"add,omitempty"`
}

// NewImagePlatform turns a composition into its rows.
func NewImagePlatform(c *oci.Composition, user string, compressed int64) ImagePlatform {
	p := ImagePlatform{
		Platform: c.Platform.String(), Program: c.Program, Linking: "dynamic", Libc: c.Closure.Libc,
		User: user, Compressed: compressed, Files: []ImageFile{}, Hints: []ImageHint{},
	}
	if c.Closure.Static {
		p.Linking = "static"
	}
	for _, e := range append(append([]oci.Entry{}, c.App...), c.Runtime...) {
		if e.Mode.IsDir() {
			continue
		}
		p.Size += e.Size
		p.Files = append(p.Files, ImageFile{Path: e.Path, Size: e.Size, Why: e.Why})
	}
	sort.SliceStable(p.Files, func(i, j int) bool { return p.Files[i].Size > p.Files[j].Size })
	for _, h := range c.Closure.Hints {
		p.Hints = append(p.Hints, ImageHint(h))
	}
	return p
}

// Document sets the result of `minsize image`.
func (r *Image) Document() *Document {
	d := &Document{Title: "minsize image", Schema: "minsize.image/1", Data: r}
	if r.Name != "" {
		d.Title += " " + r.Name
	}
	for _, p := range r.Platforms {
		linking := p.Linking
		if p.Libc != "" {
			linking += ", " + p.Libc
		}
		block := Block{
			Heading: fmt.Sprintf("%s: %s (%s, user %s)", p.Platform, p.Program, linking, p.User),
			Part:    p.Platform,
			Table:   &Table{Columns: []Column{{Name: "file"}, {Name: "size", Kind: Bytes}, {Name: "share", Kind: Percent}, {Name: "why", Flex: true, Wrap: true}}},
		}
		for _, f := range p.Files {
			block.Table.Rows = append(block.Table.Rows, Row{Cells: []Cell{f.Path, f.Size, portion(f.Size, p.Size), f.Why}})
		}
		block.Table.Footer = []Cell{"all files", p.Size, nil, fmt.Sprintf("%d bytes as stored", p.Compressed)}
		for _, h := range p.Hints {
			note := "opened by name, not in the image: " + h.What + " (" + h.Why + ")"
			if h.Add != "" {
				note += "; to add: " + h.Add
			}
			block.Notes = append(block.Notes, note)
		}
		d.Blocks = append(d.Blocks, block)
	}
	last := Block{Text: []string{fmt.Sprintf("%s  layers %d bytes, all else %d bytes", r.Digest, r.Compressed, r.Overhead)}}
	if len(r.Output) > 0 {
		last.Text = append(last.Text, "written: "+strings.Join(r.Output, ", "))
	}
	d.Blocks = append(d.Blocks, last)
	return d
}

func portion(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// ImageInspection is the result of `minsize image inspect`.
type ImageInspection struct {
	Source        string            `json:"source"`
	Digest        string            `json:"digest"`
	Platform      string            `json:"platform"`
	Entrypoint    []string          `json:"entrypoint"`
	Command       []string          `json:"command"`
	User          string            `json:"user"`
	Size          int64             `json:"size"`       // bytes of the files to be seen in the end
	Compressed    int64             `json:"compressed"` // bytes of the layers as stored
	Wasted        int64             `json:"wasted"`     // bytes that are stored and hidden
	Layers        []InspectedLayer  `json:"layers"`
	Files         []InspectedFile   `json:"files"`
	WastedFiles   []InspectedWaste  `json:"wasted_files"`
	Alternative   *ImageAlternative `json:"alternative,omitempty"`
	NoAlternative string            `json:"no_alternative,omitempty"` // why there is none
	Limit         int               `json:"-"`                        // rows of the file tables; 0 for all
}

// InspectedLayer is one layer, bottom first.
type InspectedLayer struct {
	Digest     string `json:"digest"`
	CreatedBy  string `json:"created_by"`
	Files      int    `json:"files"`
	Size       int64  `json:"size"`
	Compressed int64  `json:"compressed"`
}

// InspectedFile is one file of the final tree; Layer counts from 1.
type InspectedFile struct {
	Path  string `json:"path"`
	Size  int64  `json:"size"`
	Layer int    `json:"layer"`
}

// InspectedWaste is one file that is stored and hidden; Layer counts from 1.
type InspectedWaste struct {
	Path  string `json:"path"`
	Size  int64  `json:"size"`
	Layer int    `json:"layer"`
	Why   string `json:"why"`
}

// ImageAlternative is what `minsize image` would have made.
type ImageAlternative struct {
	Program string      `json:"program"`
	Files   []ImageFile `json:"files"`
	Size    int64       `json:"size"`
}

// NewImageInspection turns an inspection into its rows. alternative may be nil,
// with the reason in why.
func NewImageInspection(in *oci.Inspection, alternative *oci.Alternative, why error, limit int) *ImageInspection {
	r := &ImageInspection{
		Source: in.Source, Digest: in.Digest, Platform: in.Platform.String(), User: in.User,
		Entrypoint: append([]string{}, in.Entrypoint...), Command: append([]string{}, in.Command...),
		Size: in.Size, Compressed: in.Compressed, Wasted: in.WastedSize, Limit: limit,
		Layers: []InspectedLayer{}, Files: []InspectedFile{}, WastedFiles: []InspectedWaste{},
	}
	for _, l := range in.Layers {
		r.Layers = append(r.Layers, InspectedLayer{l.Digest, l.CreatedBy, l.Files, l.Size, l.Compressed})
	}
	for _, f := range in.Files {
		r.Files = append(r.Files, InspectedFile{f.Path, f.Size, f.Layer + 1})
	}
	for _, w := range in.Wasted {
		r.WastedFiles = append(r.WastedFiles, InspectedWaste{w.Path, w.Size, w.Layer + 1, w.Why})
	}
	if alternative != nil {
		p := NewImagePlatform(alternative.Composition, "", 0)
		r.Alternative = &ImageAlternative{Program: alternative.Program, Files: p.Files, Size: alternative.Size}
	} else if why != nil {
		r.NoAlternative = why.Error()
	}
	return r
}

// Document sets the result of `minsize image inspect`.
func (r *ImageInspection) Document() *Document {
	d := &Document{Title: "minsize image inspect " + r.Source, Schema: "minsize.image-inspect/1", Data: r}
	user := r.User
	if user == "" {
		user = "root"
	}
	layers := Block{
		Heading: r.Source,
		Part:    "layer",
		Text: []string{
			fmt.Sprintf("%s  %s  runs %s as %s", r.Platform, r.Digest, strings.Join(append(append([]string{}, r.Entrypoint...), r.Command...), " "), user),
		},
		Table: &Table{Columns: []Column{{Name: "layer", Kind: Count}, {Name: "files", Kind: Count}, {Name: "size", Kind: Bytes}, {Name: "stored", Kind: Bytes}, {Name: "made by", Key: "why", Flex: true, Wrap: true}}},
	}
	for i, l := range r.Layers {
		layers.Table.Rows = append(layers.Table.Rows, Row{Cells: []Cell{i + 1, l.Files, l.Size, l.Compressed, l.CreatedBy}})
	}
	layers.Table.Footer = []Cell{nil, len(r.Files), r.Size + r.Wasted, r.Compressed, "all"}
	d.Blocks = append(d.Blocks, layers)

	files := Block{Heading: "Largest files", Part: "file", Table: &Table{Columns: []Column{{Name: "file", Flex: true}, {Name: "size", Kind: Bytes}, {Name: "share", Kind: Percent}, {Name: "layer", Kind: Count}}}}
	for _, f := range r.Files[:r.limited(len(r.Files))] {
		files.Table.Rows = append(files.Table.Rows, Row{Cells: []Cell{f.Path, f.Size, portion(f.Size, r.Size), f.Layer}})
	}
	d.Blocks = append(d.Blocks, files)

	wasted := Block{Heading: "Stored, and not to be seen", Part: "hidden", Text: []string{fmt.Sprintf("%d bytes in %d files", r.Wasted, len(r.WastedFiles))}}
	if len(r.WastedFiles) > 0 {
		wasted.Table = &Table{Columns: []Column{{Name: "file", Flex: true}, {Name: "size", Kind: Bytes}, {Name: "layer", Kind: Count}, {Name: "why"}}}
		for _, w := range r.WastedFiles[:r.limited(len(r.WastedFiles))] {
			wasted.Table.Rows = append(wasted.Table.Rows, Row{Cells: []Cell{w.Path, w.Size, w.Layer, w.Why}})
		}
	}
	d.Blocks = append(d.Blocks, wasted)
	d.Blocks = append(d.Blocks, r.alternative())
	return d
}

func (r *ImageInspection) limited(n int) int {
	if r.Limit > 0 && n > r.Limit {
		return r.Limit
	}
	return n
}

func (r *ImageInspection) alternative() Block {
	b := Block{Heading: "What minsize image would have made", Part: "alternative"}
	if r.Alternative == nil {
		b.Text = []string{"nothing: " + r.NoAlternative}
		return b
	}
	b.Table = &Table{Columns: []Column{{Name: "file"}, {Name: "size", Kind: Bytes}, {Name: "why", Flex: true, Wrap: true}}}
	for _, f := range r.Alternative.Files {
		b.Table.Rows = append(b.Table.Rows, Row{Cells: []Cell{f.Path, f.Size, f.Why}})
	}
	b.Table.Footer = []Cell{fmt.Sprintf("%.1f%% of this image's files", 100*portion(r.Alternative.Size, r.Size)), r.Alternative.Size, nil}
	b.Notes = []string{"data files that the program opens by itself are not known here: add them by --file"}
	return b
}
