package relink

// Codegen replay: the program's machine code made again from the bitcode that
// fat LTO merged, in a tenth of the time of the build.
//
// rustc leaves that bitcode, as it is before LTO's optimisation, when it is
// given -C save-temps; the recorder keeps it with the link. opt and llc of the
// same LLVM turn it into the object again. Three things can be had here that
// no cargo setting gives on a stable toolchain: cuts that also remove what
// only fed them (a format argument, a landing pad); std, which comes compiled
// for speed, compiled for size; other pipelines.
//
// The edit is made in LLVM's textual form, between llvm-dis and opt: a line
// grammar is all that is needed to replace a function's body, and the text
// parses in half the time that the optimiser takes. Rejected: writing bitcode
// (a format that changes with each LLVM), and opt plugins (they need the
// headers of the very LLVM).

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/machine"
	"github.com/minsize/minsize/internal/objedit"
)

// Codegen makes the machine code again from the recorded bitcode.
type Codegen struct {
	Pipeline string // a name in Pipelines
	Tools    LLVM
	Inlining []string // choices for calls, as package tune writes them; none: as the pipeline decides
}

// CodegenGives is what the pipelines that cost no speed give, for whoever lacks
// the tools (docs/bench/shrink.md).
const CodegenGives = "2 to 3 % of a program of 1 to 2 MB, 13 % of hello, world"

// Key is a text that is equal for equal codegens.
func (c *Codegen) Key() string {
	return c.Pipeline + "/" + c.Tools.Version + "/" + strings.Join(c.Inlining, ",")
}

// LLVM is a folder with llvm-dis, opt and llc of one version.
type LLVM struct {
	Dir     string
	Version string // "22.1.8"
}

// llvmTools are the programs that codegen replay runs.
var llvmTools = []string{"llvm-dis", "opt", "llc"}

// ErrNoLLVM is wrapped by FindLLVM's error.
var ErrNoLLVM = errors.New("no matching LLVM tools")

// FindLLVM finds tools that fit a rustc whose LLVM has this version (the
// "LLVM version" line of rustc -vV): of the same major version. It looks in
// the given folders (a toolchain's rustlib/TRIPLE/bin, where rustup's
// component llvm-tools puts them) and where distributions put LLVM. The error
// says what was looked for and which package or component has it.
func FindLLVM(ctx context.Context, version string, folders ...string) (LLVM, error) {
	major, _, _ := strings.Cut(version, ".")
	if major == "" || strings.Trim(major, "0123456789") != "" {
		return LLVM{}, fmt.Errorf("%w: %q is no LLVM version", ErrNoLLVM, version)
	}
	folders = append(slices.Clone(folders), "/usr/lib/llvm-"+major+"/bin", "/usr/lib/llvm"+major+"/bin", "/usr/lib64/llvm"+major+"/bin",
		"/opt/homebrew/opt/llvm@"+major+"/bin", "/usr/local/opt/llvm@"+major+"/bin", "/usr/local/llvm"+major+"/bin")
	folders = append(folders, filepath.SplitList(os.Getenv("PATH"))...)
	var wrong []string
	for _, dir := range folders {
		found, ok := llvmIn(ctx, dir)
		if !ok {
			continue
		}
		if m, _, _ := strings.Cut(found.Version, "."); m != major {
			wrong = append(wrong, fmt.Sprintf("%s has %s", dir, found.Version))
			continue
		}
		return found, nil
	}
	detail := ""
	if len(wrong) > 0 {
		detail = "; " + strings.Join(wrong, ", ")
	}
	return LLVM{}, fmt.Errorf("%w: %s of LLVM %s (rustup: component llvm-tools; Debian: package llvm-%s)%s", ErrNoLLVM, strings.Join(llvmTools, ", "), major, major, detail)
}

// llvmIn looks for the three programs and their version in one folder.
func llvmIn(ctx context.Context, dir string) (LLVM, bool) {
	for _, tool := range llvmTools {
		if _, err := os.Stat(filepath.Join(dir, tool+exeSuffix())); err != nil {
			return LLVM{}, false
		}
	}
	said, err := exec.CommandContext(ctx, filepath.Join(dir, "opt"+exeSuffix()), "--version").Output()
	if err != nil {
		return LLVM{}, false
	}
	for line := range strings.Lines(string(said)) {
		if _, version, ok := strings.Cut(line, "LLVM version "); ok {
			return LLVM{Dir: dir, Version: strings.TrimSpace(version)}, true
		}
	}
	return LLVM{}, false
}

// accepted are the options that a tool takes: they are LLVM's hidden ones,
// which come and go with its versions.
func (l LLVM) accepted(ctx context.Context, tool string, options []string) []string {
	takes := func(options ...string) bool { // an empty module is enough to be asked
		return exec.CommandContext(ctx, filepath.Join(l.Dir, tool+exeSuffix()), slices.Concat(options, []string{"--filetype=null", "-o", "-", os.DevNull})...).Run() == nil
	}
	if takes(options...) {
		return options
	}
	return slices.DeleteFunc(slices.Clone(options), func(o string) bool { return !takes(o) })
}

func exeSuffix() string {
	if runtime.GOOS == "windows" {
		return ".exe"
	}
	return ""
}

// codegenMeta is what is kept beside a cached object.
type codegenMeta struct {
	Outcomes []codegenOutcome
	Helpers  []string // of the external stubs that the object calls: "kind name"
}

type codegenOutcome struct {
	Functions []string
}

// codegen replaces the inputs that have bitcode by objects made of it.
func (p *plan) codegen(ctx context.Context) error {
	c := p.variant.Codegen
	if c == nil {
		return nil
	}
	pipeline := PipelineByName(c.Pipeline)
	if pipeline == nil {
		return fmt.Errorf("pipeline %q is not in the table", c.Pipeline)
	}
	if !p.recording.HasBitcode() {
		return fmt.Errorf("codegen replay: %w: no bitcode was recorded (it needs fat LTO and -C save-temps)", ErrNotApplicable)
	}
	found := make([]map[string]bool, len(p.variant.Cuts))
	for i := range p.files {
		f := &p.files[i]
		if f.Bitcode == "" {
			continue
		}
		object, meta, err := p.compile(ctx, f.Bitcode, pipeline)
		if err != nil {
			return err
		}
		f.now = object
		for j, o := range meta.Outcomes {
			for _, name := range o.Functions {
				if found[j] == nil {
					found[j] = map[string]bool{}
				}
				found[j][name] = true
			}
		}
		if err := p.writeHelpers(i, meta.Helpers); err != nil {
			return err
		}
	}
	p.inBitcode = found
	return nil
}

// writeHelpers gives the link the stubs that bitcode can only call.
func (p *plan) writeHelpers(i int, helpers []string) error {
	if len(helpers) == 0 {
		return nil
	}
	cpu := p.recording.machine()
	stubs := map[string][]byte{}
	for n, h := range helpers {
		kind, name, _ := strings.Cut(h, " ")
		code, err := objedit.StubCode(cpu, machine.Stub(kind), name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotApplicable, err)
		}
		stubs[helperName(n)] = code
	}
	var order []string
	for n := range helpers {
		order = append(order, helperName(n))
	}
	object, err := objedit.StubObject(cpu, stubs, order)
	if err != nil {
		return err
	}
	return p.addObject(fmt.Sprintf("helpers-%d.o", i), object)
}

func helperName(n int) string { return fmt.Sprintf("minsize_stub_%d", n) }

// relocationModel is llc's word for how the program is linked.
func (p *plan) relocationModel() string {
	if slices.Contains(p.variant.Options, NoPIE) {
		return "static"
	}
	for _, a := range p.recording.link.Args {
		if a == "-no-pie" {
			return "static"
		}
	}
	return p.flavour.Model
}

// compile returns the object for one bitcode file, from the recording's cache
// where it has been made before.
func (p *plan) compile(ctx context.Context, bitcode string, pipeline *Pipeline) (string, codegenMeta, error) {
	var meta codegenMeta
	r, tools, cuts, inlining := p.recording, p.variant.Codegen.Tools, p.variant.Cuts, p.variant.Codegen.Inlining
	digest, err := r.edit.digest(r.file(bitcode))
	if err != nil {
		return "", meta, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "5\n%s\n%s\n%s\n%+v\n%q\n", digest, tools.Version, p.relocationModel(), *pipeline, inlining)
	for _, c := range cuts {
		fmt.Fprintln(h, c)
	}
	cache, key := codegenCacheIn(r.Dir), hex.EncodeToString(h.Sum(nil)[:12])
	if object, meta, ok := cache.find(key, len(cuts)); ok {
		return object, meta, nil
	}
	if err := os.MkdirAll(cache.dir, 0o777); err != nil {
		return "", meta, err
	}
	scratch, err := os.MkdirTemp(cache.dir, ".compile-*")
	if err != nil {
		return "", meta, err
	}
	defer os.RemoveAll(scratch)
	at := func(name string) string { return filepath.Join(scratch, name) }

	m, err := p.edited(ctx, bitcode, pipeline, scratch, &meta)
	if err != nil {
		return "", meta, err
	}
	passes, input := pipeline.Passes, at("cut.ll")
	if len(inlining) > 0 {
		if passes, input, err = p.inlined(ctx, pipeline, scratch); err != nil {
			return "", meta, err
		}
	}
	if err := p.tool(ctx, tools, "opt", "--passes="+passes, input, "-o", at("out.bc")); err != nil {
		return "", meta, err
	}
	if err := p.llc(ctx, tools, at("out.bc"), at("out.o"), p.relocationModel(), pipeline.LLC); err != nil {
		return "", meta, err
	}
	for i := range cuts {
		var o codegenOutcome
		for name := range m.found[i] {
			o.Functions = append(o.Functions, name)
		}
		slices.Sort(o.Functions)
		meta.Outcomes = append(meta.Outcomes, o)
	}
	object, err := cache.store(key, at("out.o"), meta)
	return object, meta, err
}

// edited writes the bitcode as text with the cuts made in it: cut.ll.
func (p *plan) edited(ctx context.Context, bitcode string, pipeline *Pipeline, scratch string, meta *codegenMeta) (*matcher, error) {
	in := filepath.Join(scratch, "in.ll")
	if err := p.tool(ctx, p.variant.Codegen.Tools, "llvm-dis", p.recording.file(bitcode), "-o", in); err != nil {
		return nil, err
	}
	defer os.Remove(in)
	m, err := p.recording.matcher(p.variant.Cuts)
	if err != nil {
		return nil, err
	}
	meta.Helpers, err = editFile(in, filepath.Join(scratch, "cut.ll"), m, pipeline)
	return m, err
}

// llc makes an object of bitcode, a section for each function and constant.
func (p *plan) llc(ctx context.Context, tools LLVM, bitcode, object, relocation string, options []string) error {
	return p.tool(ctx, tools, "llc", append(tools.llc(ctx, relocation, options), bitcode, "-o", object)...)
}

// llc are the code generator's arguments, but for its files.
func (l LLVM) llc(ctx context.Context, relocation string, options []string) []string {
	return append([]string{"--filetype=obj", "--function-sections", "--data-sections", "--relocation-model=" + relocation},
		l.accepted(ctx, "llc", slices.Concat(asRustc, options))...)
}

// tool runs one of LLVM's programs and counts its CPU time.
func (p *plan) tool(ctx context.Context, tools LLVM, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(tools.Dir, name+exeSuffix()), args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	if cmd.ProcessState != nil {
		p.codegenCPU += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &LinkError{Command: append([]string{name}, args...), Status: -1, Message: said.String(), Err: err}
	}
	return nil
}

// editFile makes the pipeline's and the cuts' changes to a module in LLVM's
// textual form. It returns the helpers that the new bodies call.
func editFile(from, to string, m *matcher, pipeline *Pipeline) (helpers []string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := bufio.NewWriterSize(out, 1<<20)
	e := &moduleEditor{matcher: m, pipeline: pipeline, out: w}
	scanner := bufio.NewReaderSize(in, 1<<20)
	for {
		line, readErr := scanner.ReadString('\n')
		if line != "" {
			if err := e.line(line); err != nil {
				return nil, err
			}
		}
		if readErr != nil {
			break
		}
	}
	e.finish()
	return e.helpers, w.Flush()
}
