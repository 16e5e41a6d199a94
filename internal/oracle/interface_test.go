package oracle

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// interfaceOf links a library of C.
func interfaceOf(t *testing.T, source string, args ...string) *Interface {
	t.Helper()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "l.c"), filepath.Join(dir, "l.so")
	if err := os.WriteFile(file, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	for i, a := range args { // a version script is given as its text
		if text, ok := strings.CutPrefix(a, "script:"); ok {
			script := filepath.Join(dir, "script")
			if err := os.WriteFile(script, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			args[i] = "-Wl,--version-script=" + script
		}
	}
	cmd := exec.Command("cc", append([]string{"-shared", "-fPIC", "-O1", "-o", out, file}, args...)...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	i, err := InterfaceOf(data)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

const interfaceSource = `
int counter = 1;
__thread int mine __attribute__((tls_model("global-dynamic")));
int f(void) { return counter; }
int g(void) { return mine; }
__attribute__((weak)) int w(void) { return 2; }
static int hidden(void) { return 3; }
__attribute__((constructor)) static void up(void) { counter = hidden(); }
int puts(const char *);
int says(void) { return puts("f"); }
`

// TestInterfaceDifferences: each way in which a library can become another one
// to its hosts is seen, and no other.
func TestInterfaceDifferences(t *testing.T) {
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("needs cc")
	}
	edit := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(interfaceSource) }
	named := []string{"-Wl,-soname,libl.so.1"}
	old := interfaceOf(t, interfaceSource, named...)
	if old.Exports["f"] != "function" || old.Exports["counter"] != "data of 4 bytes" || old.Exports["w"] != "weak function" ||
		old.Exports["mine"] != "thread-local data of 4 bytes" || old.Exports["hidden"] != "" || !old.Imports["puts"] || old.Soname != "libl.so.1" {
		t.Fatalf("%+v", old)
	}
	for _, c := range []struct {
		name   string
		source string
		args   []string
		want   []string
	}{
		{"the same", interfaceSource, named, nil},
		{"other code", edit("return counter", "return counter * 3 + 7"), named, nil},
		{"the other hash table", interfaceSource, append(named, "-Wl,--hash-style=sysv"), nil},
		{"an import less", edit(`puts("f")`, "4"), named, nil},
		{"an export less", edit("int f(void)", "static int __attribute__((used)) f(void)"), named, []string{"f is no longer exported"}},
		{"an export more", interfaceSource + "int h(void) { return 5; }", named, []string{"h is exported, and was not"}},
		{"larger data", edit("int counter", "long counter"), named, []string{"counter is exported as data of 8 bytes, was data of 4 bytes"}},
		{"no longer weak", edit("__attribute__((weak)) ", ""), named, []string{"w is exported as function, was weak function"}},
		{"another import", edit(`puts("f")`, `puts("f") + getpid()`, "int puts", "int getpid(void); int puts"), named, []string{"getpid is imported, and was not"}},
		{"another name", interfaceSource, []string{"-Wl,-soname,libl.so.2"}, []string{"its name (SONAME) is libl.so.2, was libl.so.1"}},
		{"no name", interfaceSource, nil, []string{"its name (SONAME) is none, was libl.so.1"}},
		{"a search path", interfaceSource, append(named, "-Wl,-rpath,/lib/x"), []string{"its search path is /lib/x, was none"}},
		{"a constructor less", edit("__attribute__((constructor)) static void up", "void __attribute__((visibility(\"hidden\"))) up"), named, []string{"the number of constructors is 1, was 2"}},
		{"a version", interfaceSource, append(named, "script:V1 { global: f; };"), []string{"f is no longer exported", "f@V1 is exported, and was not", "the versions that it defines is V1, was none"}},
		{"static thread-local data", edit("global-dynamic", "initial-exec"), named, []string{"its thread-local data is of the static model, which dlopen may refuse"}},
		{"a needed library", interfaceSource, append(named, "-Wl,--no-as-needed", "-lm"), []string{"it needs libm.so.6, and did not"}},
		{"symbolic binding", interfaceSource, append(named, "-Wl,-Bsymbolic"), []string{"its binding is symbolic , was none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := old.Differences(interfaceOf(t, c.source, slices.Clone(c.args)...))
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	without := interfaceOf(t, "int f(void) { return 1; }", "-nostdlib")
	if got := old.Fewer(without); !slices.Contains(got, "libc.so.6") {
		t.Errorf("fewer: %q", got)
	}
}

func TestRaises(t *testing.T) {
	have := map[string]bool{"GLIBC_2.2.5": true, "GLIBC_2.17": true, "GCC_3.0": true}
	for v, want := range map[string]bool{"GLIBC_2.14": false, "GLIBC_2.3": false, "GLIBC_2.18": true, "GLIBC_2.36": true, "GLIBC_ABI_DT_RELR": true, "GCC_3.3": true, "OTHER_1": true} {
		if raises(have, v) != want {
			t.Errorf("%s: %v", v, !want)
		}
	}
	i := &Interface{Versions: map[string]map[string]bool{"libc.so.6": have, "libm.so.6": {"GLIBC_2.29": true}}}
	if got := i.Newest("GLIBC_"); got != "2.29" {
		t.Errorf("newest: %s", got)
	}
	if got := i.Newest("GLIBCXX_"); got != "" {
		t.Errorf("newest: %s", got)
	}
}
