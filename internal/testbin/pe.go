package testbin

import "encoding/binary"

// PE says what the Windows program shall be. The zero value is PE32+ for
// x86-64 with a debug section in the middle, symbols and a checksum.
type PE struct {
	Bits        int    // 64 or 32; 0 is 64
	Certificate []byte // the certificate table, behind everything
	Payload     []byte // behind symbols, before the certificate
}

// Places in the file.
const (
	PEHeader   = 0x80 // "PE\0\0"
	PEOptional = PEHeader + 24
	PEText     = 0x400 // section .text, address 0x1000
	PEDebug    = 0x600 // section /4 (.debug_info), address 0x2000
	PEData     = 0x800 // section .rdata with the debug directory, address 0x3000
	PESymbols  = 0xa00
)

// Bytes makes the file: sections .text, .debug_info, .rdata of one page each,
// two symbols, the string table, payload, certificate.
func (p PE) Bytes() []byte {
	le := binary.LittleEndian
	out := make([]byte, PESymbols)
	copy(out, "MZ")
	le.PutUint32(out[0x3c:], PEHeader)
	h := out[PEHeader:]
	copy(h, "PE\x00\x00")
	optionalSize, directories, magic, machine := uint16(112+16*8), PEOptional+112, uint16(0x20b), uint16(0x8664)
	if p.Bits == 32 {
		optionalSize, directories, magic, machine = 96+16*8, PEOptional+96, 0x10b, 0x14c
	}
	le.PutUint16(h[4:], machine)
	le.PutUint16(h[6:], 3)
	le.PutUint32(h[12:], PESymbols)
	le.PutUint32(h[16:], 2)
	le.PutUint16(h[20:], optionalSize)
	le.PutUint16(h[22:], 0x22)
	o := out[PEOptional:]
	le.PutUint16(o, magic)
	le.PutUint32(o[8:], 0x600)
	le.PutUint32(o[16:], 0x1000) // AddressOfEntryPoint
	le.PutUint32(o[32:], 0x1000) // SectionAlignment
	le.PutUint32(o[36:], 0x200)  // FileAlignment
	le.PutUint32(o[56:], 0x4000) // SizeOfImage
	le.PutUint32(o[60:], 0x400)  // SizeOfHeaders
	le.PutUint16(o[68:], 3)      // IMAGE_SUBSYSTEM_WINDOWS_CUI
	le.PutUint32(out[directories-4:], 16)
	le.PutUint32(out[directories+6*8:], 0x3000) // the debug directory
	le.PutUint32(out[directories+6*8+4:], 28)

	table := out[PEOptional+int(optionalSize):]
	for i, s := range []struct {
		name  string
		raw   uint32
		flags uint32
	}{{".text", PEText, 0x60000020}, {"/4", PEDebug, 0x42100040}, {".rdata", PEData, 0x40000040}} {
		b := table[40*i:]
		copy(b, s.name)
		le.PutUint32(b[8:], 0x180)
		le.PutUint32(b[12:], uint32(i+1)*0x1000)
		le.PutUint32(b[16:], 0x200)
		le.PutUint32(b[20:], s.raw)
		le.PutUint32(b[36:], s.flags)
	}
	copy(out[PEText:], "\xb8\x2a\x00\x00\x00\xc3") // mov eax, 42; ret
	for i := range 0x180 {
		out[PEDebug+i] = byte(i) | 1
	}
	d := out[PEData:]
	le.PutUint32(d[12:], 2) // IMAGE_DEBUG_TYPE_CODEVIEW
	le.PutUint32(d[16:], 24)
	le.PutUint32(d[20:], 0x3000+0x40)
	le.PutUint32(d[24:], PEData+0x40)
	copy(d[0x40:], "RSDS0123456789abcdef\x01\x00\x00\x00a")

	symbol := func(name string, value uint32, section int16) {
		b := make([]byte, 18)
		copy(b, name)
		le.PutUint32(b[8:], value)
		le.PutUint16(b[12:], uint16(section))
		b[16] = 2
		out = append(out, b...)
	}
	symbol("main", 0, 1)
	symbol("answer", 0x40, 3)
	strings := ".debug_info\x00"
	out = le.AppendUint32(out, uint32(4+len(strings)))
	out = append(out, strings...)
	out = append(out, p.Payload...)
	if p.Certificate != nil {
		for len(out)%8 != 0 {
			out = append(out, 0)
		}
		le.PutUint32(out[directories+4*8:], uint32(len(out)))
		le.PutUint32(out[directories+4*8+4:], uint32(len(p.Certificate)))
		out = append(out, p.Certificate...)
	}
	le.PutUint32(out[PEOptional+64:], PEChecksum(out))
	return out
}

// PEChecksum is the CheckSum of a file that testbin made, computed in the
// plainest way, to test others with.
func PEChecksum(data []byte) uint32 {
	var sum uint32
	for i := 0; i < len(data); i += 2 {
		if i == PEOptional+64 || i == PEOptional+66 {
			continue
		}
		word := uint32(data[i])
		if i+1 < len(data) {
			word |= uint32(data[i+1]) << 8
		}
		sum += word
		sum = sum&0xffff + sum>>16
	}
	return sum + uint32(len(data))
}
