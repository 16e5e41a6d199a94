package cargo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// TryLink links a two-line program as the project links its own, with its
// compiler, its flags and its linker, adds flags, and runs it where this
// machine or the project's runner can. It gives the linker's kind as
// Linker.Kind has it, "" where the file does not tell. It takes 0.1 s.
func (p *Project) TryLink(ctx context.Context, rustflags []string) (kind string, err error) {
	dir, err := os.MkdirTemp("", "minsize-link-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	program, err := p.CompileOne(ctx, dir, "probe", probeSource, rustflags)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return "", errors.New("the linker answered 0 and wrote no file")
	}
	for _, k := range []string{"lld", "mold", "gold"} {
		if bytes.Contains(data, []byte(signatures[k])) {
			kind = k
			break
		}
	}
	if p.Foreign() && len(p.Runner) == 0 {
		return kind, nil
	}
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	line := append(slices.Clone(p.Runner), program)
	out, err := output(limited, dir, p.Options.environ(), line[0], line[1:]...)
	if err != nil {
		return kind, fmt.Errorf("the program does not run: %w", err)
	}
	if string(out) != probeAnswer {
		return kind, fmt.Errorf("the program answers %.40q, expected %q", out, probeAnswer)
	}
	return kind, nil
}

// CompileOne makes a program of one source in dir, with the project's compiler,
// flags and linker, and more flags.
func (p *Project) CompileOne(ctx context.Context, dir, name, source string, rustflags []string) (string, error) {
	file := filepath.Join(dir, name+".rs")
	if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
		return "", err
	}
	program := filepath.Join(dir, exe(name))
	args := []string{file, "-o", program}
	if p.Foreign() {
		args = append(args, "--target", p.Triple.Name)
	}
	if linker, ok := p.Linker.Value.(string); ok && p.Rustflags.Linker() == "" && linker != "" {
		args = append(args, "-Clinker="+linker)
	}
	args = slices.Concat(args, p.Rustflags.Flags, rustflags)
	// The project's folder, for flags may name files below it.
	_, err := output(ctx, p.Dir, p.Toolchain.Environ(p.Options.environ()), p.Toolchain.Rustc, args...)
	return program, err
}
