// Package oci builds minimal, reproducible OCI images around a program, and
// looks into images that others built.
//
// The way of a file: Resolve finds what the dynamic linker would load (closure.go,
// ldcache.go), Compose lays it out as image paths (files.go), Build turns that
// into layers, a configuration and a manifest (image.go), Write and Push put
// it somewhere (output.go). Nothing here asks a daemon, and nothing of the
// building machine gets in but the files that are named: no times, no owners,
// no order of a folder.
//
// Registry protocol, digests and layouts are google/go-containerregistry's.
package oci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Root is a file tree that is looked at as if it were "/": links are followed
// inside it, absolute ones too, and never out of it. Dir is a host path; "/"
// is the machine itself.
type Root struct{ Dir string }

// maxLinks is how many symbolic links one look-up may follow (Linux: 40,
// path_resolution(7)).
const maxLinks = 40

// Resolve follows every symbolic link in name (an absolute path in the root)
// and returns the path of what is there, in the root. The error wraps
// fs.ErrNotExist where nothing is.
func (r Root) Resolve(name string) (string, error) {
	todo := strings.Split(path.Clean("/"+name), "/")[1:]
	at := "/"
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		info, err := os.Lstat(r.Host(next))
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: more than %d symbolic links", name, maxLinks)
		}
		target, err := os.Readlink(r.Host(next))
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			at = "/"
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return at, nil
}

// Host is the host's path of a path in the root whose folders are no links.
func (r Root) Host(name string) string { return filepath.Join(r.Dir, filepath.FromSlash(name)) }

// File resolves name to a regular file: its path in the root, and its size.
func (r Root) File(name string) (string, fs.FileInfo, error) {
	real, err := r.Resolve(name)
	if err != nil {
		return "", nil, err
	}
	info, err := os.Lstat(r.Host(real))
	if err != nil {
		return "", nil, err
	}
	if !info.Mode().IsRegular() {
		return "", nil, fmt.Errorf("%s: %w", name, errNotRegular)
	}
	return real, info, nil
}

var errNotRegular = errors.New("not a regular file")
