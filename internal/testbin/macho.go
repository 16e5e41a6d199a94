package testbin

import (
	"crypto/sha256"
	"encoding/binary"
)

// MachO says what the Mach-O program shall be. The zero value is a 64-bit
// arm64 executable with symbols, a __DWARF segment and no signature.
type MachO struct {
	CPU      uint32 // cputype; 0 is arm64
	Sign     bool   // with an ad-hoc signature
	Identity bool   // with a signature that claims an identity
	Payload  []byte

	Entitlements []byte // with Identity: the content of the entitlements' blob, XML
}

const machoPage = 0x4000

// Bytes makes the file: __PAGEZERO, __TEXT, __DWARF, __LINKEDIT with function
// starts, four symbols, an indirect symbol, names and maybe a signature.
func (m MachO) Bytes() []byte {
	le := binary.LittleEndian
	cpu := m.CPU
	if cpu == 0 {
		cpu = 0x0100000c
	}
	names := []byte("\x00_main\x00_local\x00_puts\x00__mh_execute_header\x00")
	type symbol struct {
		strx       uint32
		kind, sect byte
		desc       uint16
		value      uint64
	}
	symbols := []symbol{
		{7, 0x0e, 1, 0, 0x100000f80},     // _local
		{20, 0x0f, 1, 0x10, 0x100000000}, // __mh_execute_header: referenced dynamically
		{1, 0x0f, 1, 0, 0x100000f00},     // _main
		{14, 0x01, 0, 0x100, 0},          // _puts: undefined
	}
	dwarf := machoPage
	link := 2 * machoPage
	starts := []byte{0x80, 0x1e, 0, 0, 0, 0, 0, 0}
	symoff := link + len(starts)
	indirect := symoff + 16*len(symbols)
	stroff := indirect + 8
	end := stroff + len(names)
	signature := 0
	if m.Sign || m.Identity {
		end = (end + 15) / 16 * 16
		signature = end
	}

	var commands []byte
	count := 0
	u32 := func(values ...uint32) {
		for _, v := range values {
			commands = le.AppendUint32(commands, v)
		}
	}
	u64 := func(values ...uint64) {
		for _, v := range values {
			commands = le.AppendUint64(commands, v)
		}
	}
	name16 := func(s string) {
		var b [16]byte
		copy(b[:], s)
		commands = append(commands, b[:]...)
	}
	segment := func(name string, addr, vmsize, off, size uint64, prot, sections uint32) {
		count++
		u32(0x19, 72+80*sections)
		name16(name)
		u64(addr, vmsize, off, size)
		u32(prot, prot, sections, 0)
	}
	section := func(name, segment string, addr, size uint64, off, flags uint32) {
		name16(name)
		name16(segment)
		u64(addr, size)
		u32(off, 0, 0, 0, flags, 0, 0, 0)
	}
	sigSize := 0
	if signature != 0 {
		sigSize = len(machoSignature(make([]byte, signature), m.Identity, m.Entitlements))
	}
	total := uint64(end + sigSize)
	segment("__PAGEZERO", 0, 1<<32, 0, 0, 0, 0)
	segment("__TEXT", 1<<32, machoPage, 0, machoPage, 5, 1)
	section("__text", "__TEXT", 0x100000f00, 0x100, 0xf00, 0x80000400)
	segment("__DWARF", 1<<32+machoPage, 0, uint64(dwarf), 200, 0, 1)
	section("__debug_info", "__DWARF", 1<<32+machoPage, 200, uint32(dwarf), 0x02000000)
	segment("__LINKEDIT", 1<<32+machoPage, machoPage, uint64(link), total-uint64(link), 1, 0)
	count += 4
	u32(0x2, 24, uint32(symoff), uint32(len(symbols)), uint32(stroff), uint32(len(names)))
	u32(0xb, 80, 0, 1, 1, 2, 3, 1, 0, 0, 0, 0, 0, 0, uint32(indirect), 2, 0, 0, 0, 0)
	u32(0x26, 16, uint32(link), uint32(len(starts))) // LC_FUNCTION_STARTS
	u32(0x80000028, 24)                              // LC_MAIN
	u64(0xf00, 0)
	if signature != 0 {
		count++
		u32(0x1d, 16, uint32(signature), uint32(sigSize))
	}

	out := make([]byte, end)
	for i, v := range []uint32{0xfeedfacf, cpu, 0, 2, uint32(count), uint32(len(commands)), 0x200085, 0} {
		le.PutUint32(out[4*i:], v)
	}
	copy(out[32:], commands)
	for i := range 200 {
		out[dwarf+i] = byte(i) | 1
	}
	out[0xf00] = 0xc0
	copy(out[link:], starts)
	for i, s := range symbols {
		b := out[symoff+16*i:]
		le.PutUint32(b, s.strx)
		b[4], b[5] = s.kind, s.sect
		le.PutUint16(b[6:], s.desc)
		le.PutUint64(b[8:], s.value)
	}
	le.PutUint32(out[indirect:], 3)            // _puts
	le.PutUint32(out[indirect+4:], 0x80000000) // INDIRECT_SYMBOL_LOCAL
	copy(out[stroff:], names)
	if signature != 0 {
		out = append(out, machoSignature(out, m.Identity, m.Entitlements)...)
	}
	return append(out, m.Payload...)
}

// machoSignature makes a signature of code in the plainest way; with identity
// it has a CMS blob, which nobody checks here.
func machoSignature(code []byte, identity bool, entitlements []byte) []byte {
	be := binary.BigEndian
	const ident = "testbin\x00"
	flags := uint32(2)
	if identity {
		flags = 0
	}
	pages := (len(code) + 4095) / 4096
	dir := make([]byte, 88+len(ident)+32*pages)
	for i, v := range []uint32{0xfade0c02, uint32(len(dir)), 0x20400, flags, uint32(88 + len(ident)), 88, 0, uint32(pages), uint32(len(code))} {
		be.PutUint32(dir[4*i:], v)
	}
	dir[36], dir[37], dir[39] = 32, 2, 12
	be.PutUint64(dir[72:], machoPage)
	be.PutUint64(dir[80:], 1)
	copy(dir[88:], ident)
	for i := range pages {
		sum := sha256.Sum256(code[4096*i : min(4096*(i+1), len(code))])
		copy(dir[88+len(ident)+32*i:], sum[:])
	}
	blobs := [][]byte{dir}
	slots := []uint32{0}
	if identity {
		cms := append(be.AppendUint32(be.AppendUint32(nil, 0xfade0b01), 24), "a CMS message..."...)
		if entitlements != nil { // whose hash nobody checks here either
			xml := append(be.AppendUint32(be.AppendUint32(nil, 0xfade7171), uint32(8+len(entitlements))), entitlements...)
			blobs, slots = append(blobs, xml), append(slots, 5)
		}
		blobs, slots = append(blobs, cms), append(slots, 0x10000)
	}
	head := be.AppendUint32(nil, 0xfade0cc0)
	at := 12 + 8*len(blobs)
	total := at
	for _, b := range blobs {
		total += len(b)
	}
	head = be.AppendUint32(be.AppendUint32(head, uint32(total)), uint32(len(blobs)))
	for i, b := range blobs {
		head = be.AppendUint32(be.AppendUint32(head, slots[i]), uint32(at))
		at += len(b)
	}
	for _, b := range blobs {
		head = append(head, b...)
	}
	return head
}

// Fat puts thin files into a fat one, each aligned to 2^align bytes.
func Fat(align uint32, slices ...[]byte) []byte {
	be := binary.BigEndian
	out := be.AppendUint32(be.AppendUint32(nil, 0xcafebabe), uint32(len(slices)))
	at := 8 + 20*len(slices)
	var body []byte
	start := at
	for _, s := range slices {
		for at&(1<<align-1) != 0 {
			body, at = append(body, 0), at+1
		}
		cpu := binary.LittleEndian.Uint32(s[4:])
		for _, v := range []uint32{cpu, 0, uint32(at), uint32(len(s)), align} {
			out = be.AppendUint32(out, v)
		}
		body, at = append(body, s...), at+len(s)
	}
	if len(out) != start {
		panic("testbin: fat header of another size than counted")
	}
	return append(out, body...)
}
