package saving

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/outline"
)

// trial is an edit that can be made without asking anybody.
type trial struct {
	files map[string][]byte      // as they would be, by their paths below the workspace
	cargo []string               // a command of cargo's that comes before the build
	after func(root string) bool // whether the command did what it should; nil for always
	flags []string               // of the compiler
}

// key tells the trial from every other one of the same sources.
func (t *trial) key() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(t.files)) {
		fmt.Fprintf(h, "%q %q\n", name, t.files[name])
	}
	fmt.Fprintf(h, "%q %q\n", t.cargo, t.flags)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// outcome is what came of a trial.
type outcome struct {
	State State  `json:"state"`
	Saves int64  `json:"saves"`
	Why   string `json:"why"`
}

// Bench builds trials in a copy of the workspace, and keeps what came of them.
type Bench struct {
	Steps   *outline.CargoSteps
	Builds  int           // made in this run
	Kept    int           // answered by an earlier run
	Each    time.Duration // of the last build
	project *cargo.Project
	scratch *outline.Scratch
	dir     string
	record  record
	// Default says that nobody named a check, so that --version and --help stand for all.
	Default bool
	base    string // the program as it is
	size    int64
	put     bool // the copy is of this run
}

// record is what is kept between runs. Everything in it is of one state of the
// project, its environment and its checks.
type record struct {
	Inputs   string             `json:"inputs"`
	Size     int64              `json:"size"`
	Outcomes map[string]outcome `json:"outcomes"`
}

// Options are how trials are made.
type Options struct {
	Proof  outline.ProofOptions
	Inputs string // a digest of all that a build depends on
	Build  func(context.Context, *cargo.Project, cargo.Request) (cargo.Result, error)
}

// v0 names tell the types that generic code was made for; line tables tell
// which lines code is of. Neither changes the code.
var (
	named = []string{"-Csymbol-mangling-version=v0"}
	lined = cargo.KeyValue{Key: "debug", Value: "limited"}
)

// OpenBench makes a bench of a project. What an earlier run of the same state
// found is used again.
func OpenBench(ctx context.Context, p *cargo.Project, o Options) (*Bench, error) {
	o.Proof.Name = "advise"
	o.Proof.Cargo.Locked, o.Proof.Cargo.Frozen = false, false // a trial may leave packages out
	scratch, steps, err := outline.OpenProof(ctx, p, o.Proof)
	if err != nil {
		return nil, err
	}
	steps.Build = o.Build
	steps.Request.Profile = append(steps.Request.Profile, lined)
	steps.Request.Rustflags = named
	b := &Bench{Steps: steps, project: p, scratch: scratch, dir: filepath.Join(scratch.Root+"-record", p.Target.Name), Default: len(o.Proof.Checks) == 0}
	inputs := sha256.New()
	fmt.Fprintf(inputs, "%s %q", o.Inputs, o.Proof.Checks)
	for _, r := range o.Proof.Ignore {
		fmt.Fprintf(inputs, " %q", r)
	}
	id := hex.EncodeToString(inputs.Sum(nil)[:16])
	b.base = filepath.Join(b.dir, "program")
	text, err := os.ReadFile(filepath.Join(b.dir, "record.json"))
	if err != nil || json.Unmarshal(text, &b.record) != nil || b.record.Inputs != id || b.record.Outcomes == nil {
		b.record = record{Inputs: id, Outcomes: map[string]outcome{}}
	}
	return b, nil
}

// Close removes the copy; what was built of it stays for the next run.
func (b *Bench) Close() {
	_ = b.Steps.Close()
	_ = b.scratch.Close()
}

// Root is where the copy is.
func (b *Bench) Root() string { return b.scratch.Root }

// Base is the program as it is, with names and lines.
func (b *Bench) Base(ctx context.Context) (string, error) {
	if size, err := loaded(b.base); err == nil && b.record.Size == size {
		b.size = size
		return b.base, nil
	}
	b.record.Outcomes = map[string]outcome{}
	if err := b.baseline(ctx); err != nil {
		return "", err
	}
	return b.base, b.save()
}

// baseline builds the program as it is.
func (b *Bench) baseline(ctx context.Context) error {
	b.put = true
	begin := time.Now()
	result, err := b.Steps.Program(ctx)
	if err != nil {
		return err
	}
	b.Builds++
	b.Each = time.Since(begin)
	data, err := os.ReadFile(result.Executable)
	if err == nil {
		err = os.MkdirAll(b.dir, 0o777)
	}
	if err == nil {
		err = os.WriteFile(b.base, data, 0o777)
	}
	if err == nil {
		b.size, err = loaded(b.base)
		b.record.Size = b.size
	}
	return err
}

func (b *Bench) save() error {
	text, err := json.Marshal(b.record)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "record.json"), text, 0o666)
}

// loaded is the bytes of a program's loaded sections: file sizes go in steps of
// whole pages with some linkers.
func loaded(path string) (int64, error) {
	m, err := byteio.Open(path)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	f, err := objfile.Parse(path, m.Data)
	if err != nil {
		return 0, err
	}
	n := uint64(0)
	for i := range f.Sections {
		if s := &f.Sections[i]; s.Alloc {
			n += s.FileSize
		}
	}
	if n == 0 {
		n = f.Size
	}
	return int64(n), nil
}

// Limits are how much may be tried.
type Limits struct {
	Builds int           // of this run, 0 for none
	Time   time.Duration // of all of them, 0 for any
}

// Pending counts the trials that no earlier run has an answer to.
func (b *Bench) Pending(all []Saving) (n int) {
	for i := range all {
		if t := all[i].trial; t != nil {
			if _, known := b.record.Outcomes[t.key()]; !known {
				n++
			}
		}
	}
	return n
}

// Try tries what finders proposed, the most promising first, and gives all
// savings with what came of them.
func (b *Bench) Try(ctx context.Context, all []Saving, limits Limits, tell func(string)) ([]Saving, error) {
	queue := slices.Clone(all)
	arrange.Stable(queue, func(x, y Saving) int {
		switch {
		case x.bound > y.bound:
			return -1
		case x.bound < y.bound:
			return 1
		}
		return 0
	})
	begin, made := time.Now(), 0
	var out []Saving
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if s.trial == nil {
			out = append(out, s)
			continue
		}
		key := s.trial.key()
		result, known := b.record.Outcomes[key]
		if known {
			b.Kept++
		} else {
			s.State = Untried
			if made >= limits.Builds || limits.Time > 0 && made > 0 && time.Since(begin)+b.Each > limits.Time {
				out = append(out, s)
				continue
			}
			made++
			tell(s.What)
			var err error
			if result, err = b.make(ctx, s.trial); err != nil {
				return nil, err
			}
			b.record.Outcomes[key] = result
			if err := b.save(); err != nil {
				return nil, err
			}
		}
		s.State, s.Bytes, s.Low, s.High, s.Why = result.State, result.Saves, result.Saves, result.Saves, result.Why
		if s.State == Nothing || s.State == Tried && uint64(s.Bytes) < max(uint64(b.size)/1000, 512) {
			s.State = Nothing
		}
		out = append(out, s)
		if s.then != nil && s.State != Tried {
			queue = append(s.then(), queue...)
		}
	}
	Rank(out)
	return out, nil
}

// make does one trial and puts the copy back. What fails in the trial is its
// outcome; an error is one of the machine's.
func (b *Bench) make(ctx context.Context, t *trial) (o outcome, err error) {
	if !b.put { // the program as it is was kept by an earlier run
		if err := b.Steps.Base(ctx, b.base); err != nil {
			return o, err
		}
		b.put = true
	}
	before := map[string][]byte{}
	lock := filepath.Join(b.scratch.Root, "Cargo.lock")
	locked, _ := os.ReadFile(lock)
	for name := range t.files {
		if before[name], err = b.scratch.Read(name); err != nil {
			return o, err
		}
	}
	if err := b.scratch.Write(t.files); err != nil {
		return o, err
	}
	o = b.outcome(ctx, t)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if now, _ := os.ReadFile(lock); locked != nil && !bytes.Equal(now, locked) {
		if err := os.WriteFile(lock, locked, 0o666); err != nil {
			return o, err
		}
	}
	return o, b.scratch.Write(before)
}

func (b *Bench) outcome(ctx context.Context, t *trial) outcome {
	if len(t.cargo) > 0 {
		if err := b.Steps.Cargo(ctx, t.cargo...); err != nil {
			return outcome{State: Fails, Why: oneLine(err)}
		}
		if t.after != nil && !t.after(b.scratch.Root) {
			return outcome{State: Nothing, Why: "both versions are still there"}
		}
	}
	b.Steps.Request.Rustflags = append(slices.Clone(named), t.flags...)
	defer func() { b.Steps.Request.Rustflags = named }()
	begin := time.Now()
	result, err := b.Steps.Program(ctx)
	b.Each = time.Since(begin)
	b.Builds++
	if err != nil {
		return outcome{State: Fails, Why: "does not build: " + oneLine(err)}
	}
	size, err := loaded(result.Executable)
	if err != nil {
		return outcome{State: Fails, Why: oneLine(err)}
	}
	o := outcome{State: Tried, Saves: b.size - size}
	if o.Saves <= 0 {
		return outcome{State: Nothing, Saves: o.Saves, Why: "saves nothing"}
	}
	if err := b.Steps.Verify(ctx, result.Executable); err != nil {
		o.State, o.Why = Differs, oneLine(err)
	}
	return o
}

func oneLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}
