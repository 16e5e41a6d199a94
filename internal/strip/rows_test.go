package strip

// The cases that other strippers lose or damage something in; what belongs to
// the file rather than its bytes is in byteio and in the scripts of cli.

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/oracle"
	"github.com/minsize/minsize/internal/testbin"
)

// mustRefuse wants a byteio.Refusal whose cause contains cause and whose hint has hint.
func mustRefuse(t *testing.T, data []byte, o Options, cause, hint string) {
	t.Helper()
	out, _, err := Rewrite(data, o)
	var r *byteio.Refusal
	if !errors.As(err, &r) || !strings.Contains(r.Cause, cause) || !strings.Contains(r.Hint, hint) {
		t.Errorf("level %v: error %v (%d bytes), want a refusal for %q with %q", o.level(), err, len(out), cause, hint)
	}
}

func TestPayloads(t *testing.T) {
	zip := "PK\x03\x04 and so on"
	for kind, payload := range map[string]string{
		"zip archive": zip, "squashfs file system": "hsqs....", "Bun program": "....\n---- Bun! ----\n", "Deno program": "d3n0l4nd....", "unknown data": "x",
	} {
		for _, data := range [][]byte{testbin.ELF{Payload: []byte(payload)}.Bytes(), testbin.PE{Payload: []byte(payload)}.Bytes(), testbin.MachO{Payload: []byte(payload)}.Bytes()} {
			for _, level := range allLevels {
				mustRefuse(t, data, Options{Level: level}, kind, "--drop-payload")
				out, r := mustRewrite(t, data, Options{Level: level, DropPayload: true})
				if bytes.Contains(out, []byte(payload)) && len(payload) > 3 || r.Removed[ReasonPayload] != int64(len(payload)) {
					t.Errorf("%s: the payload is still there, or not counted: %v", kind, r.Removed)
				}
			}
			if isMachO(data) {
				continue // behind __LINKEDIT there is no room for one that dyld would take
			}
			out, _ := mustRewrite(t, data, Options{KeepPayload: true})
			if !bytes.Contains(out, []byte(payload)) || isELF(data) && !bytes.HasSuffix(out, []byte(payload)) {
				t.Errorf("%s: the payload did not move along", kind)
			}
		}
	}
	appImage := testbin.ELF{Payload: []byte("hsqs")}.Bytes()
	copy(appImage[8:], "AI\x02")
	mustRefuse(t, appImage, Options{}, "AppImage", "--keep-payload")
	mustRefuse(t, appImage, Options{Level: Sections, KeepPayload: true}, "AppImage", "lower level")
	out, _ := mustRewrite(t, appImage, Options{KeepPayload: true})
	end := binary.LittleEndian.Uint64(out[40:]) + 64*uint64(binary.LittleEndian.Uint16(out[60:]))
	if string(out[end:]) != "hsqs" { // where the runtime of AppImage looks
		t.Errorf("behind the section headers is %q", out[end:])
	}
}

func TestKindsThatAreRefused(t *testing.T) {
	mustRefuse(t, testbin.ELF{Type: etCore}.Bytes(), Options{}, "core dump", "")
	companion, err := Companion(testbin.ELF{}.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, companion, Options{}, "debug companion", "the program")
	module := corrupt(testbin.ELF{Type: etRel, Payload: []byte("PKCS7~Module signature appended~\n")}.Bytes(), 56, 2, 0)
	mustRefuse(t, module, Options{}, "kernel module signature", "--drop-payload")
	mustRefuse(t, []byte(arThin), Options{}, "thin archive", "members")
	if _, _, err := Rewrite([]byte("#!/bin/sh\n"), Options{}); !errors.Is(err, ErrFormat) {
		t.Errorf("a script: %v", err)
	}
	mustRefuse(t, testbin.PE{}.Bytes(), Options{DropUnwind: true}, "ELF", "leave")
}

func TestPackedIsSkipped(t *testing.T) {
	packed := bytes.Clone(testbin.ELF{}.Bytes())
	copy(packed[300:], "UPX!")
	out, r, err := Rewrite(packed, Options{Level: Max})
	if err != nil || !r.Same || !bytes.Equal(out, packed) || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "UPX") {
		t.Errorf("report %+v, error %v", r, err)
	}
}

func TestObjects(t *testing.T) {
	for _, compiler := range [][]string{{"gcc"}, {"clang"}, {"aarch64-linux-gnu-gcc"}} {
		data := compile(t, helloC+"inline int twice(int x) { return 2 * x; }\n", append(compiler, "-g", "-gdwarf-4", "-fdebug-types-section", "-ffunction-sections", "-c")...)
		for _, level := range allLevels {
			out, r := mustRewrite(t, data, Options{Level: level})
			if r.Removed[ReasonDebug] == 0 {
				t.Errorf("%v: no debug info went: %v", compiler, r)
			}
			f, err := parseELF(out)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range f.sections {
				if strings.Contains(s.Name, ".debug_") {
					t.Errorf("%v: section %s stayed", compiler, s.Name)
				}
			}
		}
		out, _ := mustRewrite(t, data, Options{})
		object := filepath.Join(t.TempDir(), "a.o")
		if err := os.WriteFile(object, out, 0o644); err != nil {
			t.Fatal(err)
		}
		program := object + ".exe"
		if msg, err := exec.Command(compiler[0], "-o", program, object).CombinedOutput(); err != nil {
			t.Errorf("%v: it does not link any more: %v %s", compiler, err, msg)
		}
	}
	// Members of an archive, and an index that still leads to them.
	object := compile(t, "int f(void) { return 1; }", "gcc", "-g", "-c")
	folder := t.TempDir()
	for _, name := range []string{"a.o", "b_with_a_long_name.o"} {
		if err := os.WriteFile(filepath.Join(folder, name), object, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if msg, err := exec.Command("ar", "rcs", filepath.Join(folder, "x.a"), filepath.Join(folder, "a.o"), filepath.Join(folder, "b_with_a_long_name.o")).CombinedOutput(); err != nil {
		t.Skipf("ar: %v %s", err, msg)
	}
	data, _ := os.ReadFile(filepath.Join(folder, "x.a"))
	out, r := mustRewrite(t, data, Options{})
	if r.Same {
		t.Error("nothing went from the archive")
	}
	if err := os.WriteFile(filepath.Join(folder, "x.a"), out, 0o644); err != nil {
		t.Fatal(err)
	}
	if names, err := exec.Command("nm", "-s", filepath.Join(folder, "x.a")).CombinedOutput(); err != nil || !strings.Contains(string(names), "f in b_with_a_long_name.o") {
		t.Errorf("nm -s: %v\n%s", err, names)
	}
}

// goBuild builds a small Go program for another machine.
func goBuild(t *testing.T, env []string, flags ...string) []byte {
	t.Helper()
	if testing.Short() {
		t.Skip("builds Go programs")
	}
	folder := t.TempDir()
	source := `package main
import ("fmt"; "os"; "runtime/debug")
func where() { defer func() { recover(); fmt.Printf("%s", debug.Stack()) }(); var p *int; *p = 1 }
func main() { fmt.Println("fine", len(os.Args)); info, ok := debug.ReadBuildInfo(); fmt.Println(ok, info.Main.Path); if len(os.Args) > 1 { where() } }
`
	for name, text := range map[string]string{"main.go": source, "go.mod": "module example.com/probe\n\ngo 1.26\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-o", "probe"}, flags...), ".")...)
	cmd.Dir = folder
	cmd.Env = append(append(os.Environ(), "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0"), env...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("go build %v: %v\n%s", env, err, msg)
	}
	data, err := os.ReadFile(filepath.Join(folder, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestGoPrograms: `go version -m` reads every level's output, stack traces stay.
func TestGoPrograms(t *testing.T) {
	for _, flags := range [][]string{nil, {"-buildmode=pie"}} {
		data := goBuild(t, nil, flags...)
		want := run(t, data, "trace")
		if !strings.Contains(want, "main.where") {
			t.Fatalf("no stack trace: %s", want)
		}
		for _, level := range allLevels {
			out, _ := mustRewrite(t, data, Options{Level: level})
			info, err := buildinfo.Read(bytes.NewReader(out))
			if err != nil || info.Main.Path != "example.com/probe" {
				t.Errorf("%v, level %v: go version -m: %v", flags, level, err)
			}
			if got := run(t, out, "trace"); stable(got) != stable(want) {
				t.Errorf("%v, level %v: printed\n%s\nwant\n%s", flags, level, got, want)
			}
		}
	}
}

// stable takes addresses out of a stack trace.
func stable(s string) string {
	var out []string
	for _, line := range strings.Split(s, "\n") {
		line, _, _ = strings.Cut(line, " +0x")
		line, _, _ = strings.Cut(line, "(0x")
		line, _, _ = strings.Cut(line, "({0x")
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// TestNotLargerThanGo: what Go's own -s -w gives is the measure.
func TestNotLargerThanGo(t *testing.T) {
	for _, env := range [][]string{{"GOOS=linux", "GOARCH=amd64"}, {"GOOS=windows", "GOARCH=amd64"}, {"GOOS=darwin", "GOARCH=arm64"}, {"GOOS=wasip1", "GOARCH=wasm"}} {
		if (strings.Contains(env[0], "darwin") || strings.Contains(env[0], "wasip1")) && os.Getenv("MINSIZE_SWEEP") == "" {
			continue // Go builds its library for each system first
		}
		full, small := goBuild(t, env), goBuild(t, env, "-ldflags=-s -w")
		out, r := mustRewrite(t, full, Options{})
		if len(out) > len(small) {
			t.Errorf("%v: %d bytes, -s -w gives %d", env, len(out), len(small))
		}
		t.Logf("%v: %d -> %d, -s -w %d; %v", env, len(full), len(out), len(small), r.Removed)
	}
}

// TestSettingsStay: what protects or identifies a program is there as before.
func TestSettingsStay(t *testing.T) {
	data := compile(t, helloC, "gcc", "-g", "-Wl,--build-id", "-Wl,-z,relro,-z,now", "-fcf-protection")
	was, _ := parseELF(data)
	for _, level := range allLevels {
		out, _ := mustRewrite(t, data, Options{Level: level})
		is, err := parseELF(out)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range was.segments {
			q := is.segments[i]
			if p.Type != q.Type || p.Flags != q.Flags || p.Vaddr != q.Vaddr || p.Memsz != q.Memsz {
				t.Errorf("level %v: program header %d of type %#x changed", level, i, p.Type)
			}
			if p.Type == ptNote && !bytes.Equal(was.data[p.Offset:p.end()], is.data[q.Offset:q.end()]) {
				t.Errorf("level %v: notes changed", level)
			}
		}
		if level == All {
			for _, name := range []string{".note.gnu.property", ".note.ABI-tag", ".note.gnu.build-id", ".eh_frame", ".interp"} {
				if is.named(name) == 0 {
					t.Errorf("section %s is gone", name)
				}
			}
		}
	}
	linked, _ := mustRewrite(t, data, Options{DebugLink: LinkTo("prog.debug", []byte("companion"))})
	again, _ := mustRewrite(t, linked, Options{})
	f, _ := parseELF(again)
	if i := f.named(".gnu_debuglink"); i == 0 || !bytes.HasPrefix(f.section(i), []byte("prog.debug\x00")) {
		t.Error(".gnu_debuglink is gone")
	}
}

func (f *elfFile) named(name string) int {
	for i, s := range f.sections {
		if s.Name == name {
			return i
		}
	}
	return 0
}

// TestSectionsThatProgramsRead stay, and keep the section headers.
func TestSectionsThatProgramsRead(t *testing.T) {
	for _, name := range []string{".rustc", ".upd_info", ".my_own_data"} {
		data := testbin.ELF{Extra: []testbin.ELFSection{{Name: name, Type: 1, Data: []byte("look me up")}}}.Bytes()
		for _, level := range allLevels {
			out, r := mustRewrite(t, data, Options{Level: level})
			f, err := parseELF(out)
			if err != nil {
				t.Fatal(err)
			}
			if i := f.named(name); i == 0 || string(f.section(i)) != "look me up" {
				t.Errorf("%s, level %v: gone", name, level)
			}
			if level >= Sections && len(r.Notes) == 0 {
				t.Errorf("%s, level %v: no word of it", name, level)
			}
			out, _ = mustRewrite(t, data, Options{Level: level, RemoveSections: []string{name}})
			if level >= All && bytes.Contains(out, []byte("look me up")) {
				t.Errorf("%s, level %v: --remove-section did not", name, level)
			}
		}
	}
	data := testbin.ELF{}.Bytes()
	out, _ := mustRewrite(t, data, Options{KeepSections: []string{".comment"}})
	if f, _ := parseELF(out); f.named(".comment") == 0 {
		t.Error("--keep-section did not")
	}
}

// TestDanglingHeaders: what sstrip leaves is mended where the file is written
// anew; where nothing is saved nothing changes.
func TestDanglingHeaders(t *testing.T) {
	data, _ := mustRewrite(t, testbin.ELF{}.Bytes(), Options{Level: Sections})
	broken := corrupt(corrupt(data, 40, 8, uint64(len(data))+100), 60, 2, 12)
	out, _ := mustRewrite(t, broken, Options{Level: Max})
	if binary.LittleEndian.Uint64(out[40:]) != 0 || binary.LittleEndian.Uint16(out[60:]) != 0 {
		t.Error("e_shoff or e_shnum still point nowhere")
	}
	if out, r := mustRewrite(t, broken, Options{}); !r.Same || !bytes.Equal(out, broken) {
		t.Errorf("saves %d bytes and changes the file", r.Saved())
	}
}

// TestNothingSavedNothingChanged: at every level, for every format, a file of
// the same size is the same file.
func TestNothingSavedNothingChanged(t *testing.T) {
	for name, data := range map[string][]byte{
		"ELF": testbin.ELF{}.Bytes(), "PE": testbin.PE{}.Bytes(), "Mach-O": testbin.MachO{Sign: true}.Bytes(),
		"fat": testbin.Fat(14, testbin.MachO{}.Bytes()), "Wasm": testbin.Wasm(testbin.WasmSection{Name: "producers", Data: make([]byte, 20)}),
	} {
		for _, level := range allLevels {
			once, _ := mustRewrite(t, data, Options{Level: level})
			for _, next := range allLevels {
				again, r := mustRewrite(t, once, Options{Level: next})
				if len(again) >= len(once) && (!r.Same || !bytes.Equal(again, once) || len(r.Removed) > 0) {
					t.Errorf("%s, level %v then %v: %d bytes, as before, and not the same", name, level, next, len(again))
				}
			}
		}
	}
}

// TestEveryClassAndOrder: nothing depends on the host.
func TestEveryClassAndOrder(t *testing.T) {
	for _, bits := range []int{32, 64} {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			for machine, page := range map[uint16]uint64{3: 4096, 183: 65536, 8: 65536, 20: 65536, 22: 4096, 258: 16384, 9999: 1 << 21} {
				data := testbin.ELF{Bits: bits, Order: order, Machine: machine, PageAlign: 1 << 21}.Bytes()
				var last int
				for _, level := range allLevels {
					out, _ := mustRewrite(t, data, Options{Level: level})
					if last != 0 && len(out) > last {
						t.Errorf("%d bits, %v, machine %d: level %v gives %d, the one below %d", bits, order, machine, level, len(out), last)
					}
					last = len(out)
				}
				if uint64(last) < page || uint64(last) > page+64 {
					t.Errorf("%d bits, %v, machine %d: --max gives %d bytes, pages have %d", bits, order, machine, last, page)
				}
				small, _ := mustRewrite(t, data, Options{Level: Max, PageSize: 4096})
				if len(small) > 4096+64 {
					t.Errorf("machine %d with --page-size 4096: %d bytes", machine, len(small))
				}
			}
		}
	}
}

// TestAlignmentLimitsPadding: p_align of what may be loaded anywhere does not
// fall below the alignment of anything inside.
func TestAlignmentLimitsPadding(t *testing.T) {
	data := compile(t, "#include <stdio.h>\n__attribute__((aligned(65536))) char big[4] = \"abc\";\nint main(void) { printf(\"%d\\n\", (int)((unsigned long)big % 65536)); return 0; }", "gcc", "-pie", "-fPIE", "-Wl,-z,max-page-size=0x200000")
	out, _ := mustRewrite(t, data, Options{Level: Max})
	for range 20 {
		if got := run(t, out); got != "0\n" {
			t.Fatalf("the variable lies at %s modulo 65536", got)
		}
	}
}

func TestUnwindTablesAndBuildID(t *testing.T) {
	for _, flags := range [][]string{{"gcc", "-g", "-static"}, {"gcc", "-g"}, {"clang", "-fuse-ld=lld"}, {"musl-gcc", "-static"}} {
		data := compile(t, helloC, append(flags, "-Wl,--build-id")...)
		want := run(t, data)
		for _, level := range []Level{All, Max} {
			plain, _ := mustRewrite(t, data, Options{Level: level})
			out, r, err := Rewrite(data, Options{Level: level, DropUnwind: true, DropBuildID: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := run(t, out); got != want {
				t.Errorf("%v: prints %q", flags, got)
			}
			if len(out) > len(plain) || r.Removed[ReasonUnwind] == 0 && len(r.Notes) == 0 {
				t.Errorf("%v: %d bytes with unwind tables, %d without: %v %v", flags, len(plain), len(out), r.Removed, r.Notes)
			}
			f, _ := parseELF(data)
			if i := f.named(".note.gnu.build-id"); i != 0 && bytes.Contains(out, f.section(i)[16:]) {
				t.Errorf("%v: the build-id is still there", flags)
			}
		}
	}
}

func TestPE(t *testing.T) {
	for _, bits := range []int{32, 64} {
		data := testbin.PE{Bits: bits}.Bytes()
		for _, level := range allLevels {
			out, r := mustRewrite(t, data, Options{Level: level})
			f, err := parsePE(out)
			if err != nil {
				t.Fatal(err)
			}
			if f.CheckSum != testbin.PEChecksum(out) {
				t.Errorf("%d bits, level %v: CheckSum %#x, want %#x", bits, level, f.CheckSum, testbin.PEChecksum(out))
			}
			entry := f.debugEntries()[0]
			if got := string(out[entry.pointer : entry.pointer+4]); got != "RSDS" {
				t.Errorf("%d bits, level %v: the debug directory leads to %q", bits, level, got)
			}
			if len(f.sections) != 2 || f.sections[0].VirtualSize != 0x2000 || r.Removed[ReasonDebug] == 0 {
				t.Errorf("%d bits, level %v: sections %+v", bits, level, f.sections)
			}
			if level == Debug && (f.NumberOfSymbols != 2 || binary.LittleEndian.Uint16(out[f.PointerToSymbolTable+18+12:]) != 2) {
				t.Errorf("%d bits: symbols %d; the section of `answer` was not renumbered", bits, f.NumberOfSymbols)
			}
		}
		zero := bytes.Clone(data)
		clear(zero[testbin.PEOptional+64 : testbin.PEOptional+68])
		out, _ := mustRewrite(t, zero, Options{})
		if f, _ := parsePE(out); f.CheckSum != 0 {
			t.Errorf("%d bits: a checksum appeared", bits)
		}
		signed := testbin.PE{Bits: bits, Certificate: []byte("\x18\x00\x00\x00\x00\x02\x02\x00a certificate...")}.Bytes()
		mustRefuse(t, signed, Options{}, "Authenticode", "--drop-signature")
		out, r := mustRewrite(t, signed, Options{DropSignature: true})
		if f, _ := parsePE(out); f.directory(dirSecurity) != (peDirectory{}) || r.Removed[ReasonSignature] != 24 {
			t.Errorf("%d bits: the certificate directory is %+v, removed %v", bits, f.directory(dirSecurity), r.Removed)
		}
	}
}

func TestMachO(t *testing.T) {
	plain, signed := testbin.MachO{}.Bytes(), testbin.MachO{Sign: true}.Bytes()
	for _, data := range [][]byte{plain, signed, testbin.Fat(14, signed, testbin.MachO{CPU: cpuX86_64}.Bytes())} {
		for _, level := range allLevels {
			out, r := mustRewrite(t, data, Options{Level: level})
			if r.Removed[ReasonDebug] == 0 {
				t.Errorf("level %v: no debug info went: %v", level, r.Removed)
			}
			if has := bytes.Contains(out, []byte("_local\x00")); has != (level == Debug) {
				t.Errorf("level %v: local symbol there: %v", level, has)
			}
			if !bytes.Contains(out, []byte("_puts\x00")) || !bytes.Contains(out, []byte("__mh_execute_header\x00")) {
				t.Errorf("level %v: a symbol that dyld needs is gone", level)
			}
		}
	}
	out, _ := mustRewrite(t, signed, Options{})
	f, err := parseMachO(out)
	if err != nil {
		t.Fatal(err)
	}
	if fault := signatureFault(out); fault != "" {
		t.Error(fault)
	}
	for _, at := range []int{100, len(out) / 2, int(f.segments[len(f.segments)-1].fileoff)} {
		spoiled := bytes.Clone(out)
		spoiled[at] ^= 1
		if _, err := parseMachO(spoiled); err == nil && signatureFault(spoiled) == "" {
			t.Errorf("a changed byte at %#x passes the signature", at)
		}
	}
	identity := testbin.MachO{Identity: true}.Bytes()
	mustRefuse(t, identity, Options{}, "signed with an identity", "--resign")
	out, r := mustRewrite(t, identity, Options{Resign: true})
	if fault := signatureFault(out); fault != "" || len(r.Notes) == 0 {
		t.Errorf("signed anew: %s, notes %v", fault, r.Notes)
	}
	kept, _ := mustRewrite(t, plain, Options{KeepSymbols: []string{"_ma*"}})
	if !bytes.Contains(kept, []byte("_main\x00")) {
		t.Error("--keep-symbol did not")
	}
}

// signatureFault is what the oracle says of a code signature.
func signatureFault(data []byte) string {
	image, err := oracle.Read(data)
	if err != nil {
		return err.Error()
	}
	for _, fault := range image.Faults {
		if strings.Contains(fault, "code signature") {
			return fault
		}
	}
	return ""
}

// TestMachOEntitlements: an ad-hoc signature has the entitlements of the one
// that it replaces, and their hash; what would not change keeps its signature.
func TestMachOEntitlements(t *testing.T) {
	const xml = "<plist><key>com.apple.security.cs.allow-jit</key><true/></plist>"
	data := testbin.MachO{Identity: true, Entitlements: []byte(xml)}.Bytes()
	out, r := mustRewrite(t, data, Options{Resign: true})
	if r.Same || !bytes.Contains(out, []byte(xml)) {
		t.Fatalf("same %v, notes %v: the entitlements are gone", r.Same, r.Notes)
	}
	f, err := parseMachO(out)
	if err != nil {
		t.Fatal(err)
	}
	at, raw := f.table("code signature")
	blobs, err := parseSignature(raw, at.offset)
	if err != nil {
		t.Fatal(err)
	}
	hashed := false
	for _, b := range blobs {
		if b.slot != csSlotCodeDirectory {
			continue
		}
		d, err := parseCodeDirectory(b.bytes)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range blobs {
			if e.slot == csSlotEntitlements && d.special >= csSlotEntitlements {
				sum := sha256.Sum256(e.bytes)
				hashed = bytes.Equal(sum[:], d.bytes[d.hashOffset-csSlotEntitlements*sha256.Size:][:sha256.Size])
			}
		}
	}
	if !hashed {
		t.Error("no hash of the entitlements in the code directory")
	}

	// The same once more, claiming an identity: nothing is left to strip.
	claims := bytes.Clone(out)
	i := bytes.Index(claims, []byte{0xfa, 0xde, 0x0c, 0x02})
	clear(claims[i+12 : i+16]) // flags: no longer ad-hoc
	for _, o := range []Options{{}, {Resign: true}} {
		again, r := mustRewrite(t, claims, o)
		if !r.Same || !bytes.Equal(again, claims) || len(r.Notes) > 0 {
			t.Errorf("resign %v: same %v, notes %v, want the file as it was", o.Resign, r.Same, r.Notes)
		}
	}
}

// TestLazyPLT: the .plt of 32-bit PowerPC's old ABI is code without bytes.
func TestLazyPLT(t *testing.T) {
	data := testbin.ELF{Bits: 32, Order: binary.BigEndian, Machine: 20}.Bytes()
	f, err := parseELF(data)
	if err != nil {
		t.Fatal(err)
	}
	bss := f.named(".bss")
	at := int(f.head.Shoff) + bss*40 + 8
	out, r := mustRewrite(t, corrupt(data, at, 4, 7<<24), Options{}) // big-endian WRITE, ALLOC, EXECINSTR
	if r.Same || len(out) >= len(data) {
		t.Errorf("%d bytes of %d", len(out), len(data))
	}
}

// TestOddAlignment: a program whose section header asks for an alignment that is
// no power of two loads, and is stripped; an object, which is laid out by it, is not.
func TestOddAlignment(t *testing.T) {
	data := testbin.ELF{Bits: 64, Order: binary.LittleEndian, Machine: 62}.Bytes()
	f, err := parseELF(data)
	if err != nil {
		t.Fatal(err)
	}
	at := int(f.head.Shoff) + f.named(".bss")*64 + 48
	for _, level := range []Level{All, Sections, Max} {
		out, r := mustRewrite(t, corrupt(data, at, 8, 3), Options{Level: level})
		if r.Same || len(out) >= len(data) {
			t.Errorf("level %v: %d bytes of %d", level, len(out), len(data))
		}
	}
	object := corrupt(corrupt(data, at, 8, 3), 16, 2, etRel)
	if _, _, err := Rewrite(object, Options{}); err == nil || !strings.Contains(err.Error(), "sh_addralign") {
		t.Errorf("an object: %v", err)
	}
}

// TestEmptySegments: segments of zeros alone have no bytes in the file, so that
// nothing is wrong with an offset past its end, nor with a file in which no
// segment has any.
func TestEmptySegments(t *testing.T) {
	for _, e := range []testbin.ELF{{}, {Bits: 32}, {Order: binary.BigEndian, Machine: 22}, {Type: etDyn, PageAlign: 1 << 16, Machine: 183}} {
		data := e.Bytes()
		f, err := parseELF(data)
		if err != nil {
			t.Fatal(err)
		}
		header := func(data []byte, i int, field, value uint64) []byte { // field: 1 p_offset, 4 p_filesz
			at := f.segments[i].headerPosition + 4*field
			if f.is64 {
				at += 4 * field
			}
			out := bytes.Clone(data)
			if f.is64 {
				f.order.PutUint64(out[at:], value)
			} else {
				f.order.PutUint32(out[at:], uint32(value))
			}
			return out
		}
		past := header(header(data, 1, 4, 0), 1, 1, 16<<20)
		none := header(header(data, 1, 4, 0), 0, 4, 0)
		for _, level := range allLevels {
			for what, input := range map[string][]byte{"past the end": past, "no bytes at all": none} {
				out, r := mustRewrite(t, input, Options{Level: level})
				if r.Same || len(out) >= len(input) {
					t.Errorf("%+v, %s, level %v: %d bytes of %d", e, what, level, len(out), len(input))
				}
			}
			if out, _ := mustRewrite(t, past, Options{Level: level}); f.is64 && f.head.Machine == 62 {
				path := filepath.Join(t.TempDir(), "prog")
				if err := os.WriteFile(path, out, 0o755); err != nil {
					t.Fatal(err)
				}
				if cmd := exec.Command(path); cmd.Run() == nil || cmd.ProcessState.ExitCode() != 42 {
					t.Errorf("level %v: it ends with %v", level, cmd.ProcessState)
				}
			}
		}
	}
}

// TestHostilePE: whatever one wrong number of the headers says, no level writes
// what the oracle then finds broken, and no level can do what another cannot.
func TestHostilePE(t *testing.T) {
	values := []uint64{0, 1, 0x10, 0x80, 0x100, 0x180, 0x200, 0x400, 0x600, 0x800, 0x1000, 0x3000, 0x10000, 0x7fffffff, 0xffffffff}
	for _, bits := range []int{32, 64} {
		data := testbin.PE{Bits: bits}.Bytes()
		for at := testbin.PEHeader + 4; at < 0x200; at++ {
			for _, n := range []int{2, 4} {
				for _, v := range values {
					if n == 2 && v>>16 != 0 || at%2 != 0 && v < 0x80 {
						continue
					}
					hostile := corrupt(data, at, n, v)
					var first error
					for i, level := range allLevels {
						_, _, err := Rewrite(hostile, Options{Level: level, DropPayload: true, DropSignature: true})
						if i == 0 {
							first = err
						}
						if errors.Is(err, ErrOracle) || (err == nil) != (first == nil) {
							t.Errorf("%d bits, %d bytes at %#x are %#x: level %v: %v, level %v: %v", bits, n, at, v, allLevels[0], first, level, err)
						}
					}
				}
			}
		}
	}
	mustRefuse(t, corrupt(testbin.PE{}.Bytes(), testbin.PEOptional+240+20, 4, testbin.PEText+16), Options{}, "multiple below", "")
}

// TestSignedModule: the flag that the refusal names takes the signature off, also
// where there is no debug information to drop.
func TestSignedModule(t *testing.T) {
	plain := compile(t, helloC, "gcc", "-c")
	signed := append(bytes.Clone(plain), "\x30 signature ~Module signature appended~\n"...)
	mustRefuse(t, signed, Options{}, "kernel module signature", "--drop-payload")
	out, _ := mustRewrite(t, signed, Options{DropPayload: true})
	if bytes.Contains(out, []byte("signature appended")) || len(out) >= len(signed) {
		t.Errorf("%d bytes of %d, the signature is still there", len(out), len(signed))
	}
}

// TestFormatsByName: what is refused is called by its name.
func TestFormatsByName(t *testing.T) {
	for text, want := range map[string]string{
		"BC\xc0\xde bitcode": "LLVM bitcode", "\xde\xc0\x17\x0b wrapper": "LLVM bitcode",
		"\x01\xdf\x00\x05": "XCOFF", "\x01\xf7\x00\x05": "XCOFF", "#!/bin/sh\n": "a script",
		"\x64\x86\x01\x00" + strings.Repeat("\x00", 60): "a COFF object",
	} {
		if _, _, err := Rewrite([]byte(text), Options{}); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestWasm(t *testing.T) {
	custom := func(name string) testbin.WasmSection {
		return testbin.WasmSection{Name: name, Data: []byte("content of " + name)}
	}
	stay := []string{"dylink.0", "target_features", "metadata.code.branch_hint", "go:buildid", "nobody knows"}
	gone := []string{"name", ".debug_info", ".debug_str", "producers", "sourceMappingURL"}
	var all []testbin.WasmSection
	for _, name := range append(stay, gone...) {
		all = append(all, custom(name))
	}
	data := testbin.Wasm(all...)
	for _, level := range []Level{All, Sections, Max} {
		out, _ := mustRewrite(t, data, Options{Level: level})
		for _, name := range stay {
			if !bytes.Contains(out, []byte("content of "+name)) {
				t.Errorf("level %v: %s is gone", level, name)
			}
		}
		for _, name := range gone {
			if bytes.Contains(out, []byte("content of "+name)) {
				t.Errorf("level %v: %s is still there", level, name)
			}
		}
	}
	out, _ := mustRewrite(t, data, Options{Level: Debug})
	if !bytes.Contains(out, []byte("content of name")) || bytes.Contains(out, []byte("content of .debug_info")) {
		t.Error("level debug: names gone or debug info there")
	}
	out, _ = mustRewrite(t, data, Options{WasmNames: true})
	if !bytes.Contains(out, []byte("content of name")) {
		t.Error("--wasm-names did not")
	}
	mustRefuse(t, testbin.Wasm(custom("linking")), Options{}, "relocatable object", "wasm-ld")
}

// TestCompanion: debuggers read it beside the stripped program.
func TestCompanion(t *testing.T) {
	data := compile(t, helloC, "gcc", "-g", "-Wl,--build-id")
	companion, err := Companion(data)
	if err != nil {
		t.Fatal(err)
	}
	link := LinkTo("prog.debug", companion)
	out, _ := mustRewrite(t, data, Options{DebugLink: link})
	folder := t.TempDir()
	for name, content := range map[string][]byte{"prog": out, "prog.debug": companion} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("gdb is not installed")
	}
	msg, err := exec.Command("gdb", "-nx", "-batch", "-ex", "info line visible", "-ex", "run", filepath.Join(folder, "prog")).CombinedOutput()
	if err != nil || !strings.Contains(string(msg), "prog.c") {
		t.Errorf("gdb: %v\n%s", err, msg)
	}
}

// TestOracleNotices breaks every loaded byte in turn, as a planner's mistake
// could; section fields of the header and the offset of an empty program
// header are the only ones that may differ.
func TestOracleNotices(t *testing.T) {
	data := testbin.ELF{}.Bytes()
	out, _ := mustRewrite(t, data, Options{Level: Sections})
	f, err := parseELF(out)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for at := range uint64(len(out)) {
		sectionField := at >= 40 && at < 48 || at >= 58 && at < 64
		emptyOffset := at >= f.segments[2].headerPosition+8 && at < f.segments[2].headerPosition+16
		for _, p := range f.segments {
			if p.Filesz == 0 || at < p.Offset || at >= p.end() || sectionField || emptyOffset {
				continue
			}
			broken := bytes.Clone(out)
			broken[at] ^= 1
			checked++
			if SameImage(data, broken) == nil {
				t.Errorf("a changed byte at %#x went unnoticed", at)
			}
		}
	}
	if checked < 200 {
		t.Errorf("only %d bytes were tried", checked)
	}
	for _, other := range seeds() {
		if !isELF(other) && SameImage(data, other) == nil {
			t.Errorf("a file of another format passes: %.4q", other)
		}
	}
}
