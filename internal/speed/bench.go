// Package speed tells how fast a program is under the user's own bench, and
// where it spends that time.
//
// What is hard is to say something about the program and not about the
// machine. Programs are run one after the other in each round, the baseline
// first, so that a machine that is busy for a while slows all alike; the median
// of a program's rounds is set against the baseline's. What is compared is CPU
// time, user and system with all children: elapsed time on a shared machine
// says more about the neighbours. All run from one path, for the length of
// argv[0] moves the stack and that alone can cost some per cent.
//
// A bench is judged before anything is compared with it: an empty program of
// the same compiler is run in the same rounds, and what the bench costs beyond
// that has to be the larger part, and well above its own spread. A limit in
// milliseconds says nothing: starting a process costs 0.5 ms here and 4 there.
package speed

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/minsize/minsize/internal/artefact"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/process"
)

// Limits of one comparison: as many rounds as fit, but a median of at least
// five, and no more than say anything new.
const (
	benchTime      = 20 * time.Second
	benchRounds    = 5
	benchMaxRounds = 41
	benchJudging   = 9 // rounds of the bench beside an empty program
)

// Bench is a command whose speed is measured, for the ladder.
type Bench struct {
	Command string          // {} is the program
	Dir     string          // where it runs
	Runner  []string        // words before the program, for other machines
	Scratch string          // a folder for the program's one place
	Stage   *artefact.Stage // where a host looks for the library
	Empty   string          // an empty program of the same compiler; "" where there is none
}

// Compare implements ladder.Bencher. Without programs it judges the bench.
func (b *Bench) Compare(ctx context.Context, baseline string, programs []string) ([]float64, error) {
	all := append([]string{baseline}, programs...)
	judging := len(programs) == 0 && b.Empty != ""
	if judging {
		all = append(all, b.Empty)
	}
	times := make([][]time.Duration, len(all))
	began := time.Now()
	for round := -1; round < benchMaxRounds; round++ { // round -1 warms the caches
		if round >= benchRounds && (time.Since(began) > benchTime || judging && round >= benchJudging) {
			break
		}
		for i, program := range all {
			cpu, err := b.once(ctx, program)
			if judging && i == 1 && ctx.Err() == nil {
				err = nil // the bench may miss the program's answer
			}
			if err != nil {
				return nil, err
			}
			if round >= 0 {
				times[i] = append(times[i], cpu)
			}
		}
	}
	base := median(times[0])
	if judging {
		if err := b.judge(times[0], times[1]); err != nil {
			return nil, err
		}
		return nil, nil
	}
	var ratios []float64
	for _, t := range times[1:] {
		ratios = append(ratios, float64(median(t))/float64(max(base, 1)))
	}
	return ratios, nil
}

// judge refuses a bench that says more about starting a process, or about the
// machine, than about the program. times are the CPU times of its runs, empty
// those of an empty program's.
func (b *Bench) judge(times, empty []time.Duration) error {
	base, start := median(times), median(empty)
	work, noise := base-start, spread(times)+spread(empty)
	short := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	switch {
	case work <= start: // both are 0 where the system counts in ticks
		return fmt.Errorf("bench %q takes %v of CPU time, and starting an empty program %v: too short to be compared; give it more to do", b.Command, short(base), short(start))
	case work < 4*noise:
		return fmt.Errorf("bench %q takes %v of CPU time, give or take %v from run to run: too uneven to be compared; give it more to do", b.Command, short(base), short(noise))
	}
	return nil
}

// spread is the median distance from the median.
func spread(list []time.Duration) time.Duration {
	middle := median(list)
	var away []time.Duration
	for _, t := range list {
		away = append(away, (t - middle).Abs())
	}
	return median(away)
}

// once runs the command with program and returns its CPU time, also where the
// command fails.
func (b *Bench) once(ctx context.Context, program string) (time.Duration, error) {
	path, err := b.place(program)
	if err != nil {
		return 0, err
	}
	argv := b.argv(path)
	cmd := process.Command(ctx, b.Dir, nil, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	usage, err := process.Run(ctx, cmd)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		return usage.CPU, fmt.Errorf("bench %q: %w", b.Command, err)
	}
	return usage.CPU, nil
}

// argv calls the shell with the program in the command.
func (b *Bench) argv(path string) []string {
	return process.Shell(b.Command, append(slices.Clone(b.Runner), path)...)
}

// place puts a program at the one path that all run from.
func (b *Bench) place(program string) (string, error) {
	path := filepath.Join(b.Scratch, "bench", filepath.Base(program))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", err
	}
	if b.Stage != nil {
		if err := b.Stage.Put(program); err != nil {
			return "", err
		}
	}
	os.Remove(path)
	if os.Link(program, path) == nil {
		return path, nil
	}
	return path, byteio.CopyFile(program, path, 0o777)
}

func median(list []time.Duration) time.Duration {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
