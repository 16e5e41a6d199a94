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
	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/inspect"
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
	flags.StringVarP(&f.tag, "tag", "t", "", "the image's `NAME[:TAG]`")
	flags.StringVarP(&f.output, "output", "o", "", "the `FILE` or folder to write, - for stdout (default NAME.tar)")
	choose(flags, &f.kind, "output-type", "", "", "`KIND` of output: oci-tar, oci-dir or docker-tar (default oci-tar; oci-dir for -o DIR/)", "oci-tar", "oci-dir", "docker-tar")
	flags.BoolVar(&f.force, "force", false, "replace the output file")
	flags.BoolVar(&f.push, "push", false, "push to the name's registry, with the usual keychain's credentials")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "speak to a registry on localhost without TLS")
	flags.StringVar(&f.root, "root-dir", "/", "the `FOLDER` whose libraries belong to the program (a sysroot, when cross-building)")
	flags.StringVar(&f.name, "path", "", "the program's `PATH` in the image (default /NAME)")
	flags.StringArrayVar(&f.platforms, "platform", nil, "`OS/ARCH[/VARIANT]` of each BIN; must agree with it")
	flags.StringVar(&f.user, "user", strconv.Itoa(oci.Nobody.UID), "`[NAME:]UID[:GID]`; a name writes a matching /etc/passwd")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set `NAME=VALUE`")
	flags.StringArrayVar(&f.entrypoint, "entrypoint", nil, "the `WORD`s that start the container (default the program)")
	flags.StringArrayVar(&f.arguments, "arg", nil, "default arguments, one `WORD` each")
	flags.StringVarP(&f.workdir, "workdir", "w", "", "the working `FOLDER`")
	flags.StringArrayVarP(&f.labels, "label", "l", nil, "label of the configuration, `KEY=VALUE`")
	flags.StringArrayVar(&f.annotations, "annotation", nil, "annotation of the manifest, `KEY=VALUE`")
	flags.StringArrayVar(&f.expose, "expose", nil, "`PORT[/udp]` that the program listens on")
	flags.StringArrayVar(&f.files, "file", nil, "copy a file or folder: `SRC:DST`")
	flags.BoolVar(&f.extra.CACertificates, "ca-certificates", false, "add the certificate authorities of the root folder")
	flags.BoolVar(&f.extra.TZData, "tzdata", false, "add the time zones of the root folder")
	flags.BoolVar(&f.extra.Tmp, "tmp", false, "add an empty /tmp that everybody may write to")
	choose(flags, &f.compression, "compression", "", "gzip", "of the layers: `HOW` is gzip, zstd or none", "gzip", "zstd", "none")
	choose(flags, &f.sbom, "sbom", "", "auto", "attach an SPDX document: `WHEN` is always, never, or auto: to what is pushed alone, since of an archive with two entries tools ask which one", "auto", "always", "never")
	flags.BoolVar(&f.strip, "strip", false, "strip the program on its way in (as minsize strip --sections)")
	flags.BoolVar(&f.pack, "pack", false, "pack the program on its way in (as minsize pack)")
	f.cargoFlags.register(flags)
	f.out.register(flags)
	cmd.AddCommand(newImageInspectCommand(e))
	return cmd
}

// imageRequest is what was typed, read.
type imageRequest struct {
	oci.Request
	reference name.Reference
	platforms []oci.Platform
}

func (e *env) image(ctx context.Context, f *imageFlags, args []string) error {
	r, err := f.resolve()
	if err != nil {
		return err
	}
	if err := e.programTo(f.output, &f.out); err != nil {
		return err
	}
	programs, err := e.imagePrograms(ctx, f, r, args)
	if err != nil {
		return err
	}
	bundle := &oci.Bundle{Reference: r.reference}
	result := &report.Image{Name: r.reference.Name(), Output: []string{}}
	for _, p := range programs {
		added, err := bundle.Add(p, r.Request)
		if err != nil {
			return imageError(err)
		}
		result.Platforms = append(result.Platforms, report.NewImagePlatform(added.Composition, r.User.String(), added.Compressed))
		result.Compressed += added.Compressed
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
		return imageError(err)
	}
	return e.print(ctx, result.Document(), &f.out)
}

// resolve refuses what cannot be, before anything is read.
func (f *imageFlags) resolve() (*imageRequest, error) {
	if f.tag == "" {
		return nil, usageError("minsize image BIN -t NAME:TAG", "--tag is missing")
	}
	r := &imageRequest{Request: oci.Request{Root: oci.Root{Dir: f.root}, Extra: f.extra, SBOM: f.sbom == "always" || f.sbom == "auto" && f.push}}
	r.Config = oci.Config{Env: f.env, Entrypoint: f.entrypoint, Command: f.arguments, WorkingDir: f.workdir,
		ExposedPorts: f.expose, Compression: oci.Compression(f.compression)}
	var err error
	if r.reference, err = name.ParseReference(f.tag); err != nil {
		return nil, usageError("minsize image BIN -t name:tag", "--tag %v", err)
	}
	if _, isDigest := r.reference.(name.Digest); isDigest {
		return nil, usageError("minsize image BIN -t name:tag", "--tag %s: a digest is the result, not a name", f.tag)
	}
	if f.kind == "" {
		f.kind = "oci-tar"
		if strings.HasSuffix(f.output, "/") {
			f.kind = "oci-dir"
		}
	}
	if f.output == "" && !f.push {
		f.output = path.Base(r.reference.Context().RepositoryStr())
		if f.kind != "oci-dir" {
			f.output += ".tar"
		}
	}
	switch {
	case f.name != "" && !path.IsAbs(f.name):
		return nil, usageError("--path /app", "--path %q: expected an absolute path", f.name)
	case f.sbom == "always" && f.kind == "docker-tar":
		return nil, usageError("--output-type oci-tar", "a docker-archive has no place for an attached SBOM")
	case f.kind == "oci-dir" && stream.Descriptor(f.output) >= 0:
		return nil, usageError("--output-type oci-tar", "-o %s: a stream cannot hold a folder", f.output)
	case f.name != "":
		r.Path = path.Clean(f.name)
	}
	if _, err = oci.ParsePairs(f.env); err == nil {
		r.Config.Labels, err = oci.ParsePairs(f.labels)
	}
	if err == nil {
		r.Config.Annotations, err = oci.ParsePairs(f.annotations)
	}
	if err != nil {
		return nil, usageError("NAME=VALUE", "%v", err)
	}
	if r.User, err = oci.ParseUser(f.user); err != nil {
		return nil, usageError("--user 65532, --user app:1000:1000", "--user %v", err)
	}
	for _, text := range f.files {
		file, err := oci.ParseFileArg(text)
		if err != nil {
			return nil, usageError("--file ./config.toml:/etc/app/config.toml", "--file %v", err)
		}
		r.Extra.Files = append(r.Extra.Files, file)
	}
	for _, text := range f.platforms {
		platform, err := oci.ParsePlatform(text)
		if err != nil {
			return nil, usageError("--platform linux/amd64", "%v", err)
		}
		r.platforms = append(r.platforms, platform)
	}
	return r, imageError(f.free())
}

// imagePrograms opens the programs: those that were named, or the project's.
func (e *env) imagePrograms(ctx context.Context, f *imageFlags, r *imageRequest, args []string) ([]*oci.Program, error) {
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
	if len(r.platforms) > 0 && len(r.platforms) != len(args) {
		return nil, usageError("one --platform for each BIN, or none", "%d programs but %d platforms", len(args), len(r.platforms))
	}
	var programs []*oci.Program
	for i, file := range args {
		p, err := oci.OpenProgram(file)
		if err == nil && len(r.platforms) > 0 {
			err = p.As(r.platforms[i])
		}
		if err != nil {
			return nil, imageError(err)
		}
		if err := f.rewrite(ctx, e, p); err != nil {
			return nil, err
		}
		if project != nil {
			p.Components, p.Labels = inspect.ProjectFacts(project)
		}
		programs = append(programs, p)
	}
	return programs, nil
}

// imageError gives an error of making an image its hint.
func imageError(err error) error {
	var missing *oci.MissingError
	var twice *oci.TwiceError
	switch {
	case errors.As(err, &missing):
		return withStatus(exitFailed, "--root-dir DIR where it is, or install the package that has it", err)
	case errors.As(err, &twice):
		return withStatus(exitUsage, "one program for each platform", err)
	case errors.Is(err, oci.ErrNoInterpreter):
		return withStatus(exitFailed, "--root-dir DIR of the program's own system, or link it statically", err)
	case errors.Is(err, oci.ErrExists):
		return withStatus(exitRefused, "--force, or another -o", err)
	case errors.Is(err, oci.ErrPlainHTTP):
		return withStatus(exitRefused, "--plain-http for a registry on localhost", err)
	case errors.Is(err, byteio.ErrNotRegular):
		return withStatus(exitRefused, "the path of an ELF executable", err)
	}
	return err
}

// writeImage puts the bundle where it was asked for.
func (e *env) writeImage(ctx context.Context, f *imageFlags, bundle *oci.Bundle, result *report.Image) error {
	if f.output != "" {
		var err error
		if result.Written, err = e.writeImageOutput(ctx, f, bundle); err != nil {
			return err
		}
		result.Output = append(result.Output, f.output)
	}
	if f.push {
		if err := bundle.Push(ctx, oci.RegistryOptions{PlainHTTP: f.plainHTTP}); err != nil {
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
	written, err := e.outputs().Deliver(ctx, f.output, byteio.Content{{Data: data}}, byteio.WriteOptions{})
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
