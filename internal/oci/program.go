package oci

import (
	"fmt"
	"maps"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// Program is one program on its way into an image.
type Program struct {
	File       string // where it was found
	Data       []byte // its bytes, stripped or packed where that was asked for
	Object     *objfile.File
	Platform   Platform
	Components []Component       // what it was linked of, for the SBOM
	Labels     map[string]string // annotations that its project gives
}

// OpenProgram reads a Linux program. Errors: *byteio.Refusal for what is no
// program of a Linux system.
func OpenProgram(file string) (*Program, error) {
	m, err := byteio.Open(file)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	p := &Program{File: file}
	if err := p.Replace(append([]byte(nil), m.Data...)); err != nil {
		return nil, byteio.Refuse("the path of an ELF executable", "%v", err)
	}
	if p.Object.ELF == nil {
		return nil, byteio.Refuse("a Linux program", "%s is a %s file; images hold ELF programs", file, p.Object.Format)
	}
	if system := objfile.ELFSystem(p.Data); system != "" && system != objfile.SystemLinux {
		return nil, byteio.Refuse("a Linux program", "%s is a program for %s; images hold Linux programs", file, system)
	}
	switch p.Object.Kind {
	case objfile.Executable, objfile.PIE:
	case objfile.SharedObject:
		if p.Object.Entry == 0 || p.Object.ELF.Interp == "" && len(p.Object.ELF.DynStrings(objfile.DT_NEEDED)) > 0 {
			return nil, byteio.Refuse("the program that uses it", "%s is a library, not a program", file)
		}
	default:
		return nil, byteio.Refuse("the linked program", "%s is a %s, not a program", file, p.Object.Kind)
	}
	p.Platform, err = PlatformOf(p.Object)
	return p, err
}

// Replace takes new bytes for the program.
func (p *Program) Replace(data []byte) error {
	object, err := objfile.Parse(p.File, data)
	if err != nil {
		return fmt.Errorf("%s: %w", p.File, err)
	}
	p.Data, p.Object = data, object
	return nil
}

// As is the program for a platform that the user names, which may say more than
// the file does, and must not say another thing.
func (p *Program) As(want Platform) error {
	if !want.Matches(p.Platform) {
		return byteio.Refuse("--platform "+p.Platform.String(), "%s is a program for %s, not for %s", p.File, p.Platform, want)
	}
	p.Platform = want
	return nil
}

// Request is how a program goes into an image.
type Request struct {
	Root   Root
	Path   string // in the image; "" for the file's name in the root folder
	User   User
	Extra  Extra
	Config Config // without an entrypoint it is the program
	SBOM   bool   // attach an SPDX document
}

// Added is an image that a bundle got.
type Added struct {
	*Composition
	Compressed int64 // bytes of the layers as stored
}

// Add composes and builds the image of one more platform.
func (b *Bundle) Add(p *Program, r Request) (*Added, error) {
	if b.images[p.Platform] != nil {
		return nil, &TwiceError{p.Platform}
	}
	if r.Path == "" {
		r.Path = "/" + filepath.Base(p.File)
	}
	r.Extra.UserName = r.User.Name
	c, err := Compose(r.Root, p.Object, p.Data, r.Path, r.Extra, r.User.UID, r.User.GID)
	if err != nil {
		return nil, err
	}
	c.Platform = p.Platform
	r.Config.User = r.User.String()
	if len(r.Config.Entrypoint) == 0 {
		r.Config.Entrypoint = []string{c.Program}
	}
	annotations := map[string]string{}
	maps.Copy(annotations, p.Labels)
	maps.Copy(annotations, r.Config.Annotations)
	r.Config.Annotations = annotations
	img, err := Build(c, r.Config)
	if err != nil {
		return nil, err
	}
	added := &Added{Composition: c}
	if added.Compressed, err = LayerBytes(img); err != nil {
		return nil, err
	}
	if r.SBOM {
		if err := b.attach(img, c, p.Components); err != nil {
			return nil, err
		}
	}
	if b.images == nil {
		b.images = map[Platform]v1.Image{}
	}
	b.images[p.Platform], b.Image = img, img
	if len(b.images) > 1 {
		b.Index, err = Index(b.images, nil)
	}
	return added, err
}

// attach makes the SBOM of an image.
func (b *Bundle) attach(img v1.Image, c *Composition, components []Component) error {
	digest, err := img.Digest()
	if err != nil {
		return err
	}
	sbom, err := SBOM(b.Reference.Name(), digest, c, components)
	if err != nil {
		return err
	}
	attached, err := AttachedSBOM(sbom, img)
	if err != nil {
		return err
	}
	b.Attached = append(b.Attached, attached)
	return nil
}

// TwiceError says that two programs are for one platform.
type TwiceError struct{ Platform Platform }

func (e *TwiceError) Error() string { return "two programs for " + e.Platform.String() }
