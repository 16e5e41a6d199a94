package strip

// What people append to programs, and who packed them: recognised by the
// formats' own magic numbers, so that a refusal can say what would be lost.

import "bytes"

const payloadAppImage = "AppImage file system"

var payloadMagics = []struct {
	kind   string
	offset int
	magic  string
}{
	{"zip archive", 0, "PK\x03\x04"},
	{"squashfs file system", 0, "hsqs"},
	{"gzip data", 0, "\x1f\x8b\x08"},
	{"xz data", 0, "\xfd7zXZ\x00"},
	{"zstd data", 0, "\x28\xb5\x2f\xfd"},
	{"bzip2 data", 0, "BZh"},
	{"7-zip archive", 0, "7z\xbc\xaf\x27\x1c"},
	{"tar archive", 257, "ustar"},
	{"ELF file", 0, "\x7fELF"},
	{"Windows program", 0, "MZ"},
	{"NSIS installer data", 4, "\xef\xbe\xad\xdeNullsoftInst"},
	{"Inno Setup data", 0, "zlb\x1a"},
	{"script", 0, "#!"},
}

// payloadTails are what readers look for from the end of the file.
var payloadTails = []struct{ kind, magic string }{
	{"Bun program", "\n---- Bun! ----\n"},
	{"PyInstaller archive", "MEI\x0c\x0b\x0a\x0b\x0e"},
	{"Deno program", "d3n0l4nd"},
	{"kernel module signature", "~Module signature appended~\n"},
	{"zip archive", "PK\x05\x06"},
	{"pkg program", "PAYLOAD_POSITION"},
	{"self-extracting archive of makeself", "MS_Printf"},
}

// payloadKind names what is appended to file, "unknown data" where nothing fits.
func payloadKind(file, payload []byte) string {
	if len(file) > 11 && file[8] == 'A' && file[9] == 'I' && file[10] == 2 { // AppImage specification, type 2
		return payloadAppImage
	}
	tail := payload[max(0, len(payload)-(1<<16)):] // a zip comment is at most 65,535 bytes
	for _, t := range payloadTails {
		if bytes.Contains(tail, []byte(t.magic)) {
			return t.kind
		}
	}
	for _, m := range payloadMagics {
		if len(payload) > m.offset && bytes.HasPrefix(payload[m.offset:], []byte(m.magic)) {
			return m.kind
		}
	}
	return "unknown data"
}

// packedBy names the packer whose mark data carries, "" without one. UPX puts
// its l_info with "UPX!" behind the program headers and its pack header with
// the same mark at the end; Windows programs have sections UPX0 and UPX1.
// minsize's own packer puts its header behind two program headers
// (docs/pack-format.md).
func packedBy(data []byte) string {
	const ours = 64 + 2*56
	if isELF(data) && len(data) > ours+4 && string(data[ours:ours+4]) == "MSZP" {
		return "minsize"
	}
	head, tail := data[:min(len(data), 1024)], data[max(0, len(data)-64):]
	if bytes.Contains(head, []byte("UPX!")) && (bytes.Contains(tail, []byte("UPX!")) || isELF(data)) {
		return "UPX"
	}
	if bytes.Contains(head, []byte("UPX0\x00")) && bytes.Contains(head, []byte("UPX1\x00")) {
		return "UPX"
	}
	return ""
}
