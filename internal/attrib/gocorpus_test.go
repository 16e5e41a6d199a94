package attrib

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// goTargets are a dozen machines and all formats that Go links.
var goTargets = []string{
	"linux/386", "linux/amd64", "linux/arm", "linux/arm64", "linux/mips64le", "linux/ppc64le", "linux/riscv64", "linux/s390x",
	"freebsd/amd64", "windows/amd64", "darwin/arm64", "js/wasm",
}

const goProgram = `package main

import (
	"fmt"
	"os"
	"sort"
)

type byLength []string

func (b byLength) Len() int           { return len(b) }
func (b byLength) Less(i, j int) bool { return len(b[i]) < len(b[j]) }
func (b byLength) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

func main() {
	args := os.Args
	sort.Sort(byLength(args))
	fmt.Println(args, len(args))
}
`

// TestGoCorpus builds one program for every machine, with symbols and
// without, and asks that its functions are found and that all sums are exact.
func TestGoCorpus(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP is not set: building Go's library for a dozen machines takes minutes")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(goProgram), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, target := range goTargets {
		t.Run(target, func(t *testing.T) {
			system, machine, _ := strings.Cut(target, "/")
			for _, ldflags := range []string{"", "-s -w"} {
				out := filepath.Join(dir, "program")
				cmd := exec.Command("go", "build", "-ldflags="+ldflags, "-o", out, source)
				cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+machine, "CGO_ENABLED=0", "GOFLAGS=")
				if text, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				data, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				rollEverything(t, data)
				inputs, err := Load("program", data, Options{})
				if err != nil {
					t.Fatal(err)
				}
				p := inputs[0].Program
				found := false
				for i := range p.Atoms {
					found = found || p.Atoms[i].Kind == Code && strings.Contains(p.Name(int32(i)), "main.byLength.Less")
				}
				if !found && !(machine == "wasm" && ldflags != "") { // without its name section nothing names Wasm's functions
					t.Errorf("-ldflags=%q: main.byLength.Less is not among %d atoms", ldflags, len(p.Atoms))
				}
			}
		})
	}
}
