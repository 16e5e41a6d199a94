// Package history keeps what a program weighed, build by build, so that growth
// has a date, a commit and a cause.
//
// The record is a file of JSON lines that is only appended to: it can be
// committed, cached between CI jobs, merged by git line by line, and read by
// anything. What is hard is to keep it small and still say what grew: a program
// has thousands of functions, and a year has hundreds of builds. Each record
// holds the largest rows of three views and how much it left out; a row that is
// in one of two neighbours alone is compared with the least that the other one
// kept, and marked "at least". So the changes of a comparison always sum to the
// change of the file, and none is more than what is known.
//
// Rejected: a database (it does not merge, and needs the tool to be read);
// records as differences to the one before (a line that is lost, or two
// branches that meet, would make all later ones wrong).
package history

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/attrib"
)

// Schema names the form of a line.
const Schema = "minsize.history/1"

// Record is one build of one program: a line of the file. Sizes are bytes.
type Record struct {
	Time    string `json:"time"` // RFC 3339, UTC
	Program string `json:"program"`
	Label   string `json:"label,omitempty"`
	Commit  string `json:"commit,omitempty"`
	Subject string `json:"subject,omitempty"` // of the commit
	Dirty   bool   `json:"dirty,omitempty"`   // there were changes that no commit holds
	Format  string `json:"format"`
	Arch    string `json:"arch"`
	File    uint64 `json:"file"`   // as shipped
	Memory  uint64 `json:"memory"` // of the image
	Views   []View `json:"views"`
}

// line is a record as it stands in the file.
type line struct {
	Schema string `json:"schema"`
	*Record
}

// View is the rows of one view, largest first, and what they leave out.
type View struct {
	Name    string `json:"name"` // as `minsize size -d` calls it
	Rows    []Row  `json:"rows"`
	Others  int    `json:"others,omitempty"` // rows that are left out
	LeftOut uint64 `json:"left_out,omitempty"`
}

// Row is one name's bytes of the file.
type Row struct {
	Name string `json:"name"`
	Size uint64 `json:"size"`
}

// Kept is how many rows a record keeps of a view.
type Kept struct {
	View string
	Rows int
}

// Views are what a record holds: kinds and crates whole for nearly all
// programs, and the functions that matter.
var Views = []Kept{{"crates", 100}, {"kind", 40}, {"functions", 200}}

// maxLine bounds a record, names of a kilobyte included.
const maxLine = 256 << 10

// maxName bounds a name in a record; longer ones are cut.
const maxName = 300

// ViewNames are the names of Views.
func ViewNames() (names []string) {
	for _, kept := range Views {
		names = append(names, kept.View)
	}
	return names
}

// Need is how much of a program has to be known for Views.
func Need() (need attrib.Need) {
	for _, kept := range Views {
		of, _ := attrib.ViewNeed(kept.View, nil)
		need = max(need, of)
	}
	return need
}

// Measure fills in what the programs weigh, by o's reading of them. What strip
// would take away does not count.
func (r *Record) Measure(inputs []attrib.Input, o attrib.RollupOptions) error {
	for _, in := range inputs {
		r.Memory += in.Program.Space.MemorySize()
	}
	for _, kept := range Views {
		o.Views = []string{kept.View}
		got, err := attrib.Rollup(inputs, o)
		if err != nil {
			return err
		}
		r.File = got.File
		rows := slices.DeleteFunc(got.Rows, func(row attrib.Row) bool {
			if row.Name == attrib.RemovedByStrip {
				r.File -= row.File
			}
			return row.Name == attrib.RemovedByStrip
		})
		view, err := NewView(kept.View, rows, kept.Rows)
		if err != nil {
			return err
		}
		r.Views = append(r.Views, view)
	}
	return nil
}

// NewView keeps the largest n of rows. Rows of the same name but for addresses
// and hashes are one, as in every comparison.
func NewView(name string, rows []attrib.Row, n int) (View, error) {
	merged, err := attrib.Diff(nil, rows)
	if err != nil {
		return View{}, err
	}
	v := View{Name: name, Rows: []Row{}}
	index := map[string]int{}
	for i := range merged {
		r := &merged[i]
		text := clean(r.Name)
		if r.NewFile == 0 {
			continue
		}
		if k, ok := index[text]; ok {
			v.Rows[k].Size += r.NewFile
			continue
		}
		index[text] = len(v.Rows)
		v.Rows = append(v.Rows, Row{text, r.NewFile})
	}
	v.sort()
	v.cut(n)
	return v, nil
}

func (v *View) sort() {
	arrange.Sort(v.Rows, func(a, b Row) int { return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Name, b.Name)) })
}

func (v *View) cut(n int) {
	if len(v.Rows) <= n {
		return
	}
	for _, r := range v.Rows[n:] {
		v.LeftOut += r.Size
		v.Others++
	}
	v.Rows = v.Rows[:n]
}

// clean is a name without what would disturb a line or a terminal.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name)
	if len(name) > maxName {
		cut := maxName
		for cut > 0 && name[cut]&0xc0 == 0x80 {
			cut--
		}
		name = name[:cut] + "…"
	}
	return name
}

// Line is the record as it stands in the file, with its newline. Views lose
// rows when it would be longer than a line may be.
func (r *Record) Line() ([]byte, error) {
	r.clean()
	for {
		text, err := json.Marshal(line{Schema, r})
		if err != nil {
			return nil, err
		}
		if len(text) < maxLine {
			return append(text, '\n'), nil
		}
		for i := range r.Views {
			r.Views[i].cut(len(r.Views[i].Rows) / 2)
		}
	}
}

func (r *Record) clean() {
	for _, text := range []*string{&r.Time, &r.Program, &r.Label, &r.Commit, &r.Subject, &r.Format, &r.Arch} {
		*text = clean(*text)
	}
}

// When is the record's time to the minute.
func (r *Record) When() string {
	return strings.Replace(r.Time[:min(len(r.Time), len("2006-01-02T15:04"))], "T", " ", 1)
}

// View returns the named view, nil without.
func (r *Record) View(name string) *View {
	for i := range r.Views {
		if r.Views[i].Name == name {
			return &r.Views[i]
		}
	}
	return nil
}

// Name is what people call the build: its label, or its commit, or its time.
func (r *Record) Name() string {
	switch {
	case r.Label != "":
		return r.Label
	case r.Commit == "":
		return r.When()
	}
	name := r.Commit[:min(len(r.Commit), 10)]
	if r.Dirty {
		name += "+"
	}
	return name
}

// Problem is a line that is no record.
type Problem struct {
	Line int
	Torn bool // the last one, cut off in the middle of a write
	Err  error
}

func (p Problem) String() string {
	if p.Torn {
		return fmt.Sprintf("line %d is torn: a write was cut off; passed over", p.Line)
	}
	return fmt.Sprintf("line %d is passed over: %v", p.Line, p.Err)
}

// ErrTooLarge is the answer to a file that no history is.
var ErrTooLarge = errors.New("the history is too large")

// maxFile bounds what is read: at 30 kB a record, nine thousand builds.
const maxFile = 256 << 20

// Read returns the records of a file in its order, and what it passed over.
func Read(data []byte) ([]Record, []Problem, error) {
	if len(data) > maxFile {
		return nil, nil, fmt.Errorf("%w: %d bytes, expected at most %d", ErrTooLarge, len(data), maxFile)
	}
	var records []Record
	var problems []Problem
	for number := 1; len(data) > 0; number++ {
		text, rest, whole := bytes.Cut(data, []byte{'\n'})
		data = rest
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		r, err := readLine(text)
		if err != nil {
			problems = append(problems, Problem{Line: number, Torn: !whole, Err: err})
			continue
		}
		records = append(records, r)
	}
	return records, problems, nil
}

func readLine(text []byte) (Record, error) {
	var r Record
	if len(text) > 4*maxLine {
		return r, fmt.Errorf("%d bytes, expected at most %d", len(text), maxLine)
	}
	l := line{Record: &r}
	if err := json.Unmarshal(text, &l); err != nil {
		return r, fmt.Errorf("no JSON record: %w", err)
	}
	if l.Schema != Schema {
		return r, fmt.Errorf("schema %q, expected %s", clean(l.Schema), Schema)
	}
	r.clean()
	if r.Program == "" {
		return r, errors.New("it names no program")
	}
	if r.File > 1<<62 || r.Memory > 1<<62 {
		return r, fmt.Errorf("%d bytes", r.File)
	}
	for i := range r.Views {
		v := &r.Views[i]
		v.Name = clean(v.Name)
		sum := v.LeftOut
		for k := range v.Rows {
			v.Rows[k].Name = clean(v.Rows[k].Name)
			if sum += v.Rows[k].Size; sum > 1<<62 || v.Rows[k].Size > 1<<62 {
				return r, fmt.Errorf("the sizes of %s add up to more than there are", v.Name)
			}
		}
		v.sort()
	}
	return r, nil
}

// Programs are the names in the records, the one that was added last first.
func Programs(records []Record) []string {
	var list []string
	for i := len(records) - 1; i >= 0; i-- {
		if !slices.Contains(list, records[i].Program) {
			list = append(list, records[i].Program)
		}
	}
	return list
}

// Of returns the records of one program.
func Of(records []Record, program string) []Record {
	var list []Record
	for _, r := range records {
		if r.Program == program {
			list = append(list, r)
		}
	}
	return list
}
