package strip

// Wasm modules (Core Specification, chapter 5).
//
// Only custom sections can go without a trace, and not all: emscripten's side
// modules live by dylink.0, engines read target_features and branch hints. So
// there is an allow-list of what goes; what is unknown stays.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
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

func parseWasm(data []byte) ([]wasmSection, error) {
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
	var out []wasmSection
	for at := uint64(8); at < v.Len(); {
		s := wasmSection{id: data[at], start: at}
		if s.id > 13 {
			return nil, byteio.Errorf(at, "section id", "%d is not known", s.id)
		}
		size, body, err := v.Uleb128(at+1, "section size")
		if err != nil {
			return nil, err
		}
		content, err := v.Sub(body, size, "section")
		if err != nil {
			return nil, err
		}
		if s.id == 0 {
			n, next, err := content.Uleb128(0, "custom section's name")
			if err != nil {
				return nil, err
			}
			name, err := content.Slice(next, n, "custom section's name")
			if err != nil {
				return nil, err
			}
			s.name = string(name)
		}
		s.end = body + size
		at = s.end
		out = append(out, s)
	}
	return out, nil
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
	sections, err := parseWasm(data)
	if err != nil {
		return nil, err
	}
	for _, s := range sections {
		if s.id == 0 && s.name == "linking" {
			return nil, refuse("wasm-ld --strip-all when it is linked", "relocatable object of Wasm: its relocations count sections")
		}
	}
	if len(o.KeepSymbols) > 0 {
		return nil, refuse("--wasm-names keeps them all", "--keep-symbol is not there for Wasm")
	}
	content := byteio.Content{{Data: data[:8]}}
	for _, s := range sections {
		if why, goes := wasmRuleFor(s, o); goes {
			r.remove(why, int64(s.end-s.start))
			continue
		}
		content = append(content, byteio.Piece{Data: data[s.start:s.end]})
	}
	return content, nil
}

// sameWasm is the oracle for Wasm: all sections but custom ones in their order
// and byte by byte; of the custom ones none that is not in wasmRules may be
// gone, unless it was asked for by name, which the engine cannot see.
func sameWasm(old, new []byte) error {
	a, err := parseWasm(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, err := parseWasm(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	j := 0
	for _, s := range a {
		if j < len(b) && bytes.Equal(old[s.start:s.end], new[b[j].start:b[j].end]) {
			j++
			continue
		}
		if s.id != 0 {
			return fmt.Errorf("section %d at offset %#x is gone or differs", s.id, s.start)
		}
	}
	if j != len(b) {
		return fmt.Errorf("section %d at offset %#x is new", b[j].id, b[j].start)
	}
	return nil
}
