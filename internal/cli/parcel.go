package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/parcel"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/strip"
	"github.com/minsize/minsize/internal/verify"
)

// parcelFlags is what was typed behind `minsize wheel` and `minsize npm`.
type parcelFlags struct {
	levelFlags
	rewriteFlags
	leave       []string
	checks      []string
	checkIgnore []string
}

const parcelHelp = `
Every native file inside (ELF, PE, Mach-O, Wasm; programs and libraries) is
rewritten as "minsize strip --max" does, or at the level that is asked for, and
compared with the old one as a loader sees both. `

func newWheelCommand(e *env) *cobra.Command {
	return newParcelCommand(e, parcel.Wheel, "wheel FILE.whl...", "make the native code in finished Python wheels smaller",
		`Rewrites finished wheels, in place or to -o, without building anything.
`+parcelHelp+`RECORD gets the new
hashes and sizes; every other member stays byte for byte as it is, compressed
form, order, times and modes too, and so does the name with its tags.

Signed wheels (RECORD.jws, RECORD.p7s), signed programs inside, and wheels in
which something else names the hash of a file that would change are refused,
with exit status 6. -o takes a folder too: a wheel's name is part of it.`)
}

func newNpmCommand(e *env) *cobra.Command {
	return newParcelCommand(e, parcel.NPM, "npm FILE.tgz...", "make the native code in finished npm packages smaller",
		`Rewrites finished npm packages, in place or to -o, without building anything.
`+parcelHelp+`Every other member
stays byte for byte as it is, header, order, times and modes too. The report
has the integrity of the new package, as lock files write it.

Signed programs inside, and packages in which something names the hash of a file
that would change or signs one are refused, with exit status 6.`)
}

func newParcelCommand(e *env, kind parcel.Kind, use, short, long string) *cobra.Command {
	var f parcelFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		RunE: func(cmd *cobra.Command, args []string) error { return e.parcels(cmd.Context(), kind, &f, args) },
	}
	flags := cmd.Flags()
	f.levelFlags.register(flags)
	f.rewriteFlags.register(flags, "say what would go, and write nothing")
	flags.StringArrayVar(&f.leave, "leave", nil, "leave members as they are that match this `PATTERN`")
	flags.StringArrayVar(&f.checks, "check", nil, "a `COMMAND` to run before and after, {} the folder with the package's files:\nexit status and output must stay the same")
	flags.StringArrayVar(&f.checkIgnore, "check-ignore", nil, "what matches this `REGEXP` in a check's output is not compared")
	f.out.register(flags)
	return cmd
}

// parcels is both verbs: every package through the same steps, one report.
func (e *env) parcels(ctx context.Context, kind parcel.Kind, f *parcelFlags, args []string) error {
	if err := f.levelFlags.resolve(strip.Max); err != nil {
		return err
	}
	if len(args) == 0 {
		return usageError("minsize "+kind.Name+" FILE"+kind.Suffix, "expected a package")
	}
	if !isFolder(f.output) || f.keep {
		if err := f.rewriteFlags.resolve(kind.Name, args); err != nil {
			return err
		}
	}
	for _, pattern := range f.leave {
		if _, err := path.Match(pattern, ""); err != nil {
			return usageError("--leave '*.so'", "--leave %q: %v", pattern, err)
		}
	}
	if err := e.programTo(f.output, &f.out); err != nil {
		return err
	}
	result := report.ParcelResult{Verb: kind.Name, Level: f.options.Level.String(), DryRun: f.dryRun}
	smaller := false
	var err error
	result.Packages, err = eachFile(ctx, e, args, func(name string) (report.Parcel, error) {
		p, err := e.parcel(ctx, kind, f, name)
		smaller = smaller || err == nil && p.After < p.Before
		return p, err
	}, func(p *report.Parcel) *report.FileOutcome { return &p.FileOutcome })
	return e.printRewritten(ctx, &f.rewriteFlags, len(args), result.Document(), smaller, err)
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return strings.HasSuffix(name, "/") || err == nil && info.IsDir()
}

// parcel does one package: open, rewrite what is native, check, write.
func (e *env) parcel(ctx context.Context, kind parcel.Kind, f *parcelFlags, name string) (report.Parcel, error) {
	p := report.NewParcel(name)
	in, err := byteio.Open(name)
	if err != nil {
		return p, rewriteError(name, err)
	}
	defer in.Close()
	p.Before = uint64(len(in.Data))
	target := name
	if f.output != "" {
		if target = f.output; isFolder(target) {
			target = filepath.Join(target, filepath.Base(name))
		}
		p.Output = target
	}
	err = byteio.Guard(func() error {
		out, err := kind.Package(in.Data, func(member string, data []byte) ([]byte, error) {
			return f.rewriteMember(ctx, &p, member, data)
		})
		if err != nil {
			return err
		}
		p.Seal(out, sum256(out), sum512(out))
		if len(p.Files) == 0 {
			p.Notes = append(p.Notes, "it holds no native file")
		}
		if len(f.checks) > 0 {
			if p.Checked, err = f.check(ctx, kind, in.Data, out); err != nil {
				return err
			}
		}
		if f.dryRun || bytes.Equal(out, in.Data) && f.output == "" {
			return nil
		}
		if isFolder(f.output) {
			if err := os.MkdirAll(f.output, 0o777); err != nil {
				return err
			}
		}
		w := f.writing(name, in, func(written []byte) error {
			if !bytes.Equal(written, out) {
				return withStatus(exitVerification, "again; and please report it with the file", errors.New("other bytes came back from the disk"))
			}
			return nil
		})
		written, err := e.outputs().Deliver(ctx, target, byteio.Content{{Data: out}}, w)
		p.Notes = append(p.Notes, written.Notes...)
		return err
	})
	return p, parcelError(name, err)
}

// rewriteMember is strip for one file of a package.
func (f *parcelFlags) rewriteMember(ctx context.Context, p *report.Parcel, member string, data []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, r, err := strip.Rewrite(data, f.options)
	if errors.Is(err, strip.ErrFormat) {
		return nil, nil
	}
	file := report.NewStripFile(member)
	file.Before, file.After = uint64(len(data)), uint64(len(data))
	for _, pattern := range f.leave {
		whole, _ := path.Match(pattern, member)
		base, _ := path.Match(pattern, path.Base(member))
		if whole || base || pattern == member {
			file.Status = report.Left
			p.Files = append(p.Files, file)
			return nil, nil
		}
	}
	if err != nil {
		said := asStatus(rewriteError(member, err))
		hint := "--leave '" + member + "'"
		if said.hint != "" {
			hint += "; or " + said.hint
		}
		return nil, withStatus(said.status, hint, fmt.Errorf("%s: %w", member, err))
	}
	file.Fill(r)
	p.Files = append(p.Files, file)
	return out, nil
}

// check runs the checks on the files of the old package and on those of the new.
func (f *parcelFlags) check(ctx context.Context, kind parcel.Kind, old, now []byte) (int, error) {
	folder, remove, err := byteio.TempFolder(os.TempDir(), "minsize-package-")
	if err != nil {
		return 0, err
	}
	defer remove()
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	o := verify.Options{Dir: dir, Name: "package"}
	for _, command := range f.checks {
		o.Checks = append(o.Checks, verify.Check{Command: command})
	}
	if o.Ignore, err = ignorePatterns(f.checkIgnore); err != nil {
		return 0, err
	}
	suite, err := verify.New(o)
	if err != nil {
		return 0, shrinkError(err)
	}
	defer suite.Close()
	for i, data := range [][]byte{old, now} {
		unpacked := filepath.Join(folder, fmt.Sprint(i))
		if err := os.Mkdir(unpacked, 0o777); err != nil {
			return 0, err
		}
		if err := kind.Unpack(data, unpacked); err != nil {
			return 0, err
		}
		if i == 0 {
			if err := suite.Baseline(ctx, unpacked); err != nil {
				return 0, shrinkError(err)
			}
			continue
		}
		verdict, err := suite.Verify(ctx, unpacked)
		if err != nil {
			return 0, err
		}
		if !verdict.Same {
			return 0, withStatus(exitVerification, "a lower level, or --leave PATTERN", errors.New(verdict.Why))
		}
	}
	return len(f.checks), nil
}

func sum256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// sum512 is as lock files of npm write it (W3C "Subresource Integrity").
func sum512(data []byte) string {
	sum := sha512.Sum512(data)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// parcelError gives an error the package's name, its status and its hint.
func parcelError(name string, err error) error {
	switch {
	case errors.Is(err, parcel.ErrDamaged):
		err = withStatus(exitFailed, "a fresh copy of the package", err)
	case errors.Is(err, parcel.ErrOther):
		err = withStatus(exitVerification, "and please report it with the package", err)
	}
	return rewriteError(name, err)
}
