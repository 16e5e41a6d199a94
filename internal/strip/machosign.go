package strip

// Ad-hoc code signatures of Mach-O: a superblob of blobs in big-endian order,
// of which the code directory lists a hash of every page before the signature
// (Apple, xnu: osfmk/kern/cs_blobs.h). "Ad-hoc" means that nobody vouches for
// it, so anybody can make it; kernels on arm64 want at least that.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/minsize/minsize/internal/byteio"
)

const (
	csMagicSuperblob                          = 0xfade0cc0
	csMagicCodeDirectory                      = 0xfade0c02
	csSlotCodeDirectory                       = 0
	csSlotInfo, csSlotResources               = 1, 3
	csSlotEntitlements, csSlotEntitlementsDER = 5, 7
	csSlotAlternate                           = 0x1000
	csSlotCMS                                 = 0x10000
	csFlagAdHoc                               = 0x2
	csHashSHA256                              = 2

	codeDirectoryHeader  = 88 // version 0x20400, with the executable segment
	codeDirectoryVersion = 0x20400
	signedPage           = 12 // log2 of the page that is hashed
)

// codeDirectory is the parsed part of one code directory.
type codeDirectory struct {
	bytes                                []byte
	flags                                uint32
	identifier                           string
	codeLimit                            uint64
	hashOffset, special, slots, hashSize int
	hashType, pageSize                   uint8
	execSeg                              [24]byte // base, limit, flags; zero before version 0x20400
}

type csBlob struct {
	slot  uint32
	bytes []byte
}

// parseSignature reads a superblob at file offset base.
func parseSignature(data []byte, base uint64) ([]csBlob, error) {
	v := byteio.View{Data: data, Base: base, Order: binary.BigEndian}
	magic, err := v.U32(0, "code signature")
	if err != nil {
		return nil, err
	}
	if magic != csMagicSuperblob {
		return nil, byteio.Errorf(base, "code signature", "magic %#x expected, got %#x", csMagicSuperblob, magic)
	}
	count, err := v.U32(8, "code signature's count")
	if err != nil {
		return nil, err
	}
	index, err := v.Table(12, uint64(count), 8, "code signature's index")
	if err != nil {
		return nil, err
	}
	var blobs []csBlob
	for i := uint32(0); i < count; i++ {
		slot, at := binary.BigEndian.Uint32(index[8*i:]), uint64(binary.BigEndian.Uint32(index[8*i+4:]))
		size, err := v.U32(at+4, "blob's length")
		if err != nil {
			return nil, err
		}
		b, err := v.Slice(at, uint64(size), "blob of the code signature")
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, csBlob{slot, b})
	}
	return blobs, nil
}

func parseCodeDirectory(b []byte) (*codeDirectory, error) {
	be := binary.BigEndian
	if len(b) < 44 || be.Uint32(b) != csMagicCodeDirectory {
		return nil, fmt.Errorf("no code directory")
	}
	d := &codeDirectory{bytes: b, flags: be.Uint32(b[12:]), hashOffset: int(be.Uint32(b[16:])), special: int(be.Uint32(b[24:])),
		slots: int(be.Uint32(b[28:])), codeLimit: uint64(be.Uint32(b[32:])), hashSize: int(b[36]), hashType: b[37], pageSize: b[39]}
	version := be.Uint32(b[8:])
	if version >= codeDirectoryVersion && len(b) >= codeDirectoryHeader {
		copy(d.execSeg[:], b[64:88])
		if long := be.Uint64(b[56:]); long != 0 {
			d.codeLimit = long
		}
	}
	if d.special < 0 || d.slots < 0 || d.special > len(b) || d.slots > len(b) || d.hashOffset > len(b) ||
		d.hashOffset-d.special*d.hashSize < 0 || d.hashOffset+d.slots*d.hashSize > len(b) {
		return nil, fmt.Errorf("the code directory's hashes do not fit it")
	}
	ident := int(be.Uint32(b[20:]))
	if ident >= len(b) {
		return nil, fmt.Errorf("the code directory's identifier does not fit it")
	}
	name := b[ident:]
	if n := bytes.IndexByte(name, 0); n >= 0 {
		name = name[:n]
	}
	d.identifier = string(name)
	return d, nil
}

// adHocSigner makes the signature anew with what the old one said: its
// identifier, flags, entitlements and requirements.
type adHocSigner struct {
	identifier string
	flags      uint32
	execSeg    [24]byte
	others     []csBlob // embedded requirements and entitlements
	special    []byte   // hashes of the special slots, -n first
	nSpecial   int
}

func newAdHocSigner(p *machoPlan) (*adHocSigner, error) {
	t, raw := p.table("code signature")
	blobs, err := parseSignature(raw, t.offset)
	if err != nil {
		return nil, err
	}
	s := &adHocSigner{}
	var best *codeDirectory
	identity := false
	for _, b := range blobs {
		switch {
		case b.slot == csSlotCodeDirectory || b.slot >= csSlotAlternate && b.slot < csSlotAlternate+5:
			d, err := parseCodeDirectory(b.bytes)
			if err != nil {
				return nil, byteio.Errorf(t.offset, "code signature", "%v", err)
			}
			if d.flags&csFlagAdHoc == 0 {
				identity = true
			}
			if best == nil || d.hashType == csHashSHA256 {
				best = d
			}
		case b.slot == csSlotCMS:
			identity = identity || len(b.bytes) > 8
		default:
			s.others = append(s.others, b)
		}
	}
	if best == nil {
		return nil, byteio.Errorf(t.offset, "code signature", "it has no code directory")
	}
	if identity && !p.o.Resign {
		return nil, refuse("--resign for an ad-hoc signature instead, or codesign the result",
			"signed with an identity: the signature would no longer hold")
	}
	if identity {
		p.r.note("the signature with an identity became an ad-hoc one: requirements of the old one are gone, entitlements stay")
	}
	s.identifier, s.flags, s.execSeg = best.identifier, best.flags|csFlagAdHoc, best.execSeg
	if identity {
		s.flags = csFlagAdHoc
		// Requirements name the old identity. Entitlements, XML and DER, stay:
		// those that need no identity hold for an ad-hoc signature too.
		s.others = slices.DeleteFunc(s.others, func(b csBlob) bool { return b.slot != csSlotEntitlements && b.slot != csSlotEntitlementsDER })
		s.hashSpecial()
		s.keepSpecial(best, csSlotInfo, csSlotResources)
	} else if best.hashType == csHashSHA256 && best.hashSize == sha256.Size {
		s.nSpecial = best.special
		s.special = best.bytes[best.hashOffset-best.special*best.hashSize : best.hashOffset]
	} else {
		s.hashSpecial()
	}
	if s.execSeg == [24]byte{} {
		text := p.segments[0]
		for _, seg := range p.segments {
			if seg.name == "__TEXT" {
				text = seg
			}
		}
		binary.BigEndian.PutUint64(s.execSeg[0:], text.fileoff)
		binary.BigEndian.PutUint64(s.execSeg[8:], text.filesize)
		binary.BigEndian.PutUint64(s.execSeg[16:], uint64(btoi(p.filetype == mhExecute))) // CS_EXECSEG_MAIN_BINARY
	}
	return s, nil
}

// hashSpecial makes SHA-256 hashes of the embedded blobs where the old
// directory had others.
func (s *adHocSigner) hashSpecial() {
	for _, b := range s.others {
		if b.slot < 0x20 {
			s.nSpecial = max(s.nSpecial, int(b.slot))
		}
	}
	s.special = make([]byte, s.nSpecial*sha256.Size)
	for _, b := range s.others {
		if b.slot < 0x20 {
			sum := sha256.Sum256(b.bytes)
			copy(s.special[(s.nSpecial-int(b.slot))*sha256.Size:], sum[:])
		}
	}
}

// keepSpecial carries the hashes of files beside the program over (Info.plist,
// the bundle's resources), which a rewrite does not change.
func (s *adHocSigner) keepSpecial(d *codeDirectory, slots ...int) {
	if d.hashType != csHashSHA256 || d.hashSize != sha256.Size {
		return
	}
	for _, slot := range slots {
		if slot > d.special {
			continue
		}
		hash := d.bytes[d.hashOffset-slot*sha256.Size:][:sha256.Size]
		if allZero(hash) {
			continue
		}
		if missing := slot - s.nSpecial; missing > 0 {
			s.special = append(make([]byte, missing*sha256.Size), s.special...)
			s.nSpecial = slot
		}
		copy(s.special[(s.nSpecial-slot)*sha256.Size:], hash)
	}
}

func (s *adHocSigner) directorySize(codeLimit uint64) uint64 {
	pages := (codeLimit + 1<<signedPage - 1) >> signedPage
	return codeDirectoryHeader + uint64(len(s.identifier)) + 1 + uint64(len(s.special)) + pages*sha256.Size
}

// size is the length of the signature of codeLimit bytes.
func (s *adHocSigner) size(codeLimit uint64) uint64 {
	n := 12 + 8*uint64(1+len(s.others)) + s.directorySize(codeLimit)
	for _, b := range s.others {
		n += uint64(len(b.bytes))
	}
	return n
}

// sign returns the signature of code.
func (s *adHocSigner) sign(code []byte) []byte {
	limit := uint64(len(code))
	be := binary.BigEndian
	out := make([]byte, s.size(limit))
	be.PutUint32(out, csMagicSuperblob)
	be.PutUint32(out[8:], uint32(1+len(s.others)))
	at := 12 + 8*(1+len(s.others))
	be.PutUint32(out[12:], csSlotCodeDirectory)
	be.PutUint32(out[16:], uint32(at))

	d := out[at : at+int(s.directorySize(limit))]
	ident := codeDirectoryHeader
	hashes := ident + len(s.identifier) + 1 + len(s.special)
	pages := (limit + 1<<signedPage - 1) >> signedPage
	for i, v := range []uint32{csMagicCodeDirectory, uint32(len(d)), codeDirectoryVersion, s.flags, uint32(hashes), uint32(ident), uint32(s.nSpecial), uint32(pages)} {
		be.PutUint32(d[4*i:], v)
	}
	if limit < 1<<32 {
		be.PutUint32(d[32:], uint32(limit))
	} else {
		be.PutUint64(d[56:], limit)
	}
	d[36], d[37], d[39] = sha256.Size, csHashSHA256, signedPage
	copy(d[64:], s.execSeg[:])
	copy(d[ident:], s.identifier)
	copy(d[ident+len(s.identifier)+1:], s.special)
	for i := range pages {
		sum := sha256.Sum256(code[i<<signedPage : min((i+1)<<signedPage, limit)])
		copy(d[uint64(hashes)+i*sha256.Size:], sum[:])
	}
	at += len(d)
	for i, b := range s.others {
		be.PutUint32(out[20+8*i:], b.slot)
		be.PutUint32(out[24+8*i:], uint32(at))
		at += copy(out[at:], b.bytes)
	}
	be.PutUint32(out[4:], uint32(at))
	return out
}
