package cargo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/arrange"
)

// A linker is believed by what its output does, never by its name or version.
// mold 1.10 takes -z pack-relative-relocs and writes a program that the loader
// refuses; bfd takes an unknown -z with a warning and does nothing; an
// `ld.lld` behind rustc's own -B folder is another lld than the one asked for.
// So each candidate links the same two-line program, the program is run, and
// the file is looked at for what the flag should have made.
//
// The objects are made once by rustc and linked again for each candidate with
// rustc's own linker arguments, as link replay does.

// Linker is one linker, as the C compiler driver is made to use it.
type Linker struct {
	Kind    string   // what -fuse-ld= calls it: "bfd", "gold", "lld", "mold"
	Name    string   // for people: "lld 19.1.4", "rust-lld 22.1.2"
	Path    string   // the program
	Version string   // its own first line of --version
	Args    []string // for the driver: {"-B/folder", "-fuse-ld=lld"}
	Bundled bool     // it came with the Rust toolchain

	Works bool   // the two-line program was linked, and ran where it could
	Ran   bool   // it was run; false for a foreign target without a runner
	Why   string // why it does not work, in one line

	// Features that were seen to take effect in a program that ran.
	RELR    bool // -z pack-relative-relocs: packed relative relocations
	ICF     bool // --icf=all: identical functions folded
	NoEHHdr bool // --no-eh-frame-hdr: the lookup table of unwind tables left out
}

// LinkerProbe says what to link for.
type LinkerProbe struct {
	Toolchain *Toolchain
	Triple    string   // "" for the host
	Driver    string   // the C compiler that rustc calls, "" for cc
	Runner    []string // runs a program of the target; nil: run directly on the host, not at all elsewhere
	CacheDir  string   // "" for the user's cache folder, minsize below it
	Env       []string // nil for the process's own
}

// StripLinkerChoice takes out of a driver's arguments what chooses a linker,
// so that Linker.Args can choose another: -fuse-ld=..., rustc's -B folder of
// linkers (gcc-ld), --ld-path.
func StripLinkerChoice(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), func(arg string) bool {
		return strings.HasPrefix(arg, "-fuse-ld=") || strings.HasPrefix(arg, "--ld-path=") ||
			strings.HasPrefix(arg, "-B") && strings.HasSuffix(arg, "gcc-ld")
	})
}

// FindLinkers finds and probes every linker for a target. Those that do not
// work are in the answer, with the reason. Only ELF targets are probed: on
// others the answer is empty and the platform's own linker is used.
func FindLinkers(ctx context.Context, probe LinkerProbe) ([]*Linker, error) {
	if probe.Triple == "" {
		probe.Triple = probe.Toolchain.Host
	}
	if probe.Driver == "" {
		probe.Driver = "cc"
	}
	if probe.Env == nil {
		probe.Env = os.Environ()
	}
	cfg, err := probe.Toolchain.TargetCfg(ctx, probe.Triple)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(cfg, "unix") || slices.Contains(cfg, `target_vendor="apple"`) || !probe.Toolchain.HasTarget(probe.Triple) {
		return nil, nil
	}
	driver, err := lookPath(probe.Driver, probe.Env)
	if err != nil {
		return nil, err
	}
	probe.Driver = driver
	candidates := linkerCandidates(probe)
	cache := openLinkerCache(probe)
	var program *probeProgram
	defer func() {
		if program != nil {
			program.close()
		}
	}()
	for _, l := range candidates {
		if cache.load(l) {
			continue
		}
		if program == nil {
			if program, err = newProbeProgram(ctx, probe); err != nil {
				return nil, err
			}
		}
		if err := l.chooseFolder(cache.dir); err != nil {
			l.Why = err.Error()
			continue
		}
		program.examine(ctx, l)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if l.Works { // a failure can be the moment's: a full disk, an overloaded machine
			cache.store(l)
		}
	}
	return candidates, nil
}

// linkerCandidates lists the programs that might be linkers, each once.
func linkerCandidates(probe LinkerProbe) []*Linker {
	var found []*Linker
	seen := map[string]bool{}
	add := func(kind, path string, bundled bool) {
		real, err := filepath.EvalSymlinks(path)
		if err != nil || !isExecutable(real) || seen[kind+real] {
			return
		}
		seen[kind+real] = true
		found = append(found, &Linker{Kind: kind, Path: path, Bundled: bundled})
	}
	t := probe.Toolchain
	// rustup's wrapper goes by the name ld.lld and starts ../rust-lld.
	add("lld", filepath.Join(t.HostTools(), "gcc-ld", exe("ld.lld")), true)
	pathVariable, _ := lookupEnv(probe.Env, "PATH")
	folders := filepath.SplitList(pathVariable)
	versioned, _ := filepath.Glob("/usr/lib/llvm-*/bin")
	folders = append(folders, versioned...)
	prefixes := []string{""}
	if probe.Triple != t.Host {
		// A cross compiler's own binutils carry its prefix; the host's would refuse the objects.
		prefix := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(probe.Driver), "gcc"), "clang")
		prefixes = []string{prefix}
	}
	for _, folder := range folders {
		if !filepath.IsAbs(folder) {
			continue // what lies in the current folder is the project's, not a tool
		}
		for _, prefix := range prefixes {
			add("bfd", filepath.Join(folder, prefix+"ld.bfd"), false)
			add("gold", filepath.Join(folder, prefix+"ld.gold"), false)
		}
		add("lld", filepath.Join(folder, "ld.lld"), false)
		if more, _ := filepath.Glob(filepath.Join(folder, "ld.lld-*")); more != nil {
			arrange.Sort(more, func(a, b string) int { return numberBehindDash(b) - numberBehindDash(a) })
			for _, path := range more {
				add("lld", path, false)
			}
		}
		add("mold", filepath.Join(folder, "mold"), false)
	}
	return found
}

func numberBehindDash(path string) int {
	n, _ := strconv.Atoi(path[strings.LastIndexByte(path, '-')+1:])
	return n
}

// chooseFolder makes a folder in which the linker has the name that the
// driver looks for. Debian ships ld.lld-19 and no ld.lld.
func (l *Linker) chooseFolder(cacheDir string) error {
	folder := filepath.Dir(l.Path)
	name := exe("ld." + l.Kind)
	if filepath.Base(l.Path) != name {
		folder = filepath.Join(cacheDir, "ld", shortHash(l.Path))
		link := filepath.Join(folder, name)
		if to, err := os.Readlink(link); err != nil || to != l.Path {
			if err := os.MkdirAll(folder, 0o777); err != nil {
				return err
			}
			temporary := link + "." + strconv.Itoa(os.Getpid())
			if err := os.Symlink(l.Path, temporary); err != nil {
				return err
			}
			if err := os.Rename(temporary, link); err != nil {
				os.Remove(temporary)
				return err
			}
		}
	}
	l.Args = []string{"-B" + folder, "-fuse-ld=" + l.Kind}
	return nil
}

// probeProgram is the two-line program as objects, with the arguments that
// rustc would have linked it with.
type probeProgram struct {
	probe  LinkerProbe
	dir    string
	driver string
	args   []string
}

const probeSource = `fn main() { let words: Vec<String> = std::env::args().map(|w| w.to_uppercase()).collect();
    println!("{}", 41 + words.len()); }
`

const probeAnswer = "42\n"

func newProbeProgram(ctx context.Context, probe LinkerProbe) (*probeProgram, error) {
	dir, err := os.MkdirTemp("", "minsize-linker-")
	if err != nil {
		return nil, err
	}
	p := &probeProgram{probe: probe, dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "probe.rs"), []byte(probeSource), 0o666); err != nil {
		p.close()
		return nil, err
	}
	args := []string{"probe.rs", "-o", "probe", "-Csave-temps", "--print", "link-args", "-Clinker=" + probe.Driver}
	if probe.Triple != probe.Toolchain.Host {
		args = append(args, "--target", probe.Triple)
	}
	out, err := output(ctx, dir, probe.Env, probe.Toolchain.Rustc, args...)
	// rustc prints the arguments before it links, so a failed link still gives them.
	line, _, _ := strings.Cut(string(out), "\n")
	words, parseErr := splitDebugCommand(line)
	if parseErr != nil || len(words) < 2 {
		p.close()
		if err != nil {
			return nil, fmt.Errorf("linker probe: %w", err)
		}
		return nil, fmt.Errorf("linker probe: rustc --print link-args answered %.60q", line)
	}
	p.driver, p.args = words[0], StripLinkerChoice(words[1:])
	return p, nil
}

func (p *probeProgram) close() { os.RemoveAll(p.dir) }

// splitDebugCommand takes a command apart as Rust's Debug prints it:
// NAME="value" in front, then quoted words.
func splitDebugCommand(line string) ([]string, error) {
	var words []string
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimLeft(rest, " ") {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			word, after, _ := strings.Cut(rest, " ")
			if name, value, ok := strings.Cut(word, `="`); ok && len(words) == 0 {
				quoted, err := strconv.QuotedPrefix(rest[len(name)+1:])
				if err != nil {
					return nil, fmt.Errorf("variable %s=%q: %w", name, value, err)
				}
				rest = rest[len(name)+1+len(quoted):]
				continue
			}
			rest = after // `env -u NAME` and the like
			continue
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
		rest = rest[len(quoted):]
	}
	return words, nil
}

// examine links with nothing added, then with each feature, and notes what held.
func (p *probeProgram) examine(ctx context.Context, l *Linker) {
	if out, err := output(ctx, "", p.probe.Env, l.Path, "--version"); err == nil {
		l.Version, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	}
	l.Name = linkerName(l)
	if err := p.link(ctx, l, nil, nil); err != nil {
		l.Why = oneLine(err)
		return
	}
	l.Works = true
	for _, feature := range linkerFeatures {
		*feature.found(l) = p.link(ctx, l, feature.args, feature.evidence) == nil
	}
}

// linkerFeatures are the flags that matter, each with what shows its effect.
var linkerFeatures = []struct {
	args     []string
	evidence func(program []byte) bool
	found    func(*Linker) *bool
}{
	// Section .relr.dyn of type SHT_RELR (gABI, "Relative relocation table").
	{[]string{"-Wl,-z,pack-relative-relocs"}, func(b []byte) bool { return bytes.Contains(b, []byte("\x00.relr.dyn\x00")) }, func(l *Linker) *bool { return &l.RELR }},
	{[]string{"-Wl,--icf=all"}, nil, func(l *Linker) *bool { return &l.ICF }},
	{[]string{"-Wl,--no-eh-frame-hdr"}, func(b []byte) bool { return !bytes.Contains(b, []byte("\x00.eh_frame_hdr\x00")) }, func(l *Linker) *bool { return &l.NoEHHdr }},
}

// link makes the program with a linker and more arguments, checks who made
// it, looks for the evidence, and runs it.
func (p *probeProgram) link(ctx context.Context, l *Linker, more []string, evidence func([]byte) bool) error {
	program := filepath.Join(p.dir, "probe")
	os.Remove(program)
	args := slices.Concat(l.Args, p.args, more)
	if _, err := output(ctx, p.dir, p.probe.Env, p.driver, args...); err != nil {
		return err
	}
	data, err := os.ReadFile(program)
	if err != nil {
		return errors.New("it answered 0 and wrote no file") // lld --omagic does that
	}
	if sign := signatures[l.Kind]; sign != "" && !bytes.Contains(data, []byte(sign)) {
		return fmt.Errorf("another linker made the file: it has no %q", sign)
	}
	if evidence != nil && !evidence(data) {
		return fmt.Errorf("%s had no effect", strings.Join(more, " "))
	}
	runner := p.probe.Runner
	if p.probe.Triple != p.probe.Toolchain.Host && runner == nil || runtime.GOOS == "windows" {
		return nil
	}
	l.Ran = true
	line := append(slices.Clone(runner), program)
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := output(limited, p.dir, p.probe.Env, line[0], line[1:]...)
	if err != nil {
		return fmt.Errorf("the program does not run: %w", err)
	}
	if string(out) != probeAnswer {
		return fmt.Errorf("the program answers %.40q, expected %q", out, probeAnswer)
	}
	return nil
}

// signatures are what linkers write into .comment or a note. bfd writes nothing.
var signatures = map[string]string{"lld": "LLD ", "mold": "mold ", "gold": "gold "}

func linkerName(l *Linker) string {
	name := l.Kind
	if l.Bundled {
		name = "rust-lld"
	}
	for _, field := range strings.Fields(l.Version) {
		field = strings.Trim(field, "()")
		if field != "" && field[0] >= '0' && field[0] <= '9' && strings.Contains(field, ".") {
			return name + " " + field
		}
	}
	return name
}

// oneLine is the part of an error that a table can hold.
func oneLine(err error) string {
	var command *CommandError
	if errors.As(err, &command) {
		var exit *exec.ExitError
		if len(command.Lines) == 0 && errors.As(err, &exit) {
			return exit.String()
		}
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
