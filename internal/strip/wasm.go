package strip

// Wasm modules (Core Specification, chapter 5).
//
// Only custom sections can go without a trace, and not all: emscripten's side
// modules live by dylink.0, engines read target_features and branch hints. So
// there is an allow-list of what goes; what is unknown stays.

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/oracle"
	"github.com/minsize/minsize/internal/wasmedit"
	"github.com/minsize/minsize/internal/wasmoracle"
)

// wasmRules are the custom sections that go, from which level, and why.
var wasmRules = []struct {
	pattern string // a name, or a prefix that ends with *
	level   Level
	why     Reason
}{
	{".debug_*", Debug, ReasonDebug},
	{"reloc..debug_*", Debug, ReasonDebug},
	{"sourceMappingURL", Debug, ReasonDebug},
	{"external_debug_info", Debug, ReasonDebug},
	{"name", All, ReasonSymbols},
	{"producers", All, ReasonComments},
}

type wasmSection struct {
	id         byte
	name       string // of custom sections
	start, end uint64 // with id and size
}

func isWasm(data []byte) bool { return bytes.HasPrefix(data, []byte("\x00asm")) }

// wasmReader goes through a module section by section; a list of them all
// would be larger than a module of nothing but empty ones.
type wasmReader struct {
	view byteio.View
	at   uint64
}

func newWasmReader(data []byte) (*wasmReader, error) {
	v := byteio.View{Data: data, Order: binary.LittleEndian}
	version, err := v.U32(4, "version")
	if err != nil {
		return nil, err
	}
	if version == 0x1000d {
		return nil, refuse("strip the core modules before they are put together", "a Wasm component, not a core module")
	}
	if version != 1 {
		return nil, byteio.Errorf(4, "version", "1 expected, got %d", version)
	}
	return &wasmReader{v, 8}, nil
}

// next reads the section at r.at; more is false at the end.
func (r *wasmReader) next() (s wasmSection, more bool, err error) {
	if r.at == r.view.Len() {
		return s, false, nil
	}
	s = wasmSection{id: r.view.Data[r.at], start: r.at}
	if s.id > 13 {
		return s, false, byteio.Errorf(r.at, "section id", "%d is not known", s.id)
	}
	size, body, err := r.view.Uleb128(r.at+1, "section size")
	if err != nil {
		return s, false, err
	}
	content, err := r.view.Sub(body, size, "section")
	if err != nil {
		return s, false, err
	}
	if s.id == 0 {
		n, next, err := content.Uleb128(0, "custom section's name")
		if err != nil {
			return s, false, err
		}
		name, err := content.Slice(next, n, "custom section's name")
		if err != nil {
			return s, false, err
		}
		s.name = string(name)
	}
	s.end = body + size
	r.at = s.end
	return s, true, nil
}

// wasmRuleFor is the reason why the section goes at the level; ok is false
// for what stays.
func wasmRuleFor(s wasmSection, o Options) (Reason, bool) {
	if s.id != 0 || matches(o.KeepSections, s.name) {
		return "", false
	}
	for _, r := range wasmRules {
		prefix, isPrefix := strings.CutSuffix(r.pattern, "*")
		if s.name != r.pattern && !(isPrefix && strings.HasPrefix(s.name, prefix)) {
			continue
		}
		return r.why, r.level <= o.level() && !(s.name == "name" && o.WasmNames)
	}
	return ReasonSections, matches(o.RemoveSections, s.name)
}

func planWasm(data []byte, o Options, r *Report) (byteio.Content, error) {
	r.Machine = "wasm"
	reader, err := newWasmReader(data)
	if err != nil {
		return nil, err
	}
	if len(o.KeepSymbols) > 0 {
		return nil, refuse("--wasm-names keeps them all", "--keep-symbol is not there for Wasm")
	}
	var content byteio.Content
	run := uint64(0) // start of the sections that stay and follow each other
	sections := 0
	for {
		s, more, err := reader.next()
		sections++
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if s.id == 0 && s.name == "linking" {
			return nil, refuse("wasm-ld --strip-all when it is linked", "relocatable object of Wasm: its relocations count sections")
		}
		if why, goes := wasmRuleFor(s, o); goes {
			r.remove(why, int64(s.end-s.start))
			if run < s.start {
				content = append(content, byteio.Piece{Data: data[run:s.start]})
			}
			run = s.end
		}
	}
	content = append(content, byteio.Piece{Data: data[run:]})
	if o.level() < Max || sections > mostSections {
		return content, nil
	}
	return smallerModule(content, r), nil
}

// mostSections is what any tool makes, times a hundred: a module of nothing but
// empty sections would cost the writer a hundred bytes for each of three.
const mostSections = 4096

// smallerModule is the module written anew, where that is understood and saves
// anything.
func smallerModule(content byteio.Content, r *Report) byteio.Content {
	data := content.Bytes()
	m, err := wasmedit.Minimize(data)
	if err != nil {
		r.note("%v", err)
		return content
	}
	if len(m.Data) >= len(data) {
		return content
	}
	r.remove(ReasonModule, int64(len(data)-len(m.Data)))
	if m.Functions+m.Merged+m.Imports > 0 {
		r.note("%d functions that nothing reaches, %d that are equal to another one and %d unused imports are gone", m.Functions, m.Merged, m.Imports)
	}
	return byteio.Content{{Data: m.Data}}
}

// sameModule is the oracle for what --max writes too: the same items, or
// else the same to whoever uses the exports.
func sameModule(old, new []byte) error {
	if oracle.Same(old, new) == nil {
		return nil
	}
	return wasmoracle.Same(old, new)
}
