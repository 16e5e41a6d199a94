package oracle

// Archives (System V's ar format with GNU's long names; "/" and "/SYM64/" are the
// index of symbols): the same members, each the same to a linker, and every
// symbol of the index leads to the member that it led to.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

const archiveMagic = "!<arch>\n"

// member is one of an archive's; head is its header but for size and end mark.
type member struct {
	head []byte
	name string
	data []byte
}

// members reads an archive; at are the members' numbers by their offsets.
func members(data []byte) (list []member, at map[uint64]int, err error) {
	c := &cursor{View: byteio.View{Data: data}, at: uint64(len(archiveMagic))}
	at = map[uint64]int{}
	for c.at < c.Len() {
		at[c.at] = len(list)
		head, digits := c.bytes(48, "member header"), c.bytes(10, "ar_size")
		if mark := c.bytes(2, "ar_fmag"); c.err == nil && string(mark) != "`\n" {
			return nil, nil, byteio.Errorf(c.at-2, "ar_fmag", "not the end of a member header")
		}
		size, err := strconv.ParseUint(strings.TrimSpace(string(digits)), 10, 64)
		if c.err == nil && err != nil {
			return nil, nil, byteio.Errorf(c.at-12, "ar_size", "%q is no decimal number", digits)
		}
		body := c.bytes(size, "member")
		if c.err != nil {
			return nil, nil, c.err
		}
		list = append(list, member{head, strings.TrimSpace(string(head[:16])), body})
		c.at += size & 1
	}
	return list, at, nil
}

func sameArchives(old, new []byte) error {
	a, atA, err := members(old)
	if err != nil {
		return fmt.Errorf("the old file: %w", err)
	}
	b, atB, err := members(new)
	if err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	if len(a) != len(b) {
		return fmt.Errorf("%d members, were %d", len(b), len(a))
	}
	for i, m := range a {
		n := b[i]
		if !bytes.Equal(m.head, n.head) {
			return fmt.Errorf("the header of member %s differs in more than its size", m.name)
		}
		switch {
		case m.name == "/" && i == 0:
			err = sameIndex(m.data, n.data, atA, atB, 4)
		case m.name == "/SYM64/":
			err = sameIndex(m.data, n.data, atA, atB, 8)
		case !bytes.Equal(m.data, n.data):
			err = Same(m.data, n.data)
		}
		if err != nil {
			return fmt.Errorf("member %d, %s: %w", i, m.name, err)
		}
	}
	return nil
}

// sameIndex compares indexes of symbols: a count, that many offsets of size bytes,
// and the names.
func sameIndex(a, b []byte, atA, atB map[uint64]int, size int) error {
	number := func(data []byte, i int) uint64 {
		if data = data[i*size:]; size == 8 {
			return binary.BigEndian.Uint64(data)
		}
		return uint64(binary.BigEndian.Uint32(data))
	}
	if len(a) != len(b) || len(a) < size || number(a, 0) != number(b, 0) {
		return fmt.Errorf("the index differs in size")
	}
	end := int(min(number(a, 0), uint64(len(a)/size-1))) + 1
	for i := 1; i < end; i++ {
		x, inA := atA[number(a, i)]
		y, inB := atB[number(b, i)]
		if inA != inB || x != y {
			return fmt.Errorf("symbol %d of the index leads to another member", i-1)
		}
	}
	if !bytes.Equal(a[end*size:], b[end*size:]) {
		return fmt.Errorf("the names of the index differ")
	}
	return nil
}
