package codec

// What the parser asks about a position does not depend on the parse: its
// contexts, the instructions before it, the matches that begin there. So it
// is found ahead of the parser, on another core, a batch at a time, and
// nothing of it is kept for longer than the parser's window: per byte of the
// stream only the match finder's tree and the table of instructions remain.

// spot is all that is known of one position before it is parsed.
type spot struct {
	place
	count   uint32 // instructions begun before it
	region0 uint32 // of these, before the region
	matches uint32 // where its matches begin, within its batch or the feed's list
}

// batch is a run of positions on the way to the parser.
type batch struct {
	spots   []spot
	matches []match
}

const (
	batchSize    = 4096 // a multiple of 64, so that no word of the rank is shared
	batchesAhead = 2
)

// scout walks over the stream ahead of the parser.
type scout struct {
	tracker *tracker
	finder  *matchFinder
	index   *instructions
	data    []byte
	pos     int
	started bool // the last position began an instruction
}

func (s *scout) next(b *batch) {
	b.spots, b.matches = b.spots[:0], b.matches[:0]
	for end := min(s.pos+batchSize, len(s.data)); s.pos < end; s.pos++ {
		t := s.tracker
		w := t.place()
		b.spots = append(b.spots, spot{w, t.count, t.region0, uint32(len(b.matches))})
		if s.index != nil {
			if w.start && t.count == t.region0 {
				s.index.enter(s.pos, t.count)
			}
			s.index.add(s.pos, t.count, w.start)
		}
		first := len(b.matches)
		b.matches = s.finder.find(s.pos, w.start, s.started, b.matches)
		for i := first; i < len(b.matches); i++ {
			m := &b.matches[i]
			m.coded = m.dist
			if w.start {
				m.coded = t.count - s.index.count(s.pos-1-int(m.dist)) - 1
			}
		}
		s.started = w.start
		t.take(s.data[s.pos])
	}
}

// feed is the parser's side: spots and matches of the positions from first on.
type feed struct {
	first   int
	spots   []spot
	matches []match
	full    chan *batch
	empty   chan *batch
}

func newFeed(s *scout) *feed {
	f := &feed{full: make(chan *batch, batchesAhead), empty: make(chan *batch, batchesAhead+1)}
	for range batchesAhead + 1 {
		f.empty <- &batch{}
	}
	go func() {
		for s.pos < len(s.data) {
			b := <-f.empty
			s.next(b)
			f.full <- b
		}
		close(f.full)
	}()
	return f
}

// reach makes positions before end known.
func (f *feed) reach(end int) {
	for f.first+len(f.spots) < end {
		b, ok := <-f.full
		if !ok {
			return
		}
		shift := uint32(len(f.matches))
		n := len(f.spots)
		f.spots = append(f.spots, b.spots...)
		f.matches = append(f.matches, b.matches...)
		for i := n; i < len(f.spots); i++ {
			f.spots[i].matches += shift
		}
		f.empty <- b
	}
}

// forget drops what is before pos.
func (f *feed) forget(pos int) {
	n := pos - f.first
	if n < batchSize && n < len(f.spots) {
		return // it costs a copy
	}
	f.reach(pos)
	cut := uint32(len(f.matches))
	if n < len(f.spots) {
		cut = f.spots[n].matches
	}
	f.matches = f.matches[:copy(f.matches, f.matches[cut:])]
	f.spots = f.spots[:copy(f.spots, f.spots[n:])]
	for i := range f.spots {
		f.spots[i].matches -= cut
	}
	f.first = pos
}

// at gives a position and its matches, the nearer and shorter first.
func (f *feed) at(pos int) (*spot, []match) {
	i := pos - f.first
	end := uint32(len(f.matches))
	if i+1 < len(f.spots) {
		end = f.spots[i+1].matches
	}
	w := &f.spots[i]
	return w, f.matches[w.matches:end]
}
