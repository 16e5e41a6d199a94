package report

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
)

// doctorJSON is the contract minsize.doctor/1.
type doctorJSON struct {
	System     string            `json:"system"`
	Target     string            `json:"target"`
	Ready      bool              `json:"ready"`
	Project    *doctorProject    `json:"project,omitempty"`
	NoProject  string            `json:"no_project,omitempty"`
	Toolchains []doctorToolchain `json:"toolchains"`
	Linkers    []doctorLinker    `json:"linkers"`
	Pieces     []cargo.Piece     `json:"pieces"`
}

type doctorProject struct {
	Root      string                  `json:"root"`
	Package   string                  `json:"package,omitempty"`
	Program   string                  `json:"program,omitempty"`
	Choice    string                  `json:"choice_needed,omitempty"`
	Packages  int                     `json:"packages"`
	TargetDir string                  `json:"target_dir"`
	Profile   string                  `json:"profile"`
	Settings  map[string]doctorOrigin `json:"settings"`
	Rustflags []string                `json:"rustflags"`
	From      []string                `json:"rustflags_from"`
	Ignored   []string                `json:"rustflags_ignored"`
	Linker    string                  `json:"linker,omitempty"`
	Runner    []string                `json:"runner,omitempty"`
}

type doctorOrigin struct {
	Value  any    `json:"value"`
	Origin string `json:"origin"`
}

type doctorToolchain struct {
	Name           string   `json:"name"`
	Version        string   `json:"version"`
	Channel        string   `json:"channel"`
	Commit         string   `json:"commit"`
	Date           string   `json:"date"`
	Host           string   `json:"host"`
	LLVM           string   `json:"llvm"`
	Own            bool     `json:"own"`
	Cargo          string   `json:"cargo"`
	Rustc          string   `json:"rustc"`
	Unstable       bool     `json:"takes_unstable_flags"`
	StdSources     string   `json:"std_sources,omitempty"`
	StdVendor      string   `json:"std_vendor,omitempty"`
	StdFeatures    []string `json:"std_features,omitempty"`
	Targets        []string `json:"targets"`
	Opt            string   `json:"opt,omitempty"`
	LLC            string   `json:"llc,omitempty"`
	ImmediateAbort string   `json:"immediate_abort,omitempty"`
}

type doctorLinker struct {
	Name    string   `json:"name"`
	Path    string   `json:"path"`
	Args    []string `json:"driver_arguments"`
	Works   bool     `json:"works"`
	Ran     bool     `json:"ran"`
	Why     string   `json:"why,omitempty"`
	RELR    bool     `json:"relr"`
	ICF     bool     `json:"icf"`
	NoEHHdr bool     `json:"no_eh_frame_hdr"`
}

// Doctor sets a survey as a report: the project, what builds, what
// links, and what is missing.
func Doctor(s *cargo.Survey) *Document {
	data := doctorJSON{System: s.System.Name, Target: s.Triple.Name, Ready: s.Ready(), Pieces: s.Pieces,
		Toolchains: []doctorToolchain{}, Linkers: []doctorLinker{}}
	d := &Document{Title: "minsize doctor", Schema: "minsize.doctor/1"}
	here, missing := piecesBlocks(s)
	d.Blocks = append(missing, projectBlock(s, &data))

	toolchains := &Table{Columns: []Column{
		{Name: "toolchain", Key: "Name"}, {Name: "version"}, {Name: "LLVM"}, {Name: "-Z"}, {Name: "std's sources"}, {Name: "opt, llc"}, {Name: "targets", Flex: true, Wrap: true},
	}}
	for _, t := range s.Toolchains {
		j := doctorToolchain{Name: t.Name, Version: t.Version, Channel: t.Channel, Commit: t.Commit, Date: t.CommitDate, Host: t.Host, LLVM: t.LLVM, Own: t.Own,
			Cargo: t.Cargo, Rustc: t.Rustc, Unstable: t.Unstable(), Targets: t.Targets, Opt: t.LLVMTools.Opt, LLC: t.LLVMTools.LLC, ImmediateAbort: string(t.ImmediateAbort)}
		sources := "no"
		if t.Std != nil {
			j.StdSources, j.StdVendor, j.StdFeatures = t.Std.Library, t.Std.Vendor, t.Std.Features
			sources = "yes, crates from the registry"
			if t.Std.Vendor != "" {
				sources = "yes, with their crates"
			}
		}
		data.Toolchains = append(data.Toolchains, j)
		unstable := "with --bootstrap"
		if t.Unstable() {
			unstable = "yes"
		}
		tools := "no"
		if t.LLVMTools.Opt != "" {
			tools = t.LLVMTools.Version
		}
		toolchains.Rows = append(toolchains.Rows, Row{Strong: t.Own, Cells: []Cell{
			strings.TrimSuffix(t.Name, "-"+t.Host), t.Version + " (" + t.CommitDate + ")", t.LLVM, unstable, sources, tools, strings.Join(t.Targets, " ")}})
	}
	if len(s.Toolchains) > 0 {
		d.Blocks = append(d.Blocks, Block{Heading: "Toolchains", Part: "toolchain", Table: toolchains})
	}

	linkers := &Table{Columns: []Column{
		{Name: "linker", Key: "Name"}, {Name: "works"}, {Name: "RELR"}, {Name: "icf"}, {Name: "path", Flex: true},
	}}
	for _, l := range s.Linkers {
		data.Linkers = append(data.Linkers, doctorLinker{Name: l.Name, Path: l.Path, Args: l.Args, Works: l.Works, Ran: l.Ran, Why: l.Why,
			RELR: l.RELR, ICF: l.ICF, NoEHHdr: l.NoEHHdr})
		works := "yes"
		switch {
		case !l.Works:
			works = "no: " + l.Why
		case !l.Ran:
			works = "links; not run"
		}
		linkers.Rows = append(linkers.Rows, Row{Faint: !l.Works, Cells: []Cell{l.Name, works, l.RELR, l.ICF, l.Path}})
	}
	if len(linkers.Rows) > 0 {
		d.Blocks = append(d.Blocks, Block{Heading: "Linkers for " + s.Triple.Name + ", each tried on a program that was run", Part: "linker", Table: linkers})
	}
	d.Blocks = append(d.Blocks, here...)
	d.Data = data
	return d
}

// projectBlock tells what would be built, and what steers it.
func projectBlock(s *cargo.Survey, data *doctorJSON) Block {
	b := Block{Heading: "Project", Part: "project"}
	p := s.Project
	if p == nil {
		if s.Why != nil {
			b.Text, data.NoProject = []string{s.Why.Error()}, s.Why.Error()
		}
		return b
	}
	j := &doctorProject{Root: p.Root, Packages: len(p.Metadata.Packages), TargetDir: p.Metadata.TargetDirectory, Profile: p.Profile.Name,
		Settings: map[string]doctorOrigin{}, Rustflags: p.Rustflags.Flags, From: p.Rustflags.Origins, Runner: p.Runner}
	data.Project = j
	t := &Table{Columns: []Column{{Name: "setting", Key: "Name"}, {Name: "value", Flex: true}, {Name: "from"}}}
	row := func(name string, value any, from string) {
		t.Rows = append(t.Rows, Row{Cells: []Cell{name, fmt.Sprint(value), from}})
	}
	row("workspace", p.Root, "")
	if p.Package != nil {
		j.Package, j.Program = p.Package.Name, p.Target.Name
		row("program", p.Target.Name, "package "+p.Package.Name)
	} else if s.Why != nil {
		j.Choice = s.Why.Error()
		b.Notes = append(b.Notes, s.Why.Error())
	}
	row("target", p.Triple.Name, "")
	for _, key := range cargo.ProfileKeys() {
		setting := p.Profile.Settings[key]
		j.Settings[key] = doctorOrigin{setting.Value, setting.Origin}
		if setting.Origin != "" {
			row("profile."+p.Profile.Name+"."+key, setting, setting.Origin)
			for _, o := range p.Overrules(p.Profile.Name, key) {
				if o.By == setting.Origin && o.By != p.Manifest {
					b.Notes = append(b.Notes, fmt.Sprintf("%s in %s beats what the manifest says", o.Key, o.By))
				}
			}
		}
	}
	for _, path := range p.IgnoredProfiles() {
		b.Notes = append(b.Notes, NoEffect(path))
	}
	if len(p.Rustflags.Flags) > 0 {
		row("rustflags", strings.Join(p.Rustflags.Flags, " "), strings.Join(p.Rustflags.Origins, ", "))
	}
	for _, ignored := range p.Rustflags.Ignored {
		text := fmt.Sprintf("rustflags in %s (%s) have no effect: those in %s come first", ignored.Place(), strings.Join(ignored.Flags, " "), p.Rustflags.Place())
		j.Ignored = append(j.Ignored, text)
		b.Notes = append(b.Notes, text)
	}
	if linker, ok := p.Linker.Value.(string); ok && linker != "" {
		j.Linker = linker
		row("linker", linker, p.Linker.Origin)
	}
	if len(p.Runner) > 0 {
		row("runner", strings.Join(p.Runner, " "), "cargo's configuration")
	}
	b.Table = t
	return b
}

// NoEffect is the sentence about a member's profiles, which cargo does not read.
func NoEffect(manifest string) string {
	return fmt.Sprintf("the profiles in %s have no effect: those of the workspace root count", manifest)
}

// piecesBlocks are what is here, and what is not, with what it would give:
// that comes first.
func piecesBlocks(s *cargo.Survey) (found, lacking []Block) {
	here := &Table{Columns: []Column{{Name: "here", Key: "Name"}, {Name: "found", Key: "path", Flex: true}, {Name: "unlocks", Only: Programs}}}
	missing := Block{Heading: "Missing"}
	var better []string
	for _, p := range s.Pieces {
		if p.Found != "" {
			here.Rows = append(here.Rows, Row{Cells: []Cell{p.Name, p.Found, p.Unlocks}})
			if p.Partial {
				better = append(better, p.Name+", without the condition: "+p.Install[0])
			}
			continue
		}
		here.Rows = append(here.Rows, Row{Only: Programs, Cells: []Cell{p.Name, nil, p.Unlocks}})
		line := p.Name + ": would unlock " + p.Unlocks
		if p.Essential {
			line = p.Name + ": needed for " + p.Unlocks
		}
		missing.Text = append(missing.Text, line)
		for i, command := range p.Install {
			word := "  run: "
			if i > 0 {
				word = "  or:  "
			}
			missing.Text = append(missing.Text, word+command)
		}
		if len(p.Install) == 0 {
			missing.Text = append(missing.Text, "  install it with the system's package manager")
		}
	}
	if len(here.Rows) > 0 {
		found = append(found, Block{Heading: "What techniques need", Part: "piece", Table: here, Notes: better})
	}
	if len(missing.Text) > 0 {
		lacking = append(lacking, missing)
	}
	return found, lacking
}
