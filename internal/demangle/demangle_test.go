package demangle

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	cxx "github.com/ianlancetaylor/demangle"
)

// corpus reads testdata/names.txt: names of real programs (std, cargo,
// rustc_driver, ripgrep, libstdc++), chosen to have every production.
func corpus(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/names.txt")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}

// libraryFault is where the library has known faults: it reads "023" as one
// number, where a leading 0 is the whole of it (an empty name), and prints the
// empty names of constructors, and takes the first underscore off a legacy name.
var libraryFault = regexp.MustCompile("0([0-9uE]|$)|N[cn]|[0-9]_[_a-z]")

// oracle is the library's reading, "" where it has none.
func oracle(name string) string {
	text, err := cxx.ToString(name)
	if err != nil {
		return ""
	}
	return text
}

func TestDisplayAgainstLibrary(t *testing.T) {
	checkDisplays(t, corpus(t), 15)
}

// checkDisplays compares displays; the library may refuse, or be wrong in its known ways, on a few.
func checkDisplays(t *testing.T, names []string, tolerated int) {
	t.Helper()
	refused := 0
	for _, name := range names {
		want := oracle(name)
		if want == "" {
			refused++
			continue
		}
		if got := Parse(name); got.Display != want {
			if libraryFault.MatchString(name) {
				refused++
				continue
			}
			t.Errorf("%s\n got %s\nwant %s", name, got.Display, want)
		} else if got.Scheme == Plain {
			t.Errorf("%s: no scheme", name)
		}
	}
	if refused > tolerated+len(names)/100 {
		t.Errorf("the library refused %d of %d names: the corpus no longer tests much", refused, len(names))
	}
}

// TestSweepNames compares displays on files of names, one per line.
func TestSweepNames(t *testing.T) {
	path := os.Getenv("MINSIZE_NAMES")
	if path == "" {
		t.Skip("MINSIZE_NAMES=FILE compares every Rust name in FILE with the library's reading")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	longest := 0
	var p Parser
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if name := lines.Text(); strings.HasPrefix(name, "_R") {
			names = append(names, name)
		}
	}
	start := time.Now()
	failed := 0
	for _, name := range names {
		n := p.Parse(name)
		longest = max(longest, len(n.Display))
		if n.Scheme != RustV0 {
			failed++
			t.Errorf("not parsed: %s", name)
		} else if n.Crate == "" || strings.Contains(n.Display, truncatedMark) {
			t.Errorf("no crate, or cut: %s", name)
		}
	}
	t.Logf("%d names in %v, longest display %d bytes", len(names), time.Since(start), longest)
	checkDisplays(t, names, 10)
}

func TestParts(t *testing.T) {
	for _, test := range []Name{
		{
			Mangled: "_RNvCs7czLD6YhrZq_5hello4main", Scheme: RustV0,
			Display: "hello::main", Crate: "hello", CrateHash: "7czLD6YhrZq", Module: "hello",
		},
		{
			Mangled: "_RNvMs_NtNtCsgk8IlXFPvXt_4core3fmt8buildersNtB4_11DebugStruct5field.llvm.123", Scheme: RustV0, Kind: Inherent,
			Display: "<core::fmt::builders::DebugStruct>::field", Crate: "core", CrateHash: "gk8IlXFPvXt",
			Module: "core::fmt::builders", SelfType: "core::fmt::builders::DebugStruct", Impl: 1, Suffix: ".llvm.123",
		},
		{
			Mangled: "_RNvXs1_NtCsbm_3foo3barINtNtCsgk_5alloc3vec3VechENtNtCs1_4core5clone5Clone5cloneCs9_3app", Scheme: RustV0, Kind: TraitImpl,
			Display: "<alloc::vec::Vec<u8> as core::clone::Clone>::clone", Crate: "foo", CrateHash: "bm", Module: "foo::bar",
			SelfType: "alloc::vec::Vec<u8>", Trait: "core::clone::Clone", Impl: 3, Args: "u8",
			Instantiating: "app", InstantiatingHash: "9",
		},
		{
			Mangled: "_RNCINvNtCs1_4core3ptr13drop_in_placeReE0Cs9_3app", Scheme: RustV0, Kind: Closure,
			Display: "core::ptr::drop_in_place::<&str>::{closure#0}", Crate: "core", CrateHash: "1", Module: "core::ptr",
			Args: "&str", Instantiating: "app", InstantiatingHash: "9",
		},
		{
			Mangled: "_RNvYNtC1a1BNtNtC1t1m5Trait4name", Scheme: RustV0, Kind: TraitMethod,
			Display: "<a::B as t::m::Trait>::name", Crate: "t", Module: "t::m", SelfType: "a::B", Trait: "t::m::Trait",
		},
		{
			Mangled: "_RNSNvYFEuINtNtNtC4core3ops8function6FnOnceuE9call_once6vtableC1a", Scheme: RustV0, Kind: Shim,
			Display: "<fn() as core::ops::function::FnOnce<()>>::call_once::{shim:vtable#0}", Crate: "core", Module: "core::ops::function",
			SelfType: "fn()", Trait: "core::ops::function::FnOnce<()>", Args: "fn(); ()", Instantiating: "a",
		},
		{ // an impl block inside a method of another one
			Mangled: "_RNvXs0_NvMNtCsx_3std3sysNtB8_4Host3runNtB5_5Guest" + "NtNtCs1_4core3fmt7Display3fmt", Scheme: RustV0, Kind: TraitImpl,
			Display: "<<std::sys::Host>::run::Guest as core::fmt::Display>::fmt", Crate: "std", CrateHash: "x", Module: "std::sys",
			SelfType: "<std::sys::Host>::run::Guest", Trait: "core::fmt::Display", Impl: 2,
		},
		{ // an empty name followed by a digit
			Mangled: "_RNvNvC1a023foo", Scheme: Plain, Display: "_RNvNvC1a023foo",
		},
		{
			Mangled: "_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE.llvm.77", Scheme: RustLegacy, Kind: Inherent,
			Display: "core::fmt::Formatter::write_str", Crate: "core", Module: "core::fmt", SelfType: "core::fmt::Formatter",
			Hash: "0123456789abcdef", Suffix: ".llvm.77",
		},
		{
			Mangled: "_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Write$GT$9write_str17h0123456789abcdefE", Scheme: RustLegacy, Kind: TraitImpl,
			Display: "<alloc::string::String as core::fmt::Write>::write_str", Crate: "core", CrateGuessed: false, Module: "core::fmt",
			SelfType: "alloc::string::String", Trait: "core::fmt::Write", Hash: "0123456789abcdef",
		},
		{
			Mangled: "_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE", Scheme: RustLegacy, Kind: Closure,
			Display: "std::rt::lang_start::{{closure}}", Crate: "std", Module: "std::rt::lang_start", Hash: "0123456789abcdef",
		},
		{
			Mangled: "_ZNSt6vectorIiSaIiEE9push_backERKi.isra.0", Scheme: Itanium,
			Display: "std::vector<int, std::allocator<int> >::push_back(int const&)", Module: "std::vector<int, std::allocator<int> >", Suffix: ".isra.0",
		},
		{Mangled: "main.cold", Display: "main", Suffix: ".cold"},
		{Mangled: "a.1", Display: "a.1"},
		{Mangled: "", Display: ""},
		{Mangled: "$s4main3FooV", Scheme: Swift, Display: "$s4main3FooV"},
	} {
		if diff := cmp.Diff(test, Parse(test.Mangled)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.Mangled, diff)
		}
	}
}

func TestGenericForm(t *testing.T) {
	for mangled, want := range map[string]string{
		"_RNvXs1_NtCsbm_3foo3barINtNtCsgk_5alloc3vec3VechENtNtCs1_4core5clone5Clone5cloneCs9_3app": "<alloc::vec::Vec<_> as core::clone::Clone>::clone",
		"_RINvNtCs1_4core3ptr13drop_in_placeReECs9_3app":                                           "core::ptr::drop_in_place::<_>",
		"_RNvXs_C1aRhNtB4_1T1f":                  "<&_ as a::T>::f",
		"_RNvXs_C1aINtB4_1ViENtB4_1T1f.cold":     "<a::V<_> as a::T>::f",
		"_ZN3foo3bar17h0123456789abcdefE":        "foo::bar",
		"_RNvCs7czLD6YhrZq_5hello4main":          "hello::main",
		"_RNvXs_C1aTheENtB4_1T1f":                "<(_, _) as a::T>::f",
		"_RNvMC1aINtB2_1SINtB2_1SINtB2_1ShEEE1f": "<a::S<_>>::f",
	} {
		n := Parse(mangled)
		if got := n.GenericForm(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", mangled, got, want)
		}
	}
}

func TestGoPackage(t *testing.T) {
	for name, want := range map[string]string{
		"main.main":                                 "main",
		"net/http.(*Client).Do":                     "net/http",
		"gopkg.in/yaml%2ev3.(*parser).parse":        "gopkg.in/yaml.v3",
		"github.com/a/b.init.0":                     "github.com/a/b",
		"slices.Sort[go.shape.[]string,go.shape.x]": "slices",
		"type:.eq.[2]github.com/a/b.T":              "github.com/a/b",
		"go:itab.*os.File,io.Writer":                "os",
		"go:buildid":                                "",
		"printf":                                    "",
		"runtime.memmove.abi0":                      "runtime",
	} {
		if got := GoPackage(name); got != want {
			t.Errorf("GoPackage(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestBounded: names made to explode stop early.
func TestBounded(t *testing.T) {
	bomb := "_RNvC1a1f"
	var b strings.Builder
	b.WriteString("_RINvC1a1f") // f::<(T0), (T0,T0), ...>, each twice the last
	at, previous := len("INvC1a1f"), -1
	for range 60 {
		start := at
		text := "The"
		if previous >= 0 {
			ref := "B" + base62(previous)
			text = "T" + ref + ref + ref
		}
		text += "E"
		b.WriteString(text)
		at += len(text)
		previous = start
	}
	b.WriteString("E")
	for _, name := range []string{bomb, b.String(), "_R" + strings.Repeat("Nv", 100000), "_RINvC1a1f" + strings.Repeat("R", 100000), "_ZN" + strings.Repeat("1a", 100000) + "17h0123456789abcdefE"} {
		start := time.Now()
		n := Parse(name)
		if d := time.Since(start); d > time.Second || len(n.Display) > max(2*len(name), maxOutput)+100 {
			t.Errorf("%.40s... took %v, display of %d bytes", name, d, len(n.Display))
		}
	}
	if n := Parse(b.String()); n.Scheme != RustV0 || !strings.HasSuffix(n.Display, truncatedMark) || n.Crate != "a" {
		t.Errorf("a name that explodes: scheme %v, crate %q, display ends %q", n.Scheme, n.Crate, n.Display[max(0, len(n.Display)-40):])
	}
}

func base62(n int) string {
	if n == 0 {
		return "_"
	}
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	s := "_"
	for n--; ; n /= 62 {
		s = string(digits[n%62]) + s
		if n < 62 {
			return s
		}
	}
}

func BenchmarkRust(b *testing.B) {
	var names []string
	for _, name := range corpus(b) {
		if n := Parse(name); n.Rust() {
			names = append(names, name)
		}
	}
	var p Parser
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Parse(names[i%len(names)])
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range corpus(f) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n := Parse(name)
		if n.Mangled != name || len(n.Display) > max(2*len(name), maxOutput)+1<<12 {
			t.Errorf("%q: display of %d bytes", name, len(n.Display))
		}
		if again := Parse(name); again != n {
			t.Errorf("%q: parsed twice, two answers", name)
		}
		n.GenericForm()
		GoPackage(name)
	})
}
