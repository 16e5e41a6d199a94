package relr

import (
	"bytes"
	"debug/elf"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestBindFind(t *testing.T) {
	for i := range stubs {
		s := &stubs[i]
		code, err := s.Bind(0x5008, 0x4000, 0x4080)
		if err != nil {
			t.Fatal(err)
		}
		if table, end, found := s.Find(append(code, 1, 2, 3), 0x5008); !found || table != 0x4000 || end != 0x4080 {
			t.Errorf("machine %d: found %v, %#x to %#x", s.Machine, found, table, end)
		}
		if _, _, found := s.Find(code, 0x5000); found {
			t.Errorf("machine %d: found where its base would not be 0", s.Machine)
		}
		code[len(code)/2] ^= 0x40
		if _, _, found := s.Find(code, 0x5008); found {
			t.Errorf("machine %d: other code is taken for the stub", s.Machine)
		}
		if _, err := s.Bind(0x5000, 1<<33, 1<<33); err == nil {
			t.Errorf("machine %d: a table out of reach is bound", s.Machine)
		}
	}
	if _, err := StubOf(3); err == nil {
		t.Error("a stub for i386")
	}
}

// TestSources assembles the stubs again.
func TestSources(t *testing.T) {
	for source, compiler := range map[string]string{"x86_64.S": "x86_64-linux-gnu-gcc", "aarch64.S": "aarch64-linux-gnu-gcc"} {
		t.Run(source, func(t *testing.T) {
			if _, err := exec.LookPath(compiler); err != nil {
				t.Skip("needs " + compiler)
			}
			object := filepath.Join(t.TempDir(), "stub.o")
			if said, err := exec.Command(compiler, "-c", "-o", object, filepath.Join("testdata", source)).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			f, err := elf.Open(object)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			code, err := f.Section(".text").Data()
			if err != nil {
				t.Fatal(err)
			}
			s, err := StubOf(uint16(f.Machine))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(code, s.code) {
				t.Errorf("relr.go has\n%x\n%s makes\n%x", s.code, source, code)
			}
		})
	}
}
