package tune

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Compiler makes machine code of a module.
type Compiler interface {
	// Compile returns the bytes of each function with code: its section and
	// the sections of its own that it brings along, by symbol. In a trial equal
	// functions stay apart.
	Compile(ctx context.Context, module string, trial bool) (map[string]int64, error)
}

// Options of a search. It ends with the budget, or when nothing is left to try.
type Options struct {
	Compiles    int              // budget: that many compiles; 0 for any number
	Time        time.Duration    // budget: that long; 0 for any time
	PerFunction int64            // what a function costs beside its sections: entries of tables
	Start       Choices          // what an earlier search found
	Known       map[string]int64 // results of earlier compiles by content; new ones are put in
	Progress    func(Progress)   // nil: nobody looks
}

// Progress is how far a search has come.
type Progress struct {
	Compiles int
	Calls    int   // calls that were judged
	Before   int64 // bytes of all functions without a choice
	Now      int64 // the same with the best choices, measured on the whole module
	Done     float64
}

// side is how many compiles run side by side. It does not depend on the
// machine, so that the same budget gives the same result everywhere.
const side = 2

// portion is the text of one trial: a compile of a second.
const portion = 3 << 20

// Search finds choices that make the module's code smaller. They are never
// worse than none: the last word has a compile of the whole module.
func Search(ctx context.Context, m *Module, c Compiler, o Options) (Choices, Progress, error) {
	s := &search{Module: m, Options: o, ctx: ctx, compiler: c, began: time.Now(), measured: map[string]int64{}, judged: map[flip]bool{}, state: make([]map[int]Choice, len(m.functions))}
	err := s.run()
	return s.best, s.progress, err
}

type search struct {
	*Module
	Options
	ctx      context.Context
	compiler Compiler
	began    time.Time
	progress Progress

	whole    map[string]int64 // sizes of the whole module without a choice
	sizes    []int64          // the same by function; 0: it has no code of its own
	implied  []map[int]Choice // what LLVM has decided by itself and a trial would not see
	state    []map[int]Choice // choices so far
	along    []map[int]Choice // both, of bodies that come along with a trial
	measured map[string]int64 // variants by content
	judged   map[flip]bool
	keys     map[flip]string // of single choices, and of the base (-1), in this state
	chosen   []*move         // what the running compiles will tell of
	model    model
	moves    []*move
	best     Choices
}

func (s *search) run() error {
	var err error
	if s.whole, err = s.compileWhole(nil); err != nil {
		return err
	}
	s.progress.Before = s.total(s.whole)
	s.progress.Now, s.best = s.progress.Before, Choices{}
	s.sizes = make([]int64, len(s.functions))
	s.implied = make([]map[int]Choice, len(s.functions))
	for i := range s.functions {
		s.sizes[i] = s.whole[strings.Trim(s.functions[i].name, `"`)]
	}
	for i := range s.functions {
		for n, c := range s.functions[i].calls {
			if !c.fixed && s.sizes[c.callee] == 0 && s.functions[c.callee].local {
				if s.implied[i] == nil {
					s.implied[i] = map[int]Choice{}
				}
				s.implied[i][n] = Inline
			}
		}
	}
	s.stand(s.state)
	if err := s.begin(); err != nil {
		return err
	}
	for _, until := range []float64{0.5, 0.8, 0.93} {
		if err := s.round(until); err != nil {
			return err
		}
	}
	return nil
}

// begin takes over what an earlier search found, where it still pays.
func (s *search) begin() error {
	found := false
	for i, f := range s.functions {
		for n, choice := range s.Start[f.hash] {
			if f.hash == "" || n >= len(f.calls) || f.calls[n].fixed || choice == Inline && s.deepens(&s.functions[i], &s.functions[f.calls[n].callee]) {
				continue
			}
			if s.state[i] == nil {
				s.state[i] = map[int]Choice{}
			}
			s.state[i][n] = choice
			found = true
		}
	}
	s.stand(s.state)
	if !found {
		return nil
	}
	return s.verify()
}

// round tries moves until a part of the budget is spent, keeps the good ones
// together, and has the whole module judge.
func (s *search) round(until float64) error {
	s.findMoves()
	for s.spent() < until && s.left() > 2 {
		batches := s.fill()
		if len(batches) == 0 {
			break
		}
		if err := s.compile(batches); err != nil {
			return err
		}
		s.judge()
	}
	if err := s.combine(); err != nil {
		return err
	}
	return s.verify()
}

// findMoves lists what could be tried on top of the state.
func (s *search) findMoves() {
	s.moves = nil
	type group struct {
		flips []flip
		all   bool
	}
	groups := map[int]*group{}
	for i := range s.functions {
		f := &s.functions[i]
		for n, c := range f.calls {
			if c.callee < 0 {
				continue
			}
			callee := &s.functions[c.callee]
			g := groups[c.callee]
			if g == nil {
				g = &group{all: callee.local && !callee.fixed}
				groups[c.callee] = g
			}
			if f.hash == "" || c.fixed || s.state[i][n] != 0 {
				g.all = false
				continue
			}
			text := callee.span.to - callee.span.from
			one := flip{i, n, Inline}
			g.flips = append(g.flips, one)
			g.all = g.all && !s.deepens(f, callee)
			switch {
			case s.sizes[c.callee] == 0: // LLVM has inlined it
				if callee.local && s.uses[callee.name] == 1 && !callee.fixed && text > timid/8 && text < 16*timid {
					s.add(&move{flips: []flip{{i, n, Apart}}, goes: -1, comes: c.callee, kind: apartLast})
				}
				continue
			case !callee.fixed && text < 8*timid && !s.deepens(f, callee):
				s.add(&move{flips: []flip{one}, goes: -1, comes: -1, kind: inlineOne})
			}
			if text < timid {
				s.add(&move{flips: []flip{{i, n, Apart}}, goes: -1, comes: -1, kind: apartOne})
			}
		}
	}
	for _, i := range slices.Sorted(maps.Keys(groups)) {
		if g := groups[i]; g.all && s.sizes[i] > 0 && len(g.flips) == s.uses[s.functions[i].name] && len(g.flips) <= 6 {
			s.add(&move{flips: g.flips, goes: i, comes: -1, kind: inlineAll})
		}
	}
}

func (s *search) add(v *move) {
	callee := s.functions[v.flips[0].function].calls[v.flips[0].call].callee
	v.features = s.featuresOf(v.kind, s.sizes[callee], v.flips[0])
	s.moves = append(s.moves, v)
	s.settle(v)
}

// stand makes choices the state that moves are tried on.
func (s *search) stand(state []map[int]Choice) {
	s.keys = map[flip]string{}
	s.state, s.along = state, make([]map[int]Choice, len(state))
	for i := range state {
		if len(state[i])+len(s.implied[i]) > 0 {
			s.along[i] = merged(s.implied[i], state[i])
		}
	}
}

// base is a function as it is by now.
func (s *search) base(i int) Variant { return Variant{i, merged(s.along[i])} }

// with is a function with further choices.
func (s *search) with(i int, more map[int]Choice) Variant {
	return Variant{i, merged(s.along[i], more)}
}

func merged(list ...map[int]Choice) map[int]Choice {
	out := map[int]Choice{}
	for _, m := range list {
		maps.Copy(out, m)
	}
	return out
}

// variants are all that has to be known to judge a move.
func (s *search) variants(v *move) []Variant {
	var list []Variant
	for i, more := range byFunction(v.flips) {
		list = append(list, s.base(i))
		for n, c := range more {
			list = append(list, s.with(i, map[int]Choice{n: c}))
		}
	}
	if v.comes >= 0 {
		list = append(list, s.base(v.comes))
	}
	slices.SortFunc(list, func(a, b Variant) int {
		return cmp.Or(a.Function-b.Function, strings.Compare(written(a.Choices), written(b.Choices)))
	})
	return list
}

func byFunction(flips []flip) map[int]map[int]Choice {
	out := map[int]map[int]Choice{}
	for _, f := range flips {
		if out[f.function] == nil {
			out[f.function] = map[int]Choice{}
		}
		out[f.function][f.call] = f.choice
	}
	return out
}

// key names a variant by content: the body, its choices, and the bodies that
// come along with theirs.
func (s *search) key(v Variant) string {
	var b strings.Builder
	f := &s.functions[v.Function]
	b.WriteString(f.body + " " + written(v.Choices))
	p := &piece{m: s.Module, state: s.along, bodies: map[int]bool{}}
	p.along(f, v.Choices, 2)
	for _, i := range slices.Sorted(maps.Keys(p.bodies)) {
		b.WriteString(";" + s.functions[i].body + " " + written(p.state[i]))
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// size is what a variant was measured to have.
func (s *search) size(v Variant) (int64, bool) { return s.known(s.key(v)) }

// sizeOf is that of a function with one choice more, or none.
func (s *search) sizeOf(f flip) (int64, bool) {
	key := s.keys[f]
	if key == "" {
		v := s.base(f.function)
		if f.call >= 0 {
			v = s.with(f.function, map[int]Choice{f.call: f.choice})
		}
		key = s.key(v)
		s.keys[f] = key
	}
	return s.known(key)
}

func (s *search) known(key string) (int64, bool) {
	if n, ok := s.measured[key]; ok {
		return n, n >= 0
	}
	n, ok := s.Known[key]
	if ok {
		s.measured[key] = n
	}
	return n, ok && n >= 0
}

// settle computes a move's gain where all of its variants are measured.
func (s *search) settle(v *move) {
	var gain int64
	for _, f := range v.flips {
		before, ok := s.sizeOf(flip{f.function, -1, 0})
		after, ok2 := s.sizeOf(f)
		if !ok || !ok2 {
			return
		}
		gain += before - after
	}
	if v.goes >= 0 {
		gain += s.sizes[v.goes] + s.PerFunction
	}
	if v.comes >= 0 {
		size, ok := s.sizeOf(flip{v.comes, -1, 0})
		if !ok {
			return
		}
		gain -= size + s.PerFunction
	}
	v.gain, v.known = gain, true
	s.model.learn(v.features, gain)
	for _, f := range v.flips {
		s.judged[f] = true
	}
	s.progress.Calls = len(s.judged)
}

// judge settles what the last compiles have told.
func (s *search) judge() {
	for _, v := range s.chosen {
		if !v.known {
			s.settle(v)
		}
	}
}

// fill chooses the variants of the next compiles: the moves with the largest
// gain to be expected for each byte of text.
func (s *search) fill() [][]Variant {
	type scored struct {
		*move
		score float64
	}
	var list []scored
	for _, v := range s.moves {
		if v.known {
			continue
		}
		text := 0
		for _, f := range v.flips {
			text += s.text(f.function)
			if f.choice == Inline {
				text += s.text(s.functions[f.function].calls[f.call].callee)
			}
		}
		callee := s.functions[v.flips[0].function].calls[v.flips[0].call].callee
		list = append(list, scored{move: v, score: s.model.guess(v.features, s.sizes[callee], s.PerFunction) / float64(text+200)})
	}
	slices.SortStableFunc(list, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	batches := make([][]Variant, 0, side)
	var batch []Variant
	text, taken := 0, map[string]bool{}
	s.chosen = nil
	for _, l := range list {
		if len(batches) == min(side, s.left()-2) {
			break
		}
		s.chosen = append(s.chosen, l.move)
		for _, v := range s.variants(l.move) {
			key := s.key(v)
			if n, known := s.measured[key]; taken[key] || known && n >= 0 {
				continue
			} else if known { // it did not compile
				l.move.known, l.move.gain = true, -1
				continue
			}
			taken[key] = true
			batch = append(batch, v)
			text += s.text(v.Function)
		}
		if text >= portion {
			batches, batch, text = append(batches, batch), nil, 0
		}
	}
	if len(batch) > 0 && len(batches) < min(side, s.left()-2) {
		batches = append(batches, batch)
	}
	return batches
}

func (s *search) text(i int) int { return s.functions[i].span.to - s.functions[i].span.from }

// compile measures variants, the batches side by side.
func (s *search) compile(batches [][]Variant) error {
	sizes := make([]map[string]int64, len(batches))
	errs := make([]error, len(batches))
	var group sync.WaitGroup
	for i, batch := range batches {
		group.Go(func() { sizes[i], errs[i] = s.compiler.Compile(s.ctx, s.Trial(batch, s.along), true) })
	}
	group.Wait()
	for i, batch := range batches {
		s.progress.Compiles++
		if s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		if errs[i] != nil && len(batches) == 1 && len(batch) <= 2 {
			for _, v := range batch {
				s.measured[s.key(v)] = -1
			}
			continue
		}
		if errs[i] != nil { // one of them is not to be compiled apart; find it
			if half := len(batch) / 2; half > 0 && s.left() > 2 {
				for _, part := range [][]Variant{batch[:half], batch[half:]} {
					if err := s.compile([][]Variant{part}); err != nil {
						return err
					}
				}
			}
			continue
		}
		for n, v := range batch {
			size, ok := sizes[i][VariantName(n)]
			if !ok {
				size = -1
			}
			key := s.key(v)
			s.measured[key] = size
			if s.Known != nil {
				s.Known[key] = size
			}
		}
	}
	s.tell()
	return nil
}

// combine puts the good moves together, function by function, and measures
// what they give in company.
func (s *search) combine() error {
	chosen, credit := s.choose()
	worth := func(i int, choices map[int]Choice) (int64, bool) {
		before, ok := s.size(s.base(i))
		after, ok2 := s.size(s.with(i, choices))
		gain := before - after
		for n := range choices {
			gain += credit[flip{i, n, choices[n]}]
		}
		return gain, ok && ok2
	}
	// All of them, the better half of them, and each alone, which is known.
	tries := map[int][]map[int]Choice{}
	for i, all := range chosen {
		order := sorted(all)
		slices.SortStableFunc(order, func(a, b int) int {
			x, _ := worth(i, map[int]Choice{a: all[a]})
			y, _ := worth(i, map[int]Choice{b: all[b]})
			return cmp.Compare(y, x)
		})
		for n := len(order); n > 0; n /= 2 {
			part := map[int]Choice{}
			for _, call := range order[:n] {
				part[call] = all[call]
			}
			tries[i] = append(tries[i], part)
		}
	}
	var batches [][]Variant
	var batch []Variant
	text := 0
	for _, i := range slices.Sorted(maps.Keys(tries)) {
		for _, t := range tries[i] {
			v := s.with(i, t)
			if _, known := s.measured[s.key(v)]; known {
				continue
			}
			batch = append(batch, v)
			if text += s.text(i); text >= portion {
				batches, batch, text = append(batches, batch), nil, 0
			}
		}
	}
	if len(batch) > 0 {
		batches = append(batches, batch)
	}
	for part := range slices.Chunk(batches, side) {
		if s.left() < 2 {
			break
		}
		if err := s.compile(part); err != nil {
			return err
		}
	}
	next := slices.Clone(s.state)
	for i, list := range tries {
		best := int64(0)
		for _, t := range list {
			if gain, ok := worth(i, t); ok && gain > best {
				best, next[i] = gain, merged(s.state[i], t)
			}
		}
	}
	s.stand(next)
	return nil
}

// choose takes the moves that gain, and says what each choice is worth beside
// its caller's own bytes: a share in the function that goes or comes.
func (s *search) choose() (chosen map[int]map[int]Choice, credit map[flip]int64) {
	chosen, credit = map[int]map[int]Choice{}, map[flip]int64{}
	alone := map[flip]int64{}
	good := []*move{}
	for _, v := range s.moves {
		if v.known && v.gain > 0 {
			good = append(good, v)
			if v.goes < 0 {
				alone[v.flips[0]] = v.gain
			}
		}
	}
	slices.SortStableFunc(good, func(a, b *move) int { return cmp.Compare(b.gain, a.gain) })
	for _, v := range good {
		var without int64 // what the calls give by themselves
		clash := false
		for _, f := range v.flips {
			without += alone[f]
			taken := chosen[f.function][f.call]
			clash = clash || taken != 0 && taken != f.choice
		}
		if clash || v.goes >= 0 && v.gain <= without {
			continue
		}
		for _, f := range v.flips {
			if chosen[f.function] == nil {
				chosen[f.function] = map[int]Choice{}
			}
			chosen[f.function][f.call] = f.choice
			if v.goes >= 0 {
				credit[f] = (s.sizes[v.goes] + s.PerFunction) / int64(len(v.flips))
			}
			if v.comes >= 0 {
				size, _ := s.size(s.base(v.comes))
				credit[f] = -size - s.PerFunction
			}
		}
	}
	return chosen, credit
}

// choices is the state by content.
func (s *search) choices() Choices {
	all := Choices{}
	for i, c := range s.state {
		if len(c) > 0 {
			all[s.functions[i].hash] = maps.Clone(c)
		}
	}
	return all
}

// verify compiles the whole module with the state. Functions that became
// larger there lose their choices; what is smaller than all before is kept.
func (s *search) verify() error {
	for range 2 {
		now := s.choices()
		if s.left() < 1 || fmt.Sprint(now.List()) == fmt.Sprint(s.best.List()) {
			return nil
		}
		sizes, err := s.compileWhole(now)
		if err != nil {
			return err
		}
		if total := s.total(sizes); total < s.progress.Now {
			s.progress.Now, s.best = total, now
			s.tell()
		}
		dropped := false
		for i, c := range s.state {
			if len(c) == 0 {
				continue
			}
			grown := sizes[strings.Trim(s.functions[i].name, `"`)] - s.sizes[i]
			for n, choice := range c {
				if callee := s.functions[i].calls[n].callee; choice == Inline && sizes[strings.Trim(s.functions[callee].name, `"`)] == 0 {
					grown -= (s.sizes[callee] + s.PerFunction) / int64(max(s.uses[s.functions[callee].name], 1))
				} else if choice == Apart && s.sizes[callee] == 0 {
					grown += sizes[strings.Trim(s.functions[callee].name, `"`)] + s.PerFunction
				}
			}
			if grown > 0 && s.sizes[i] > 0 {
				s.state[i], dropped = nil, true
			}
		}
		if !dropped {
			return nil
		}
		s.stand(s.state)
	}
	return nil
}

func (s *search) compileWhole(c Choices) (map[string]int64, error) {
	text := s.Module.text
	if len(c) > 0 {
		text, _ = s.Apply(c)
	}
	s.progress.Compiles++
	defer s.tell()
	return s.compiler.Compile(s.ctx, text, false)
}

// total is all functions' bytes.
func (s *search) total(sizes map[string]int64) int64 {
	var sum int64
	for _, n := range sizes {
		sum += n + s.PerFunction
	}
	return sum
}

// spent is the part of the budget that is used up.
func (s *search) spent() float64 {
	part := 0.0
	if s.Compiles > 0 {
		part = float64(s.progress.Compiles) / float64(s.Compiles)
	}
	if s.Time > 0 {
		part = max(part, time.Since(s.began).Seconds()/s.Time.Seconds())
	}
	return part
}

// left are the compiles that may still be made.
func (s *search) left() int {
	if s.Time > 0 && time.Since(s.began) > s.Time {
		return 0
	}
	if s.Compiles > 0 {
		return s.Compiles - s.progress.Compiles
	}
	return 1 << 20
}

func (s *search) tell() {
	if s.Progress != nil {
		s.progress.Done = min(s.spent(), 1)
		s.Options.Progress(s.progress)
	}
}
