package report

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
)

// Format is one way to write a Document.
type Format struct {
	Name      string
	Summary   string
	Extension string // of a file that is in it; "" where that would tell nothing
	Write     func(w io.Writer, d *Document, o Options) error
	Needs     Part  // what a report must have for it
	For       Trait // who reads it, and what they get
}

// Part is something that not every report has.
type Part string

// The parts that formats ask for.
const (
	Figure   Part = "figure"
	Findings Part = "findings"
)

// Trait is what a verb has to know of a format.
type Trait uint8

// The traits of formats.
const (
	Screen  Trait = 1 << iota // read on a terminal: gets colours, its width, and no more than a screen
	AllRows                   // read by programs: nothing is left out unless a limit was typed
	Tables                    // one table and nothing else
	Drawn                     // has the figure too, or what it is drawn from
	Page                      // its reader unfolds and filters: gets much, if not all
)

// formats is the table of writers: one file and one line each.
var formats = []Format{
	{"text", "tables for a terminal", ".txt", writeText, "", Screen},
	{"json", "raw numbers under a committed schema", ".json", writeJSON, "", AllRows | Drawn},
	{"markdown", "tables for pull requests and READMEs", ".md", writeMarkdown, "", 0},
	{"csv", "the tables, comma separated", ".csv", writeCSV, "", AllRows | Tables},
	{"tsv", "the tables, tab separated", ".tsv", writeTSV, "", AllRows | Tables},
	{"html", "one self-contained page that opens without network", ".html", writeHTML, "", Drawn | Page},
	{"svg", "a figure for READMEs, where the report has one", ".svg", writeSVG, Figure, Drawn},
	{"github", "annotations of a GitHub workflow", "", writeGitHub, Findings, 0},
	{"gitlab", "a Code Quality report for GitLab", "", writeGitLab, Findings, 0},
	{"sarif", "SARIF 2.1.0, for code scanning", ".sarif", writeSARIF, Findings, 0},
}

// Is says whether a format has a trait; none has where nothing is printed.
func (f *Format) Is(t Trait) bool { return f != nil && f.For&t != 0 }

// FormatNamed finds a format; nil for none.
func FormatNamed(name string) *Format {
	if i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name }); i >= 0 {
		return &formats[i]
	}
	return nil
}

// Names returns the names of the formats that a report with these parts can
// have, for help and completion.
func Names(parts ...Part) []string {
	var names []string
	for _, f := range formats {
		if f.Needs == "" || slices.Contains(parts, f.Needs) {
			names = append(names, f.Name)
		}
	}
	sort.Strings(names)
	return names
}

// NameFor is the one of these formats that a file is in by its name; "" where
// that does not tell.
func NameFor(file string, names []string) string {
	for _, f := range formats {
		if f.Extension != "" && strings.HasSuffix(file, f.Extension) && slices.Contains(names, f.Name) {
			return f.Name
		}
	}
	return ""
}

// Write prints d in the named format.
func Write(w io.Writer, format string, d *Document, o Options) error {
	if f := FormatNamed(format); f != nil {
		return f.Write(w, d, o)
	}
	return fmt.Errorf("unknown format %q (one of %s)", format, strings.Join(Names(Figure, Findings), ", "))
}
