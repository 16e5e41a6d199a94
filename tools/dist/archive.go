package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/minsize/minsize/internal/oci"
)

// sumsName is the list of checksums, in the form of sha256sum(1).
const sumsName = "SHA256SUMS"

// archive writes what whoever has no package manager takes.
func (r *release) archive(p *program) error {
	folder := "minsize-" + r.version + "-" + p.os + "-" + p.arch
	files := r.archiveFiles(p, folder+"/")
	var data []byte
	if p.os == "windows" {
		p.archive, data = folder+".zip", zipped(files, r.time)
	} else {
		p.archive, data = folder+".tar.gz", tarball(files, r.time)
	}
	return r.write(p.archive, data)
}

// tarball is a compressed archive whose entries belong to root.
func tarball(files []file, when time.Time) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		header := &tar.Header{Name: f.path, Mode: f.mode(), Size: int64(len(f.data)), ModTime: when, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if f.link != "" {
			header.Typeflag, header.Linkname, header.Size = tar.TypeSymlink, f.link, 0
		}
		if err := w.WriteHeader(header); err != nil {
			panic(err) // a name or a size that USTAR has no room for
		}
		w.Write(f.data)
	}
	w.Close()
	return gzipped(b.Bytes())
}

// zipped is a zip archive. Its times have no zone and begin in 1980.
func zipped(files []file, when time.Time) []byte {
	if when.Year() < 1980 {
		when = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.path, Method: zip.Deflate, Modified: when}
		header.SetMode(fs.FileMode(f.mode()))
		into, err := w.CreateHeader(header)
		if err != nil {
			panic(err) // a name that zip has no room for
		}
		into.Write(f.data)
	}
	w.Close()
	return b.Bytes()
}

// bill writes the bill of materials of an archive's program: SPDX 2.3.
func (r *release) bill(p *program) error {
	name := strings.TrimSuffix(strings.TrimSuffix(p.archive, ".zip"), ".tar.gz")
	sum := sha256.Sum256(p.data)
	c := &oci.Composition{Program: "minsize" + p.exe()}
	for _, f := range p.commands("", true) {
		if f.link == "" {
			c.App = append(c.App, oci.Entry{Path: f.path, Data: f.data})
		}
	}
	var components []oci.Component
	for _, m := range p.modules {
		purl := "pkg:golang/" + m.path + "@" + m.version
		if m.path == "d3-hierarchy" {
			purl = "pkg:npm/" + m.path + "@" + m.version
		}
		components = append(components, oci.Component{Name: m.path, Version: m.version, License: m.expression(), PURL: purl})
	}
	text, err := oci.SBOM(name, v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}, c, components)
	if err != nil {
		return err
	}
	return r.write(name+".spdx.json", append(text, '\n'))
}

// image has minsize write the container image of itself, for every Linux here.
func (r *release) image() error {
	if len(r.images) == 0 {
		return nil
	}
	name := "minsize-" + r.version + "-image.tar"
	args := append([]string{"image"}, r.images...)
	args = append(args, "-t", "minsize:"+r.version, "--path", "/minsize", "-o", filepath.Join(r.out, name),
		"--label", "org.opencontainers.image.version="+r.version, "--label", "org.opencontainers.image.licenses=MIT",
		"--label", "org.opencontainers.image.source=https://"+modulePath, "--quiet", "--report", os.DevNull)
	if _, err := r.run(nil, r.host, args...); err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(r.out, name))
	if err != nil {
		return err
	}
	fmt.Printf("%10d %s\n", info.Size(), name)
	return nil
}

// products are the names of all that was made, sorted, with slashes.
func (r *release) products() (names []string, err error) {
	err = filepath.WalkDir(r.out, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != sumsName {
			rel, _ := filepath.Rel(r.out, path)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// sum is the checksum of one product.
func (r *release) sum(name string) ([sha256.Size]byte, error) {
	data, err := os.ReadFile(filepath.Join(r.out, filepath.FromSlash(name)))
	return sha256.Sum256(data), err
}

// sums writes the checksums of all products.
func (r *release) sums() error {
	names, err := r.products()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, name := range names {
		sum, err := r.sum(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sum, name)
	}
	return r.write(sumsName, b.Bytes())
}
