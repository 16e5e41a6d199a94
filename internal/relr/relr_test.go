package relr

import (
	"bytes"
	"debug/elf"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/machine"
)

func TestBindFind(t *testing.T) {
	for m, s := range stubs {
		for _, want := range []Bound{{Table: 0x4000, End: 0x4080}, {Table: 0x4000, End: 0x4080, Answers: true, Answer: 0x12345678}} {
			code, err := s.Bind(0x5008, want)
			if err != nil {
				t.Fatal(err)
			}
			if got, found := s.Find(append(bytes.Clone(code), 1, 2, 3), 0x5008); !found || got != want {
				t.Errorf("%s: found %v, %+v, want %+v", m.Title, found, got, want)
			}
			if _, found := s.Find(code, 0x5000); found {
				t.Errorf("%s: found where its base would not be 0", m.Title)
			}
			code[len(code)/2] ^= 0x40
			if _, found := s.Find(code, 0x5008); found {
				t.Errorf("%s: other code is taken for the stub", m.Title)
			}
		}
		for _, far := range []Bound{{Table: 1 << 33, End: 1 << 33}, {Answers: true, Answer: 1 << 31}, {Answers: true, Answer: 1<<64 - 8}} {
			if _, err := s.Bind(0x5000, far); err == nil {
				t.Errorf("%s: %+v is out of reach and bound", m.Title, far)
			}
		}
	}
	if _, err := StubOf(machine.OfELF(3)); err == nil {
		t.Error("a stub for i386")
	}
}

// TestSources assembles the stubs again.
func TestSources(t *testing.T) {
	for _, x := range []struct {
		source, compiler string
		flags            []string
	}{
		{"x86_64.S", "x86_64-linux-gnu-gcc", nil},
		{"x86_64.S", "x86_64-linux-gnu-gcc", []string{"-DANSWER"}},
		{"aarch64.S", "aarch64-linux-gnu-gcc", nil},
		{"aarch64.S", "aarch64-linux-gnu-gcc", []string{"-DANSWER"}},
	} {
		t.Run(x.source+strings.Join(x.flags, ""), func(t *testing.T) {
			if _, err := exec.LookPath(x.compiler); err != nil {
				t.Skip("needs " + x.compiler)
			}
			object := filepath.Join(t.TempDir(), "stub.o")
			args := append([]string{"-c", "-o", object, filepath.Join("testdata", x.source)}, x.flags...)
			if said, err := exec.Command(x.compiler, args...).CombinedOutput(); err != nil {
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
			s, err := StubOf(machine.OfELF(uint16(f.Machine)))
			if err != nil {
				t.Fatal(err)
			}
			has := bytes.Clone(s.plain.code)
			if len(x.flags) > 0 {
				has = bytes.Clone(s.answering.code)
				copy(has[s.answering.answer:], []byte{0xff, 0xff, 0xff, 0x7f})
			}
			if !bytes.Equal(code, has) {
				t.Errorf("relr.go has\n%x\n%s makes\n%x", has, x.source, code)
			}
		})
	}
}
