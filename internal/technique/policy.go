package technique

import (
	"fmt"
	"slices"
)

// Policy is what the user allows to be lost.
type Policy struct {
	Level   Level
	Allow   map[Risk]bool // classes allowed or (false) forbidden beyond the level
	With    []string      // techniques asked for by name
	Without []string      // techniques refused by name
	Insist  []string      // of With, those that the user typed: what is seen in the program does not stop them
	Strict  bool          // what the program was seen to rely on is not given up
	Glibc   [2]int        // oldest glibc asked for; RELR enters by itself from 2.36 on
}

// Allows says whether t may enter by p, and if not, which flag would let it.
// What t needs of the machine is another question: see Missing.
func (p Policy) Allows(t *Technique) (bool, string) {
	switch {
	case slices.Contains(p.Without, t.Name):
		return false, "left out by --without " + t.Name
	case slices.Contains(p.With, t.Name):
		return true, ""
	case t.ByName:
		return false, "--with " + t.Name
	}
	if allowed, said := p.Allow[t.Risk]; said {
		if !allowed {
			return false, fmt.Sprintf("left out by --allow-%s=false", t.Risk)
		}
		if t.Risk != Size && t.Risk != Debuggability {
			return true, ""
		}
	}
	if t.Glibc != [2]int{} && p.Level >= Abort && slices.Compare(p.Glibc[:], t.Glibc[:]) >= 0 {
		return true, ""
	}
	if t.Level <= p.Level {
		return true, ""
	}
	how := ""
	if t.Risk == Deployment || t.Risk == Behaviour || t.Risk == Security {
		how = fmt.Sprintf(" or --allow-%s", t.Risk)
	}
	if t.Level != Asked {
		return false, fmt.Sprintf("--level %s%s", t.Level, how)
	}
	return false, fmt.Sprintf("--with %s%s", t.Name, how)
}

// Check refuses names that the table does not have.
func (p Policy) Check(table []*Technique) error {
	for _, list := range [][]string{p.With, p.Without} {
		for _, name := range list {
			if !slices.ContainsFunc(table, func(t *Technique) bool { return t.Name == name }) {
				return fmt.Errorf("unknown technique %q", name)
			}
		}
	}
	return nil
}
