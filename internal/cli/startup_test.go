package cli

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// initLine is a package's line of GODEBUG=inittrace=1.
var initLine = regexp.MustCompile(`(?m)^init (\S+) @.* clock, (\d+) bytes, (\d+) allocs$`)

// TestStartIsCheap holds what every run of the program does before it knows what
// was asked: tables and expressions are made by the first who needs them. What
// is counted is memory, which is the same on a busy machine.
func TestStartIsCheap(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: exe, Args: []string{"minsize", "version"}, Env: append(os.Environ(), "GODEBUG=inittrace=1")}
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, trace)
	}
	packages, bytes, allocs := 0, 0, 0
	for _, m := range initLine.FindAllStringSubmatch(string(trace), -1) {
		if !strings.HasPrefix(m[1], "github.com/minsize/") || strings.HasSuffix(m[1], "/cli") { // which has its tests' variables here
			continue
		}
		b, _ := strconv.Atoi(m[2])
		a, _ := strconv.Atoi(m[3])
		packages, bytes, allocs = packages+1, bytes+b, allocs+a
		if b > 18<<10 || a > 200 { // machine has five with code: 17 KiB
			t.Errorf("package %s makes %d bytes in %d allocations at every start: put it behind sync.OnceValue", m[1], b, a)
		}
	}
	t.Logf("%d packages of ours: %d bytes in %d allocations", packages, bytes, allocs)
	if packages < 10 {
		t.Fatalf("only %d packages in the trace:\n%s", packages, trace)
	}
	if bytes > 96<<10 || allocs > 650 {
		t.Errorf("our packages make %d bytes in %d allocations at every start", bytes, allocs)
	}
}

// TestOneVerbIsMade: a command line that names a verb pays for its flags alone.
func TestOneVerbIsMade(t *testing.T) {
	for _, v := range verbs {
		if name := v.make(&env{}).Name(); name != v.name {
			t.Errorf("the verb %s is called %s in the table", name, v.name)
		}
	}
	for typed, want := range map[string]int{"size -d symbols app": 1, "version": 1, "": len(verbs), "-q size": len(verbs),
		"siez": len(verbs), "size --help": len(verbs), "help size": len(verbs), "man size": len(verbs), "__complete size -": len(verbs)} {
		if got := len(verbsFor(strings.Fields(typed))); got != want {
			t.Errorf("%q has %d verbs made, not %d", typed, got, want)
		}
	}
	count := func(with []verb) float64 {
		return testing.AllocsPerRun(3, func() { newRootCommand(&env{stdout: io.Discard, stderr: io.Discard}, with) })
	}
	if one, all := count(verbsFor([]string{"size"})), count(verbs); one > all/5 {
		t.Errorf("one verb takes %.0f allocations where all take %.0f", one, all)
	}
}
