// Package pack makes a program that unpacks itself into memory and runs, and
// gives the original back.
//
// What is hard: the packed program must start as if the kernel had loaded the
// original (auxiliary vector, dynamic linker, page protections, brk), on
// every kernel and page size, and no byte may get lost. Chosen: the image is
// decoded straight to where it runs, memory that was written is made
// executable only after it is no longer writable, and everything between the
// decoder and the program's entry is itself packed. What the kernel does not
// load (section headers, notes for tools) is kept behind the payload, where
// only Unpack looks. Every packed file is unpacked again before Pack returns.
//
// Rejected: executing from a memory file (fails on old kernels and loses
// /proc/self/exe), and decoding over the stub (needs memory that is writable
// and executable at once).
package pack

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack/codec"
	"github.com/minsize/minsize/internal/pack/stub"
)

// Options say what may be traded.
type Options struct {
	FastStart     bool          // LZMA only: starts faster, 10 % larger
	Max           bool          // context mixing too: 10 % smaller, starts 60 times slower
	Best          bool          // search longer
	AllowPayload  bool          // pack programs that may read their own file too
	AllowSecurity bool          // pack programs that lose a protection by it
	StartupBudget time.Duration // CPU time that start-up may cost; 0: no limit beyond the method's own

	onlyMethod codec.Method // for tests
}

// Report is what Pack and Inspect found.
type Report struct {
	Machine    string
	Method     string // "LZMA", "XLZ" or "mix"
	Input      int    // bytes
	Output     int    // bytes
	Headers    int    // of the output: ELF and pack header
	Stub       int    // of the output: uncompressed code
	Payload    int    // of the output: the compressed stream
	Rest       int    // of the output: what the kernel does not load
	Loaded     int    // of the input: bytes that are loaded and not zero
	Symbols    int    // of the input: symbols and debug information, which are not loaded
	Transforms []string
	Startup    time.Duration // estimated CPU time that unpacking adds to every start
	Candidates []Candidate
	Notes      []string // what others than the program will miss in the packed file
}

// Candidate is one of the files that were tried.
type Candidate struct {
	Method string
	Size   int
	Why    string // why it was not taken, "" for the one that was
}

// ErrAlreadyPacked is wrapped for input that is packed already.
var ErrAlreadyPacked = errors.New("already packed")

// ErrNotSmaller is wrapped when the packed file would not be smaller.
var ErrNotSmaller = errors.New("packing does not make it smaller")

// Pack returns the packed form of the program in data. Errors: *byteio.Refusal for
// programs that must not be packed, ErrAlreadyPacked, ErrNotSmaller,
// *byteio.Error for malformed files.
func Pack(data []byte, o Options) ([]byte, *Report, error) {
	if IsPacked(data) {
		return nil, nil, fmt.Errorf("%w by minsize", ErrAlreadyPacked)
	}
	if other := foreignPacker(data); other != "" {
		return nil, nil, fmt.Errorf("%w by %s", ErrAlreadyPacked, other)
	}
	c, err := read(data)
	if err != nil {
		return nil, nil, err
	}
	p := c.common()
	if err := c.refusePayload(); err != nil && !o.AllowPayload {
		return nil, nil, err
	}
	if lost := c.protections(); lost != "" && !o.AllowSecurity {
		return nil, nil, refuse("--allow-security, if that may be given up", "it asks for %s, which the packed program has not", lost)
	}
	methods := c.methods()
	if o.StartupBudget > 0 {
		methods = []codec.Method{codec.XLZ, codec.LZMA}
	}
	if o.FastStart {
		methods = []codec.Method{codec.LZMA}
	}
	if o.Max {
		methods = append(methods, codec.Mix)
	}
	if o.onlyMethod != 0 {
		methods = []codec.Method{o.onlyMethod}
	}
	p.best = o.Best
	rest := c.packRest()
	type try struct {
		out    []byte
		report *Report
		err    error
	}
	tries := make([]try, len(methods))
	var wait sync.WaitGroup
	for i, m := range methods {
		wait.Go(func() {
			tries[i].out, tries[i].report, tries[i].err = c.packLeanest(m, rest)
		})
	}
	wait.Wait()
	best := -1
	var candidates []Candidate
	for i, t := range tries {
		if t.err != nil {
			return nil, nil, t.err
		}
		one := Candidate{Method: t.report.Method, Size: len(t.out)}
		switch {
		case o.StartupBudget > 0 && t.report.Startup > o.StartupBudget:
			one.Why = fmt.Sprintf("starts %v slower, the budget is %v", t.report.Startup.Round(100*time.Microsecond), o.StartupBudget)
		case best < 0 || len(t.out) < len(tries[best].out):
			if best >= 0 {
				candidates[best].Why = "larger"
			}
			best = i
		default:
			one.Why = "larger"
		}
		candidates = append(candidates, one)
	}
	if best < 0 {
		fastest := slices.MinFunc(tries, func(a, b try) int { return cmp.Compare(a.report.Startup, b.report.Startup) }).report
		needs := (fastest.Startup + time.Millisecond - 1).Truncate(time.Millisecond)
		return nil, nil, refuse(fmt.Sprintf("--startup-budget %v", needs), "the packed form that starts fastest (%s) needs %v of CPU time for it, the budget is %v", fastest.Method, fastest.Startup.Round(100*time.Microsecond), o.StartupBudget)
	}
	out, report := tries[best].out, tries[best].report
	report.Candidates, report.Symbols, report.Notes = candidates, int(p.symbols), p.notes
	if len(out) >= len(data) {
		return nil, report, fmt.Errorf("%w: %d bytes would become %d", ErrNotSmaller, len(data), len(out))
	}
	settle(p.size)
	back, err := Unpack(out)
	if err != nil || !bytes.Equal(back, data) {
		return nil, nil, fmt.Errorf("the packed form does not unpack to the input (%v): please report this file", err)
	}
	return out, report, nil
}

// container is a program of one format, taken apart.
type container interface {
	common() *source
	refusePayload() error
	protections() string     // that the program asks for and packing takes away
	methods() []codec.Method // that may win, by size alone
	packRest() []byte        // what is not loaded, coded
	packLeanest(m codec.Method, rest []byte) ([]byte, *Report, error)
}

func read(data []byte) (container, error) {
	if bytes.HasPrefix(data, []byte("MZ")) {
		return readWindowsProgram(data)
	}
	return readProgram(data)
}

// effort is what the search may take: small programs are packed at once anyway.
func (p *source) effort(stream int) codec.Effort {
	switch {
	case p.best:
		return codec.Utmost
	case stream < smallBelow:
		return codec.Thorough
	}
	return codec.Quick
}

// smallBelow is where XLZ's coarse contexts win, and where the stub's bytes
// weigh more than its speed.
const smallBelow = 200 << 10

// operation is a transform that was applied.
type operation struct {
	*transform
	arg []byte
}

func (p *program) pack(m codec.Method, rest []byte, without map[string]bool) ([]byte, *Report, error) {
	report := &Report{Machine: p.name(), Input: len(p.data)}
	room := 1<<16 + p.size/16 // for the prefix
	buffer, ops := p.transform(room, without)
	for _, op := range ops {
		report.Transforms = append(report.Transforms, op.name)
	}
	decoder := map[codec.Method]string{codec.LZMA: "-lzma", codec.XLZ: "-xlz", codec.Mix: "-mix"}[m]
	report.Method = m.String()
	if m != codec.XLZ { // which does it in part 1
		if len(p.regions) > 0 {
			for _, t := range transforms {
				if t.arch == p.arch {
					ops = append(ops, operation{t, filterArg(p.regions)})
				}
			}
		}
	}
	prefix, tableOffset, err := p.buildPrefix(ops)
	if err != nil {
		return nil, nil, err
	}
	var stream []byte
	if at := room - len(prefix); at >= 0 {
		stream = buffer[at:]
		copy(stream, prefix)
	} else {
		stream = append(bytes.Clone(prefix), buffer[room:]...)
	}
	report.Loaded = p.size - bytes.Count(buffer[room:], []byte{0})
	params := codec.Params{Method: m, LC: 3, PB: 2, Layout: codec.Layout{Arch: p.arch, Base: uint32(len(prefix))}}
	params.Small = m == codec.XLZ && len(stream) < smallBelow
	for _, r := range p.regions {
		params.Layout.Regions = append(params.Layout.Regions, codec.Region{Start: r.Start + params.Layout.Base, End: r.End + params.Layout.Base})
	}
	if len(stream) < smallBelow {
		decoder += "-small"
	}
	if len(stream) >= smallBelow {
		params.LC = 4
	}
	params.Layout.Filter(stream)
	settle(p.size)
	payload, err := codec.Encode(stream, params, p.effort(len(stream)))
	if err != nil {
		return nil, nil, err
	}
	code, err := stub.Part(p.name(), "boot"+decoder)
	if err != nil {
		return nil, nil, err
	}
	first, err := stub.Part(p.name(), "first"+decoder)
	if err != nil {
		return nil, nil, err
	}
	code = append(bytes.Clone(code), codec.EncodeUnpacker(first)...)
	out, err := p.assemble(params, code, payload, stream, len(prefix))
	if err != nil {
		return nil, nil, err
	}
	report.Headers = headerOffset + headerSize
	report.Stub = len(code)
	report.Payload = len(out) - report.Headers - report.Stub
	out = appendTrailer(out, tableOffset, ops, rest)
	report.Rest = len(out) - report.Headers - report.Stub - report.Payload
	report.Output = len(out)
	report.Startup = estimateStartup(m, len(stream))
	return out, report, nil
}

// estimateStartup is the CPU time of a start as measured in docs/bench/pack.md.
func estimateStartup(m codec.Method, stream int) time.Duration {
	perMB := 17 * time.Millisecond
	switch m {
	case codec.XLZ:
		perMB = 22 * time.Millisecond
	case codec.Mix:
		perMB = 1500 * time.Millisecond
	}
	return 300*time.Microsecond + time.Duration(float64(perMB)*float64(stream)/1e6)
}

// buildPrefix is part 2 of the stub, its table, the code of the operations
// and their arguments. Operations run in reverse order of packing.
func (p *program) buildPrefix(ops []operation) (prefix []byte, tableOffset int, err error) {
	second, err := stub.Part(p.name(), "second")
	if err != nil {
		return nil, 0, err
	}
	le := binary.LittleEndian
	tableOffset = len(second)
	code := make([]int, len(ops))
	args := make([]int, len(ops))
	at := tableOffset + 4 + 8*len(ops) + 4
	var bodies []byte
	for i, op := range ops {
		b, err := stub.Part(p.name(), op.part)
		if err != nil {
			return nil, 0, err
		}
		for (at+len(bodies))%4 != 0 {
			bodies = append(bodies, 0)
		}
		code[i] = at + len(bodies)
		bodies = append(bodies, b...)
	}
	for i, op := range ops {
		args[i] = at + len(bodies)
		bodies = append(bodies, op.arg...)
	}
	prefix = le.AppendUint32(bytes.Clone(second), uint32(p.ehdr))
	for i := len(ops) - 1; i >= 0; i-- {
		prefix = le.AppendUint32(prefix, uint32(code[i]))
		prefix = le.AppendUint32(prefix, uint32(args[i]))
	}
	prefix = le.AppendUint32(prefix, 0)
	prefix = append(prefix, bodies...)
	for len(prefix)%4 != 0 { // words of code stay words
		prefix = append(prefix, 0)
	}
	return prefix, tableOffset, nil
}

// leadOf is what the decoder must know before payload's bytes, and these.
func leadOf(params codec.Params, payload []byte) (lead, bytes []byte) {
	if params.Method == codec.LZMA {
		return []byte{params.LC, params.LP, params.PB}, payload[1:] // LZMA's first byte is always 0
	}
	lead = []byte{0, 3} // shift of opcode hashes, mask of positions in data
	if params.Small {
		lead = []byte{2, 0}
	}
	for _, r := range params.Layout.Regions {
		lead = binary.LittleEndian.AppendUint32(lead, r.Start)
		lead = binary.LittleEndian.AppendUint32(lead, r.End)
	}
	return binary.LittleEndian.AppendUint32(lead, 0xffffffff), payload
}

// lowestAddress is where Linux lets programs map memory, as distributions set it.
const lowestAddress = 0x10000

// assemble writes all but the trailer.
func (p *program) assemble(params codec.Params, code, payload, stream []byte, prefix int) ([]byte, error) {
	h := header{method: uint8(params.Method), machine: uint8(p.arch), address: p.first, stream: uint32(len(stream)),
		prefix: uint32(prefix), original: uint64(len(p.data)), span: uint32((p.span + 0xffff + 64) &^ 0xffff), // operations read on behind code
		align: uint32(p.align), streamCheck: checksum(stream)}
	lead, payload := leadOf(params, payload)
	h.payload = uint32(headerSize + len(code))
	// Decoders read on behind their last byte: it must not be a page's last.
	for {
		h.packed = h.payload + uint32(len(lead)+len(payload))
		if left := (headerOffset + h.packed) % 4096; left != 0 && left <= 4096-16 {
			break
		}
		payload = append(payload, 0)
	}
	vaddr := uint64(0)
	elfType := uint16(objfile.ET_DYN)
	if p.fixed {
		// Behind the image, so that brk lies where the program expects it.
		vaddr = (p.first + uint64(h.span) + 0xffff) &^ 0xffff
		elfType = objfile.ET_EXEC
		h.flags |= flagFixed
		switch low := p.first < (uint64(prefix)+p.align-1)&^(p.align-1)+lowestAddress; {
		case low && p.moves && p.first >= lowestAddress:
			h.flags |= flagLow
		case low:
			return nil, refuse("", "no room for the unpacker below the program's first address %#x", p.first)
		}
	}
	if p.landing {
		h.flags |= flagBTI
	}
	le := binary.LittleEndian
	size := uint64(headerOffset) + uint64(h.packed)
	out := make([]byte, 0, size+4096)
	out = append(out, "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	out[7] = p.data[7]
	out = le.AppendUint16(out, elfType)
	out = le.AppendUint16(out, p.machine.ELF[0])
	out = le.AppendUint32(out, 1)
	out = le.AppendUint64(out, vaddr+headerOffset+headerSize)
	out = le.AppendUint64(out, 64)
	out = le.AppendUint64(out, 0)
	out = le.AppendUint32(out, le.Uint32(p.data[48:]))
	for _, v := range []uint16{64, 56, 2, 0, 0, 0} {
		out = le.AppendUint16(out, v)
	}
	for _, ph := range []objfile.Phdr{
		{Type: objfile.PT_LOAD, Flags: 5, Vaddr: vaddr, Paddr: vaddr, Filesz: size, Memsz: size, Align: p.align},
		{Type: objfile.PT_GNU_STACK, Flags: p.stack.Flags, Memsz: p.stack.Memsz, Align: 16},
	} {
		out = le.AppendUint32(out, ph.Type)
		out = le.AppendUint32(out, ph.Flags)
		for _, v := range []uint64{ph.Off, ph.Vaddr, ph.Paddr, ph.Filesz, ph.Memsz, ph.Align} {
			out = le.AppendUint64(out, v)
		}
	}
	out = h.append(out)
	out = append(out, code...)
	out = append(out, lead...)
	out = append(out, payload...)
	putChecksum(out[headerOffset:], &h)
	return out, nil
}
