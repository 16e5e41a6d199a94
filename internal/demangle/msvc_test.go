package demangle

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// microsoftNames are names as MSVC and clang write them.
var microsoftNames = []struct{ mangled, display, module, template string }{
	{"?f@@YAHH@Z", "f(int)", "", "f"},
	{"?get@Box@ns@@QEBAHXZ", "ns::Box::get() const", "ns::Box", "ns::Box::get"},
	{"??0Box@ns@@QEAA@H@Z", "ns::Box::Box(int)", "ns::Box", "ns::Box::Box"},
	{"??1Box@ns@@UEAA@XZ", "ns::Box::~Box()", "ns::Box", "ns::Box::~Box"},
	{"??$max@H@std@@YAAEBHAEBH0@Z", "std::max<int>(int const &, int const &)", "std", "std::max"},
	{"?x@@3HA", "x", "", "x"},
	{"??_7Box@ns@@6B@", "ns::Box::`vftable'", "ns::Box", "ns::Box::`vftable'"},
	{"??_R0?AVBox@ns@@@8", "ns::Box `RTTI Type Descriptor'", "ns::Box", "ns::Box `RTTI Type Descriptor'"},
	{"?push_back@?$vector@HV?$allocator@H@std@@@std@@QEAAX$$QEAH@Z", "std::vector<int, std::allocator<int>>::push_back(int &&)", "std::vector<int, std::allocator<int>>", "std::vector::push_back"},
	{"??_C@_05CJBACGMB@hello?$AA@", `"hello"`, "", `"hello"`},
	{"?cb@@YAXP6AHPEBD@Z@Z", "cb(int (*)(char const *))", "", "cb"},
	{"?run@?A0x1234abcd@@YAXXZ", "`anonymous namespace'::run()", "`anonymous namespace'", "`anonymous namespace'::run"},
	{"?f@@YAHH@", "?f@@YAHH@", "", ""}, // cut off
	{"?", "?", "", ""},
	{"?f@@YAH9@Z", "?f@@YAH9@Z", "", ""}, // refers to nothing
}

func TestMicrosoftNames(t *testing.T) {
	for _, c := range microsoftNames {
		n := Parse(c.mangled)
		template, _ := n.Template()
		if n.Display != c.display || n.Module != c.module || template != c.template {
			t.Errorf("%s is %q in %q and %q", c.mangled, n.Display, n.Module, template)
		}
	}
}

// TestMicrosoftNamesAgainstLLVM has clang mangle what C++ has, and llvm-undname
// say what it means.
func TestMicrosoftNamesAgainstLLVM(t *testing.T) {
	tool := func(names ...string) string {
		for _, name := range names {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		t.Skip("needs " + names[0])
		return ""
	}
	clang, nm, undname := tool("clang++", "clang++-14"), tool("llvm-nm", "llvm-nm-14"), tool("llvm-undname", "llvm-undname-14")
	object := filepath.Join(t.TempDir(), "all.obj")
	out, err := exec.Command(clang, "--target=x86_64-pc-windows-msvc", "-std=c++20", "-fno-exceptions", "-w", "-c", "-o", object, filepath.Join("testdata", "microsoft.cpp")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	symbols, err := exec.Command(nm, "--format=just-symbols", object).Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range strings.Fields(string(symbols)) {
		if strings.HasPrefix(name, "?") {
			names = append(names, name)
		}
	}
	cmd := exec.Command(undname, "--no-access-specifier", "--no-calling-convention", "--no-return-type", "--no-member-type", "--no-variable-type")
	cmd.Stdin, cmd.Stderr = strings.NewReader(strings.Join(names, "\n")+"\n"), os.Stderr
	answers, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(strings.TrimSpace(string(answers)), "\n\n")
	if len(blocks) != len(names) || len(names) < 60 {
		t.Fatalf("%d answers to %d names", len(blocks), len(names))
	}
	kept := 0
	for i, name := range names {
		_, theirs, _ := strings.Cut(blocks[i], "\n")
		theirs = strings.ReplaceAll(theirs, "`int ", "`") // what a scope returns
		theirs = words.ReplaceAllString(strings.ReplaceAll(theirs, "(void)", "()"), "")
		n := Parse(name)
		switch {
		case n.Scheme != Microsoft:
			t.Logf("stays %s: %s", name, theirs)
			kept++
		case strings.Contains(name, "?_R0"): // whose type the oracle does not show
		case n.Display != strings.TrimPrefix(theirs, "const "):
			t.Errorf("%s\n is %s\nnot %s", name, n.Display, theirs)
		}
	}
	if kept > len(names)/20 {
		t.Errorf("%d of %d names stay as they are", kept, len(names))
	}
}

// words that the oracle cannot be told to leave out.
var words = regexp.MustCompile(`\b(class|struct|enum|union) |\b__(cdecl|vectorcall) ?`)

// TestMicrosoftNamesOfNothing: any text has an answer, in bounded time and space.
func TestMicrosoftNamesOfNothing(t *testing.T) {
	letters := rapid.SampledFrom(strings.Split("? @ $ 0 1 A B E H P Q V W X Y Z _ ?$ ?$a @@ name 6A $$Q ?0 YA AEAV 01 Y11", " "))
	rapid.Check(t, func(t *rapid.T) {
		n := Parse("?" + strings.Join(rapid.SliceOfN(letters, 0, 40).Draw(t, "name"), ""))
		if len(n.Display) > 1<<20 || n.Display == "" {
			t.Fatalf("%d bytes", len(n.Display))
		}
	})
}
