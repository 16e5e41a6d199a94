package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/inspect"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/oci"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
)

// imageFlags are what was typed.
type imageFlags struct {
	cargoFlags
	tag         string
	output      string
	kind        string // oci-tar, oci-dir, docker-tar
	force       bool
	push        bool
	plainHTTP   bool
	root        string
	name        string // path in the image
	platforms   []string
	user        string
	env         []string
	entrypoint  []string
	arguments   []string
	workdir     string
	labels      []string
	annotations []string
	expose      []string
	files       []string
	extra       oci.Extra
	compression string
	sbom        string // auto, always, never
	strip       bool
	pack        bool
	out         reportFlags
}

// nobody is the user that an image runs as unless --user says else: the
// number that distroless images call nonroot.
const nobody = 65532

func newImageCommand(e *env) *cobra.Command {
	f := &imageFlags{}
	cmd := &cobra.Command{
		Use:   "image [BIN...] -t NAME[:TAG]",
		Short: "write a minimal, reproducible OCI image of a program, without a daemon",
		Long: `Writes an OCI image that holds a program and what it needs to start, and says
what is in it and why. A static program stands alone; a dynamic one brings its
interpreter and its libraries, found as the dynamic linker finds them. Several
programs for several machines become one index.

In a cargo project, without BIN, the program is what ` + "`minsize shrink`" + ` or
` + "`minsize build`" + ` left in target/minsize.

The image runs as user 65532, has no shell, and is the same, to the digest,
for the same input: no times, no owners, no order of folders.`,
		Example: `  minsize image target/release/app -t app:1.0
  minsize image app -t registry.example/app:1.0 --push
  minsize image app-amd64 app-arm64 -t app --root-dir ./sysroot -o app.tar
  minsize image app -t app --ca-certificates --tzdata --expose 8080 -e LOG=info`,
		RunE: func(cmd *cobra.Command, args []string) error { return e.image(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.tag, "tag", "t", "", "the image's `name[:tag]`")
	flags.StringVarP(&f.output, "output", "o", "", "the `file` or folder to write, - for stdout (default NAME.tar)")
	flags.StringVar(&f.kind, "output-type", "", "oci-tar, oci-dir or docker-tar (default oci-tar; oci-dir for -o DIR/)")
	flags.BoolVar(&f.force, "force", false, "replace the output file")
	flags.BoolVar(&f.push, "push", false, "push to the name's registry, with the usual keychain's credentials")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "speak to a registry on localhost without TLS")
	flags.StringVar(&f.root, "root-dir", "/", "the `folder` whose libraries belong to the program (a sysroot, when cross-building)")
	flags.StringVar(&f.name, "path", "", "the program's `path` in the image (default /NAME)")
	flags.StringArrayVar(&f.platforms, "platform", nil, "`os/arch[/variant]` of each BIN; must agree with it")
	flags.StringVar(&f.user, "user", strconv.Itoa(nobody), "`[name:]uid[:gid]`; a name writes a matching /etc/passwd")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set `NAME=VALUE`")
	flags.StringArrayVar(&f.entrypoint, "entrypoint", nil, "the `word`s that start the container (default the program)")
	flags.StringArrayVar(&f.arguments, "arg", nil, "default arguments, one `word` each")
	flags.StringVarP(&f.workdir, "workdir", "w", "", "the working `folder`")
	flags.StringArrayVarP(&f.labels, "label", "l", nil, "label of the configuration, `KEY=VALUE`")
	flags.StringArrayVar(&f.annotations, "annotation", nil, "annotation of the manifest, `KEY=VALUE`")
	flags.StringArrayVar(&f.expose, "expose", nil, "`port[/udp]` that the program listens on")
	flags.StringArrayVar(&f.files, "file", nil, "copy a file or folder: `SRC:DST`")
	flags.BoolVar(&f.extra.CACertificates, "ca-certificates", false, "add the certificate authorities of the root folder")
	flags.BoolVar(&f.extra.TZData, "tzdata", false, "add the time zones of the root folder")
	flags.BoolVar(&f.extra.Tmp, "tmp", false, "add an empty /tmp that everybody may write to")
	flags.StringVar(&f.compression, "compression", "gzip", "of the layers: gzip, zstd or none")
	flags.StringVar(&f.sbom, "sbom", "auto", "attach an SPDX document: always, never, or auto: to what is pushed, since\nan archive with two entries makes tools ask which one")
	flags.BoolVar(&f.strip, "strip", false, "strip the program on its way in (as minsize strip --sections)")
	flags.BoolVar(&f.pack, "pack", false, "pack the program on its way in (as minsize pack)")
	f.cargoFlags.register(flags)
	f.out.register(flags)
	cmd.AddCommand(newImageInspectCommand(e))
	return cmd
}

// source is one program that goes into an image.
type imageSource struct {
	file       string
	data       []byte
	object     *objfile.File
	platform   oci.Platform
	components []oci.Component
	labels     map[string]string // annotations from the manifest
}

func (e *env) image(ctx context.Context, f *imageFlags, args []string) error {
	reference, err := f.resolve()
	if err != nil {
		return err
	}
	if err := e.programTo(f.output, &f.out); err != nil {
		return err
	}
	sources, err := e.imageSources(ctx, f, args)
	if err != nil {
		return err
	}
	bundle := &oci.Bundle{Reference: reference}
	result := &report.Image{Output: []string{}}
	if reference != nil {
		result.Name = reference.Name()
	}
	images := map[oci.Platform]v1.Image{}
	for _, s := range sources {
		img, platform, err := f.compose(s, bundle)
		if err != nil {
			return err
		}
		if _, twice := images[s.platform]; twice {
			return usageError("one program for each platform", "two programs for %s", s.platform)
		}
		images[s.platform] = img
		bundle.Image = img
		result.Platforms = append(result.Platforms, *platform)
		result.Compressed += platform.Compressed
	}
	if len(images) > 1 {
		if bundle.Index, err = oci.Index(images, nil); err != nil {
			return err
		}
	}
	digest, err := bundle.Digest()
	if err != nil {
		return err
	}
	result.Digest = digest.String()
	if result.Overhead, err = bundle.Overhead(); err != nil {
		return err
	}
	if err := e.writeImage(ctx, f, bundle, result); err != nil {
		return err
	}
	return e.print(ctx, result.Document(), &f.out)
}

// resolve refuses what cannot be, before anything is read.
func (f *imageFlags) resolve() (name.Reference, error) {
	if f.tag == "" {
		return nil, usageError("minsize image BIN -t NAME:TAG", "--tag is missing")
	}
	reference, err := name.ParseReference(f.tag)
	if err != nil {
		return nil, usageError("minsize image BIN -t name:tag", "--tag %v", err)
	}
	if _, isDigest := reference.(name.Digest); isDigest {
		return nil, usageError("minsize image BIN -t name:tag", "--tag %s: a digest is the result, not a name", f.tag)
	}
	switch oci.Compression(f.compression) {
	case oci.Gzip, oci.Zstd, oci.None:
	default:
		return nil, usageError("--compression gzip", "--compression %q: expected gzip, zstd or none", f.compression)
	}
	switch f.sbom {
	case "auto", "always", "never":
	default:
		return nil, usageError("--sbom auto", "--sbom %q: expected auto, always or never", f.sbom)
	}
	if f.kind == "" && strings.HasSuffix(f.output, "/") {
		f.kind = "oci-dir"
	}
	switch f.kind {
	case "":
		f.kind = "oci-tar"
	case "oci-tar", "oci-dir", "docker-tar":
	default:
		return nil, usageError("--output-type oci-tar", "--output-type %q: expected oci-tar, oci-dir or docker-tar", f.kind)
	}
	if f.output == "" && !f.push {
		f.output = path.Base(reference.Context().RepositoryStr())
		if f.kind != "oci-dir" {
			f.output += ".tar"
		}
	}
	if f.name != "" && !path.IsAbs(f.name) {
		return nil, usageError("--path /app", "--path %q: expected an absolute path", f.name)
	}
	if f.sbom == "always" && f.kind == "docker-tar" {
		return nil, usageError("--output-type oci-tar", "a docker-archive has no place for an attached SBOM")
	}
	for _, list := range [][]string{f.env, f.labels, f.annotations} {
		for _, pair := range list {
			if key, _, ok := strings.Cut(pair, "="); !ok || key == "" {
				return nil, usageError("NAME=VALUE", "%q: expected NAME=VALUE", pair)
			}
		}
	}
	if f.kind == "oci-dir" && stream.Descriptor(f.output) >= 0 {
		return nil, usageError("--output-type oci-tar", "-o %s: a stream cannot hold a folder", f.output)
	}
	if err := f.free(); err != nil {
		return nil, withStatus(exitRefused, "--force, or another -o", err)
	}
	return reference, nil
}

// imageSources opens the programs: those that were named, or the project's.
func (e *env) imageSources(ctx context.Context, f *imageFlags, args []string) ([]*imageSource, error) {
	var project *cargo.Project
	if len(args) == 0 {
		var err error
		if project, err = cargo.Load(ctx, e.cargoOptions(&f.cargoFlags)); err != nil {
			return nil, cargoError(err)
		}
		program := filepath.Join(project.OutputDir(), project.Target.Name)
		if _, err := os.Stat(program); err != nil {
			return nil, withStatus(exitFailed, "minsize shrink", fmt.Errorf("%s is not there yet: nothing was shrunk or built here", program))
		}
		args = []string{program}
	}
	if len(f.platforms) > 0 && len(f.platforms) != len(args) {
		return nil, usageError("one --platform for each BIN, or none", "%d programs but %d platforms", len(args), len(f.platforms))
	}
	var sources []*imageSource
	for i, file := range args {
		s, err := openImageSource(file)
		if err != nil {
			return nil, err
		}
		if len(f.platforms) > 0 {
			want, err := oci.ParsePlatform(f.platforms[i])
			if err != nil {
				return nil, usageError("--platform linux/amd64", "%v", err)
			}
			if !want.Matches(s.platform) {
				return nil, withStatus(exitRefused, "--platform "+s.platform.String(), fmt.Errorf("%s is a program for %s, not for %s", file, s.platform, want))
			}
			s.platform = want
		}
		if err := f.rewrite(ctx, e, s); err != nil {
			return nil, err
		}
		if project != nil {
			s.components, s.labels = inspect.ProjectFacts(project)
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func openImageSource(file string) (*imageSource, error) {
	m, err := byteio.Open(file)
	if errors.Is(err, byteio.ErrNotRegular) {
		return nil, withStatus(exitRefused, "the path of an ELF executable", err)
	}
	if err != nil {
		return nil, err
	}
	defer m.Close()
	data := append([]byte(nil), m.Data...)
	object, err := objfile.Parse(file, data)
	if err != nil {
		return nil, withStatus(exitRefused, "the path of an ELF executable", fmt.Errorf("%s: %w", file, err))
	}
	if object.ELF == nil {
		return nil, withStatus(exitRefused, "a Linux program", fmt.Errorf("%s is a %s file; images hold ELF programs", file, object.Format))
	}
	if system := objfile.ELFSystem(data); system != "" && system != objfile.SystemLinux {
		return nil, withStatus(exitRefused, "a Linux program", fmt.Errorf("%s is a program for %s; images hold Linux programs", file, system))
	}
	switch object.Kind {
	case objfile.Executable, objfile.PIE:
	case objfile.SharedObject:
		if object.Entry == 0 || object.ELF.Interp == "" && len(object.ELF.DynStrings(objfile.DT_NEEDED)) > 0 {
			return nil, withStatus(exitRefused, "the program that uses it", fmt.Errorf("%s is a library, not a program", file))
		}
	default:
		return nil, withStatus(exitRefused, "the linked program", fmt.Errorf("%s is a %s, not a program", file, object.Kind))
	}
	platform, err := oci.PlatformOf(object)
	if err != nil {
		return nil, err
	}
	return &imageSource{file: file, data: data, object: object, platform: platform}, nil
}

// compose lays out and builds the image of one platform, its SBOM too.
func (f *imageFlags) compose(s *imageSource, bundle *oci.Bundle) (v1.Image, *report.ImagePlatform, error) {
	programPath := f.name
	if programPath == "" {
		programPath = "/" + filepath.Base(s.file)
	}
	user, userName, uid, gid, err := parseUser(f.user)
	if err != nil {
		return nil, nil, err
	}
	extra := f.extra
	extra.UserName = userName
	for _, pair := range f.files {
		source, target, ok := strings.Cut(pair, ":")
		if !ok || source == "" || !path.IsAbs(target) {
			return nil, nil, usageError("--file ./config.toml:/etc/app/config.toml", "--file %q: expected SRC:DST, DST absolute", pair)
		}
		extra.Files = append(extra.Files, oci.FileArg{Source: source, Target: path.Clean(target)})
	}
	c, err := oci.Compose(oci.Root{Dir: f.root}, s.object, s.data, path.Clean(programPath), extra, uid, gid)
	if err != nil {
		return nil, nil, imageError(err)
	}
	c.Platform = s.platform
	entrypoint := f.entrypoint
	if len(entrypoint) == 0 {
		entrypoint = []string{c.Program}
	}
	annotations := map[string]string{}
	for key, value := range s.labels {
		annotations[key] = value
	}
	for key, value := range pairs(f.annotations) {
		annotations[key] = value
	}
	img, err := oci.Build(c, oci.Config{
		User: user, Env: f.env, Entrypoint: entrypoint, Command: f.arguments, WorkingDir: f.workdir,
		Labels: pairs(f.labels), ExposedPorts: f.expose, Annotations: annotations,
		Compression: oci.Compression(f.compression),
	})
	if err != nil {
		return nil, nil, err
	}
	compressed, err := oci.LayerBytes(img)
	if err != nil {
		return nil, nil, err
	}
	if f.sbom == "always" || f.sbom == "auto" && f.push {
		digest, err := img.Digest()
		if err != nil {
			return nil, nil, err
		}
		sbom, err := oci.SBOM(bundle.Reference.Name(), digest, c, s.components)
		if err != nil {
			return nil, nil, err
		}
		attached, err := oci.AttachedSBOM(sbom, img)
		if err != nil {
			return nil, nil, err
		}
		bundle.Attached = append(bundle.Attached, attached)
	}
	platform := report.NewImagePlatform(c, user, compressed)
	return img, &platform, nil
}

// imageError gives an error of composing its hint.
func imageError(err error) error {
	var missing *oci.MissingError
	switch {
	case errors.As(err, &missing):
		return withStatus(exitFailed, "--root-dir DIR where it is, or install the package that has it", err)
	case errors.Is(err, oci.ErrNoInterpreter):
		return withStatus(exitFailed, "--root-dir DIR of the program's own system, or link it statically", err)
	}
	return err
}

// write puts the bundle where it was asked for.
func (e *env) writeImage(ctx context.Context, f *imageFlags, bundle *oci.Bundle, result *report.Image) error {
	if f.output != "" {
		var err error
		if result.Written, err = e.writeImageOutput(ctx, f, bundle); err != nil {
			if errors.Is(err, oci.ErrExists) {
				return withStatus(exitRefused, "--force, or another -o", err)
			}
			return err
		}
		result.Output = append(result.Output, f.output)
	}
	if f.push {
		if err := bundle.Push(ctx, oci.RegistryOptions{PlainHTTP: f.plainHTTP}); err != nil {
			if errors.Is(err, oci.ErrPlainHTTP) {
				return withStatus(exitRefused, "--plain-http for a registry on localhost", err)
			}
			return fmt.Errorf("push %s: %w", bundle.Reference.Name(), err)
		}
		result.Output = append(result.Output, bundle.Reference.Name())
	}
	return nil
}

// writeImageOutput writes a folder, a file or a stream, and says how much.
func (e *env) writeImageOutput(ctx context.Context, f *imageFlags, bundle *oci.Bundle) (int64, error) {
	if f.kind == "oci-dir" {
		dir := filepath.Clean(f.output)
		if err := bundle.WriteLayout(dir); err != nil {
			return 0, err
		}
		return oci.SizeOnDisk(dir)
	}
	var data []byte
	var err error
	if f.kind == "docker-tar" {
		data, err = bundle.DockerTar()
	} else {
		data, err = bundle.LayoutTar(f.workFolder())
	}
	if err != nil {
		return 0, err
	}
	if err := f.free(); err != nil {
		return 0, err
	}
	written, err := e.deliver(ctx, f.output, byteio.Content{{Data: data}}, byteio.WriteOptions{})
	return int64(written.Size), err
}

// workFolder is where the layers are collected: beside the output, or where a
// stream needs none, in the system's folder for such.
func (f *imageFlags) workFolder() string {
	if stream.IsStream(f.output) {
		return os.TempDir()
	}
	return filepath.Dir(filepath.Clean(f.output))
}

// free says whether -o may be written: a stream always, a file that is there
// with --force.
func (f *imageFlags) free() error {
	if f.output == "" || f.force || f.kind != "oci-dir" && stream.IsStream(f.output) {
		return nil
	}
	if _, err := os.Lstat(filepath.Clean(f.output)); err == nil {
		return fmt.Errorf("%s: %w", f.output, oci.ErrExists)
	}
	return nil
}

// parseUser reads [name:]uid[:gid].
func parseUser(text string) (user, userName string, uid, gid int, err error) {
	parts := strings.Split(text, ":")
	if _, convErr := strconv.Atoi(parts[0]); convErr != nil && parts[0] != "" {
		userName, parts = parts[0], parts[1:]
		if len(parts) == 0 {
			parts = []string{strconv.Itoa(nobody)}
		}
	}
	bad := usageError("--user 65532, --user app:1000:1000", "--user %q: expected [name:]uid[:gid]", text)
	if len(parts) > 2 || strings.ContainsAny(userName, "\n/ ") {
		return "", "", 0, 0, bad
	}
	if uid, err = strconv.Atoi(parts[0]); err != nil || uid < 0 {
		return "", "", 0, 0, bad
	}
	gid = uid
	if len(parts) == 2 {
		if gid, err = strconv.Atoi(parts[1]); err != nil || gid < 0 {
			return "", "", 0, 0, bad
		}
	}
	return fmt.Sprintf("%d:%d", uid, gid), userName, uid, gid, nil
}

func pairs(list []string) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, pair := range list {
		key, value, _ := strings.Cut(pair, "=")
		out[key] = value
	}
	return out
}
