//go:build linux

package pack

import (
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKernels boots kernels in an emulator and runs there, plain and packed,
// a sample of every kind of linking: what it prints about its auxiliary
// vector, protections, brk, threads and vDSO must be the same, before /proc is
// mounted and after, with 5000 variables, and where written memory may not
// become executable.
//
//	MINSIZE_KERNELS=/boot/vmlinuz-*:/tmp/more/* go test -run TestKernels -v ./internal/pack
//
// Kernels are bzImage (x86-64) and Image (aarch64) files; `dpkg -x` takes them
// out of a distribution's packages without installing them.
func TestKernels(t *testing.T) {
	patterns := os.Getenv("MINSIZE_KERNELS")
	if patterns == "" {
		if os.Getenv("MINSIZE_SWEEP") == "" {
			t.Skip("neither MINSIZE_KERNELS nor MINSIZE_SWEEP is set")
		}
		patterns = "/boot/vmlinuz-*:/usr/lib/modules/*/vmlinuz"
	}
	var images []string
	for _, p := range filepath.SplitList(patterns) {
		found, err := filepath.Glob(p)
		if err != nil {
			t.Fatalf("MINSIZE_KERNELS=%s: %v", p, err)
		}
		images = append(images, found...)
	}
	if len(images) == 0 {
		t.Skipf("no kernel image is in %s", patterns)
	}
	roots := map[string]*guest{}
	for _, image := range images {
		t.Run(filepath.Base(image), func(t *testing.T) {
			data, err := os.ReadFile(image)
			if err != nil {
				t.Skip(err)
			}
			var arch string
			switch {
			case len(data) > 0x240 && string(data[0x202:0x206]) == "HdrS":
				arch = "x86_64"
			case len(data) > 0x40 && string(data[0x38:0x3c]) == "ARM\x64":
				arch = "aarch64"
			default:
				t.Skip("neither a bzImage nor an aarch64 Image")
			}
			if _, err := exec.LookPath("qemu-system-" + arch); err != nil {
				t.Skipf("qemu-system-%s is not here", arch)
			}
			if roots[arch] == nil {
				roots[arch] = newGuest(t, arch)
			}
			roots[arch].boot(t, image)
		})
	}
}

// guest is an initial file system and what is run in it.
type guest struct {
	arch    string
	cpio    []byte
	lines   []string // of /list
	compare []pair
}

// pair is a line of the plain program and one of the packed.
type pair struct {
	name          string
	plain, packed int
	libraries     bool // dynamic: the linker's mappings are there too
}

func newGuest(t *testing.T, arch string) *guest {
	t.Helper()
	g := &guest{arch: arch}
	compiler := map[string]string{"x86_64": "gcc", "aarch64": "aarch64-linux-gnu-gcc"}[arch]
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("%s is not here", compiler)
	}
	dir := t.TempDir()
	for _, name := range []string{"init", "guard"} {
		out := filepath.Join(dir, name)
		if b, err := exec.Command(compiler, "-O2", "-static", "testdata/"+name+".c", "-o", out).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", compiler, err, b)
		}
		g.addFile(t, name, out)
	}
	// What prints an address or a time twice the same is compared.
	var samples []string
	have := map[string]bool{}
	for _, k := range kinds {
		if strings.HasSuffix(k.name, "-aarch64") != (arch == "aarch64") || k.name == "c++" || k.name == "c++-static" {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			plain := sample(t, k.argv)
			data, err := os.ReadFile(plain)
			if err != nil {
				t.Fatal(err)
			}
			g.addFile(t, "plain-/"+k.name, plain)
			packTo(t, data, plain, Options{FastStart: len(data) > 1<<18})
			g.addFile(t, "packed/"+k.name, plain)
			samples = append(samples, k.name)
			g.addLibraries(t, data, have)
		})
	}
	guarded := ""
	if arch == "aarch64" {
		path, data := guardedBranches(t, "-static")
		g.addFile(t, "plain-/bti", path)
		packTo(t, data, path, Options{})
		g.addFile(t, "packed/bti", path)
		guarded = "bti"
	}
	run := func(name, before, after string, environment int) {
		p := pair{name: name + " " + before + after, plain: len(g.compare) * 2, packed: len(g.compare)*2 + 1, libraries: strings.Contains(name, "dynamic")}
		for _, form := range []string{"plain-", "packed"} {
			g.lines = append(g.lines, fmt.Sprintf("V=%d %s/%s/%s %s", environment, before, form, name, after))
		}
		g.compare = append(g.compare, p)
	}
	for _, name := range samples {
		run(name, "", "x", 3)
	}
	g.lines = append(g.lines, "proc")
	for _, name := range samples {
		run(name, "", "maps", 0)
		if base := strings.TrimSuffix(name, "-aarch64"); base == "dynamic-pie" || base == "dynamic" || base == "static" || base == "static-pie" || base == "go-fixed" {
			run(name, "", "y", 5000)
			run(name, "/guard wx ", "maps", 1)
			run(name, "/guard mdwe ", "maps", 1)
		}
	}
	if guarded != "" {
		run(guarded, "", "", 0)
		run(guarded, "", "x", 0) // ends in SIGILL
	}
	list := filepath.Join(dir, "list")
	if err := os.WriteFile(list, []byte(strings.Join(g.lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	g.addFile(t, "list", list)
	g.entry("TRAILER!!!", 0, nil)
	return g
}

// addFile puts a file of this machine into the guest's file system.
func (g *guest) addFile(t *testing.T, name, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range name {
		if c == '/' {
			g.entry(name[:i], 0o40755, nil)
		}
	}
	g.entry(name, 0o100755, data)
}

// entry appends to the archive (format newc, Documentation/driver-api/early-userspace/buffer-format.rst).
func (g *guest) entry(name string, mode int, data []byte) {
	pad := func() {
		for len(g.cpio)%4 != 0 {
			g.cpio = append(g.cpio, 0)
		}
	}
	g.cpio = fmt.Appendf(g.cpio, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	g.cpio = append(append(g.cpio, name...), 0)
	pad()
	g.cpio = append(g.cpio, data...)
	pad()
}

// addLibraries adds the dynamic linker and what the program needs of
// libraries.
func (g *guest) addLibraries(t *testing.T, program []byte, have map[string]bool) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	root := map[string]string{"x86_64": "", "aarch64": "/usr/aarch64-linux-gnu"}[g.arch]
	dirs := map[string][]string{"x86_64": {"/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64"}, "aarch64": {"/lib"}}[g.arch]
	add := func(name, path string) {
		if have[name] {
			return
		}
		have[name] = true
		g.addFile(t, name, path)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				t.Fatal(err)
			}
			name := string(bytes.TrimRight(b, "\x00"))
			add(name[1:], root+name)
		}
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range needed {
		for _, dir := range dirs {
			if path := root + dir + "/" + name; strings.HasPrefix(name, "libc.musl") {
				break
			} else if _, err := os.Stat(path); err == nil {
				add(dir[1:]+"/"+name, path)
				break
			}
		}
	}
}

// boot runs the guest on a kernel and compares what it printed.
func (g *guest) boot(t *testing.T, kernel string) {
	initrd := filepath.Join(t.TempDir(), "initrd")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(g.cpio); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(initrd, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	// Emulated, not KVM: a virtual machine's own KVM may hang at boot.
	args := []string{"-accel", "tcg", "-kernel", kernel, "-initrd", initrd, "-m", "1024", "-nographic", "-no-reboot", "-nic", "none"}
	switch g.arch {
	case "x86_64":
		args = append(args, "-append", "console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check rdinit=/init")
	case "aarch64":
		args = append(args, "-M", "virt", "-cpu", "max,pauth-impdef=on,lpa2=off", "-append", "console=ttyAMA0 quiet loglevel=1 panic=-1 rdinit=/init")
	}
	start := time.Now()
	var console []byte
	var release string
	var outcomes []outcome
	var err error
	ok := false
	for tries := 0; !ok && release == "" && tries < 3; tries++ {
		// A kernel that dies before our init has met no program of ours:
		// emulators do that now and then.
		console, err = exec.CommandContext(ctx, "qemu-system-"+g.arch, args...).CombinedOutput()
		console = bytes.ReplaceAll(console, []byte("\r\n"), []byte("\n"))
		release, outcomes, ok = readConsole(console)
	}
	if !ok {
		t.Fatalf("the kernel did not run to the end (%v):\n%s", err, console[max(0, len(console)-3000):])
	}
	same, cannot := 0, 0
	for _, p := range g.compare {
		if p.packed >= len(outcomes) {
			t.Fatalf("%d outcomes, expected %d", len(outcomes), 2*len(g.compare))
		}
		want, got := outcomes[p.plain], outcomes[p.packed]
		if want.status != 3 && !(strings.HasPrefix(p.name, "bti ") && want.status == 128+int(syscall.SIGILL)) {
			cannot++
			if !strings.Contains(p.name, "mdwe") || want.status != 77 {
				t.Logf("%s: the plain program ends with %d: %s%s", p.name, want.status, want.stdout, want.stderr)
			}
			continue
		}
		got.stdout = strings.ReplaceAll(got.stdout, "/packed/", "/plain-/")
		if got.status != want.status || got.stdout != want.stdout {
			t.Errorf("%s: packed it ends with %d, expected %d\n%s\n--- expected\n%s\n--- stderr\n%s", p.name, got.status, want.status, got.stdout, want.stdout, got.stderr)
			continue
		}
		for line := range strings.Lines(got.stderr) {
			if f := strings.Fields(line); len(f) > 1 && strings.Contains(f[1], "w") && strings.Contains(f[1], "x") {
				t.Errorf("%s: writable and executable: %s", p.name, line)
			}
		}
		same++
	}
	t.Logf("Linux %s: %d pairs of runs the same, %d not comparable (the plain program does not run so), %v", release, same, cannot, time.Since(start).Round(time.Second))
	if same < len(g.compare)/2 {
		t.Errorf("only %d of %d pairs could be compared", same, len(g.compare))
	}
}

// readConsole takes what testdata/init.c prints.
func readConsole(console []byte) (release string, outcomes []outcome, ok bool) {
	for {
		_, after, found := bytes.Cut(console, []byte("\n@@ "))
		if !found {
			return release, outcomes, false
		}
		line, rest, _ := bytes.Cut(after, []byte("\n"))
		console = rest
		if string(line) == "end" {
			return release, outcomes, true
		}
		if name, isKernel := bytes.CutPrefix(line, []byte("kernel ")); isKernel {
			release = string(name)
			continue
		}
		var o outcome
		var out, errs int
		if _, err := fmt.Sscanf(string(line), "%d %d %d", &o.status, &out, &errs); err != nil || out+errs > len(console) {
			return release, outcomes, false
		}
		o.stdout, o.stderr = string(console[:out]), string(console[out:out+errs])
		console = console[out+errs:]
		console = append([]byte("\n"), console...)
		outcomes = append(outcomes, o)
	}
}
