package dwarf

// Functions, what is inlined into them, and static variables: one pass over a
// unit's entries that stops at three tags and passes over all others.

import "github.com/minsize/minsize/internal/byteio"

// Code is what one unit says of addresses. Functions and Inlined come in the
// order of .debug_info, parents before children.
type Code struct {
	Functions []Function
	Inlined   []Inlined
	Ranges    []Range // what First and Count of both refer to
	Variables []Variable
}

// Function is a subprogram that has code. Its names are at Origin's entry if
// that is not 0 (see Data.Names), else its own.
type Function struct {
	Offset       uint64 // of the entry in .debug_info
	Origin       uint64 // abstract origin or specification, 0 without
	First, Count int32  // in Code.Ranges
}

// Inlined is an inlined call. Origin's names are of the function inlined.
type Inlined struct {
	Origin       uint64
	CallFile     uint32 // index in the unit's line table's Files as the unit counts, 0 without
	CallLine     uint32
	First, Count int32 // in Code.Ranges
	Function     int32 // index in Code.Functions
	Parent       int32 // index in Code.Inlined of the call that this one is in, -1 without
}

// Variable is a static variable, not one of a function's locals.
type Variable struct {
	Offset uint64
	Addr   uint64
	Origin uint64 // specification, 0 without
	Name   string // "<T as Trait>::{vtable}" for vtables of rustc
	Link   string // linkage name
}

// RangesOf returns the ranges of a function or inlined call.
func (c *Code) RangesOf(first, count int32) []Range { return c.Ranges[first : first+count] }

// maxDepth bounds the nesting of entries; compilers stay below a hundred.
const maxDepth = 4096

// frame is what the entries below one entry belong to.
type frame struct {
	function, inlined int32
	local             bool // inside a function, dead or alive
}

// Code walks a unit. With an error comes what stood before it.
func (d *Data) Code(u *Unit) (*Code, error) {
	c := &Code{}
	if u.table == nil {
		return c, nil
	}
	key := abbrevKey{u.AbbrevOffset, u.Version, u.AddrSize, u.OffsetSize}
	r := d.reader(d.info, u.dies, ".debug_info")
	r.end = u.End
	stack := make([]frame, 0, 64)
	top := frame{-1, -1, false}
	for r.at < r.end {
		at := r.at
		code := r.uleb()
		if code == 0 {
			if len(stack) == 0 {
				continue // padding behind the root
			}
			top = stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			continue
		}
		a := u.table.find(code)
		if a == nil {
			return c, byteio.Errorf(at, ".debug_info", "unknown abbreviation %d", code)
		}
		below := top
		switch a.tag {
		case tagSubprogram:
			below = frame{-1, -1, true}
			d.function(c, u, &r, a, at, &below)
		case tagInlinedSubroutine:
			if top.function >= 0 {
				d.inlined(c, u, &r, a, top, &below)
			} else {
				r.pass(a, key)
			}
		case tagVariable:
			if !top.local {
				d.variable(c, u, &r, a, at)
			} else {
				r.pass(a, key)
			}
		default:
			r.pass(a, key)
		}
		if r.bad {
			return c, byteio.Errorf(at, ".debug_info", "an entry runs past the unit's end")
		}
		if a.children {
			if len(stack) >= maxDepth {
				return c, byteio.Errorf(at, ".debug_info", "entries are nested more than %d deep", maxDepth)
			}
			stack = append(stack, top)
			top = below
		}
	}
	return c, nil
}

// span appends an entry's ranges and says where they are.
func (c *Code) span(d *Data, u *Unit, low, high, ranges value) (first, count int32) {
	first = int32(len(c.Ranges))
	if len(c.Ranges) > len(d.info)/4+len(u.ranges)/8+len(d.rnglists)+1024 { // more than there are: lists are shared without end
		return first, 0
	}
	c.Ranges = d.appendRanges(c.Ranges, u, low, high, ranges)
	return first, int32(len(c.Ranges)) - first
}

func (d *Data) function(c *Code, u *Unit, r *reader, a *abbrev, at uint64, below *frame) {
	var low, high, ranges value
	f := Function{Offset: at}
	for _, spec := range a.attrs {
		v := r.value(u, spec)
		switch spec.name {
		case atLowPC:
			low = v
		case atHighPC:
			high = v
		case atRanges:
			ranges = v
		case atAbstractOrigin, atSpecification:
			if v.local() {
				f.Origin = v.number
			}
		}
	}
	if r.bad || low.form == 0 && ranges.form == 0 {
		return
	}
	if f.First, f.Count = c.span(d, u, low, high, ranges); f.Count > 0 {
		below.function = int32(len(c.Functions))
		c.Functions = append(c.Functions, f)
	}
}

func (d *Data) inlined(c *Code, u *Unit, r *reader, a *abbrev, top frame, below *frame) {
	var low, high, ranges value
	in := Inlined{Function: top.function, Parent: top.inlined}
	for _, spec := range a.attrs {
		v := r.value(u, spec)
		switch spec.name {
		case atLowPC:
			low = v
		case atHighPC:
			high = v
		case atRanges:
			ranges = v
		case atAbstractOrigin:
			if v.local() {
				in.Origin = v.number
			}
		case atCallFile:
			in.CallFile = uint32(v.number)
		case atCallLine:
			in.CallLine = uint32(v.number)
		}
	}
	if r.bad {
		return
	}
	if in.First, in.Count = c.span(d, u, low, high, ranges); in.Count > 0 {
		below.inlined = int32(len(c.Inlined))
		c.Inlined = append(c.Inlined, in)
	}
}

// variable takes a variable whose location is one address (DW_OP_addr,
// DW_OP_addrx, 2.5.1.1).
func (d *Data) variable(c *Code, u *Unit, r *reader, a *abbrev, at uint64) {
	var location, name, link value
	out := Variable{Offset: at}
	for _, spec := range a.attrs {
		v := r.value(u, spec)
		switch spec.name {
		case atLocation:
			location = v
		case atName:
			name = v
		case atLinkageName, atMIPSLinkage:
			link = v
		case atSpecification, atAbstractOrigin:
			if v.local() {
				out.Origin = v.number
			}
		}
	}
	if r.bad || len(location.bytes) < 2 {
		return
	}
	e := d.reader(location.bytes, 1, "location")
	switch location.bytes[0] {
	case 0x03: // DW_OP_addr
		out.Addr = e.offset(u.AddrSize)
	case 0xa1, 0xfb: // DW_OP_addrx, DW_OP_GNU_addr_index
		out.Addr, _ = d.indexed(u.addr, u.addrBase, e.uleb(), u.AddrSize)
	default:
		return
	}
	if e.bad || e.at != e.end || out.Addr == 0 && !d.relocatable {
		return
	}
	out.Name, out.Link = d.stringOf(u, name), d.stringOf(u, link)
	c.Variables = append(c.Variables, out)
}

// Statics yields the unit's static variables, without looking at its functions:
// a third of what Code costs. With an error comes what stood before it.
func (d *Data) Statics(u *Unit, yield func(*Variable)) error {
	if u.table == nil {
		return nil
	}
	key := abbrevKey{u.AbbrevOffset, u.Version, u.AddrSize, u.OffsetSize}
	r := d.reader(d.info, u.dies, ".debug_info")
	r.end = u.End
	depth, function := 0, 0 // of the function that we are in, 0 outside
	var c Code
	for r.at < r.end {
		at := r.at
		code := r.uleb()
		if code == 0 {
			depth = max(depth-1, 0)
			if depth < function {
				function = 0
			}
			continue
		}
		a := u.table.find(code)
		if a == nil {
			return byteio.Errorf(at, ".debug_info", "unknown abbreviation %d", code)
		}
		if a.tag == tagVariable && function == 0 {
			if d.variable(&c, u, &r, a, at); len(c.Variables) > 0 {
				yield(&c.Variables[0])
				c.Variables = c.Variables[:0]
			}
		} else {
			r.pass(a, key)
		}
		if r.bad {
			return byteio.Errorf(at, ".debug_info", "an entry runs past the unit's end")
		}
		if a.children {
			depth++
			if a.tag == tagSubprogram && function == 0 {
				function = depth
			}
		}
	}
	return nil
}

// Names are what an entry and the entries that it refers to say of a function
// or variable.
type Names struct {
	Name, Link string // DW_AT_name; DW_AT_linkage_name
	DeclFile   uint32 // index in the Files of Unit's line table, as that unit counts
	DeclLine   uint32
	Unit       *Unit // that DeclFile counts in
}

// Names reads the entry at an offset of .debug_info, and follows abstract
// origins and specifications until name and linkage name are known. It parses
// each time: callers that ask often keep the answers by offset.
func (d *Data) Names(off uint64) Names {
	var n Names
	for range 8 { // chains have two or three links; loops end here
		u := d.UnitAt(off)
		if u == nil || u.table == nil || off < u.dies {
			return n
		}
		r := d.reader(d.info, off, ".debug_info")
		r.end = u.End
		a := u.table.find(r.uleb())
		if a == nil {
			return n
		}
		next, nested := uint64(0), false
		var name, link value
		var declFile, declLine uint64
		for _, spec := range a.attrs {
			v := r.value(u, spec)
			switch spec.name {
			case atName:
				name = v
			case atLinkageName, atMIPSLinkage:
				link = v
			case atDeclFile:
				declFile = v.number
			case atDeclLine:
				declLine = v.number
			case atAbstractOrigin, atSpecification:
				if v.local() {
					next, nested = v.number, true
				}
			}
		}
		if r.bad {
			return n
		}
		if n.Name == "" {
			n.Name = d.stringOf(u, name)
		}
		if n.Link == "" {
			n.Link = d.stringOf(u, link)
		}
		if n.Unit == nil && declFile != 0 {
			n.DeclFile, n.DeclLine, n.Unit = uint32(declFile), uint32(declLine), u
		}
		if !nested || n.Name != "" && n.Link != "" && n.Unit != nil {
			return n
		}
		off = next
	}
	return n
}
