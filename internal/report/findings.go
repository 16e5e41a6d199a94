package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Finding is something that is wrong, at a place that people look at: services
// that review code show it beside the line.
type Finding struct {
	Rule    string // of a few, as size-budget
	Key     string // what it is about, the same in the next run
	Message string
	File    string
	Line    int // from 1, 0 for the whole file
}

// ErrNoFindings is the answer for a Document that judges nothing.
var ErrNoFindings = errors.New("this report has no findings: choose text, json, markdown, csv, tsv or html")

// place is the file as services want it: from the project's root, with slashes.
func (f *Finding) place() string { return filepath.ToSlash(filepath.Clean(f.File)) }

// fingerprint tells a finding from others, and finds it again.
func (f *Finding) fingerprint() string {
	sum := sha256.Sum256([]byte(f.Rule + "\x00" + f.Key + "\x00" + f.place()))
	return hex.EncodeToString(sum[:16])
}

// writeGitHub writes workflow commands, which become annotations.
func writeGitHub(w io.Writer, d *Document, _ Options) error {
	if d.Findings == nil {
		return ErrNoFindings
	}
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for i := range d.Findings {
		f := &d.Findings[i]
		at := ""
		if f.Line > 0 {
			at = fmt.Sprintf("file=%s,line=%d,", property.Replace(f.place()), f.Line)
		}
		if _, err := fmt.Fprintf(w, "::error %stitle=size budget::%s\n", at, data.Replace(f.Message)); err != nil {
			return err
		}
	}
	return nil
}

// writeGitLab writes a Code Quality report, which merge requests show.
func writeGitLab(w io.Writer, d *Document, _ Options) error {
	if d.Findings == nil {
		return ErrNoFindings
	}
	type lines struct {
		Begin int `json:"begin"`
	}
	type location struct {
		Path  string `json:"path"`
		Lines lines  `json:"lines"`
	}
	type issue struct {
		Description string   `json:"description"`
		CheckName   string   `json:"check_name"`
		Fingerprint string   `json:"fingerprint"`
		Severity    string   `json:"severity"`
		Location    location `json:"location"`
	}
	issues := []issue{}
	for i := range d.Findings {
		f := &d.Findings[i]
		issues = append(issues, issue{f.Message, f.Rule, f.fingerprint(), "major", location{f.place(), lines{max(f.Line, 1)}}})
	}
	return encode(w, issues)
}

// writeSARIF writes SARIF 2.1.0 (OASIS), which code scanning takes.
func writeSARIF(w io.Writer, d *Document, _ Options) error {
	if d.Findings == nil {
		return ErrNoFindings
	}
	type object map[string]any
	results := []object{}
	for i := range d.Findings {
		f := &d.Findings[i]
		results = append(results, object{
			"ruleId": f.Rule, "level": "error", "message": object{"text": f.Message},
			"partialFingerprints": object{"minsize/v1": f.fingerprint()},
			"locations": []object{{"physicalLocation": object{
				"artifactLocation": object{"uri": f.place()}, "region": object{"startLine": max(f.Line, 1)},
			}}},
		})
	}
	return encode(w, object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		"runs": []object{{
			"tool": object{"driver": object{
				"name": "minsize", "informationUri": "https://github.com/minsize/minsize",
				"rules": []object{{"id": "size-budget", "shortDescription": object{"text": "a size is within its budget"}}},
			}},
			"results": results,
		}},
	})
}

func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
