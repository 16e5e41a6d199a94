package cargo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/target"
)

// Survey is what `minsize doctor` finds: the project, the machine's
// toolchains and linkers, and a verdict on each piece that a technique needs.
type Survey struct {
	System     System
	Project    *Project      // nil without one
	Why        error         // why there is no project, or no choice of a program in it
	Triple     target.Triple // what would be built for
	asked      string        // the toolchain that was asked for and is not here
	Toolchains []*Toolchain
	Driver     string // the C compiler that links
	DriverText string // its first line of --version
	Linkers    []*Linker
	crossHere  bool     // GNU's cross compiler for the target is on the PATH
	Runner     []string // what runs the program of a foreign target
	RunnerWhy  string
	Pieces     []Piece
}

// System is the machine's operating system and its package manager.
type System struct {
	Name      string // "Debian GNU/Linux 12 (bookworm)"
	Installer string // a key of installers, "" where none is known
}

// Piece is one thing that techniques need.
type Piece struct {
	Name      string   `json:"name"`
	Found     string   `json:"found"` // "" when it is missing
	Unlocks   string   `json:"unlocks"`
	Install   []string `json:"install"` // commands, any of which brings it; only where it is missing or Partial
	Partial   bool     `json:"partial"` // found, with a condition that Install would lift
	Essential bool     `json:"essential"`
}

// Ready says whether `minsize shrink` can work at all.
func (s *Survey) Ready() bool {
	return !slices.ContainsFunc(s.Pieces, func(p Piece) bool { return p.Essential && p.Found == "" })
}

// Examine looks at everything. Only an interruption is an error: what is
// missing is the answer.
func Examine(ctx context.Context, o Options) (*Survey, error) {
	s := &Survey{System: readSystem("/etc/os-release")}
	own := s.readProject(ctx, o)
	var err error
	if s.Toolchains, err = FindToolchains(ctx, o, own); err != nil {
		return nil, err
	}
	if own == nil && len(s.Toolchains) > 0 {
		own = s.Toolchains[0]
	}
	if own != nil {
		if s.Triple == (target.Triple{}) {
			s.Triple = target.Parse(own.Host)
		}
		if s.Triple.Name != own.Host && s.Runner == nil {
			s.Runner, s.RunnerWhy = s.Triple.Runner()
		}
		s.readLinkers(ctx, o, own)
	}
	for _, piece := range pieces {
		if p := piece(s, own); p.Name != "" {
			if p.Found != "" && !p.Partial {
				p.Install = nil
			}
			s.Pieces = append(s.Pieces, p)
		}
	}
	return s, ctx.Err()
}

// What Survey.asked says where it is no name.
const (
	noCompiler      = "(none)"   // no rustc on PATH at all
	activeToolchain = "(active)" // a file such as rust-toolchain.toml names it
)

// readProject reads the project where there is one, and gives its toolchain,
// or the one that would be used here.
func (s *Survey) readProject(ctx context.Context, o Options) *Toolchain {
	p, err := Load(ctx, o)
	var several *SeveralError
	var none *NoArtefactError
	if errors.As(err, &several) || errors.As(err, &none) {
		s.Why = err
		p, err = LoadWorkspace(ctx, o)
	}
	if err == nil {
		s.Project, s.Triple, s.Runner = p, p.Triple, p.Runner
		return p.Toolchain
	}
	s.Why = err
	if o.Target != "" { // it can be asked about before there is a project for it
		s.Triple = target.Parse(o.Target)
	}
	dir, err := o.dir()
	if err != nil {
		return nil
	}
	c, err := loadConfig(dir, o)
	if err != nil {
		c = &Config{env: o.environ()}
	}
	own, err := ownToolchain(ctx, dir, o, c)
	if err != nil {
		var missing *NoProjectError
		if errors.As(s.Why, &missing) {
			s.Why = err
		}
		var named *NoToolchainError
		if !errors.As(err, &named) || len(named.Lines) == 0 {
			s.asked = noCompiler
			return nil
		}
		s.asked = activeToolchain
		for _, name := range []string{o.Toolchain, o.getenv("RUSTUP_TOOLCHAIN")} {
			if name != "" {
				s.asked = name
				break
			}
		}
		return nil
	}
	return own
}

func (s *Survey) readLinkers(ctx context.Context, o Options, own *Toolchain) {
	s.Driver = "cc"
	if gcc := s.Triple.CrossCompiler(); gcc != "" {
		_, err := lookPath(gcc, o.environ())
		s.crossHere = err == nil
		if s.mingw() { // rustc calls it by itself
			s.Driver = gcc
		}
	}
	if s.Project != nil {
		if linker, ok := s.Project.Linker.Value.(string); ok && linker != "" {
			s.Driver = linker
		}
	}
	path, err := lookPath(s.Driver, o.environ())
	if err != nil {
		return
	}
	if out, err := output(ctx, "", nil, path, "--version"); err == nil {
		s.DriverText, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	}
	linkers, err := FindLinkers(ctx, LinkerProbe{Toolchain: own, Triple: s.Triple.Name, Driver: path, Runner: s.Runner, Env: o.Env})
	if err != nil {
		s.DriverText += fmt.Sprintf(" (links no program: %s)", oneLine(err))
		return
	}
	s.Linkers = linkers
}

// linker is the name of the first working linker that has a feature.
func (s *Survey) linker(has func(*Linker) bool) string {
	for _, l := range s.Linkers {
		if l.Works && has(l) {
			return l.Name
		}
	}
	return ""
}

// readSystem reads os-release(5).
func readSystem(path string) System {
	switch runtime.GOOS {
	case "darwin":
		return System{"macOS", "brew"}
	case "windows":
		return System{"Windows", ""}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return System{Name: runtime.GOOS}
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[key] = strings.Trim(value, `"'`)
		}
	}
	system := System{Name: fields["PRETTY_NAME"]}
	for _, id := range append([]string{fields["ID"]}, strings.Fields(fields["ID_LIKE"])...) {
		if id == "debian" && strings.HasPrefix(fields["VERSION_ID"], "12") && fields["ID"] == "debian" {
			id = "debian-12"
		}
		if installer, ok := systems[id]; ok {
			system.Installer = installer
			break
		}
	}
	return system
}
