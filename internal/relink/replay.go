package relink

// The replay: the recorded command again, with a variant's changes.
//
// Nothing of the recording is written to: edited objects go to a folder that
// lives as long as the link, and the output to a temporary file beside the
// wanted one, which a rename puts in place. So links may run side by side.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Link makes the variant of the recorded program at out. A linker that fails
// gives a *LinkError; an option or cut that cannot be had here gives an error
// that wraps ErrNotApplicable. out is written only on success.
func (r *Recording) Link(ctx context.Context, v Variant, out string) (*Result, error) {
	began, ownCPU := time.Now(), processCPU()
	scratch, err := os.MkdirTemp(filepath.Dir(out), ".minsize-link-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)

	p := &plan{recording: r, flavour: r.flavour, variant: v, scratch: scratch}
	// Some drivers put .exe behind a name that has no ending.
	p.out = filepath.Join(scratch, strings.TrimSuffix(filepath.Base(out), filepath.Ext(out))+filepath.Ext(r.link.Output))
	if err := p.inputs(); err != nil { // where each input is read from
		return nil, err
	}
	if err := p.linker(); err != nil { // whose arguments are meant
		return nil, err
	}
	if err := p.options(); err != nil { // what they say
		return nil, err
	}
	if err := p.foreignCode(); err != nil { // whose unwind tables are not ours to take
		return nil, err
	}
	if err := p.codegen(ctx); err != nil { // machine code made again, cuts in the bitcode
		return nil, err
	}
	if err := p.flavour.edit(p); err != nil { // cuts and sections out of the objects
		return nil, err
	}
	edited := processCPU() - ownCPU

	command := p.command()
	if p.through != "" {
		if command, err = p.linkersOwn(ctx, command); err != nil {
			return nil, err
		}
	}
	message, cpu, err := r.run(ctx, command, p.environment)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(p.out); err != nil {
		// lld --omagic exits with 0 and writes nothing.
		return nil, &LinkError{Command: command, Message: message, Err: errors.New("the linker reported success and wrote no file")}
	}
	if err := p.flavour.finish(p); err != nil {
		return nil, err
	}
	info, err := os.Stat(p.out)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(p.out, out); err != nil {
		return nil, err
	}
	return &Result{Path: out, Size: info.Size(), Wall: time.Since(began), CPU: edited + cpu + p.codegenCPU,
		Command: command, Message: message, Cuts: p.outcomes, TablesLeft: p.tablesLeft}, nil
}

// ErrNotApplicable is wrapped by Link's error when this recording or linker
// cannot have what the variant asks for: a rung to leave out, with the reason.
var ErrNotApplicable = errors.New("not applicable")

// plan is a link being put together.
type plan struct {
	recording   *Recording
	flavour     *Flavour
	variant     Variant
	scratch     string
	out         string
	environment []string

	files         []planFile // by the recording's inputs
	driver        string
	through       string   // the linker to be started in the place of the driver, with the arguments that it would give
	before        []string // arguments that must stand before the recorded ones
	remove        []string
	add           []string
	dropUnwind    bool
	foreign       bool // other code than Rust's unwinds: dropUnwind is for Rust's objects alone
	tablesLeft    bool // objects were left alone for that
	align         bool // functions begin wherever the machine allows it
	ownStart      bool
	foldLocations bool
	plainStart    bool
	shortStart    bool // the same for Windows
	selfRelocates bool // the program applies its packed relative relocations itself
	kind          LinkerKind
	outcomes      []CutOutcome
	inBitcode     []map[string]bool // by cut: what codegen has cut already; nil without codegen
	codegenCPU    time.Duration
}

// planFile is one input and the file that this link reads for it.
type planFile struct {
	recordedInput
	now     string // absolute
	written int    // times that an edited copy was written
}

func (p *plan) inputs() error {
	for _, in := range p.recording.link.Inputs {
		p.files = append(p.files, planFile{recordedInput: in, now: p.recording.file(in.Stored)})
	}
	p.environment = p.recording.environment()
	return nil
}

func (p *plan) linker() error {
	link := &p.recording.link
	p.driver = link.Driver
	p.kind = p.variant.Linker.Kind
	if p.variant.Linker == (Linker{}) {
		p.kind = p.recording.recordedKind()
		return nil
	}
	if !isDriver(link.Driver) {
		p.driver = p.variant.Linker.Path
		return nil
	}
	return p.flavour.choose(p)
}

func (p *plan) options() error {
	for i := range p.flavour.Options {
		o := &p.flavour.Options[i]
		if !slices.Contains(p.variant.Options, o.Name) {
			continue
		}
		if err := o.available(p); err != nil {
			return fmt.Errorf("link option %s: %w: %w", o.Name, ErrNotApplicable, err)
		}
		o.apply(p)
	}
	for _, name := range p.variant.Options {
		if p.flavour.Option(name) == nil {
			return fmt.Errorf("link option %q is not in the table of %s linkers", name, p.flavour.Name)
		}
	}
	p.remove = append(p.remove, p.variant.Remove...)
	p.add = append(p.add, p.variant.Add...)
	if p.variant.Symbols {
		p.keepSymbols()
	}
	return nil
}

// keepSymbols takes away the arguments that leave names out. Debug information,
// which they leave out too, is not wanted for that.
func (p *plan) keepSymbols() {
	f := p.flavour
	kept := withoutArguments(p.recording.link.Args, f.StripsAll)
	added := withoutArguments(p.add, f.StripsAll)
	if slices.Equal(kept, p.recording.link.Args) && slices.Equal(added, p.add) {
		return
	}
	p.remove = append(p.remove, f.StripsAll...)
	p.add = append(added, f.NamesOnly)
}

// command is the driver and its arguments.
func (p *plan) command() []string {
	link := &p.recording.link
	replaced := map[string]string{}
	for _, f := range p.files {
		replaced[f.Path] = f.now
	}
	var args []string
	output, before, _ := outputOf(link.Args) // there is one: it was recorded
	for i, arg := range link.Args {
		if i == output {
			args = append(args, before+p.out)
			continue
		}
		if now, ok := replaced[arg]; ok {
			args = append(args, now)
			continue
		}
		if i := strings.LastIndexAny(arg, "=,"); i >= 0 {
			if now, ok := replaced[arg[i+1:]]; ok {
				args = append(args, arg[:i+1]+now)
				continue
			}
		}
		args = append(args, arg)
	}
	args = slices.Concat(p.before, withoutArguments(args, p.remove), p.add)
	if !isDriver(p.driver) {
		args = forLinker(args)
	}
	return append([]string{p.driver}, args...)
}

// maxCommandLine is the length from which arguments go through a response
// file: well under Linux's limit for one argument and Windows' for all.
const maxCommandLine = 30000

// run starts the linker where the recorded one was started, as far as that
// folder still exists.
func (r *Recording) run(ctx context.Context, command, environment []string) (message string, cpu time.Duration, err error) {
	args := command[1:]
	length := 0
	for _, a := range args {
		length += len(a) + 1
	}
	if length > maxCommandLine {
		file, err := os.CreateTemp("", "minsize-arguments-*")
		if err != nil {
			return "", 0, err
		}
		defer os.Remove(file.Name())
		quote := strings.NewReplacer(`\`, `\\`, ` `, `\ `, `"`, `\"`, `'`, `\'`)
		for _, a := range args {
			fmt.Fprintln(file, quote.Replace(a))
		}
		if err := file.Close(); err != nil {
			return "", 0, err
		}
		args = []string{"@" + file.Name()}
	}
	cmd := exec.CommandContext(ctx, command[0], args...)
	cmd.Env = environment
	if info, err := os.Stat(r.link.Dir); err == nil && info.IsDir() {
		cmd.Dir = r.link.Dir
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	if cmd.ProcessState != nil {
		cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if ctx.Err() != nil {
		return "", cpu, ctx.Err()
	}
	if err != nil {
		status := -1
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		}
		return "", cpu, &LinkError{Command: command, Status: status, Message: said.String(), Err: err}
	}
	return said.String(), cpu, nil
}
