package oracle

// Fat Mach-O files, and the code signature, which the kernel compares with each
// page that it maps (cs_blobs.h).

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/minsize/minsize/internal/byteio"
)

// signature hashes the pages that the code directory has hashes of.
func (f *macho) signature() error {
	table, there := f.tables["the code signature"]
	if !there {
		return nil
	}
	i, start := f.image, f.starts["the code signature"]
	blob := &cursor{View: byteio.View{Data: table, Base: start, Order: binary.BigEndian}}
	blob.bytes(8, "magic, length")
	count := blob.u32("count")
	at, found := uint64(0), false
	for range count {
		slot, offset := blob.u32("type"), uint64(blob.u32("offset"))
		if blob.err != nil {
			return blob.err
		}
		if slot == 0 && !found {
			at, found = offset, true
		}
	}
	if !found {
		i.fault("the code signature has no code directory")
		return nil
	}
	c := &cursor{View: blob.View, at: at}
	c.bytes(16, "magic, length, version, flags")
	hashes := uint64(c.u32("hashOffset"))
	c.bytes(8, "identOffset, nSpecialSlots")
	slots, limit := uint64(c.u32("nCodeSlots")), uint64(c.u32("codeLimit"))
	size, kind := uint64(c.u8("hashSize")), c.u8("hashType")
	c.u8("platform")
	page := c.u8("pageSize")
	if c.err != nil {
		return c.err
	}
	if limit != start {
		i.fault("the code signature covers %#x bytes, but starts at %#x", limit, start)
		return nil
	}
	if page == 0 || page > 20 || kind == 0 || kind > 2 {
		i.fault("the code signature has pages of 2^%d bytes and hashes of type %d", page, kind)
		return nil
	}
	for n := uint64(0); n<<page < limit; n++ {
		c.at = at + hashes + n*size
		hash := c.bytes(size, "hash of a page")
		if n >= slots || c.err != nil {
			i.fault("the code signature has no hash of page %d", n)
			return nil
		}
		data := f.Data[n<<page : min((n+1)<<page, limit)]
		sum := sha256.Sum256(data)
		of := sum[:]
		if kind == 1 {
			old := sha1.Sum(data)
			of = old[:]
		}
		if size > uint64(len(of)) || !bytes.Equal(of[:size], hash) {
			i.fault("the code signature's hash of page %d does not fit", n)
			return nil
		}
	}
	return nil
}

func isFat(data []byte) bool {
	if len(data) < 8 {
		return false
	}
	magic, count := binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
	return (magic == 0xcafebabe || magic == 0xcafebabf) && count > 0 && count <= 30 // in Java classes it is the version, 45 and up
}

// readFat reads each slice as the file that it is.
func readFat(data []byte) (*Image, error) {
	c := &cursor{View: byteio.View{Data: data, Order: binary.BigEndian}, wide: binary.BigEndian.Uint32(data) == 0xcafebabf, at: 4}
	all := &Image{}
	count := c.u32("nfat_arch")
	all.fact("the number of slices", "%d", count)
	for n := range count {
		name := fmt.Sprintf("slice %d: ", n)
		all.fact(name+"its entry", "%x", c.bytes(8, "cputype, cpusubtype"))
		offset, size, align := c.word("offset"), c.word("size"), c.u32("align")
		if c.wide {
			c.u32("reserved")
		}
		all.fact(name+"the alignment", "2^%d", align)
		if c.err != nil {
			return nil, c.err
		}
		slice, err := c.Slice(offset, size, "slice")
		if err != nil {
			return nil, err
		}
		if align > 31 || offset%(1<<align) != 0 {
			all.fault("%sit is not aligned", name)
		}
		if !isMachO(slice) { // an archive of objects
			all.Regions = append(all.Regions, Region{Name: name + "the bytes", Size: size, Data: slice})
			continue
		}
		image, err := readMachO(slice)
		if err != nil {
			return nil, fmt.Errorf("%s%w", name, err)
		}
		for _, f := range image.Facts {
			all.fact(name+f.What, "%s", f.Value)
		}
		for _, r := range image.Regions {
			r.Name = name + r.Name
			all.Regions = append(all.Regions, r)
		}
		for _, fault := range image.Faults {
			all.fault("%s%s", name, fault)
		}
	}
	return all, nil
}
