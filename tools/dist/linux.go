package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/apk"
	"github.com/goreleaser/nfpm/v2/arch"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

const (
	maintainer = "minsize <minsize@users.noreply.github.com>"
	summary    = "the smallest program that still does the job, and why each byte is there"
)

// packagers make the packages of Linux distributions.
var packagers = []nfpm.PackagerWithExtension{deb.Default, rpm.DefaultRPM, apk.Default, arch.Default}

// linux writes the packages of one machine. They depend on nothing: the program
// is static, and cargo is asked for by the verbs that need it.
func (r *release) linux(p *program) error {
	if p.os != "linux" {
		return nil
	}
	stage, err := os.MkdirTemp("", "minsize-stage-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	var contents files.Contents
	for i, f := range r.systemFiles(p) {
		c := &files.Content{Destination: f.path, FileInfo: &files.ContentFileInfo{Mode: os.FileMode(f.mode()), Owner: "root", Group: "root", MTime: r.time}}
		if f.link != "" {
			c.Source, c.Type = f.link, files.TypeSymlink
		} else {
			c.Source = filepath.Join(stage, fmt.Sprint(i))
			if err := os.WriteFile(c.Source, f.data, 0o644); err != nil {
				return err
			}
		}
		contents = append(contents, c)
	}
	for _, packager := range packagers {
		info := nfpm.WithDefaults(&nfpm.Info{
			Name: "minsize", Arch: p.arch, Version: r.version, Release: "1", Section: "devel", Priority: "optional",
			Maintainer: maintainer, Description: summary, Vendor: "minsize", Homepage: "https://" + modulePath, License: "MIT", MTime: r.time,
			Overridables: nfpm.Overridables{
				Contents: clone(contents), Umask: 0o022,
				RPM:       nfpm.RPM{BuildHost: "minsize", Summary: summary, Compression: "zstd", Packager: maintainer},
				Deb:       nfpm.Deb{Compression: "xz"},
				ArchLinux: nfpm.ArchLinux{Packager: maintainer},
			},
		})
		if err := nfpm.PrepareForPackager(info, packagerName(packager)); err != nil {
			return err
		}
		var b bytes.Buffer
		if err := packager.Package(info, &b); err != nil {
			return err
		}
		if err := r.write(packager.ConventionalFileName(info), b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// clone gives each packager contents of its own, for it writes into them.
func clone(contents files.Contents) (copies files.Contents) {
	for _, c := range contents {
		copied, info := *c, *c.FileInfo
		copied.FileInfo = &info
		copies = append(copies, &copied)
	}
	return copies
}

func packagerName(p nfpm.PackagerWithExtension) string {
	if name := p.ConventionalExtension(); name != ".pkg.tar.zst" {
		return name[1:]
	}
	return "archlinux"
}
