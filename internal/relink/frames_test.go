package relink

import (
	"os/exec"
	"strings"
	"testing"
)

// framesAreClean lets the tools at hand read the program's call frames. base
// is the program without cuts: eu-readelf sees no frames in what gold links.
func framesAreClean(t *testing.T, base, program string) {
	t.Helper()
	for _, tool := range [][]string{{"readelf", "--debug-dump=frames"}, {"eu-readelf", "--debug-dump=frame"}} {
		path, err := exec.LookPath(tool[0])
		if err != nil {
			t.Logf("without %s", tool[0])
			continue
		}
		cmd := exec.Command(path, tool[1], program)
		var complaints strings.Builder
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil || complaints.Len() > 0 {
			t.Errorf("%s on %s: %v %s", tool[0], program, err, complaints.String())
		}
		if plain, _ := exec.Command(path, tool[1], base).Output(); len(out) < len(plain)/10 {
			t.Errorf("%s on %s: %d bytes of frames", tool[0], program, len(out))
		}
	}
}

// TestDebuggerWalksCutProgram: gdb finds its way from the abort to main
// through a program with cuts.
func TestDebuggerWalksCutProgram(t *testing.T) {
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		t.Skip("needs gdb")
	}
	eachCompiler(t, func(t *testing.T, c compiler) {
		r := record(t, c, debugLTO, "behaviours.rs")
		program, _ := linkTo(t, r, Variant{Cuts: []Cut{CutByName("std-symbolizer").Cut, CutByName("backtrace-printer").Cut}})
		out, err := exec.Command(gdb, "-batch", "-nx", "-ex", "set debuginfod enabled off", "-ex", "break rust_panic", "-ex", "run panic-main", "-ex", "bt", program).CombinedOutput()
		if err != nil {
			t.Skipf("gdb cannot run programs here: %v %s", err, out)
		}
		text := string(out)
		for _, want := range []string{"rust_panic", "behaviours::main", "behaviours.rs:"} {
			if !strings.Contains(text, want) {
				t.Errorf("backtrace without %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "corrupt stack") || strings.Contains(text, "previous frame") {
			t.Errorf("gdb lost its way:\n%s", text)
		}
	})
}
