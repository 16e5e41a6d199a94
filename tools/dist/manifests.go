package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"path"
	"strings"
	"text/template"
)

// downloads is where a release's files lie.
func (r *release) downloads() string {
	return "https://" + modulePath + "/releases/download/v" + r.version
}

// offered is an archive as a manifest's template names it.
type offered struct {
	OS, Arch, Nix, File, URL, SHA256, SRI string
	Triples                               []string
}

// manifests fills the templates of package managers that take the archives:
// each lies below templates/manifests as it lies below manifests.
func (r *release) manifests() error {
	data := struct {
		Version, Summary, Home, Downloads, Date string
		Names                                   []string
		Archives                                []offered
	}{r.version, summary, "https://" + modulePath, r.downloads(), r.time.Format("2006-01-02"), otherNames, nil}
	for _, t := range r.targets {
		p := r.programs[t]
		sum, err := r.sum(p.archive)
		if err != nil {
			return err
		}
		data.Archives = append(data.Archives, offered{OS: t.os, Arch: t.arch, Nix: t.nix, File: p.archive, URL: r.downloads() + "/" + p.archive, Triples: strings.Fields(t.triple),
			SHA256: hex.EncodeToString(sum[:]), SRI: "sha256-" + base64.StdEncoding.EncodeToString(sum[:])})
	}
	funcs := template.FuncMap{
		"system": func(name string) (of []offered) {
			for _, a := range data.Archives {
				if a.OS == name {
					of = append(of, a)
				}
			}
			return of
		},
		"upper": strings.ToUpper,
		"folder": func(file string) string {
			return strings.TrimSuffix(strings.TrimSuffix(file, ".zip"), ".tar.gz")
		},
	}
	const root = "templates/manifests"
	return fs.WalkDir(templates, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(name)
		if err != nil {
			return err
		}
		parsed, err := template.New(path.Base(name)).Delims("<<", ">>").Funcs(funcs).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := parsed.Execute(&b, data); err != nil {
			return err
		}
		if len(bytes.TrimSpace(b.Bytes())) == 0 {
			return nil // nothing that it is for was made
		}
		return r.write("manifests"+strings.TrimPrefix(name, root), b.Bytes())
	})
}

// installer writes the script that fetches an archive, checks it, and unpacks
// it into a folder.
func (r *release) installer() error {
	text, err := templates.ReadFile("templates/install.sh")
	if err != nil {
		return err
	}
	return r.write("install.sh", text)
}
