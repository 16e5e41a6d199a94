package dwarf

// What a function returns. DWARF says it by DW_AT_type of the function's entry
// or of the one that it refers to (3.3.2); no DW_AT_type means nothing (C's
// void, Rust's unit). It also has none where a compiler wrote line tables
// alone, so silence counts only in a unit that has types elsewhere.

// Returns is what debug information says of a function's result.
type Returns uint8

const (
	ReturnsUnknown Returns = iota
	ReturnsNothing
	ReturnsSomething
	ReturnsNever // DW_AT_noreturn
)

// Returns reads the function's entry at an offset of .debug_info, as Names
// does. typeName is the type's DW_AT_name where it has one. typed says whether
// a unit describes results at all (Typed); callers keep its answers.
func (d *Data) Returns(off uint64, typed func(*Unit) bool) (result Returns, typeName string) {
	never := false
	for range 8 {
		u := d.UnitAt(off)
		if u == nil || u.table == nil || off < u.dies {
			return ReturnsUnknown, ""
		}
		r := d.reader(d.info, off, ".debug_info")
		r.end = u.End
		a := u.table.find(r.uleb())
		if a == nil {
			return ReturnsUnknown, ""
		}
		var of value
		next, nested, elsewhere := uint64(0), false, false
		for _, spec := range a.attrs {
			v := r.value(u, spec)
			switch spec.name {
			case atType:
				of = v
			case atNoreturn:
				never = never || v.form == formFlagPresent || v.number != 0
			case atAbstractOrigin, atSpecification:
				next, nested = v.number, v.local()
				elsewhere = !nested
			}
		}
		switch {
		case r.bad || elsewhere:
			return ReturnsUnknown, ""
		case never:
			return ReturnsNever, ""
		case of.form != 0:
			if of.local() {
				typeName = d.Names(of.number).Name
			}
			return ReturnsSomething, typeName
		case !nested && typed(u):
			return ReturnsNothing, ""
		case !nested:
			return ReturnsUnknown, ""
		}
		off = next
	}
	return ReturnsUnknown, ""
}

// Typed says whether any function of the unit has a result with a type.
func (d *Data) Typed(u *Unit) bool {
	if u.table == nil {
		return false
	}
	key := abbrevKey{u.AbbrevOffset, u.Version, u.AddrSize, u.OffsetSize}
	r := d.reader(d.info, u.dies, ".debug_info")
	r.end = u.End
	for r.at < r.end && !r.bad {
		code := r.uleb()
		if code == 0 {
			continue
		}
		a := u.table.find(code)
		if a == nil {
			return false
		}
		if a.tag == tagSubprogram {
			for _, spec := range a.attrs {
				if spec.name == atType {
					return true
				}
			}
		}
		r.pass(a, key)
	}
	return false
}
