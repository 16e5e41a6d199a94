package demangle

import "testing"

func TestTemplate(t *testing.T) {
	for _, c := range []struct {
		mangled, want string
		instance      bool
	}{
		{"_ZN3boxIiE3putEi", "box::put", true},
		{"__ZN3boxIiE3putEi", "box::put", true}, // Mach-O
		{"_ZNK3boxIdEltERKS0_", "box::operator<", true},
		{"_ZlsIiER3boxIT_ES3_i", "operator<<", true},
		{"_Z3cmpIdEDTltfp_fp0_ET_S1_", "cmp", true}, // decltype(a < b) cmp<double>(double, double)
		{"_Z5twiceIiET_S0_", "twice", true},
		{"_Z5twiceIdET_S0_", "twice", true},
		{"_Z3fooi.part.0", "foo", false},
		{"_RNvC3app4main", "", false},
	} {
		n := Parse(c.mangled)
		if got, instance := n.Template(); got != c.want || instance != c.instance {
			t.Errorf("%s (%s): %q, %v; want %q, %v", c.mangled, n.Display, got, instance, c.want, c.instance)
		}
	}
}
