package oracle

// Files whose relocations apply themselves: a function of the file's own, which
// the loader calls as an IFUNC resolver, adds the base to each word that a packed
// table names (the format is DT_RELR's) and answers with one more such word.
//
// A loader would run the code. This package knows it by its bytes, written down
// here once more, from the disassembly: what is not this code to the last byte
// relocates nothing, and the words that it leaves alone are then missed.

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// selfCode is the code of a machine as hexadecimal digits; a letter stands for a
// byte of a 32-bit number: the distances to the base (b), to the table (t) and
// behind it (e), and the answer (a).
type selfCode struct {
	machine   uint16
	iRelative uint32
	// next: distances are counted from behind themselves, else from the code.
	next    bool
	pattern string
}

var selfCodes = []selfCode{
	{62, 37, true, `
		f30f1efa                  endbr64
		488d15 bbbbbbbb           lea    base(%rip),%rdx
		488d35 tttttttt           lea    table(%rip),%rsi
		4c8d05 eeeeeeee           lea    end(%rip),%r8
		48ad a801 750d            entry: lods; test $1; jne bits
		488d3c02 480117           lea    (%rdx,%rax),%rdi; add %rdx,(%rdi)
		4883c708 eb1d             add    $8,%rdi; jmp more
		48d1e8 7411               bits:  shr %rax; je skip
		480fbcc8 480114cf         bit:   bsf %rax,%rcx; add %rdx,(%rdi,%rcx,8)
		488d48ff 4821c8 75ef      lea    -1(%rax),%rcx; and %rcx,%rax; jne bit
		4881c7f8010000            skip:  add $63*8,%rdi
		4c39c6 72cb               more:  cmp %r8,%rsi; jb entry
		488d82 aaaaaaaa c3        lea    answer(%rdx),%rax; ret`},
	{183, 1032, false, `
		5f2403d5 e1ffff10 c5030010   bti c; adr x1, code; adr x5, numbers
		a20080b9 a30480b9 a40880b9   ldrsw x2, x3, x4 of numbers
		4200018b 6300018b 8400018b   add   x1 to each
		658440f8 c5000037            entry: ldr x5, [x3], 8; tbnz x5, 0, bits
		4600058b c70040f9 e700028b   add   x6, x2, x5; ldr x7, [x6]; add x7, x7, x2
		c78400f8 0c000014            str   x7, [x6], 8; b more
		a5fc41d3 250100b4            bits:  lsr x5, x5, 1; cbz x5, skip
		a700c0da e710c0da            bit:   rbit x7, x5; clz x7, x7
		c87867f8 0801028b c87827f8   ldr   x8, [x6, x7, lsl 3]; add x8, x8, x2; str
		a80400d1 a50008ea 21ffff54   sub   x8, x5, 1; ands x5, x5, x8; b.ne bit
		c6e00791                     skip:  add x6, x6, 63*8
		7f0004eb a3fdff54            more:  cmp x3, x4; b.lo entry
		c0000018 0000028b c0035fd6   ldr   w0, answer; add x0, x0, x2; ret
		bbbbbbbb tttttttt eeeeeeee aaaaaaaa`},
}

// bound is the code with its numbers: addresses, and the answer where the file
// is loaded at 0.
type bound struct {
	code, table Span
	answer      uint64
}

// find says whether b, which is loaded at an address, begins with the code.
func (s *selfCode) find(b []byte, addr uint64) (bound, bool) {
	var numbers [256]uint64
	at := 0
	for line := range strings.Lines(s.pattern) {
		for _, word := range strings.Fields(line) {
			if len(word) == 8 && strings.Count(word, word[:1]) == 8 && strings.Contains("btea", word[:1]) {
				if len(b) < at+4 {
					return bound{}, false
				}
				value := uint64(int64(int32(binary.LittleEndian.Uint32(b[at:]))))
				if at += 4; s.next && word[0] != 'a' {
					value += uint64(at)
				}
				numbers[word[0]] = value
				continue
			}
			want, err := hex.DecodeString(word)
			if err != nil {
				break // what the instructions are
			}
			if len(b) < at+len(want) || string(b[at:at+len(want)]) != string(want) {
				return bound{}, false
			}
			at += len(want)
		}
	}
	out := bound{Span{addr, addr + uint64(at)}, Span{addr + numbers['t'], addr + numbers['e']}, numbers['a']}
	return out, addr+numbers['b'] == 0 && out.table.End >= out.table.Start && int64(out.answer) >= 0
}
