package relink

// The start of a program: what runs between the kernel and main.
//
// A compiler driver adds five objects to every program: crt1 (_start), crti
// and crtn (the frame of .init and .fini), crtbegin and crtend (hooks of
// transactional memory, of old frame tables, of gprof). glibc 2.34 and later
// need _start alone: they run the arrays of constructors themselves. The rest
// costs a Rust program most of a kilobyte: symbols that nothing defines, with
// names, versions and relocations, a procedure linkage table for one call,
// entries of the dynamic table.
//
// Two ways to do without: the driver's own _start alone (plain-start), which
// changes nothing that a program can see, and a _start of ours (own-start),
// which is shorter by a hundred bytes.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objedit"
)

// startAvailable says why the program cannot have a `_start` of our own.
func startAvailable(p *plan) error {
	if !isDriver(p.recording.link.Driver) {
		return errors.New("the program is linked without a compiler driver")
	}
	if p.recording.library() {
		return errors.New("a library has no start")
	}
	if slices.Contains(p.recording.link.Args, "-nostartfiles") || slices.Contains(p.recording.link.Args, "-nostdlib") {
		return errors.New("the program is linked without the C runtime's start files as it is")
	}
	_, err := objedit.StartObject(p.recording.machine())
	return err
}

// plainStartAvailable says why the program needs the hooks.
func plainStartAvailable(p *plan) error {
	if err := startAvailable(p); err != nil {
		return err
	}
	for _, a := range p.recording.link.Args {
		if a == "-pg" || a == "-p" || a == "-fgnu-tm" || a == "-litm" || strings.HasPrefix(a, "-fsanitize") || strings.HasPrefix(a, "-fprofile") {
			return fmt.Errorf("the link has %s, which needs the C runtime's hooks", a)
		}
	}
	return nil
}

// oldConstructors are sections that only crti and crtbegin run.
func oldConstructors(section string) bool {
	for _, s := range []string{".init", ".fini", ".ctors", ".dtors", ".jcr", ".CRT$XI", ".CRT$XC"} { // the last two on Windows
		if section == s || strings.HasPrefix(section, s+".") || s[1] == 'C' && strings.HasPrefix(section, s) {
			return true
		}
	}
	return false
}

// writeStart puts the objects that the options ask for in front of the
// recorded inputs.
func (p *plan) writeStart() error {
	var object []byte
	var err error
	switch {
	case p.ownStart:
		object, err = objedit.StartObject(p.recording.machine())
	case p.shortStart:
		object = objedit.WindowsStartObject()
	case p.plainStart:
		if object, err = objedit.HandleObject(p.recording.machine()); err == nil {
			err = p.writeCRT1()
		}
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("start files: %w: %w", ErrNotApplicable, err)
	}
	return p.addObject("start.o", object)
}

// addObject gives the link one more object, before the recorded ones.
func (p *plan) addObject(name string, object []byte) error {
	file := filepath.Join(p.scratch, name)
	p.before = append(p.before, file)
	return os.WriteFile(file, object, 0o666)
}

// writeCRT1 adds the driver's own _start, without the note of the oldest
// kernel that the C library was made for, which libraries have too.
func (p *plan) writeCRT1() error {
	name := "crt1.o"
	if slices.Contains(p.recording.link.Args, "-pie") && !slices.Contains(p.variant.Options, NoPIE) {
		name = "Scrt1.o"
	}
	path, err := p.recording.startFile(name)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	o, err := objedit.Parse(path, data, 0)
	if err != nil {
		return err
	}
	if _, err := o.TakeOut(func(section string) bool {
		return section == ".note.ABI-tag" || p.dropUnwind && !p.foreign && objedit.UnwindTables(section)
	}); err != nil {
		return err
	}
	return p.addObject(name, o.Bytes())
}

// startFile asks the recorded driver where it takes a start file from.
func (r *Recording) startFile(name string) (string, error) {
	if path, known := r.edit.startFiles.Load(name); known {
		return path.(string), nil
	}
	var args []string
	for i, a := range r.link.Args {
		switch { // what makes the driver look elsewhere
		case strings.HasPrefix(a, "-m"), strings.HasPrefix(a, "-B"), strings.HasPrefix(a, "--sysroot"), strings.HasPrefix(a, "--target="), strings.HasPrefix(a, "--gcc-toolchain"):
			args = append(args, a)
		case a == "-target" && i+1 < len(r.link.Args):
			args = append(args, a, r.link.Args[i+1])
		}
	}
	cmd := exec.CommandContext(context.Background(), r.link.Driver, append(args, "-print-file-name="+name)...)
	cmd.Env = r.environment()
	said, err := cmd.Output()
	path := strings.TrimSpace(string(said))
	if err != nil || !filepath.IsAbs(path) {
		return "", fmt.Errorf("%s does not say where %s is", filepath.Base(r.link.Driver), name)
	}
	r.edit.startFiles.Store(name, path)
	return path, nil
}

// checkStart refuses a program whose C library would not run its init arrays:
// glibc does it by itself since 2.34, which gave __libc_start_main a new
// symbol version.
func checkStart(program string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if !bytes.Contains(data, []byte("\x00GLIBC_2.34\x00")) {
		return fmt.Errorf("start files: %w: the C library that was linked is not glibc 2.34 or later", ErrNotApplicable)
	}
	return nil
}

// machine is the machine of the recorded objects: that of the first one.
func (r *Recording) machine() *machine.Machine {
	for _, in := range r.link.Inputs {
		head := make([]byte, 64)
		f, err := os.Open(r.file(in.Stored))
		if err != nil {
			continue
		}
		_, err = io.ReadFull(f, head)
		f.Close()
		if m := objedit.MachineOf(head); err == nil && m != nil {
			return m
		}
	}
	return machine.OfELF(0)
}
