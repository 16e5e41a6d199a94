package strip

// Wasm modules (Core Specification, chapter 5).
//
// Only custom sections can go without a trace, and not all: emscripten's side
// modules live by dylink.0, engines read target_features and branch hints. So
// there is an allow-list of what goes; what is unknown stays.

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/wasmedit"
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

func isWasm(data []byte) bool { return bytes.HasPrefix(data, []byte("\x00asm")) }

// wasmRuleFor is the reason why the section goes at the level; ok is false
// for what stays.
func wasmRuleFor(s objfile.WasmSection, o Options) (Reason, bool) {
	if s.ID != 0 || matches(o.KeepSections, s.Name) {
		return "", false
	}
	for _, r := range wasmRules {
		prefix, isPrefix := strings.CutSuffix(r.pattern, "*")
		if s.Name != r.pattern && !(isPrefix && strings.HasPrefix(s.Name, prefix)) {
			continue
		}
		return r.why, r.level <= o.level() && !(s.Name == "name" && o.WasmNames)
	}
	return ReasonSections, matches(o.RemoveSections, s.Name)
}

func planWasm(data []byte, o Options, r *Report) (byteio.Content, error) {
	r.Machine = "wasm"
	if objfile.WasmComponent(data) {
		return planComponent(data, o, r, 0)
	}
	if len(o.Exports) > 0 {
		fewer, err := wasmedit.Exporting(data, o.Exports)
		var none *wasmedit.ExportError
		if errors.As(err, &none) {
			return nil, refuse("minsize size -d symbols FILE", "%v", err)
		}
		if err != nil {
			return nil, err
		}
		r.remove(ReasonModule, int64(len(data)-len(fewer)))
		data = fewer
	}
	if len(o.KeepSymbols) > 0 {
		return nil, refuse("--wasm-names keeps them all", "--keep-symbol is not there for Wasm")
	}
	var content byteio.Content
	run := uint64(0) // start of the sections that stay and follow each other
	sections := 0
	for s, err := range objfile.WasmSections(data) {
		sections++
		if err != nil {
			return nil, err
		}
		if s.ID == 0 && s.Name == "linking" {
			return nil, refuse("wasm-ld --strip-all when it is linked", "relocatable object of Wasm: its relocations count sections")
		}
		if why, goes := wasmRuleFor(s, o); goes {
			end := s.Offset + s.Size
			r.remove(why, int64(end-s.Header))
			if run < s.Header {
				content = append(content, byteio.Piece{Data: data[run:s.Header]})
			}
			run = end
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

// Without is a module written anew without its names, once as it is and once
// with traps in the place of functions, by their index.
func Without(data []byte, functions []uint32) (whole, cut []byte, err error) {
	trapped, err := wasmedit.Cut(data, false, func(index int, _ string) wasmedit.Stub {
		if slices.Contains(functions, uint32(index)) {
			return wasmedit.Trap
		}
		return wasmedit.Keep
	})
	if err != nil {
		return nil, nil, err
	}
	if whole, _, err = Rewrite(data, Options{Level: Max}); err != nil {
		return nil, nil, err
	}
	cut, _, err = Rewrite(trapped, Options{Level: Max})
	return whole, cut, err
}
