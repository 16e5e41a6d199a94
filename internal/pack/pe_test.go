package pack

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/pack/codec"
)

// wine is what runs Windows programs, and where it keeps its registry.
type wine struct{ path, prefix string }

var findWine = sync.OnceValues(func() (*wine, error) {
	for _, name := range []string{"wine64", "wine", "/usr/lib/wine/wine64"} {
		if path, err := exec.LookPath(name); err == nil {
			dir, err := os.MkdirTemp("", "minsize-wine-")
			return &wine{path, dir}, err
		}
	}
	return nil, errors.New("wine64 is not here")
})

func TestMain(m *testing.M) {
	status := m.Run()
	if w, err := findWine(); err == nil {
		server := exec.Command(filepath.Join(filepath.Dir(w.path), "wineserver"), "-k")
		server.Env = w.environment()
		server.Run()
		os.RemoveAll(w.prefix)
	}
	os.Exit(status)
}

func (w *wine) environment() []string {
	return append(os.Environ(), "WINEPREFIX="+w.prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=winedbg.exe=d;mscoree=d;mshtml=d")
}

// run is what a program prints, into a file if it has no console, and its status.
func (w *wine) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	to := program + ".out"
	cmd := exec.Command(w.path, append([]string{program}, args...)...)
	cmd.Env = append(w.environment(), "MINSIZE_OUT=Z:"+strings.ReplaceAll(to, "/", `\`))
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	file, _ := os.ReadFile(to)
	return strings.ReplaceAll(fmt.Sprintf("%s%sstatus %d\n", &stdout, file, cmd.ProcessState.ExitCode()), "\r", "")
}

// compileIn runs a compiler in dir.
func compileIn(t *testing.T, dir string, argv ...string) {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skipf("%s is not here", argv[0])
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

const mingw = "x86_64-w64-mingw32-"

// windowsSample builds testdata/windows.cc with resources and a delayed import.
func windowsSample(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	program := fmt.Sprintf("sample%d.exe", len(strings.Join(flags, "")))
	here, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	icon := []byte{0, 0, 1, 0, 1, 0, 8, 8, 0, 0, 1, 0, 32, 0, 72, 1, 0, 0, 22, 0, 0, 0}
	icon = binary.LittleEndian.AppendUint32(icon, 40)
	icon = append(icon, 8, 0, 0, 0, 16, 0, 0, 0, 1, 0, 32, 0)
	for len(icon) < 22+40+256+32 {
		icon = append(icon, byte(len(icon)*7))
	}
	for name, data := range map[string][]byte{"windows.ico": icon, "version.def": []byte("LIBRARY version.dll\nEXPORTS\nGetFileVersionInfoSizeA\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "sample.o")); err == nil {
		linkWindows(t, dir, program, flags)
		return filepath.Join(dir, program)
	}
	compileIn(t, dir, mingw+"windres", filepath.Join(here, "windows.rc"), "resources.o")
	compileIn(t, dir, mingw+"dlltool", "-d", "version.def", "-y", "libdelayed.a")
	compileIn(t, dir, mingwCXX(), "-O1", "-g", "-c", filepath.Join(here, "windows.cc"), "-o", "sample.o")
	linkWindows(t, dir, program, flags)
	return filepath.Join(dir, program)
}

func linkWindows(t *testing.T, dir, program string, flags []string) {
	t.Helper()
	compileIn(t, dir, slices.Concat([]string{mingwCXX(), "-static", "sample.o", "resources.o", "-L.", "-ldelayed", "-ldelayimp", "-o", program}, flags)...)
}

// mingwCXX is the compiler whose C++ library has threads.
func mingwCXX() string {
	if name := mingw + "g++-posix"; exec.Command(name, "--version").Run() == nil {
		return name
	}
	return mingw + "g++"
}

// TestWindowsPrograms: plain and packed print the same, and what is packed
// comes back.
func TestWindowsPrograms(t *testing.T) {
	dir := t.TempDir()
	built := map[string]string{} // by flags
	for _, kind := range []struct {
		name  string
		flags []string
		o     Options
	}{
		{"console", []string{"-s"}, Options{}},
		{"windowed, LZMA", []string{"-s", "-mwindows"}, Options{FastStart: true}},
		{"fixed, with symbols", []string{"-Wl,--disable-dynamicbase,--disable-reloc-section"}, Options{}},
		{"moved", []string{"-s"}, Options{FastStart: true}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			flags := strings.Join(kind.flags, " ")
			if built[flags] == "" {
				built[flags] = windowsSample(t, dir, kind.flags...)
			}
			plain := built[flags]
			data, err := os.ReadFile(plain)
			if err != nil {
				t.Fatal(err)
			}
			packed := filepath.Join(t.TempDir(), "packed.exe")
			packTo(t, data, packed, kind.o)
			out, err := os.ReadFile(packed)
			if err != nil {
				t.Fatal(err)
			}
			was, err := objfile.Parse("", data)
			if err != nil {
				t.Fatal(err)
			}
			is, err := objfile.Parse("", out)
			if err != nil {
				t.Fatal(err)
			}
			a, b := was.PE.OptionalHeader, is.PE.OptionalHeader
			if a.Subsystem != b.Subsystem || a.DllCharacteristics != b.DllCharacteristics || a.ImageBase != b.ImageBase || a.SizeOfStackReserve != b.SizeOfStackReserve ||
				was.PE.FileHeader.Characteristics != is.PE.FileHeader.Characteristics {
				t.Errorf("headers:\n%+v\n%+v", a, b)
			}
			for _, s := range is.PE.Headers {
				if s.Characteristics&(peExecute|peWrite) == peExecute|peWrite {
					t.Errorf("section %s is writable and executable", s.Name)
				}
			}
			for _, mark := range []string{"<assembly xmlns", "S\x00t\x00r\x00i\x00n\x00g\x00F\x00i\x00l\x00e"} {
				if !bytes.Contains(out, []byte(mark)) {
					t.Errorf("%q is not to be read in the packed file", mark)
				}
			}
			w, err := findWine()
			if err != nil {
				t.Skip(err)
			}
			if kind.name == "moved" {
				rebase(t, out, 0x10000000)
				if err := os.WriteFile(packed, out, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			want, got := w.run(t, plain, "one", "t w o"), w.run(t, packed, "one", "t w o")
			if want != got {
				t.Errorf("plain:\n%s\npacked:\n%s", want, got)
			}
			for _, line := range []string{"caught thrown in main", "caught in other 9", "unwind 1", "writable and executable 0", "status 5", "argument t w o", "~deep"} {
				if !strings.Contains(want, line+"\n") {
					t.Errorf("%q is missing:\n%s", line, want)
				}
			}
			if kind.name == "console" { // damage is told before anything runs
				broken := bytes.Clone(out)
				h := headerOf(out)
				broken[h+headerSize+windowsSize+8000] ^= 1
				if err := os.WriteFile(packed, broken, 0o755); err != nil {
					t.Fatal(err)
				}
				if got := w.run(t, packed); got != "status 127\n" && !strings.HasSuffix(got, "status 127\n") {
					t.Errorf("damaged:\n%s", got)
				}
				if _, err := Unpack(broken); err == nil {
					t.Error("a damaged file is unpacked")
				}
			}
		})
	}
}

// TestWindowsLibrary: a packed DLL serves what links against it and what loads
// it, twice in one process: the second copy lies elsewhere.
func TestWindowsLibrary(t *testing.T) {
	dir := t.TempDir()
	here, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "library.def"), []byte("LIBRARY library.dll\nEXPORTS\ntwice @7\nanswer\ntold DATA\nticks = KERNEL32.GetTickCount\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	compileIn(t, dir, mingw+"gcc", "-O2", "-s", "-shared", "-static-libgcc", filepath.Join(here, "library.c"), "library.def", "-Wl,--out-implib,liblibrary.a", "-o", "library.dll")
	compileIn(t, dir, mingw+"gcc", "-O2", "-s", "-static-libgcc", filepath.Join(here, "host.c"), "-L.", "-llibrary", "-o", "host.exe")
	library, host := filepath.Join(dir, "library.dll"), filepath.Join(dir, "host.exe")
	data, err := os.ReadFile(library)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.dll")
	if err := os.WriteFile(other, data, 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := findWine()
	if err != nil {
		t.Skip(err)
	}
	want := w.run(t, host, "other.dll")
	packTo(t, data, library, Options{})
	packTo(t, data, other, Options{})
	got := w.run(t, host, "other.dll")
	if want != got || !strings.HasSuffix(want, "other 30 1\nfreed 1\nstatus 6\n") || !strings.Contains(want, "forwarded 1\n") {
		t.Errorf("plain:\n%s\npacked:\n%s", want, got)
	}
}

// rebase makes a packed file what the loader makes of it when it maps it
// elsewhere, which wine never does to programs.
func rebase(t *testing.T, file []byte, by uint64) {
	t.Helper()
	le := binary.LittleEndian
	m, err := readPE(file[:peHeaders], uint64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	d := m.directories[objfile.PEDirectoryBaseReloc]
	table, ok := m.at(file, d.VirtualAddress, d.Size)
	if !ok {
		t.Fatal("no relocations")
	}
	le.PutUint64(m.optional[24:], m.base+by) // a view of the file
	for len(table) >= 8 {
		page, size := le.Uint32(table), le.Uint32(table[4:])
		for e := table[8:size]; len(e) > 0; e = e[2:] {
			if v := le.Uint16(e); v>>12 == peRelocDir64 {
				word, ok := m.at(file, page+uint32(v&0xfff), 8)
				if !ok {
					t.Fatal("a relocation outside of the file")
				}
				le.PutUint64(word, le.Uint64(word)+by)
			}
		}
		table = table[size:]
	}
}

// TestWindowsLanguages: what Go and Rust make. Their programs ask for a library
// that wine 8 lacks; where the plain one does not run, nothing is compared.
func TestWindowsLanguages(t *testing.T) {
	w, err := findWine()
	if err != nil {
		t.Skip(err)
	}
	for name, argv := range map[string][]string{
		"go":   {"go", "build", "-ldflags=-s -w", "-o"},
		"rust": {"rustc", "-O", "--target", "x86_64-pc-windows-gnu", "-C", "strip=symbols", "-o"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(argv[0]); err != nil {
				t.Skipf("%s is not here", argv[0])
			}
			dir := t.TempDir()
			plain, packed := filepath.Join(dir, "plain.exe"), filepath.Join(dir, "packed.exe")
			cmd := exec.Command(argv[0], append(argv[1:], plain, map[string]string{"go": "testdata/windows.go", "rust": "testdata/windows.rs"}[name])...)
			cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				if bytes.Contains(out, []byte("can't find crate for `std`")) {
					t.Skip("no standard library for x86_64-pc-windows-gnu")
				}
				t.Fatalf("%v\n%s", err, out)
			}
			data, err := os.ReadFile(plain)
			if err != nil {
				t.Fatal(err)
			}
			packTo(t, data, packed, Options{})
			w.provide(t)
			want, got := w.run(t, plain, "one"), w.run(t, packed, "one")
			if !strings.HasSuffix(want, "status 4\n") {
				t.Skipf("wine does not run the plain program: %s", want)
			}
			if want != got {
				t.Errorf("plain:\n%s\npacked:\n%s", want, got)
			}
		})
	}
}

// provide gives wine the library of random numbers that it may lack.
func (w *wine) provide(t *testing.T) {
	to := filepath.Join(w.prefix, "drive_c/windows/system32/bcryptprimitives.dll")
	if _, err := os.Stat(to); err == nil {
		return
	}
	dir := t.TempDir()
	source := "#include <windows.h>\n#include <ntsecapi.h>\n__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE b, SIZE_T n) { return RtlGenRandom(b, n); }\n"
	if err := os.WriteFile(filepath.Join(dir, "random.c"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	compileIn(t, dir, mingw+"gcc", "-shared", "-s", "random.c", "-ladvapi32", "-o", "random.dll")
	data, err := os.ReadFile(filepath.Join(dir, "random.dll"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(to)); err != nil { // no program has run yet
		w.run(t, "c:/windows/system32/hostname.exe")
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tinyWindowsProgram is one that nobody could run, with all that packing looks for.
func tinyWindowsProgram() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0x1200)
	copy(b, "MZ")
	le.PutUint32(b[60:], 64)
	copy(b[64:], "PE\x00\x00\x64\x86\x04\x00")
	le.PutUint16(b[64+20:], 240)
	le.PutUint16(b[64+22:], 0x22)
	o := b[88:]
	le.PutUint16(o, 0x20b)
	le.PutUint32(o[16:], 0x1010)
	le.PutUint64(o[24:], 0x140000000)
	le.PutUint32(o[32:], 0x1000)
	le.PutUint32(o[36:], 0x200)
	le.PutUint32(o[56:], 0x5000)
	le.PutUint32(o[60:], 0x400)
	le.PutUint16(o[68:], peSubsystemConsole)
	le.PutUint16(o[70:], 0x160)
	le.PutUint32(o[108:], 16)
	for i, d := range map[int][2]uint32{objfile.PEDirectoryImport: {0x2000, 40}, objfile.PEDirectoryTLS: {0x2100, peTLSSize}, objfile.PEDirectoryBaseReloc: {0x4000, 16}, objfile.PEDirectoryResource: {0x3000, 0x80}} {
		le.PutUint32(o[112+8*i:], d[0])
		le.PutUint32(o[116+8*i:], d[1])
	}
	for i, s := range []struct {
		name                string
		size, at, raw, from uint32
		flags               uint32
	}{{".text", 0x600, 0x1000, 0x600, 0x400, 0x60000020}, {".data", 0x400, 0x2000, 0x400, 0xa00, 0xc0000040}, {".rsrc", 0x200, 0x3000, 0x200, 0xe00, 0x40000040}, {".reloc", 16, 0x4000, 0x200, 0x1000, 0x42000040}} {
		h := o[240+40*i:]
		copy(h, s.name)
		for k, v := range []uint32{s.size, s.at, s.raw, s.from} {
			le.PutUint32(h[8+4*k:], v)
		}
		le.PutUint32(h[36:], s.flags)
	}
	for at := 0x400; at < 0xa00; at += 16 {
		copy(b[at:], "\xe8\x10\x00\x00\x00\x48\x8d\x05\x40\x01\x00\x00\x90\xc3\x90\x90")
	}
	data := b[0xa00:]
	le.PutUint32(data, 0x2040)
	le.PutUint32(data[12:], 0x2080)
	le.PutUint32(data[16:], 0x2060)
	le.PutUint64(data[0x40:], 0x2090)
	le.PutUint64(data[0x60:], 0x2090)
	copy(data[0x80:], "user32.dll\x00")
	copy(data[0x92:], "MessageBoxA\x00")
	for i, v := range []uint64{0x140002200, 0x140002208, 0x140002300, 0x140002140} {
		le.PutUint64(data[0x100+8*i:], v)
	}
	le.PutUint64(data[0x140:], 0x140001020)
	resources := b[0xe00:]
	for depth, name := range []uint32{peResourceVersion, 1, 0x409} {
		dir := resources[depth*24:]
		le.PutUint16(dir[14:], 1)
		le.PutUint32(dir[16:], name)
		le.PutUint32(dir[20:], uint32(depth+1)*24|uint32(1-depth/2)<<31)
	}
	le.PutUint32(resources[72:], 0x3090)
	le.PutUint32(resources[76:], 32)
	copy(resources[0x90:], "version of the tiny program.....")
	copy(b[0x1000:], "\x00\x20\x00\x00\x10\x00\x00\x00\x00\xa1\x08\xa1\x10\xa1\x18\xa1")
	return b
}

// TestTinyWindowsProgram: it has what it is for, and comes back.
func TestTinyWindowsProgram(t *testing.T) {
	data := tinyWindowsProgram()
	p, err := readWindowsProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.relocs) != 4 || !p.canonical || len(p.imports) != 1 || len(p.resources) != 1 || len(p.template) != 8 || len(p.regions) != 1 {
		t.Fatalf("%d relocations (%v), %d imports, %d resources, %d bytes of template, %d regions", len(p.relocs), p.canonical, len(p.imports), len(p.resources), len(p.template), len(p.regions))
	}
	for _, m := range []codec.Method{codec.LZMA, codec.XLZ} {
		out, _, err := Pack(data, Options{onlyMethod: m})
		if out == nil { // it is larger, which is no matter here
			out, _, err = p.packLeanest(m, p.packRest())
		}
		if err != nil {
			t.Fatal(err)
		}
		back, err := Unpack(out)
		if err != nil || !bytes.Equal(back, data) {
			t.Errorf("%v: %v", m, err)
		}
	}
}

// TestWindowsRefusals: each with its reason.
func TestWindowsRefusals(t *testing.T) {
	le := binary.LittleEndian
	for reason, spoil := range map[string]func([]byte) []byte{
		"machine 0xaa64 (aarch64)": func(b []byte) []byte { le.PutUint16(b[68:], 0xaa64); return b },
		"machine 0x14c":            func(b []byte) []byte { le.PutUint16(b[68:], 0x14c); return b },
		"outside of itself": func(b []byte) []byte {
			le.PutUint32(b[88+112:], 0x2400-0x100)
			le.PutUint32(b[88+116:], 0x100)
			export := b[0xa00+0x300:]
			le.PutUint32(export[20:], 1)
			le.PutUint32(export[24:], 1)
			for i, at := range []uint32{0x2328, 0x232c, 0x2330} {
				le.PutUint32(export[28+4*i:], at)
			}
			return b
		},
		"subsystem 1":    func(b []byte) []byte { le.PutUint16(b[88+68:], 1); return b },
		"a .NET program": func(b []byte) []byte { le.PutUint32(b[88+116+8*14:], 72); return b },
		"control flow guard": func(b []byte) []byte {
			le.PutUint16(b[88+70:], le.Uint16(b[88+70:])|peGuardCF)
			return b
		},
		"shadow stacks (CET)": func(b []byte) []byte { // a debug directory of one entry, at the end of .text
			entry := b[0x900:]
			le.PutUint32(entry[12:], peExtended)
			le.PutUint32(entry[16:], 4)
			le.PutUint32(entry[20:], 0x1540)
			le.PutUint32(entry[24:], 0x940)
			le.PutUint32(b[0x940:], peCETCompat)
			le.PutUint32(b[88+112+8*6:], 0x1500)
			le.PutUint32(b[88+116+8*6:], 28)
			return b
		},
		"a signed program":                  func(b []byte) []byte { le.PutUint32(b[88+116+8*4:], 8); return b },
		"writable and executable":           func(b []byte) []byte { le.PutUint32(b[88+240+36:], 0xe0000020); return b },
		"shared between processes":          func(b []byte) []byte { le.PutUint32(b[88+240+40+36:], 0xd0000040); return b },
		"aligned to 32 bytes":               func(b []byte) []byte { le.PutUint32(b[88+32:], 32); return b },
		"a zip archive, are appended":       func(b []byte) []byte { return append(b, "PK\x03\x04archive"...) },
		"relocation of type 3":              func(b []byte) []byte { b[0x1009] = 0x31; return b },
		"already packed by UPX":             func(b []byte) []byte { copy(b[0x300:], "UPX!"); return b },
		"the name of function 0 lies in no": func(b []byte) []byte { le.PutUint32(b[0xa40:], 0x9000); return b },
	} {
		_, _, err := Pack(spoil(tinyWindowsProgram()), Options{})
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q expected, got: %v", reason, err)
		}
		var refusal *byteio.Refusal
		var malformed *byteio.Error
		if !errors.As(err, &refusal) && !errors.As(err, &malformed) && !errors.Is(err, ErrAlreadyPacked) {
			t.Errorf("%q is of no kind that the command knows: %T", reason, err)
		}
	}
	// A protection goes where that is asked for, alone.
	guarded := tinyWindowsProgram()
	le.PutUint16(guarded[88+70:], le.Uint16(guarded[88+70:])|peGuardCF)
	if _, _, err := Pack(guarded, Options{AllowSecurity: true}); err != nil && !errors.Is(err, ErrNotSmaller) {
		t.Errorf("--allow-security: %v", err)
	}
	// What is appended comes back, where it is asked for.
	data := append(tinyWindowsProgram(), "PK\x03\x04archive"...)
	p, err := readWindowsProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := p.packLeanest(codec.LZMA, p.packRest())
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Unpack(out); err != nil || !bytes.Equal(back, data) {
		t.Errorf("with bytes appended: %v", err)
	}
}

// TestResourceTree: directories read back as they were.
func TestResourceTree(t *testing.T) {
	var list []peResource
	for i, path := range [][3]peResourceName{{{id: 3}, {id: 2}, {id: 9}}, {{id: 3}, {id: 1}, {id: 9}}, {{id: 14}, {id: 1 << 31, text: "M\x00A\x00"}, {id: 9}}, {{id: 14}, {id: 7}, {id: 9}}} {
		list = append(list, peResource{path: path, size: uint32(i + 3), data: []byte("0123456789")[:i+3]})
	}
	tree, places := resourceTree(list, 0x1000)
	p := &windowsProgram{source: source{data: tree}, peImage: &peImage{first: 0x1000, filled: 0x1000 + uint32(len(tree)), sections: []objfile.PESectionHeader{{VirtualAddress: 0x1000, SizeOfRawData: uint32(len(tree))}}}}
	p.directories[objfile.PEDirectoryResource] = objfile.PEDataDirectory{VirtualAddress: 0x1000, Size: uint32(len(tree))}
	got := p.readResources()
	if len(got) != len(list) {
		t.Fatalf("%d of %d", len(got), len(list))
	}
	slices.SortFunc(got, func(a, b peResource) int { return cmp.Compare(a.size, b.size) })
	for i, r := range got {
		if r.at != places[i] || !bytes.Equal(r.data, list[i].data) || r.path[0] != list[i].path[0] || r.path[1].text != list[i].path[1].text {
			t.Errorf("%d: %+v, not %+v", i, r, list[i])
		}
	}
}
