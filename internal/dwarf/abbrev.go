package dwarf

// Abbreviations (7.5.3), compiled. For each one there is a list of steps that
// passes over an entry's attributes; fixed sizes in a row are one step.

import "github.com/minsize/minsize/internal/byteio"

// Attributes that somebody asks for (7.5.4).
const (
	atLocation       = 0x02
	atName           = 0x03
	atStmtList       = 0x10
	atLowPC          = 0x11
	atHighPC         = 0x12
	atLanguage       = 0x13
	atCompDir        = 0x1b
	atProducer       = 0x25
	atAbstractOrigin = 0x31
	atDeclFile       = 0x3a
	atDeclLine       = 0x3b
	atSpecification  = 0x47
	atType           = 0x49
	atRanges         = 0x55
	atCallFile       = 0x58
	atCallLine       = 0x59
	atLinkageName    = 0x6e
	atNoreturn       = 0x87
	atStrOffsetsBase = 0x72
	atAddrBase       = 0x73
	atRnglistsBase   = 0x74
	atDWOName        = 0x76
	atLoclistsBase   = 0x8c
	atMIPSLinkage    = 0x2007
	atGNUDWOName     = 0x2130
	atGNUDWOID       = 0x2131
	atGNURangesBase  = 0x2132
	atGNUAddrBase    = 0x2133
)

// Tags that somebody asks for (7.5.3).
const (
	tagInlinedSubroutine = 0x1d
	tagSubprogram        = 0x2e
	tagVariable          = 0x34
	tagTypeUnit          = 0x41
)

// Forms (7.5.6).
const (
	formAddr          = 0x01
	formBlock2        = 0x03
	formBlock4        = 0x04
	formData2         = 0x05
	formData4         = 0x06
	formData8         = 0x07
	formString        = 0x08
	formBlock         = 0x09
	formBlock1        = 0x0a
	formData1         = 0x0b
	formFlag          = 0x0c
	formSdata         = 0x0d
	formStrp          = 0x0e
	formUdata         = 0x0f
	formRefAddr       = 0x10
	formRef1          = 0x11
	formRef2          = 0x12
	formRef4          = 0x13
	formRef8          = 0x14
	formRefUdata      = 0x15
	formIndirect      = 0x16
	formSecOffset     = 0x17
	formExprloc       = 0x18
	formFlagPresent   = 0x19
	formStrx          = 0x1a
	formAddrx         = 0x1b
	formRefSup4       = 0x1c
	formStrpSup       = 0x1d
	formData16        = 0x1e
	formLineStrp      = 0x1f
	formRefSig8       = 0x20
	formImplicitConst = 0x21
	formLoclistx      = 0x22
	formRnglistx      = 0x23
	formRefSup8       = 0x24
	formStrx1         = 0x25
	formStrx4         = 0x28
	formAddrx1        = 0x29
	formAddrx4        = 0x2c
	formGNUAddrIndex  = 0x1f01
	formGNUStrIndex   = 0x1f02
	formGNURefAlt     = 0x1f20
	formGNUStrpAlt    = 0x1f21
)

type attr struct {
	name, form uint16
	implicit   int64
}

// step passes over a part of an entry.
type step struct {
	kind stepKind
	n    uint32 // fixed: bytes; reference: offset size
	attr uint16
}

type stepKind uint8

const (
	stepFixed stepKind = iota
	stepLEB
	stepString
	stepBlock1
	stepBlock2
	stepBlock4
	stepBlock
	stepIndirect
	stepStrp      // an offset of .debug_str
	stepLineStrp  // of .debug_line_str
	stepSecOffset // of a location or range list
)

type abbrev struct {
	tag      uint16
	children bool
	fixed    int32 // bytes of all attributes together, -1 when they vary
	attrs    []attr
	skip     []step
	refs     []step // the same with references apart
}

// abbrevTable has codes densely when they are dense, as compilers make them.
type abbrevTable struct {
	dense []abbrev // by code
	other map[uint64]*abbrev
	end   uint64 // in .debug_abbrev
}

func (t *abbrevTable) find(code uint64) *abbrev {
	if code < uint64(len(t.dense)) {
		if a := &t.dense[code]; a.tag != 0 {
			return a
		}
		return nil
	}
	return t.other[code]
}

// maxAttrs: compilers use about thirty.
const maxAttrs = 256

type abbrevKey struct {
	off                  uint64
	version              uint16
	addrSize, offsetSize uint8
}

// abbreviations returns the unit's table, compiled for its sizes.
func (d *Data) abbreviations(u *Unit) (*abbrevTable, error) {
	key := abbrevKey{u.AbbrevOffset, u.Version, u.AddrSize, u.OffsetSize}
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.abbrevs[key]; t != nil {
		return t, nil
	}
	r := d.reader(d.abbrev, u.AbbrevOffset, ".debug_abbrev")
	if u.AbbrevOffset > uint64(len(d.abbrev)) {
		return nil, byteio.Errorf(u.Offset, ".debug_info debug_abbrev_offset", "%#x of %#x", u.AbbrevOffset, len(d.abbrev))
	}
	t := &abbrevTable{other: map[uint64]*abbrev{}}
	for {
		code := r.uleb()
		if code == 0 || r.bad {
			break
		}
		a := abbrev{tag: uint16(r.uleb()), children: r.u8() != 0}
		for !r.bad {
			spec := attr{name: uint16(r.uleb()), form: uint16(r.uleb())}
			if spec.form == formImplicitConst {
				spec.implicit = r.sleb()
			}
			if spec.name == 0 && spec.form == 0 {
				break
			}
			if len(a.attrs) == maxAttrs {
				return nil, byteio.Errorf(u.AbbrevOffset, ".debug_abbrev", "abbreviation %d has more than %d attributes", code, maxAttrs)
			}
			a.attrs = append(a.attrs, spec)
		}
		if !a.compile(key) {
			return nil, byteio.Errorf(u.AbbrevOffset, ".debug_abbrev", "abbreviation %d has an unknown form", code)
		}
		if code == uint64(len(t.dense))+1 && len(t.dense) == 0 {
			t.dense = append(t.dense, abbrev{}, a)
		} else if code == uint64(len(t.dense)) && code > 0 {
			t.dense = append(t.dense, a)
		} else {
			t.other[code] = &a
		}
	}
	if r.bad {
		return nil, byteio.Errorf(u.AbbrevOffset, ".debug_abbrev", "the table runs past the section's end")
	}
	t.end = r.at
	if !d.spend(16 * (t.end - u.AbbrevOffset)) {
		return nil, byteio.Errorf(u.AbbrevOffset, ".debug_abbrev", "tables overlap without end")
	}
	d.abbrevs[key] = t
	return t, nil
}

// compile makes the steps.
func (a *abbrev) compile(key abbrevKey) bool {
	add := func(list []step, s step) []step {
		if n := len(list); s.kind == stepFixed && n > 0 && list[n-1].kind == stepFixed {
			list[n-1].n += s.n
			return list
		}
		if s.kind == stepFixed && s.n == 0 {
			return list
		}
		return append(list, s)
	}
	for _, spec := range a.attrs {
		s, ok := stepOf(spec, key)
		if !ok {
			return false
		}
		a.refs = add(a.refs, s)
		if s.kind >= stepStrp {
			s.kind = stepFixed
		}
		a.skip = add(a.skip, s)
	}
	a.fixed = -1
	switch {
	case len(a.skip) == 0:
		a.fixed = 0
	case len(a.skip) == 1 && a.skip[0].kind == stepFixed:
		a.fixed = int32(a.skip[0].n)
	}
	return true
}

func stepOf(spec attr, key abbrevKey) (step, bool) {
	fixed := func(n uint8) (step, bool) { return step{stepFixed, uint32(n), spec.name}, true }
	switch f := spec.form; f {
	case formAddr:
		return fixed(key.addrSize)
	case formFlagPresent, formImplicitConst:
		return fixed(0)
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		return fixed(1)
	case formData2, formRef2, formStrx1 + 1, formAddrx1 + 1:
		return fixed(2)
	case formStrx1 + 2, formAddrx1 + 2:
		return fixed(3)
	case formData4, formRef4, formStrx4, formAddrx4, formRefSup4:
		if f == formData4 && key.version < 4 && listAttr(spec.name) { // DWARF 2 and 3 have no DW_FORM_sec_offset
			return step{stepSecOffset, 4, spec.name}, true
		}
		return fixed(4)
	case formData8, formRef8, formRefSig8, formRefSup8:
		return fixed(8)
	case formData16:
		return fixed(16)
	case formRefAddr:
		if key.version == 2 {
			return fixed(key.addrSize)
		}
		return fixed(key.offsetSize)
	case formGNURefAlt, formGNUStrpAlt, formStrpSup:
		return fixed(key.offsetSize)
	case formStrp:
		return step{stepStrp, uint32(key.offsetSize), spec.name}, true
	case formLineStrp:
		return step{stepLineStrp, uint32(key.offsetSize), spec.name}, true
	case formSecOffset:
		return step{stepSecOffset, uint32(key.offsetSize), spec.name}, true
	case formSdata, formUdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		return step{kind: stepLEB, attr: spec.name}, true
	case formString:
		return step{kind: stepString}, true
	case formBlock1:
		return step{kind: stepBlock1}, true
	case formBlock2:
		return step{kind: stepBlock2}, true
	case formBlock4:
		return step{kind: stepBlock4}, true
	case formBlock, formExprloc:
		return step{kind: stepBlock}, true
	case formIndirect:
		return step{kind: stepIndirect, attr: spec.name}, true
	}
	return step{}, false
}

// listAttr: attributes whose constant is an offset of a list before DWARF 4.
func listAttr(name uint16) bool {
	switch name {
	case atLocation, atRanges, 0x19, 0x2a, 0x38, 0x40, 0x46, 0x4a, 0x4d: // return_addr, string_length, data_member_location, frame_base, segment, static_link, vtable_elem_location
		return true
	}
	return false
}

// pass passes over an entry's attributes.
func (r *reader) pass(a *abbrev, key abbrevKey) {
	if a.fixed >= 0 {
		r.skip(uint64(a.fixed))
		return
	}
	for i := range a.skip {
		r.step(&a.skip[i], key)
	}
}

func (r *reader) step(s *step, key abbrevKey) {
	switch s.kind {
	case stepFixed, stepStrp, stepLineStrp, stepSecOffset:
		r.skip(uint64(s.n))
	case stepLEB:
		for r.at < r.end && r.data[r.at] >= 0x80 {
			r.at++
		}
		r.skip(1)
	case stepString:
		r.cstring()
	case stepBlock1:
		r.skip(uint64(r.u8()))
	case stepBlock2:
		r.skip(uint64(r.u16()))
	case stepBlock4:
		r.skip(uint64(r.u32()))
	case stepBlock:
		r.skip(r.uleb())
	case stepIndirect:
		form := r.uleb()
		inner, ok := stepOf(attr{name: s.attr, form: uint16(form)}, key)
		if form == formIndirect || form == formImplicitConst || form > 0xffff || !ok {
			r.bad = true
			return
		}
		r.step(&inner, key)
	}
}
