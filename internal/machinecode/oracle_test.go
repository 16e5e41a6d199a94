package machinecode

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"
)

// listing is what objdump says of one program: the code of its executable
// sections, and where instructions start in it.
type listing struct {
	file   string
	addr   uint64
	code   []byte
	starts []uint32
	texts  []string
}

// disassemble runs objdump over the named section of file.
func disassemble(t testing.TB, objdump, file string) *listing {
	t.Helper()
	tool, err := exec.LookPath(objdump)
	if err != nil {
		t.Skipf("%s is not installed", objdump)
	}
	out, err := exec.Command(tool, "-d", "-w", "-z", "-j", ".text", file).Output()
	if err != nil {
		t.Skipf("%s %s: %v", objdump, file, err)
	}
	l := &listing{file: file}
	scan := bufio.NewScanner(bytes.NewReader(out))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		// "  401000:\tf3 0f 1e fa          \tendbr64"
		parts := strings.SplitN(scan.Text(), "\t", 3)
		if len(parts) < 3 {
			continue
		}
		addr, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(parts[0]), ":"), 16, 64)
		if err != nil {
			continue
		}
		if l.code == nil {
			l.addr = addr
		}
		if addr != l.addr+uint64(len(l.code)) {
			break // a hole: a second section or a data part
		}
		l.starts = append(l.starts, uint32(addr-l.addr))
		l.texts = append(l.texts, parts[2])
		for _, hex := range strings.Fields(parts[1]) {
			b, err := strconv.ParseUint(hex, 16, 64)
			if err != nil {
				t.Fatalf("%s: %q", file, scan.Text())
			}
			for range len(hex) / 2 { // words and half words are printed as numbers
				l.code = append(l.code, byte(b))
				b >>= 8
			}
		}
	}
	return l
}

// skipText finds lines that objdump prints apart from the next one,
// or whose bytes it calls bad.
func skipText(text string) bool {
	return strings.Contains(text, "(bad)") || strings.HasPrefix(text, "rex") || strings.HasPrefix(text, ".byte") ||
		text == "data16" || text == "addr32" || strings.HasPrefix(text, "fwait")
}

// compareLengths counts instructions of objdump's whose length we disagree on.
func compareLengths(t testing.TB, l *listing) (total, wrong int) {
	for i, start := range l.starts {
		end := len(l.code)
		if i+1 < len(l.starts) {
			end = int(l.starts[i+1])
		}
		if skipText(l.texts[i]) || l.code[start] == 0x9b {
			continue // fwait with what follows counts as two
		}
		total++
		// Cut behind the instruction: it must be whole, and one byte less must not be.
		_, whole := X86_64(&Request{Code: l.code[start:end]}, nil)
		if whole.Instructions != 1 || whole.Skipped != 0 {
			wrong++
			if wrong <= 10 {
				t.Logf("%s: % x (%s): %+v", l.file, l.code[start:end], l.texts[i], whole)
			}
		}
	}
	return total, wrong
}

// compareTargets holds the references of one sweep against the addresses that
// objdump prints: "# 1234 <name>" behind RIP-relative operands, the operand of
// calls and jumps.
func compareTargets(t testing.TB, l *listing) {
	refs, _ := X86_64(&Request{Code: l.code, Addr: l.addr, Inside: true}, nil)
	byOffset := map[uint32]uint64{}
	for _, r := range refs {
		if r.Kind != Table {
			byOffset[r.Offset] = r.Target
		}
	}
	checked, wrong := 0, 0
	for i, text := range l.texts {
		want, is := uint64(0), false
		if _, comment, found := strings.Cut(text, "# 0x"); found {
			text = "# " + comment
		}
		if _, comment, found := strings.Cut(text, "# "); found {
			hex, _, _ := strings.Cut(comment, " ")
			v, err := strconv.ParseUint(hex, 16, 64)
			want, is = v, err == nil
		} else {
			words := strings.Fields(text)
			for len(words) > 2 && (words[0] == "data16" || words[0] == "addr32" || strings.HasPrefix(words[0], "rex") || words[0] == "bnd" || words[0] == "notrack") {
				words = words[1:]
			}
			if len(words) >= 2 && (words[0] == "call" || words[0][0] == 'j') && words[1][0] != '*' {
				v, err := strconv.ParseUint(strings.TrimPrefix(words[1], "0x"), 16, 64)
				want, is = v, err == nil
			}
		}
		got, have := byOffset[l.starts[i]]
		if !is && (!have || skipText(text) || strings.HasPrefix(text, "loop") || strings.Contains(text, "xbegin")) {
			continue
		}
		checked++
		if !have || !is || got != want {
			if wrong++; wrong <= 3 {
				t.Logf("%s: %#x %s: want %#x, got %#x (%v)", l.file, l.addr+uint64(l.starts[i]), text, want, got, have)
			}
		}
	}
	// objdump starts anew at each symbol, one sweep over all of .text does not:
	// behind data in code they differ for a few instructions.
	if wrong*2000 > checked {
		t.Errorf("%s: %d of %d references differ", l.file, wrong, checked)
	}
}

func systemPrograms(t testing.TB, limit int64) []string {
	found, _ := filepath.Glob("/usr/bin/*")
	var out []string
	for _, f := range found {
		info, err := os.Lstat(f)
		if err != nil || !info.Mode().IsRegular() || info.Size() > limit {
			continue
		}
		if data, err := os.Open(f); err == nil {
			var magic [20]byte
			n, _ := data.Read(magic[:])
			data.Close()
			if n == 20 && string(magic[:5]) == "\x7fELF\x02" && magic[18] == 0x3e {
				out = append(out, f)
			}
		}
	}
	sort.Strings(out)
	return out
}

func TestX86AgainstObjdump(t *testing.T) {
	files := []string{"/usr/bin/ls", "/bin/bash"}
	if os.Getenv("MINSIZE_SWEEP") != "" {
		all := systemPrograms(t, 12<<20)
		libs, _ := filepath.Glob("/usr/lib/x86_64-linux-gnu/*.so*")
		for i, f := range append(all, libs...) {
			if i%16 == 0 { // objdump takes a minute for each hundred
				files = append(files, f)
			}
		}
	}
	total, wrong := 0, 0
	for _, f := range files {
		if _, err := os.Stat(f); err != nil {
			continue
		}
		l := disassemble(t, "objdump", f)
		n, w := compareLengths(t, l)
		total, wrong = total+n, wrong+w
		compareTargets(t, l)
	}
	t.Logf("%d instructions of %d files, %d with another length", total, len(files), wrong)
	if wrong*1_000_000 > total {
		t.Errorf("%d of %d instructions have another length than objdump says", wrong, total)
	}
}

// Instructions on which golang.org/x/arch/x86/x86asm is known to be wrong:
// it gives vzeroupper four bytes, and length 1 without an error to those it
// does not know (endbr64, adcx, adox, all of VEX and EVEX).
func oracleKnows(inst x86asm.Inst, code []byte) bool {
	if inst.Op == 0 {
		return false
	}
	for _, b := range code[:inst.Len] {
		if b == 0xc4 || b == 0xc5 || b == 0x62 {
			return false
		}
	}
	return true
}

func TestX86AgainstXArch(t *testing.T) {
	self, err := os.ReadFile("/bin/bash")
	if err != nil {
		t.Skip("no /bin/bash to take code from")
	}
	agreed, wrong := 0, 0
	for at := 0x30000; at < min(len(self)-16, 0xa0000); at++ {
		code := self[at : at+15]
		inst, err := x86asm.Decode(code, 64)
		if err != nil || !oracleKnows(inst, code) {
			continue
		}
		_, stats := X86_64(&Request{Code: code[:inst.Len]}, nil)
		if stats.Instructions == 1 && stats.Skipped == 0 {
			agreed++
			continue
		}
		wrong++
		t.Logf("% x %v: %+v", code[:inst.Len], inst, stats)
	}
	// Moves to control and test registers, whose ModRM.mod is ignored, are met
	// only where this test decodes out of step.
	if agreed < 100_000 || wrong*10_000 > agreed {
		t.Errorf("%d agreed, %d did not", agreed, wrong)
	}
}

func TestAArch64AgainstXArch(t *testing.T) {
	l := disassemble(t, "aarch64-linux-gnu-objdump", "/usr/aarch64-linux-gnu/lib/libc.so.6")
	refs, stats := AArch64(&Request{Code: l.code, Addr: l.addr, Inside: true}, nil)
	t.Logf("%d refs, %+v", len(refs), stats)
	byOffset := map[uint32]Ref{}
	for _, r := range refs {
		if r.Kind != Table {
			byOffset[r.Offset] = r
		}
	}
	checked := 0
	for at := 0; at+4 <= len(l.code); at += 4 {
		inst, err := arm64asm.Decode(l.code[at:])
		if err != nil {
			continue
		}
		for _, arg := range inst.Args {
			rel, ok := arg.(arm64asm.PCRel)
			if !ok || inst.Op == arm64asm.ADRP {
				continue
			}
			want := l.addr + uint64(at) + uint64(rel)
			got, found := byOffset[uint32(at)]
			if !found || got.Target != want {
				t.Fatalf("%#x %v: want %#x, got %+v", l.addr+uint64(at), inst, want, got)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Fatal("no PC-relative instruction seen")
	}
	t.Logf("%d PC-relative operands agree", checked)
}
