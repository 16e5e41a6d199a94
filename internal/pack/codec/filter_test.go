package codec

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// checkBijection runs the filter forth and back and back and forth: what is
// unfiltered need not have come out of Filter.
func checkBijection(t *testing.T, arch Arch, code []byte, name string) {
	t.Helper()
	l := Layout{Arch: arch, Base: 0x40, Regions: []Region{{0x40, uint32(0x40 + len(code)&^3)}}}
	stream := make([]byte, 0x40+len(code))
	for _, back := range []bool{false, true} {
		copy(stream[0x40:], code)
		l.filter(stream, back)
		l.filter(stream, !back)
		if !bytes.Equal(stream[0x40:], code) {
			at := 0
			for stream[0x40+at] == code[at] {
				at++
			}
			t.Errorf("%s, machine %d, unfiltered first: %v: byte %#x of %#x comes back as %#x, was %#x", name, arch, back, at, len(code), stream[0x40+at], code[at])
		}
	}
}

// TestFilterIsBijection holds the filters of both machines to every executable
// section of programs and libraries, of whatever machine they are: of the Go
// tools and the C library, or with MINSIZE_SWEEP=1 of every ELF file of the
// system. TestFilterIsBijective does it for random bytes.
func TestFilterOnPrograms(t *testing.T) {
	names := []string{os.Args[0], "/bin/sh"}
	for _, pattern := range []string{"/lib/*-linux-gnu/libc.so.6", "/usr/aarch64-linux-gnu/lib/libc.so.6", "/usr/lib/*-linux-musl/libc.so"} {
		found, _ := filepath.Glob(pattern)
		names = append(names, found...)
	}
	if os.Getenv("MINSIZE_SWEEP") != "" {
		names = names[:0]
		for _, root := range []string{"/usr", "/opt", "/root/.rustup", "/root/.cargo/bin"} {
			_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					names = append(names, path)
				}
				return nil
			})
		}
	}
	files, sections, total, left := map[elf.Machine]int{}, 0, uint64(0), 0
	for _, name := range names {
		if end, ok := t.Deadline(); ok && time.Until(end) < 30*time.Second {
			left++
			continue
		}
		f, err := elf.Open(name)
		if err != nil {
			continue // not ELF
		}
		files[f.Machine]++
		for _, s := range f.Sections {
			if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_EXECINSTR == 0 || s.Size > 1<<28 {
				continue
			}
			code, err := s.Data()
			if err != nil {
				continue
			}
			sections++
			total += uint64(len(code))
			for _, arch := range []Arch{X86_64, AArch64} {
				checkBijection(t, arch, code, name+" "+s.Name)
			}
		}
		f.Close()
	}
	t.Logf("%d executable sections with %d bytes, of files by machine %v; %d files left for want of time", sections, total, files, left)
	if sections == 0 {
		t.Error("no executable section was found")
	}
}

// TestFilterFirst: nothing need have been coded before code is filtered. It
// runs in a process of its own, where nothing has.
func TestFilterFirst(t *testing.T) {
	if os.Getenv("MINSIZE_FILTER_FIRST") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFilterFirst$")
		cmd.Env = append(os.Environ(), "MINSIZE_FILTER_FIRST=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	code := []byte("\xe8\x10\x00\x00\x00\xc3")
	(&Layout{Arch: X86_64, Regions: []Region{{0, 6}}}).Filter(code)
	if string(code) != "\xe8\x00\x00\x00\x15\xc3" {
		t.Errorf("% x", code)
	}
}
