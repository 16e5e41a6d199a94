package strip

// ELF executables and shared objects: what stays, and the file around it.
//
// What stays is every byte that a program header covers, the header and the
// program headers themselves, and the sections that the level or their rule
// keeps. These ranges become blocks; blocks that overlap are one. Everything
// else is gone or written anew (section headers, their names, filtered
// symbols). At the levels below Max blocks of segments keep their file
// offsets, unless dropped bytes lay between them; then they close up by whole
// multiples of p_align.

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/minsize/minsize/internal/arrange"
	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// elfPlan is the rewrite of one file.
type elfPlan struct {
	*elfFile
	o     Options
	level Level
	r     *Report

	lossy []lossyRange // what was taken out explicitly

	keepHeaders bool
	keep        []bool // by section: it stays, in a segment or loose
	inSegment   []bool // by section: a segment or the headers cover its bytes
	rules       []sectionRule

	inPlace []byte  // section headers that stay where the old ones are, in a segment
	end     uint64  // where the file that the headers know ends
	payload []byte  // what lies behind
	blocks  mapping // of the old file, sorted by start
}

func planELF(data []byte, o Options, r *Report) (byteio.Content, error) {
	data, lossy, err := withoutLossy(data, o)
	if err != nil {
		return nil, err
	}
	f, err := parseELF(data)
	if err != nil {
		return nil, err
	}
	r.Machine = f.machineName()
	if err := f.refusals(); err != nil {
		return nil, err
	}
	if f.head.Type == etRel {
		return f.planRelocatable(o, r)
	}
	if len(f.segments) == 0 {
		return nil, refuse("", "no program headers: nothing says what is loaded")
	}
	p := &elfPlan{elfFile: f, o: o, level: o.level(), r: r, lossy: lossy}
	p.findEnd()
	if err := p.decidePayload(); err != nil {
		return nil, err
	}
	p.decideSections()
	p.makeBlocks()
	p.trimZeros()
	p.place() // from here the offsets of segments are final
	return p.assemble()
}

// refusals are the kinds of file that no level may touch.
func (f *elfFile) refusals() error {
	switch {
	case f.companion():
		return refuse("strip the program that it belongs to", "debug companion: its debug info is all it has")
	case f.head.Type == etCore:
		return refuse("", "core dump: nothing in it can be spared")
	case f.head.Type != etRel && f.head.Type != etExec && f.head.Type != etDyn:
		return refuse("", "e_type %d is no executable, shared object or relocatable object", f.head.Type)
	}
	return f.headersWhole()
}

// headersWhole wants each segment that is loaded to hold the headers that are
// written anew whole, or nothing of them: a program that loads half of one would
// see it change. patchelf leaves other kinds (PT_GNU_PROPERTY) behind there.
func (f *elfFile) headersWhole() error {
	for i, s := range f.segments {
		for _, h := range []struct {
			name        string
			start, size uint64
		}{{"the ELF header", 0, f.ehsize()}, {"the program headers", f.head.Phoff, f.head.realPhnum * f.phentsize()}} {
			if end := h.start + h.size; s.Type == ptLoad && s.hasBytes() && s.Offset < end && h.start < s.end() && (h.start < s.Offset || s.end() < end) {
				return refuse("", "segment %d begins or ends inside %s", i, h.name)
			}
		}
	}
	return nil
}

// findEnd sets end: behind the last byte that any header knows.
func (p *elfPlan) findEnd() {
	p.end = max(p.ehsize(), p.head.Phoff+p.head.realPhnum*p.phentsize())
	for _, s := range p.segments {
		if s.hasBytes() {
			p.end = max(p.end, s.end())
		}
	}
	if p.sections == nil {
		return
	}
	p.end = max(p.end, p.head.Shoff+p.head.realShnum*p.shentsize())
	for _, s := range p.sections {
		if n := s.fileSize(); n > 0 {
			p.end = max(p.end, s.Offset+n)
		}
	}
}

func (p *elfPlan) decidePayload() error {
	p.payload = p.data[p.end:]
	if allZero(p.payload) {
		p.payload = nil
	}
	if p.payload == nil || p.o.DropPayload {
		return nil
	}
	kind := payloadKind(p.data, p.payload)
	if !p.o.KeepPayload {
		return refuse("--keep-payload to move it behind the new end, --drop-payload to lose it",
			"%d bytes of payload (%s) appended at offset %#x", len(p.payload), kind, p.end)
	}
	if kind == payloadAppImage && p.level >= Sections {
		return refuse("a lower level", "an AppImage finds its payload by the section headers")
	}
	p.r.note("payload of %d bytes (%s) moved along", len(p.payload), kind)
	return nil
}

// segmentRanges are the ranges of the file that program headers cover, and
// the headers.
func (p *elfPlan) segmentRanges() []block {
	blocks := []block{
		{start: 0, end: p.ehsize(), align: 1},
		{start: p.head.Phoff, end: p.head.Phoff + p.head.realPhnum*p.phentsize(), align: 8},
	}
	for _, s := range p.segments {
		if s.hasBytes() {
			blocks = append(blocks, block{start: s.Offset, end: s.end(), align: p.congruence(s)})
		}
	}
	return blocks
}

// congruence is the modulus in which the file offset of segment s must stay
// the same: a multiple of the page for what is mapped, p_align else.
func (p *elfPlan) congruence(s elfSegment) uint64 {
	align := s.Align
	if align == 0 || align&(align-1) != 0 {
		align = 1
	}
	if s.Type != ptLoad {
		return min(align, 64<<10)
	}
	align = max(align, 4<<10)
	page := p.o.PageSize
	if page == 0 {
		page = p.machine().LargestPage
	}
	if p.level < Max && p.o.PageSize == 0 || page == 0 {
		return align
	}
	// Lowering p_align lowers what the load address is a multiple of; that
	// must not fall below the alignment of anything inside. Without section
	// headers nobody can tell for code that may be loaded anywhere.
	if p.head.Type == etDyn {
		if p.sections == nil && p.o.PageSize == 0 {
			return align
		}
		for _, sec := range p.sections {
			if sec.Flags&shfAlloc != 0 && powerOfTwo(sec.Addralign) && sec.Addralign > page && sec.Addr-s.Vaddr < s.Memsz {
				page = sec.Addralign
			}
		}
	}
	return min(align, page)
}

// decideSections sets keep, inSegment and keepHeaders.
func (p *elfPlan) decideSections() {
	n := len(p.sections)
	p.keep, p.inSegment, p.rules = make([]bool, n), make([]bool, n), make([]sectionRule, n)
	covered := mergeBlocks(p.segmentRanges())
	p.keepHeaders = n > 0 && p.level < Sections
	for i, s := range p.sections {
		if i == 0 {
			p.keep[0] = true
			continue
		}
		p.inSegment[i] = insideOne(covered, s.Offset, s.fileSize())
		if s.Flags&shfAlloc != 0 {
			p.keep[i] = true
			if s.fileSize() > 0 && !p.inSegment[i] {
				p.needHeaders("section %s is SHF_ALLOC but in no segment", s.Name)
			}
			continue
		}
		p.rules[i] = p.ruleOf(i)
		p.keep[i] = p.stays(i)
	}
	if n == 0 {
		return
	}
	if p.head.Phnum == pnXnum {
		p.needHeaders("section 0 holds the number of program headers")
	}
	if p.isAndroid() {
		p.needHeaders("Android's loader refuses files without them")
	}
	p.nameReaders()
	if len(p.o.KeepSymbols) > 0 || p.o.DebugLink != nil {
		p.keepHeaders = true
	}
	p.keepLinked()
}

// needHeaders keeps the section headers at levels that would drop them.
func (p *elfPlan) needHeaders(why string, args ...any) {
	if p.level >= Sections {
		p.r.note("section headers kept: "+why, args...)
	}
	p.keepHeaders = true
}

// nameReaders keeps the section headers for those who look a loaded section up
// by its name: its bytes stay without them, but nobody finds it.
func (p *elfPlan) nameReaders() {
	if p.level < Sections || p.o.DropHeaders {
		return
	}
	const way = "--drop-section-headers drops them all the same"
	if p.goBuildInfoNeedsSection() {
		p.needHeaders("go version -m finds the build information by its section; %s", way)
	}
	var lookups objfile.NameLookups
	for _, s := range p.segments {
		if s.Type == ptLoad && s.Filesz > 0 {
			lookups.Loaded = append(lookups.Loaded, p.data[s.Offset:s.end()])
		}
	}
	for _, s := range p.sections {
		named, ok := lookups.LookedUp(s.Name, s.Type, s.Flags, s.Size)
		switch {
		case !ok:
		case named.Reader != "":
			p.needHeaders("section %s (%d bytes) is looked up by name by %s; %s", s.Name, s.Size, named.Reader, way)
		default:
			p.needHeaders("the program may look up its section %s (%d bytes) by name, no toolchain calls one so; %s", s.Name, s.Size, way)
		}
	}
}

// stays decides about section i, which no loader maps by itself.
func (p *elfPlan) stays(i int) bool {
	s, rule := p.sections[i], p.rules[i]
	isNames := uint64(i) == p.head.realStr
	switch {
	case isNames, s.Type == shtNull:
		return false // the names are written anew
	case matches(p.o.RemoveSections, s.Name):
		return false
	case matches(p.o.KeepSections, s.Name):
		p.needHeaders("--keep-section %s", s.Name)
		return true
	case rule.fate == fateDebug:
		return false
	case s.Type == shtSymtab && len(p.o.KeepSymbols) > 0:
		return true
	case s.Type == shtRel || s.Type == shtRela:
		target := int(s.Info)
		return p.level < All && !(target < len(p.sections) && p.sections[target].Flags&shfAlloc == 0)
	case rule.fate == fateAll:
		return p.level < All
	case rule.fate == fateTools:
		return p.level < Sections
	case rule.fate == fateReader:
		p.needHeaders("section %s (%d bytes) is looked up by name; --remove-section %s drops it", s.Name, s.Size, s.Name)
		return true
	default:
		if p.level >= All {
			p.r.note("section %s (%d bytes) kept: what reads it is not known; --remove-section %s drops it", s.Name, s.Size, s.Name)
		}
		p.keepHeaders = true
		return true
	}
}

// keepLinked settles the string table of a symbol table that stays: filtered
// symbols get a new one, others keep theirs.
func (p *elfPlan) keepLinked() {
	anew := p.canFilterSymbols()
	for i, s := range p.sections {
		if link := int(s.Link); p.keep[i] && s.Type == shtSymtab && link > 0 && link < len(p.sections) {
			p.keep[link] = !anew || p.inSegment[link] || !p.onlySymbolsUse(link)
		}
	}
}

// isAndroid looks for the note of Android's tool chain.
func (p *elfPlan) isAndroid() bool {
	return slices.ContainsFunc(p.sections, func(s elfSection) bool { return s.Name == ".note.android.ident" })
}

// goBuildInfoNeedsSection says whether the readers of Go's build information
// would miss it without section headers: they look in the first writable
// segment then (Go, debug/buildinfo), where position-independent programs do
// not have it.
func (p *elfPlan) goBuildInfoNeedsSection() bool {
	for _, s := range p.sections {
		if s.Name != ".go.buildinfo" {
			continue
		}
		for _, seg := range p.segments {
			if seg.Type == ptLoad && seg.Flags&(pfW|pfX) == pfW {
				return s.Addr < seg.Vaddr || s.Addr >= seg.Vaddr+seg.Memsz
			}
		}
	}
	return false
}

// insideOne says whether one of the blocks (merged) covers [off, off+n).
func insideOne(blocks []block, off, n uint64) bool {
	i, found := slices.BinarySearchFunc(blocks, off, func(b block, at uint64) int { return cmp.Compare(b.start, at) })
	if !found {
		i--
	}
	return n > 0 && i >= 0 && off+n <= blocks[i].end
}

// findTableInSegment says whether the section headers lie within a segment,
// as Go's linker puts them when it makes a program without symbols, and cover
// nothing else. Then they are replaced where they are.
func (f *elfFile) findTableInSegment() bool {
	if f.sections == nil {
		return false
	}
	start, end := f.head.Shoff, f.head.Shoff+f.head.realShnum*f.shentsize()
	if start < f.ehsize() || start < f.head.Phoff+f.head.realPhnum*f.phentsize() && end > f.head.Phoff {
		return false
	}
	for _, s := range f.sections {
		if s.fileSize() > 0 && s.Offset < end && s.Offset+s.fileSize() > start {
			return false
		}
	}
	inside := false
	for _, p := range f.segments {
		switch {
		case !p.hasBytes() || p.Offset >= end || p.end() <= start:
		case p.Type == ptLoad && p.Offset <= start && end <= p.end():
			inside = true
		default:
			return false
		}
	}
	return inside
}

// symbolsAnew says whether section i is a symbol table that is written anew
// rather than carried along.
func (p *elfPlan) symbolsAnew(i int) bool {
	return p.sections[i].Type == shtSymtab && p.keep[i] && !p.inSegment[i] && p.canFilterSymbols()
}

func (p *elfPlan) makeBlocks() {
	blocks := p.segmentRanges()
	if p.keepHeaders {
		for i, s := range p.sections {
			if n := s.fileSize(); i > 0 && p.keep[i] && n > 0 && !p.inSegment[i] && !p.symbolsAnew(i) {
				blocks = append(blocks, block{start: s.Offset, end: s.Offset + n, align: max(s.Addralign, 1), loose: true})
			}
		}
	}
	p.blocks = mergeBlocks(blocks)
}

// trimZeros cuts the zeros that end a block where the segment that ends it is
// writable: the kernel and the dynamic linker fill p_memsz with zeros there,
// while the tail of a read-only segment is not filled by every kernel.
func (p *elfPlan) trimZeros() {
	if p.level < Max || p.keepHeaders {
		return
	}
	for i := range p.blocks {
		b := &p.blocks[i]
		b.trim = trailingZeros(p.data[b.start:b.end])
		if table := p.head.Phoff + p.head.realPhnum*p.phentsize(); table > b.start && table <= b.end {
			b.trim = min(b.trim, b.end-table)
		}
		if b.start < p.ehsize() {
			b.trim = min(b.trim, b.end-p.ehsize())
		}
		loads := 0
		for _, s := range p.segments {
			if !s.hasBytes() || s.end() <= b.start || s.Offset >= b.end {
				continue
			}
			switch {
			case s.Type == ptLoad && s.Flags&pfW != 0 && s.end() == b.end:
				loads++
			case s.Type == ptTLS:
			default:
				b.trim = min(b.trim, b.end-s.end())
			}
		}
		if loads != 1 {
			b.trim = 0
		}
	}
}

// place gives every block its new offset: segments first, then what is loose.
func (p *elfPlan) place() {
	var loaded, loose []block
	for _, b := range p.blocks {
		if b.loose {
			loose = append(loose, b)
		} else {
			loaded = append(loaded, b)
		}
	}
	switch {
	case p.level >= Max:
		placeLeast(loaded)
	case p.droppedBetween(loaded):
		loaded[0].to = loaded[0].start
		placeInOrder(loaded, nil)
	default:
		for i := range loaded {
			loaded[i].to = loaded[i].start
		}
	}
	cursor := endOf(loaded)
	for i := range loose {
		b := &loose[i]
		b.to = placeAt(cursor, 0, b.align)
		cursor = b.to + b.size()
	}
	p.blocks = append(loaded, loose...)
	arrange.Sort(p.blocks, func(a, b block) int { return cmp.Compare(a.start, b.start) })
}

// droppedBetween says whether something that goes lies between segments, so
// that they could close up.
func (p *elfPlan) droppedBetween(loaded []block) bool {
	last := loaded[len(loaded)-1].start
	if p.sections != nil && p.head.Shoff < last && !insideOne(p.blocks, p.head.Shoff, p.shentsize()) {
		return true
	}
	for i, s := range p.sections {
		if n := s.fileSize(); n > 0 && s.Offset < last && !p.inSegment[i] {
			return true
		}
	}
	return false
}

// newSegments are the program headers for the new offsets.
func (p *elfPlan) newSegments() []elfSegment {
	out := slices.Clone(p.segments)
	end := endOf(p.blocks)
	for i := range out {
		s := &out[i]
		if s.Type == ptNull {
			continue
		}
		old := s.Offset
		if s.Filesz > 0 {
			b := p.blocks[p.blockOf(old)]
			s.Offset = old - b.start + b.to
			if limit := b.to + b.size(); s.Offset+s.Filesz > limit {
				s.Filesz = limit - min(s.Offset, limit)
			}
		}
		switch {
		case s.Filesz > 0:
		case s.Type == ptLoad:
			// Nothing but zeros: the offset must be congruent, and its page must
			// exist, for the kernel maps that page before it clears the rest. The
			// old offset may lie in a block that moves freely, or past the end.
			target := min(p.blocks.offset(old), end)
			step := max(p.congruence(*s), 1)
			s.Offset = target - min((target-old)&(step-1), target)
			if s.Offset == 0 {
				s.Offset = old & (step - 1)
			}
		case old <= uint64(len(p.data)):
			s.Offset = min(p.blocks.offset(old), end)
		}
		if moved := s.Offset - old; s.Type == ptLoad && s.Align > 1 && moved&(s.Align-1) != 0 {
			s.Align = 1 << min(bits.TrailingZeros64(moved), bits.TrailingZeros64(p.congruence(p.segments[i])))
		}
	}
	return out
}

// blockOf is the index of the block that covers old, which lies in one.
func (p *elfPlan) blockOf(old uint64) int {
	i, found := slices.BinarySearchFunc(p.blocks, old, func(b block, at uint64) int { return cmp.Compare(b.start, at) })
	if !found {
		i--
	}
	return i
}

// assemble writes headers and tables around the blocks and accounts for every
// byte.
func (p *elfPlan) assemble() (byteio.Content, error) {
	head := p.head
	head.Phoff = p.blocks.offset(head.Phoff)
	head.Shoff, head.Shnum, head.Shstrndx = 0, 0, 0
	cursor := endOf(p.blocks)
	var fresh []patch
	if p.keepHeaders {
		tables, err := p.sectionTables(&cursor, &head)
		if err != nil {
			return nil, err
		}
		fresh = tables
	}
	if p.payload != nil && !p.o.DropPayload {
		fresh = append(fresh, patch{cursor, p.payload})
		p.r.remove(ReasonPayload, -int64(len(p.payload)))
	}
	patches := []patch{
		{0, p.encodeHeader(head)},
		{head.Phoff, p.encodeSegments(p.newSegments())},
	}
	if p.tableInSegment {
		table := make([]byte, p.head.realShnum*p.shentsize())
		copy(table, p.inPlace)
		patches = append(patches, patch{p.blocks.offset(p.head.Shoff), table})
	}
	content := compose(p.data, p.blocks, fresh, patches)
	p.accountFor(content, fresh)
	return content, nil
}

func (p *elfPlan) accountFor(content byteio.Content, fresh []patch) {
	var claims []claim
	for _, l := range p.lossy {
		claims = append(claims, l.claim)
	}
	if p.sections != nil {
		claims = append(claims, claim{p.head.Shoff, p.head.Shoff + p.head.realShnum*p.shentsize(), ReasonHeaders})
	}
	for i, s := range p.sections {
		if n := s.fileSize(); n > 0 {
			why := p.rules[i].why
			if why == "" {
				why = ReasonPadding
			}
			claims = append(claims, claim{s.Offset, s.Offset + n, why})
		}
	}
	if len(p.payload) > 0 {
		claims = append(claims, claim{p.end, uint64(len(p.data)), ReasonPayload})
	}
	account(p.r, uint64(len(p.data)), p.blocks, claims, ReasonPadding)
	for _, l := range p.lossy {
		if insideOne(p.blocks, l.start, l.end-l.start) {
			p.r.note("%d bytes of %s lie inside a segment: they are zeros now, and take as much room", l.end-l.start, l.why)
		}
	}
	gaps := content.Len()
	for _, b := range p.blocks {
		gaps -= b.size()
	}
	for _, t := range fresh {
		gaps -= uint64(len(t.data))
	}
	p.r.remove(ReasonPadding, -int64(gaps))
}
