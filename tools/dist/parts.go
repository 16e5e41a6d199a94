package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// part is a file that belongs to the program on every system.
type part struct {
	kind string // manual, bash, zsh, fish, powershell, document
	name string
	data []byte
}

// shells are the completions: the shell, and how it wants its file called in an
// archive.
var shells = [][2]string{{"bash", "minsize.bash"}, {"zsh", "_minsize"}, {"fish", "minsize.fish"}, {"powershell", "minsize.ps1"}}

// describe collects what the program says about itself, and the documents.
func (r *release) describe(work string) error {
	folder := filepath.Join(work, "man1")
	if _, err := r.run(nil, r.host, "man", "--into", folder); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(folder, "*.1")) // sorted
	if err != nil {
		return err
	}
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		r.parts = append(r.parts, part{"manual", filepath.Base(page), data})
	}
	for _, shell := range shells {
		script, err := r.run(nil, r.host, "completion", shell[0])
		if err != nil {
			return err
		}
		r.parts = append(r.parts, part{shell[0], shell[1], []byte(script + "\n")})
	}
	for _, name := range []string{"README.md", "LICENSE", "CHANGELOG.md"} {
		data, err := os.ReadFile(filepath.Join(r.source, name))
		if err != nil {
			return err
		}
		r.parts = append(r.parts, part{"document", name, data})
	}
	return nil
}

// part is the only part of that kind and name.
func (r *release) part(kind, name string) []byte {
	at := slices.IndexFunc(r.parts, func(p part) bool { return p.kind == kind && p.name == name })
	return r.parts[at].data
}

// file is one entry of an archive or package.
type file struct {
	path string
	data []byte
	link string // of a symbolic link: its target
	run  bool   // a program
}

// mode is the file's permissions.
func (f *file) mode() int64 {
	switch {
	case f.link != "":
		return 0o777
	case f.run:
		return 0o755
	}
	return 0o644
}

// commands are the program with its other names, in a folder: links, or where
// there are none the programs of those names. The linker is always one: cargo
// starts it for every link, and it starts in a sixth of minsize's time.
func (p *program) commands(folder string, links bool) []file {
	files := []file{{path: folder + "minsize" + p.exe(), data: p.data, run: true}}
	for _, name := range otherNames {
		f := file{path: folder + name + p.exe(), run: true}
		if links && p.os != "windows" && name != linkerName {
			f.link = "minsize"
		} else {
			f.data = p.others[name]
		}
		files = append(files, f)
	}
	return files
}

// archiveFiles are those of the archive for p: all of minsize in one folder.
func (r *release) archiveFiles(p *program, folder string) []file {
	files := p.commands(folder, true)
	for _, part := range r.parts {
		into := ""
		switch part.kind {
		case "manual":
			into = "man/man1/"
		case "document":
		default:
			into = "completions/"
		}
		files = append(files, file{path: folder + into + part.name, data: part.data})
	}
	return append(files, file{path: folder + "THIRD-PARTY.txt", data: thirdParty(p.modules)})
}

// systemFiles are those of a Linux package.
func (r *release) systemFiles(p *program) []file {
	files := p.commands("/usr/bin/", true)
	for _, part := range r.parts {
		f := file{data: part.data}
		switch part.kind {
		case "manual":
			f.path, f.data = "/usr/share/man/man1/"+part.name+".gz", gzipped(part.data)
		case "bash":
			f.path = "/usr/share/bash-completion/completions/minsize"
		case "zsh":
			f.path = "/usr/share/zsh/vendor-completions/_minsize"
		case "fish":
			f.path = "/usr/share/fish/vendor_completions.d/minsize.fish"
		case "powershell":
			continue
		default:
			f.path = "/usr/share/doc/minsize/" + strings.Replace(part.name, "LICENSE", "copyright", 1)
		}
		files = append(files, f)
	}
	return append(files, file{path: "/usr/share/doc/minsize/THIRD-PARTY.txt", data: thirdParty(p.modules)})
}

// gzipped compresses without a name and a time.
func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(data) // into memory: it does not fail
	w.Close()
	return b.Bytes()
}
