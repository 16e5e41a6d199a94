package pack

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
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
	{"bss-apart", []string{"gcc", "-O2", "-no-pie", "-Wl,--section-start=.bss=0x900000"}},
	{"go-fixed", []string{"go", "build", "-ldflags=-s -w"}},
	{"go-pie", []string{"go", "build", "-buildmode=pie", "-ldflags=-s -w"}},
	{"c++", []string{"g++", "-O2", "-fPIE", "-pie"}},
	{"c++-static", []string{"g++", "-O2", "-static"}},
	{"rust", []string{"rustc", "-O"}},
	{"rust-static", []string{"rustc", "-O", "-C", "target-feature=+crt-static"}},
	{"static-aarch64", []string{"aarch64-linux-gnu-gcc", "-O2", "-static"}},
	{"static-pie-aarch64", []string{"aarch64-linux-gnu-gcc", "-O2", "-static-pie"}},
	{"dynamic-aarch64", []string{"aarch64-linux-gnu-gcc", "-O2"}},
	{"go-fixed-aarch64", []string{"go", "build", "GOARCH=arm64", "-ldflags=-s -w"}}, // at 0x10000, with no room below
}

// sample builds testdata/sample.c, or the one in the compiler's language; the
// test is skipped where that cannot be.
func sample(t *testing.T, argv []string) string {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		t.Skipf("%s is not here", argv[0])
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "sample")
	env := append(os.Environ(), "CGO_ENABLED=0")
	var args []string
	for _, a := range argv[1:] {
		if strings.HasPrefix(a, "GOARCH=") {
			env = append(env, a)
		} else {
			args = append(args, a)
		}
	}
	source := "sample.c"
	switch {
	case argv[0] == "go":
		source = "sample.go"
		args = append(args, "-o", out, "testdata/sample.go")
	case argv[0] == "rustc":
		source = "sample.rs"
		args = append(args, "-C", "strip=symbols", "testdata/sample.rs", "-o", out)
	case argv[0] == "g++":
		source = "sample.cc"
		args = append(args, "testdata/sample.cc", "-s", "-o", out)
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
	cmd.Env = env
	if b, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(b), source+":") {
			t.Fatalf("%s", b)
		}
		t.Skipf("%s %s: %v\n%s", argv[0], strings.Join(args, " "), err, b)
	}
	return out
}

// packedSample builds the sample of a kind and packs it beside itself.
func packedSample(t *testing.T, kind string, o Options) (plain, packed string) {
	t.Helper()
	for _, k := range kinds {
		if k.name == kind {
			plain = sample(t, k.argv)
		}
	}
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	packed = plain + "-packed"
	packTo(t, data, packed, o)
	return plain, packed
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

// packOnce remembers what was packed: many tests run the same samples, and a
// megabyte takes two seconds.
var packOnce sync.Map // of packKey to func() packed

type packKey struct {
	sum [sha256.Size]byte
	o   Options
}

type packed struct {
	out []byte
	r   *Report
	err error
}

// packTo packs data by one method and writes it to path.
func packTo(t *testing.T, data []byte, path string, o Options) *Report {
	t.Helper()
	once, _ := packOnce.LoadOrStore(packKey{sha256.Sum256(data), o}, sync.OnceValue(func() packed {
		out, r, err := Pack(data, o)
		return packed{out, r, err}
	}))
	p := once.(func() packed)()
	if p.err != nil {
		t.Fatal(p.err)
	}
	back, err := Unpack(p.out)
	if err != nil || !bytes.Equal(back, data) {
		t.Fatalf("does not unpack to the input: %v", err)
	}
	if err := os.WriteFile(path, p.out, 0o755); err != nil {
		t.Fatal(err)
	}
	return p.r
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
			if len(data) > 1<<20 { // what differs by coder is seen in small ones
				options = options[1:]
			}
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
	for _, n := range []int{0, 1, 2, 3, 7, 8, 15, 16, 31, 63, 300, 999, 5000} {
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
	// To the limits: 128 KiB an argument (MAX_ARG_STRLEN), a quarter of the
	// stack's limit for all of them and the environment. The kernel takes as
	// many for the packed program as for the plain one.
	longest := []string{strings.Repeat("z", 128<<10-1)}
	for _, path := range []string{plain, packed} {
		if got := run(t, []string{path, longest[0]}, nil); got.status != 3 {
			t.Errorf("%s with an argument of %d bytes: %+v", filepath.Base(path), len(longest[0]), got.stderr)
		}
	}
	most := func(path string) (n int, last outcome) {
		low, high := 1, 1<<20 // arguments of one byte: taken, too many
		for low < high-1 {
			n := (low + high) / 2
			cmd := exec.Command("sh", "-c", `ulimit -s 1024; shift $1; exec "$0" $(yes x | head -n $N)`, path, "1")
			cmd.Env = []string{"PATH=/usr/bin:/bin", fmt.Sprintf("N=%d", n)}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run()
			switch status := cmd.ProcessState.ExitCode(); {
			case status == 3:
				low, last = n, outcome{stdout.String(), stderr.String(), status}
			case strings.Contains(stderr.String(), "rgument list too long"):
				high = n
			default:
				t.Fatalf("%s with %d arguments: status %d: %s", filepath.Base(path), n, status, stderr.String())
			}
		}
		return low, last
	}
	plainMost, want := most(plain)
	if err := os.Rename(packed, plain); err != nil { // the path's length counts
		t.Fatal(err)
	}
	packedMost, got := most(plain)
	if plainMost != packedMost || got != want || plainMost < 1000 {
		t.Errorf("plain takes %d arguments, packed %d:\n%.300s\n%.300s", plainMost, packedMost, want.stdout, got.stdout)
	}
}

// TestMappings reads the mappings of running programs from outside: packed,
// the image has the protections of the plain one, page for page (RELRO, too);
// none is writable and executable.
func TestMappings(t *testing.T) {
	for _, kind := range []string{"dynamic-pie", "dynamic-fixed", "static", "static-pie", "musl-static", "musl-dynamic", "large-pages", "no-separate-code", "lld", "lld-relr", "mold"} {
		t.Run(kind, func(t *testing.T) {
			runner(t, "")
			plain, packed := packedSample(t, kind, Options{})
			want, got := imageMappings(t, plain), imageMappings(t, packed)
			if !maps.Equal(want, got) {
				t.Errorf("pages of the image and their protections, packed:\n%v\nplain:\n%v", got, want)
			}
		})
	}
}

// startWaiting starts a sample that says where its image begins and then waits
// until stop.
func startWaiting(t *testing.T, path string) (pid int, first uint64, stop func()) {
	t.Helper()
	cmd := exec.Command(path, "wait")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() { stdin.Close(); _ = cmd.Wait() }
	if _, err := fmt.Fscanf(stdout, "%x\n", &first); err != nil {
		stop()
		t.Fatal(err)
	}
	return cmd.Process.Pid, first, stop
}

// imageMappings runs path and gives the protection of each of the pages from
// its image's first byte to its last segment's end.
func imageMappings(t *testing.T, path string) map[uint64]string {
	t.Helper()
	pid, first, stop := startWaiting(t, path)
	defer stop()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Skip(err)
	}
	plain, err := os.ReadFile(strings.TrimSuffix(path, "-packed"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := readProgram(plain)
	if err != nil {
		t.Fatal(err)
	}
	inSegment := func(page uint64) bool {
		for _, h := range p.loads {
			if page >= (h.Vaddr-p.first)&^0xfff && page < h.Vaddr+h.Memsz-p.first {
				return true
			}
		}
		return false
	}
	pages := map[uint64]string{}
	for line := range strings.Lines(string(maps)) {
		var start, end uint64
		var prot string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &start, &end, &prot); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if prot[1] == 'w' && prot[2] == 'x' {
			t.Errorf("%s: writable and executable: %s", filepath.Base(path), line)
		}
		for at := max(start, first); at < min(end, first+p.span); at += 0x1000 {
			if inSegment(at - first) { // plain programs have file pages in the gaps of large pages
				pages[at-first] = prot
			}
		}
	}
	if len(pages) < 4 {
		t.Fatalf("%d pages of the image found", len(pages))
	}
	return pages
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
