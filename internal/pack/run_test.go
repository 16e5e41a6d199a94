package pack

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/minsize/minsize/internal/pack/codec"
)

// kinds of linking, and what builds them.
var kinds = []struct {
	name string
	argv []string // the source, -o and the output follow
}{
	{"dynamic-pie", []string{"gcc", "-O2", "-fPIE", "-pie"}},
	{"dynamic-fixed", []string{"gcc", "-O2", "-fno-pie", "-no-pie"}},
	{"static", []string{"gcc", "-O2", "-fno-pie", "-static"}},
	{"static-pie", []string{"gcc", "-O2", "-fPIE", "-static-pie"}},
	{"musl-static", []string{"musl-gcc", "-O2", "-static"}},
	{"musl-dynamic", []string{"musl-gcc", "-O2", "-fPIE", "-pie"}},
	{"large-pages", []string{"gcc", "-O2", "-fPIE", "-pie", "-Wl,-z,max-page-size=0x200000", "-Wl,-z,common-page-size=0x200000"}},
	{"no-separate-code", []string{"gcc", "-O2", "-fPIE", "-pie", "-Wl,-z,noseparate-code"}},
	{"lld", []string{"gcc", "-O2", "-fPIE", "-pie", "-fuse-ld=lld"}},
	{"lld-clang", []string{"clang", "-O2", "-fPIE", "-pie", "-fuse-ld=lld"}},
	{"lld-fixed", []string{"clang", "-O2", "-fno-pie", "-no-pie", "-fuse-ld=lld"}},
	{"lld-static-pie", []string{"gcc", "-O2", "-fPIE", "-static-pie", "-fuse-ld=lld"}},
	{"lld-relr", []string{"gcc", "-O2", "-fPIE", "-pie", "-fuse-ld=lld", "-Wl,-z,pack-relative-relocs"}},
	{"mold", []string{"gcc", "-O2", "-fPIE", "-pie", "-fuse-ld=mold"}},
	{"go-fixed", []string{"go", "build", "-ldflags=-s -w"}},
	{"go-pie", []string{"go", "build", "-buildmode=pie", "-ldflags=-s -w"}},
	{"static-aarch64", []string{"aarch64-linux-gnu-gcc", "-O2", "-static"}},
	{"static-pie-aarch64", []string{"aarch64-linux-gnu-gcc", "-O2", "-static-pie"}},
	{"dynamic-aarch64", []string{"aarch64-linux-gnu-gcc", "-O2"}},
	{"bti-aarch64", []string{"aarch64-linux-gnu-gcc", "-O2", "-static", "-mbranch-protection=standard"}},
}

// sample builds testdata/sample.c, or sample.go; the test is skipped where that
// cannot be.
func sample(t *testing.T, argv []string) string {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skipf("%s is not here", argv[0])
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "sample")
	args := argv[1:len(argv):len(argv)]
	source := "sample.c"
	switch {
	case argv[0] == "go":
		source = "sample.go"
		args = append(args, "-o", out, "testdata/sample.go")
	default:
		args = append(args, "testdata/sample.c", "-s", "-o", out)
	}
	if slices.Contains(argv, "-fuse-ld=lld") {
		if err := os.Symlink(findLLD(t), filepath.Join(dir, "ld.lld")); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-B", dir)
	}
	cmd := exec.Command(argv[0], args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(b), source+":") {
			t.Fatalf("%s", b)
		}
		t.Skipf("%s %s: %v\n%s", argv[0], strings.Join(args, " "), err, b)
	}
	return out
}

// findLLD is ld.lld under the name that compilers look for, or under that of
// a version, the only one that distributions install.
func findLLD(t *testing.T) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if found, _ := filepath.Glob(filepath.Join(dir, "ld.lld*")); len(found) > 0 {
			return found[0]
		}
	}
	t.Skip("ld.lld is not here")
	return ""
}

// runner is how a program for a foreign machine runs here.
func runner(t *testing.T, name string) []string {
	t.Helper()
	if strings.HasSuffix(name, "-aarch64") && runtime.GOARCH != "arm64" {
		if _, err := exec.LookPath("qemu-aarch64-static"); err != nil {
			t.Skip("qemu-aarch64-static is not here")
		}
		return []string{"qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"}
	}
	if !strings.HasSuffix(name, "-aarch64") && runtime.GOARCH != "amd64" {
		t.Skip("an x86-64 machine is wanted")
	}
	return nil
}

// packTo packs data by one method and writes it to path.
func packTo(t *testing.T, data []byte, path string, o Options) *Report {
	t.Helper()
	out, r, err := Pack(data, o)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Unpack(out)
	if err != nil || !bytes.Equal(back, data) {
		t.Fatalf("does not unpack to the input: %v", err)
	}
	if err := os.WriteFile(path, out, 0o755); err != nil {
		t.Fatal(err)
	}
	return r
}

type outcome struct {
	stdout, stderr string
	status         int
}

func run(t *testing.T, argv, env []string) outcome {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	status := cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		status = 128 + int(ws.Signal())
	}
	return outcome{stdout.String(), stderr.String(), status}
}

// TestKinds: every kind of linking runs packed as it runs plain, by both
// coders, and no mapping of it is writable and executable.
func TestKinds(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			run1 := runner(t, k.name)
			plain := sample(t, k.argv)
			data, err := os.ReadFile(plain)
			if err != nil {
				t.Fatal(err)
			}
			// The same path for both, since the program prints AT_EXECFN.
			options := []Options{{}, {FastStart: true}}
			if strings.HasPrefix(k.name, "dynamic-") {
				options = append(options, Options{Max: true, onlyMethod: codec.Mix})
			}
			for _, o := range options {
				argv := append(run1[:len(run1):len(run1)], plain, "maps", "x")
				env := []string{"A=1", "BB=22"}
				if err := os.WriteFile(plain, data, 0o755); err != nil {
					t.Fatal(err)
				}
				want := run(t, argv, env)
				if want.status != 3 {
					t.Fatalf("the plain program ends with %d: %s", want.status, want.stderr)
				}
				os.Remove(plain)
				r := packTo(t, data, plain, o)
				got := run(t, argv, env)
				if got.stdout != want.stdout || got.status != want.status {
					t.Errorf("%s: status %d, expected %d\n%s--- expected\n%s--- stderr\n%s", r.Method, got.status, want.status, got.stdout, want.stdout, got.stderr)
				}
				for line := range strings.Lines(got.stderr) {
					if f := strings.Fields(line); len(f) > 1 && strings.Contains(f[1], "w") && strings.Contains(f[1], "x") {
						t.Errorf("%s: writable and executable: %s", r.Method, line)
					}
				}
			}
		})
	}
}

// TestEnvironmentAndArguments: the sizes of both do not matter.
func TestEnvironmentAndArguments(t *testing.T) {
	runner(t, "")
	plain := sample(t, kinds[0].argv)
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	packed := plain + "-packed"
	packTo(t, data, packed, Options{})
	for _, n := range []int{0, 1, 7, 300, 5000} {
		var env, args []string
		for i := range n {
			env = append(env, fmt.Sprintf("V%d=%s", i, strings.Repeat("x", i%200)))
		}
		for i := range n / 2 {
			args = append(args, strings.Repeat("y", i%300))
		}
		want := run(t, append([]string{plain}, args...), env)
		got := run(t, append([]string{packed}, args...), env)
		got.stdout = strings.ReplaceAll(got.stdout, packed, plain)
		if got != want {
			t.Errorf("%d variables: %+v, expected %+v", n, got, want)
		}
	}
	// Close to the limit of all arguments together (a quarter of the stack).
	long := []string{strings.Repeat("z", 100_000)}
	for len(long) < 15 {
		long = append(long, long[0])
	}
	want, got := run(t, append([]string{plain}, long...), nil), run(t, append([]string{packed}, long...), nil)
	got.stdout = strings.ReplaceAll(got.stdout, packed, plain)
	if got != want {
		t.Errorf("long arguments: %+v, expected %+v", got, want)
	}
}

// TestDamagedFileStops: any changed byte of header, stub's data or payload
// ends the program with a message and status 127, or leaves it as it was
// where the byte is not looked at; it never runs rubbish.
func TestDamagedFileStops(t *testing.T) {
	runner(t, "")
	plain := sample(t, kinds[0].argv)
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	out, r, err := Pack(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := plain + "-damaged"
	payload := r.Headers + r.Stub
	for _, at := range []int{headerOffset + 16, headerOffset + 33, payload, payload + r.Payload/2, payload + r.Payload - 1} {
		bad := bytes.Clone(out)
		bad[at] ^= 0x40
		if err := os.WriteFile(path, bad, 0o755); err != nil {
			t.Fatal(err)
		}
		got := run(t, []string{path}, nil)
		if got.status != 127 || !strings.Contains(got.stderr, "damaged") || got.stdout != "" {
			if at == headerOffset+33 && got.status == 128+int(syscall.SIGSEGV) {
				continue // a size beyond the mapping cannot be summed
			}
			t.Errorf("byte %d changed: %+v", at, got)
		}
		if _, err := Unpack(bad); err == nil {
			t.Errorf("byte %d changed: unpack did not notice", at)
		}
	}
}
