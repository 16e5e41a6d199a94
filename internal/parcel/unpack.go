package parcel

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Unpack writes a package's files into a folder that is there. What would leave
// the folder, by a name or by a symbolic link, is an error.
func (k Kind) Unpack(data []byte, dir string) error {
	p, err := k.openChecked(data)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for i, m := range p.all {
		name := strings.TrimSuffix(m.name, "/")
		if m.mode.IsDir() {
			if err := root.MkdirAll(name, 0o777); err != nil {
				return err
			}
			continue
		}
		if err := root.MkdirAll(path.Dir(name), 0o777); err != nil {
			return err
		}
		switch {
		case m.mode&fs.ModeSymlink != 0 && m.link != "":
			if err := root.Symlink(m.link, name); err != nil {
				return err
			}
		case m.file():
			content, err := p.read(i)
			if err != nil {
				return err
			}
			f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666|m.mode&0o111)
			if err != nil {
				return err
			}
			_, err = f.Write(content)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}
