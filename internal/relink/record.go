package relink

// The recorder: minsize in the linker's place.
//
// cargo calls one linker for everything: build scripts, proc macros and the
// program. Only the last is wanted, and cargo says which it is through the
// environment that it gives rustc, which gives it to the linker
// (CARGO_BIN_NAME, and CARGO_CRATE_NAME for what has none: a library; since
// cargo 1.43). Everything else is passed through.
//
// The inputs must be kept at once: rustc deletes its objects when the linker
// returns. Objects are copied (a clone where the file system can), never hard
// linked, for rustc writes the next build's object into the same file.
// Archives are hard linked where possible: rustc and cargo put a new one in
// place by a rename, which leaves ours alone.

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/target"
)

// The environment by which a Recorder reaches minsize behind cargo and rustc.
const (
	envRecordDir     = "MINSIZE_RECORD_DIR"     // where recordings go; set means: act as the linker
	envRecordBin     = "MINSIZE_RECORD_BIN"     // CARGO_BIN_NAME of the program, empty for a library
	envRecordCrate   = "MINSIZE_RECORD_CRATE"   // CARGO_CRATE_NAME of the library
	envRecordPackage = "MINSIZE_RECORD_PACKAGE" // CARGO_PKG_NAME of the program, or empty for any
	envRecordLinker  = "MINSIZE_RECORD_LINKER"  // the real linker
	envRecordFlavour = "MINSIZE_RECORD_FLAVOUR" // how it reads its command line
)

// Recorder says what to record while a cargo build runs.
type Recorder struct {
	Dir     string   // an absolute path; recordings become folders in it
	Bin     string   // the binary (or example) target's name, as cargo knows it; empty for a library
	Library string   // the library target's name, where a library is wanted
	Package string   // its package, needed only where two packages have a binary of that name
	Linker  string   // the linker that the project would have been linked with; empty: the flavour's own
	Flavour *Flavour // nil: gnu
}

// Env is the environment to add to cargo's.
func (r Recorder) Env() []string {
	flavour := r.Flavour
	if flavour == nil {
		flavour = &gnu
	}
	return []string{
		envRecordFlavour + "=" + string(flavour.Name),
		envRecordDir + "=" + r.Dir,
		envRecordBin + "=" + r.Bin,
		envRecordCrate + "=" + strings.ReplaceAll(r.Library, "-", "_"),
		envRecordPackage + "=" + r.Package,
		envRecordLinker + "=" + r.Linker,
	}
}

// CargoArgs are the arguments to add to cargo's so that it links with minsize:
// self is the absolute path of the minsize program, triple the target.
func (r Recorder) CargoArgs(triple, self string) []string {
	quoted, _ := json.Marshal(self) // a JSON string is a TOML basic string
	return []string{"--config", fmt.Sprintf("target.%s.linker=%s", triple, quoted)}
}

// ActsAsLinker says whether this process was started as a linker.
func ActsAsLinker() bool { return os.Getenv(envRecordDir) != "" }

// LinkerMain runs the real linker with args (args[0] is our own name), records
// the link when it is the wanted one and succeeds, and returns the exit status.
func LinkerMain(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flavour := flavourNamed(target.Flavour(os.Getenv(envRecordFlavour)))
	if flavour == nil {
		flavour = &gnu
	}
	driver := os.Getenv(envRecordLinker)
	if driver == "" {
		driver = flavour.Driver()
	}
	rec := &recordedLink{Version: recordVersion, Flavour: flavour.Name, Driver: driver, Args: args[1:]}
	bin, crate := os.Getenv(envRecordBin), os.Getenv(envRecordCrate)
	wanted := os.Getenv("CARGO_BIN_NAME") == bin && (bin != "" || crate != "" && os.Getenv("CARGO_CRATE_NAME") == crate)
	if p := os.Getenv(envRecordPackage); p != "" && p != os.Getenv("CARGO_PKG_NAME") {
		wanted = false
	}
	var staged *staging
	if wanted {
		var err error
		if staged, err = rec.stage(os.Getenv(envRecordDir)); err != nil {
			fmt.Fprintf(stderr, "minsize: recording the link: %v\n", err)
			return 1
		}
		defer staged.discard()
	}
	cmd := exec.CommandContext(ctx, driver, args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "MINSIZE_RECORD_") })
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			return exit.ExitCode()
		}
		fmt.Fprintf(stderr, "minsize: linker %s: %v\n", driver, err)
		return 1
	}
	if wanted {
		if err := staged.commit(rec); err != nil {
			fmt.Fprintf(stderr, "minsize: recording the link: %v\n", err)
			return 1
		}
	}
	return 0
}

// recordVersion is raised when the layout of a recording changes; an older
// recording is then made again.
const recordVersion = 2

// recordedLink is link.json of a recording. Paths in Args are as they were;
// Inputs says which of them were kept and where.
type recordedLink struct {
	Version int
	Flavour target.Flavour
	Driver  string            // the real linker, as cargo would have called it
	Args    []string          // without the program's name, response files expanded
	Dir     string            // the working directory
	Env     map[string]string // what linkers and their drivers look at
	Inputs  []recordedInput
	Output  string // as in Args, made absolute
	SHA256  string // of the recorded link's output
	Package string
	Bin     string
}

// recordedInput is one file that the link reads.
type recordedInput struct {
	Path    string // as it stands in the argument
	Stored  string // relative to the recording
	Bitcode string `json:",omitempty"` // relative to the recording: the merged bitcode that the object was made of
	Final   string `json:",omitempty"` // the same, after all optimisation
	Divided bool   `json:",omitempty"` // each function of the object has a section of its own, see Divide
}

// linkerEnv are the variables that linkers and compiler drivers look at. No
// others are kept: an environment holds secrets.
var linkerEnv = []string{
	"PATH", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TMPDIR", "HOME",
	"LIBRARY_PATH", "LD_LIBRARY_PATH", "LD_RUN_PATH", "LDEMULATION", "COMPILER_PATH", "GCC_EXEC_PREFIX", "COLLECT_NO_DEMANGLE",
	"SOURCE_DATE_EPOCH", "ZERO_AR_DATE", "SDKROOT", "DEVELOPER_DIR", "MACOSX_DEPLOYMENT_TARGET",
	"LIB", "LIBPATH", "INCLUDE", "SystemRoot", "TEMP", "TMP", "VSLANG",
	"RUSTUP_TOOLCHAIN", "RUSTUP_HOME",
}

// staging is a recording that is not complete yet.
type staging struct {
	dir   string // temporary, beside the final one
	final string
}

func (s *staging) discard() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// describe notes where the linker is called, and for what.
func (l *recordedLink) describe() (err error) {
	if l.Dir, err = os.Getwd(); err != nil {
		return err
	}
	if l.Args, err = expandResponseFiles(l.Args, l.Dir); err != nil {
		return err
	}
	at, before, err := outputOf(l.Args)
	if err != nil {
		return err
	}
	l.Output = absolute(l.Dir, l.Args[at][len(before):])
	l.Package, l.Bin = os.Getenv("CARGO_PKG_NAME"), cmp.Or(os.Getenv("CARGO_BIN_NAME"), os.Getenv("CARGO_CRATE_NAME"))
	l.Env = map[string]string{}
	for _, name := range linkerEnv {
		if value, ok := os.LookupEnv(name); ok {
			l.Env[name] = value
		}
	}
	return nil
}

// stage copies the inputs while they exist.
func (l *recordedLink) stage(root string) (*staging, error) {
	if err := l.describe(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return nil, err
	}
	s := &staging{final: filepath.Join(root, filepath.Base(l.Output))}
	var err error
	if s.dir, err = os.MkdirTemp(root, ".recording-*"); err != nil {
		return nil, err
	}
	if err := l.keepInputs(s.dir); err != nil {
		s.discard()
		return nil, err
	}
	return s, nil
}

// findInputs lists every regular file that an argument names, where it lies.
func (l *recordedLink) findInputs() {
	seen := map[string]bool{}
	flavour := flavourNamed(l.Flavour)
	for i, arg := range l.Args {
		if i > 0 && slices.Contains(flavour.Values, l.Args[i-1]) {
			continue
		}
		path := fileInArgument(arg, l.Dir)
		if path == "" || seen[path] || absolute(l.Dir, path) == l.Output {
			continue
		}
		seen[path] = true
		in := recordedInput{Path: path, Stored: absolute(l.Dir, path)}
		if base, isObject := strings.CutSuffix(in.Stored, ".o"); isObject {
			if _, err := os.Stat(base + bitcodeSuffix); err == nil {
				in.Bitcode = base + bitcodeSuffix
			}
			if _, err := os.Stat(base + finalSuffix); err == nil && in.Bitcode != "" && flavour.Divides {
				in.Final = base + finalSuffix
			}
		}
		l.Inputs = append(l.Inputs, in)
	}
}

// keepInputs copies the inputs.
func (l *recordedLink) keepInputs(dir string) error {
	if err := os.Mkdir(filepath.Join(dir, "inputs"), 0o777); err != nil {
		return err
	}
	l.findInputs()
	for i := range l.Inputs {
		in := &l.Inputs[i]
		source := in.Stored
		in.Stored = filepath.Join("inputs", fmt.Sprintf("%03d-%s", i, filepath.Base(in.Path)))
		if err := keep(source, filepath.Join(dir, in.Stored)); err != nil {
			return err
		}
		for _, bitcode := range []*string{&in.Bitcode, &in.Final} {
			if *bitcode == "" {
				continue
			}
			stored := strings.TrimSuffix(in.Stored, ".o") + strings.TrimPrefix(*bitcode, strings.TrimSuffix(source, ".o"))
			if err := byteio.CopyFile(*bitcode, filepath.Join(dir, stored), 0o666); err != nil {
				return err
			}
			*bitcode = stored
		}
	}
	return nil
}

// Here is the link that this process is called for, as a recording that keeps
// nothing: its inputs are where rustc left them, until this process ends.
func Here(flavour *Flavour, driver string, args []string) (*Recording, error) {
	if driver == "" {
		driver = flavour.Driver()
	}
	r := &Recording{flavour: flavour, link: recordedLink{Version: recordVersion, Flavour: flavour.Name, Driver: driver, Args: args}}
	if err := r.link.describe(); err != nil {
		return nil, err
	}
	r.link.findInputs()
	return r, nil
}

// file is where an input lies.
func (r *Recording) file(stored string) string {
	if filepath.IsAbs(stored) {
		return stored
	}
	return filepath.Join(r.Dir, stored)
}

// Args are the link's arguments, response files expanded; Output is the file
// that it writes.
func (r *Recording) Args() []string { return r.link.Args }
func (r *Recording) Output() string { return r.link.Output }

// bitcodeSuffix replaces ".o" in the name of the merged bitcode that rustc
// leaves before fat LTO's optimisation when it is given -C save-temps.
const bitcodeSuffix = ".lto.after-restriction.bc"

// commit writes link.json and puts the recording in its place.
func (s *staging) commit(l *recordedLink) error {
	sum, err := byteio.SHA256(l.Output)
	if err != nil {
		return err
	}
	l.SHA256 = sum
	text, err := json.MarshalIndent(l, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "link.json"), text, 0o666); err != nil {
		return err
	}
	if filepath.Ext(s.final) != "" { // cargo gives a library one name, however it is built
		s.final += "-" + sum[:16]
	}
	if err := os.RemoveAll(s.final); err != nil {
		return err
	}
	if err := os.Rename(s.dir, s.final); err != nil {
		return err
	}
	s.dir = ""
	return nil
}

// keep stores one input: objects and small files as a copy, archives and
// shared libraries by a hard link when the file system allows it.
func keep(source, stored string) error {
	switch filepath.Ext(source) {
	case ".rlib", ".a", ".so", ".lib", ".dll", ".dylib":
		resolved, err := filepath.EvalSymlinks(source)
		if err == nil && os.Link(resolved, stored) == nil {
			return nil
		}
	}
	return byteio.CopyFile(source, stored, 0o666)
}

// Recording is a link that was recorded. It is read only, and safe for
// concurrent use.
type Recording struct {
	Dir     string // its folder
	flavour *Flavour
	link    recordedLink
	edit    editCache
}

// ErrNoRecording is what Open and Find wrap when there is none (any more).
var ErrNoRecording = errors.New("no recorded link")

// Open reads the recording in dir.
func Open(dir string) (*Recording, error) {
	text, err := os.ReadFile(filepath.Join(dir, "link.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoRecording)
	}
	if err != nil {
		return nil, err
	}
	r := &Recording{Dir: dir}
	if err := json.Unmarshal(text, &r.link); err != nil {
		return nil, fmt.Errorf("%s: link.json: %w", dir, err)
	}
	if r.link.Version != recordVersion {
		return nil, fmt.Errorf("%s: made by another version of minsize: %w", dir, ErrNoRecording)
	}
	if r.flavour = flavourNamed(r.link.Flavour); r.flavour == nil {
		return nil, fmt.Errorf("%s: link.json: linkers of flavour %q are not known", dir, r.link.Flavour)
	}
	for _, in := range r.link.Inputs {
		if !filepath.IsLocal(in.Stored) || in.Bitcode != "" && !filepath.IsLocal(in.Bitcode) || in.Final != "" && !filepath.IsLocal(in.Final) {
			return nil, fmt.Errorf("%s: link.json: input %q leads out of the recording", dir, in.Stored)
		}
		if _, err := os.Stat(filepath.Join(dir, in.Stored)); err != nil {
			return nil, fmt.Errorf("%s: input %s is gone: %w", dir, filepath.Base(in.Path), ErrNoRecording)
		}
	}
	return r, nil
}

// Find returns the recording under a Recorder's Dir that made executable: the
// one whose output has the same bytes. So it works too when cargo found the
// program fresh and linked nothing.
func Find(root, executable string) (*Recording, error) {
	sum, err := byteio.SHA256(executable)
	if err != nil {
		return nil, err
	}
	dirs, err := filepath.Glob(filepath.Join(root, "*", "link.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range dirs {
		r, err := Open(filepath.Dir(file))
		if err == nil && r.link.SHA256 == sum {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%s: %w of it in %s", executable, ErrNoRecording, root)
}

// Package and Bin are the cargo names of what was linked.
func (r *Recording) Package() string { return r.link.Package }
func (r *Recording) Bin() string     { return r.link.Bin }

// SHA256 is the digest, in hexadecimal, of the program that the recorded link made.
func (r *Recording) SHA256() string { return r.link.SHA256 }

// HasBitcode says whether the merged bitcode was there to record (-C save-temps
// and fat LTO), which Codegen needs.
func (r *Recording) HasBitcode() bool {
	return slices.ContainsFunc(r.link.Inputs, func(in recordedInput) bool { return in.Bitcode != "" })
}

// Stripped says whether the recorded link leaves the symbol table out.
func (r *Recording) Stripped() bool {
	return slices.ContainsFunc(r.link.Args, r.flavour.leavesOut)
}

// environment is what the replayed linker gets: the recorded variables, and
// nothing of this process's.
func (r *Recording) environment() []string {
	var env []string
	for name, value := range r.link.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	if runtime.GOOS == "windows" && r.link.Env["SystemRoot"] == "" {
		env = append(env, "SystemRoot="+os.Getenv("SystemRoot"))
	}
	return env
}
