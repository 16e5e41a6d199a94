package objfile

import (
	"encoding/binary"
	"os"
	"testing"
)

// marked is a header with one program header that holds body.
func marked(wide, big bool, osabi byte, machine uint16, kind uint32, body []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	head, entry := 52, 32
	if wide {
		head, entry = 64, 56
	}
	b := make([]byte, head+entry)
	copy(b, "\x7fELF\x01\x01\x01")
	b[7] = osabi
	if wide {
		b[4] = 2
	}
	if big {
		b[5] = 2
	}
	order.PutUint16(b[16:], 2)
	order.PutUint16(b[18:], machine)
	p := b[head:]
	order.PutUint32(p, kind)
	if wide {
		order.PutUint64(b[32:], uint64(head))
		order.PutUint16(b[54:], 56)
		order.PutUint16(b[56:], 1)
		order.PutUint64(p[8:], uint64(len(b)))
		order.PutUint64(p[32:], uint64(len(body)))
	} else {
		order.PutUint32(b[28:], uint32(head))
		order.PutUint16(b[42:], 32)
		order.PutUint16(b[44:], 1)
		order.PutUint32(p[4:], uint32(len(b)))
		order.PutUint32(p[16:], uint32(len(body)))
	}
	return append(b, body...)
}

// note makes one note; a note of another kind stands before it.
func note(big bool, name string, desc uint32) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if big {
		order = binary.BigEndian
	}
	var out []byte
	add := func(name string, kind uint32) {
		out = order.AppendUint32(out, uint32(len(name)+1))
		out = order.AppendUint32(out, 4)
		out = order.AppendUint32(out, kind)
		out = append(out, name...)
		out = append(out, make([]byte, 4-len(name)%4)...)
		out = order.AppendUint32(out, desc)
	}
	add("GNU", 3)
	add(name, 1)
	return out
}

func TestELFSystem(t *testing.T) {
	for _, wide := range []bool{false, true} {
		for _, big := range []bool{false, true} {
			for _, c := range []struct {
				osabi   byte
				machine uint16
				kind    uint32
				body    []byte
				want    string
			}{
				{9, 62, 1, nil, "FreeBSD"}, {2, 62, 1, nil, "NetBSD"}, {6, 62, 1, nil, "Solaris"}, {12, 62, 1, nil, "OpenBSD"},
				{3, 62, 1, nil, "Linux"}, {0, 62, 1, nil, ""}, {200, 62, 1, nil, "OS ABI 200"},
				{0, 62, PT_NOTE, note(big, "DragonFly", 1), "DragonFly BSD"}, {0, 62, PT_NOTE, note(big, "FreeBSD", 1), "FreeBSD"},
				{0, 62, PT_NOTE, note(big, "NetBSD", 1), "NetBSD"}, {0, 62, PT_NOTE, note(big, "OpenBSD", 0), "OpenBSD"},
				{0, 62, PT_NOTE, note(big, "GNU", 0), "Linux"}, {0, 62, PT_NOTE, note(big, "GNU", 1), "Hurd"}, {0, 62, PT_NOTE, note(big, "GNU", 2), "Solaris"},
				{0, 62, PT_NOTE, note(big, "Go", 4), ""}, {0, 62, PT_NOTE, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), ""},
				{0, 62, 0x65a3dbe6, nil, "OpenBSD"}, {0, 62, 0x6ffffffb, nil, "Solaris"},
				{0, 62, PT_INTERP, []byte("/system/runtime_loader\x00"), "Haiku"}, {0, 62, PT_INTERP, []byte("/lib/amd64/ld.so.1\x00"), "Solaris or illumos"},
				{0, 20, PT_INTERP, []byte("/lib/ld.so.1\x00"), ""}, {0, 8, PT_INTERP, []byte("/lib/ld.so.1\x00"), ""},
				{0, 62, PT_INTERP, []byte("/lib64/ld-linux-x86-64.so.2\x00"), ""}, {0, 62, PT_INTERP, []byte("/lib/ld-musl-x86_64.so.1\x00"), ""},
			} {
				if got := ELFSystem(marked(wide, big, c.osabi, c.machine, c.kind, c.body)); got != c.want {
					t.Errorf("wide %v, big %v, OS ABI %d, machine %d, type %#x, %q: %q, want %q", wide, big, c.osabi, c.machine, c.kind, c.body, got, c.want)
				}
			}
		}
	}
	// Cut anywhere it is no panic, and our own program is no stranger.
	whole := marked(true, false, 0, 62, PT_NOTE, note(false, "DragonFly", 1))
	for n := range whole {
		ELFSystem(whole[:n])
	}
	if own, err := os.ReadFile("/proc/self/exe"); err == nil {
		if got := ELFSystem(own); got != "" && got != SystemLinux {
			t.Errorf("this test is a program for %q", got)
		}
	}
}
