package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is one that was built into the program, with its licences.
type module struct {
	path, version string
	licences      []licence
}

// licence is a file of a module.
type licence struct {
	file string // within the module
	kind string // SPDX identifier
	text []byte
}

// kinds tell a licence by words that only it has; the first that fits counts.
var kinds = []struct {
	id    string
	words *regexp.Regexp
}{
	{"Apache-2.0", regexp.MustCompile(`Apache License\s+Version 2\.0`)},
	{"MPL-2.0", regexp.MustCompile(`Mozilla Public License,? [Vv]ersion 2\.0`)},
	{"Unlicense", regexp.MustCompile(`free and unencumbered software`)},
	{"BSD-3-Clause", regexp.MustCompile(`(?s)Redistributions? of source code.*[Nn]either the name`)},
	{"BSD-2-Clause", regexp.MustCompile(`Redistributions? of source code`)},
	{"ISC", regexp.MustCompile(`Permission to use, copy, modify, and(/or)? distribute`)},
	{"MIT", regexp.MustCompile(`Permission is hereby granted, free of charge`)},
}

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|unlicense|notice)([.-].*)?$`)

// modules are those of the program for t, the standard library first, with
// every licence that lies in a folder of theirs from which code was taken, or
// above it. A module without one, or with one that nobody has looked at, is an
// error: it may not be given on.
func (r *release) modules(t target) ([]module, error) {
	list, err := r.run(t.env(), "go", "list", "-deps", "-f",
		"{{if .Standard}}std\t{{.Root}}\t{{.Root}}{{else}}{{with .Module}}{{.Path}}@{{.Version}}\t{{.Dir}}{{end}}\t{{.Dir}}{{end}}", "./cmd/minsize")
	if err != nil {
		return nil, err
	}
	goVersion, err := r.run(nil, "go", "env", "GOVERSION")
	if err != nil {
		return nil, err
	}
	found := map[string]*module{}
	var order []string
	for line := range strings.Lines(list) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("go list: %q", line)
		}
		name, root, folder := fields[0], fields[1], fields[2]
		path, version, _ := strings.Cut(name, "@")
		if path == modulePath {
			continue
		}
		if name == "std" {
			version = strings.TrimPrefix(goVersion, "go")
		}
		m := found[name]
		if m == nil {
			m = &module{path: path, version: version}
			found[name] = m
			order = append(order, name)
		}
		if err := m.read(root, folder); err != nil {
			return nil, err
		}
	}
	slices.Sort(order)
	modules := []module{*found["std"]}
	for _, name := range order {
		if name == "std" {
			continue
		}
		modules = append(modules, *found[name])
	}
	d3, err := os.ReadFile(filepath.Join(r.source, "tools", "figures", "d3-hierarchy.LICENSE"))
	if err != nil {
		return nil, err
	}
	modules = append(modules, module{path: "d3-hierarchy", version: "3.1.3", licences: []licence{{"LICENSE", "ISC", d3}}})
	for _, m := range modules {
		if len(m.licences) == 0 {
			return nil, fmt.Errorf("%s %s: no licence found", m.path, m.version)
		}
		for _, l := range m.licences {
			if l.kind == "" {
				return nil, fmt.Errorf("%s %s: %s is a licence of no known kind: look at it, then add it to kinds", m.path, m.version, l.file)
			}
		}
	}
	return modules, nil
}

// read adds the licences that lie in folder and above it, up to root.
func (m *module) read(root, folder string) error {
	for at := folder; ; at = filepath.Dir(at) {
		entries, err := os.ReadDir(at)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() || !licenceName.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".docs") { // documents are not in the program
				continue
			}
			path := filepath.Join(at, e.Name())
			file, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			file = filepath.ToSlash(file)
			if slices.ContainsFunc(m.licences, func(l licence) bool { return l.file == file }) {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			kind := kindOf(text)
			if kind == "" && strings.HasPrefix(strings.ToLower(e.Name()), "notice") {
				kind = "notice" // goes along, and is none itself
			}
			m.licences = append(m.licences, licence{file, kind, text})
		}
		if at == root || len(at) <= len(root) {
			break
		}
	}
	slices.SortFunc(m.licences, func(a, b licence) int { return strings.Compare(a.file, b.file) })
	return nil
}

func kindOf(text []byte) string {
	for _, k := range kinds {
		if k.words.Match(text) {
			return k.id
		}
	}
	return ""
}

// expression is the module's licence as SPDX writes several.
func (m *module) expression() string {
	var ids []string
	for _, l := range m.licences {
		if l.kind != "notice" && !slices.Contains(ids, l.kind) {
			ids = append(ids, l.kind)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " AND ")
}

// thirdParty is the text that goes along with the program: who wrote what it is
// made of, and under which conditions.
func thirdParty(modules []module) []byte {
	var b bytes.Buffer
	b.WriteString("minsize is under the MIT licence (LICENSE). It is built from these modules:\n\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "  %s %s: %s\n", m.path, m.version, m.expression())
	}
	for _, m := range modules {
		for _, l := range m.licences {
			fmt.Fprintf(&b, "\n%s\n%s %s, %s\n\n%s\n", strings.Repeat("=", 78), m.path, m.version, l.file, bytes.TrimSpace(l.text))
		}
	}
	return b.Bytes()
}
