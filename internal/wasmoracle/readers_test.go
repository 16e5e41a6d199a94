package wasmoracle

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/machinecode"
	"github.com/minsize/minsize/internal/objfile"
)

// TestReadersAgainstWabt: where bodies and their instructions begin, and what the
// instructions name, is what wasm-objdump says. The writer reads modules by the
// same code as its oracle, so a mistake there would be neither's to find.
// MINSIZE_WASM names more modules (a glob).
func TestReadersAgainstWabt(t *testing.T) {
	tool, err := exec.LookPath("wasm-objdump")
	if err != nil {
		t.Skip("wasm-objdump is not installed (Debian: wabt)")
	}
	var files []string
	for _, pattern := range []string{"../*/testdata/*.wasm", os.Getenv("MINSIZE_WASM")} {
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	instructions := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := objfile.Parse(file, data)
		if err != nil {
			t.Fatal(err)
		}
		ours := map[uint64]machinecode.WasmOperand{} // the first operand by the instruction's offset
		for i := range f.Wasm.Functions {
			code, err := f.Wasm.Code(&f.Wasm.Functions[i], nil)
			if err != nil {
				t.Fatal(err)
			}
			end := uint64(f.Wasm.Functions[i].Offset) + uint64(f.Wasm.Functions[i].Size)
			s := machinecode.WasmScanner{Code: code}
			for s.Next() {
				first := machinecode.WasmOperand{Kind: machinecode.WasmNumber}
				if len(s.Operands) > 0 {
					first = s.Operands[0]
				}
				ours[end-uint64(len(code))+uint64(s.Start)] = first
			}
			if s.Err != nil {
				t.Errorf("%s: function %d: %v", file, i, s.Err)
			}
		}
		text, err := exec.Command(tool, "-d", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		theirs := 0
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			place, said, found := strings.Cut(lines.Text(), "|")
			words := strings.Fields(said)
			if !found || len(words) == 0 || strings.HasPrefix(words[0], "local[") {
				continue
			}
			at, _, _ := strings.Cut(strings.TrimSpace(place), ":")
			offset, err := strconv.ParseUint(at, 16, 64)
			if err != nil {
				t.Fatalf("%s: %q", file, lines.Text())
			}
			theirs++
			operand, there := ours[offset]
			if !there {
				t.Fatalf("%s: no instruction begins at %q", file, lines.Text())
			}
			if kind, counts := namedBy[words[0]]; counts {
				if value, err := strconv.ParseUint(words[1], 10, 64); err != nil || operand.Kind != kind || operand.Value != value {
					t.Errorf("%s: %q is read as %+v", file, lines.Text(), operand)
				}
			}
		}
		if theirs != len(ours) {
			t.Errorf("%s: %d instructions, wasm-objdump has %d", file, len(ours), theirs)
		}
		instructions += theirs
	}
	if instructions < 100 {
		t.Errorf("only %d instructions were compared", instructions)
	}
}

// namedBy is what the first operand of an instruction counts.
var namedBy = map[string]machinecode.WasmKind{
	"call": machinecode.WasmFunction, "return_call": machinecode.WasmFunction, "ref.func": machinecode.WasmFunction,
	"global.get": machinecode.WasmGlobal, "global.set": machinecode.WasmGlobal,
	"local.get": machinecode.WasmLocal, "local.set": machinecode.WasmLocal, "local.tee": machinecode.WasmLocal,
	"br": machinecode.WasmLabel, "br_if": machinecode.WasmLabel, "throw": machinecode.WasmTag,
	"table.get": machinecode.WasmTable, "table.set": machinecode.WasmTable, "table.size": machinecode.WasmTable, "table.grow": machinecode.WasmTable,
	"data.drop": machinecode.WasmData, "elem.drop": machinecode.WasmElement,
}
