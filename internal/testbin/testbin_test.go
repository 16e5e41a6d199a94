package testbin

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestOtherReaders: the standard library's readers take what is made here.
func TestOtherReaders(t *testing.T) {
	for _, e := range []ELF{{}, {Bits: 32}, {Order: binary.BigEndian, Machine: 22}, {Bits: 32, Order: binary.BigEndian, Machine: 20}, {PageAlign: 1 << 21},
		{Extra: []ELFSection{{".upd_info", 1, []byte("x")}}, Payload: []byte("payload")}} {
		f, err := elf.NewFile(bytes.NewReader(e.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		symbols, err := f.Symbols()
		if err != nil || len(symbols) != 2 || symbols[1].Name != "_start" || f.Section(".debug_info") == nil {
			t.Errorf("%+v: symbols %v, error %v", e, symbols, err)
		}
	}
	for _, p := range []PE{{}, {Bits: 32}, {Certificate: make([]byte, 16), Payload: []byte("PK")}} {
		f, err := pe.NewFile(bytes.NewReader(p.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if f.Section(".debug_info") == nil || len(f.Symbols) != 2 {
			t.Errorf("%+v: sections %v, symbols %v", p, f.Sections, f.Symbols)
		}
	}
	for _, m := range []MachO{{}, {Sign: true}, {CPU: 0x01000007, Identity: true}} {
		f, err := macho.NewFile(bytes.NewReader(m.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Symtab.Syms) != 4 || f.Symtab.Syms[2].Name != "_main" || f.Symtab.Syms[3].Name != "_puts" {
			t.Errorf("symbols %v", f.Symtab.Syms)
		}
	}
	if _, err := macho.NewFatFile(bytes.NewReader(Fat(14, MachO{}.Bytes(), MachO{CPU: 0x01000007}.Bytes()))); err != nil {
		t.Error(err)
	}
}

// TestExit42 runs the ELF program where that is possible.
func TestExit42(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("an x86-64 Linux program")
	}
	path := filepath.Join(t.TempDir(), "answer")
	if err := os.WriteFile(path, ELF{}.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := exec.Command(path).Run(); !errors.As(err, &exit) || exit.ExitCode() != 42 {
		t.Errorf("ended with %v, want status 42", err)
	}
}

func TestWasm(t *testing.T) {
	module := Wasm(WasmSection{Name: "producers", Data: make([]byte, 200)})
	if _, err := exec.LookPath("wasm-validate"); err != nil {
		t.Skip("wasm-validate is not installed")
	}
	path := filepath.Join(t.TempDir(), "answer.wasm")
	if err := os.WriteFile(path, Wasm(), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("wasm-validate", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if len(module) < 200 {
		t.Errorf("module of %d bytes", len(module))
	}
}
