//go:build linux

package pack

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// guard builds testdata/guard.c, which runs programs under a restriction.
func guard(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guard")
	if b, err := exec.Command("gcc", "-O2", "testdata/guard.c", "-o", out).CombinedOutput(); err != nil {
		t.Skipf("gcc: %v\n%s", err, b)
	}
	return out
}

// TestDenyWriteExecute: where memory that was written may not become
// executable, by the kernel's rule or by a filter, packed programs run.
func TestDenyWriteExecute(t *testing.T) {
	runner(t, "")
	guard := guard(t)
	for _, kind := range []string{"dynamic-pie", "dynamic-fixed", "static", "static-pie", "go-fixed", "rust"} {
		t.Run(kind, func(t *testing.T) {
			for _, fast := range []bool{false, true} {
				if kind == "go-fixed" && !fast {
					continue
				}
				plain, packed := packedSample(t, kind, Options{FastStart: fast})
				for _, rule := range []string{"mdwe", "wx"} {
					if want := run(t, []string{guard, rule, plain}, nil); want.status != 3 {
						t.Logf("%s: the plain program ends with %d (77: not in this kernel)", rule, want.status)
						continue
					}
					if got := run(t, []string{guard, rule, packed}, nil); got.status != 3 {
						t.Errorf("%s: %+v", rule, got)
					}
				}
			}
		})
	}
}

// systemCalls runs argv under strace and gives its lines, without those of
// execve itself.
func systemCalls(t *testing.T, argv ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not here")
	}
	log := filepath.Join(t.TempDir(), "calls")
	if got := run(t, append([]string{"strace", "-f", "-n", "-o", log}, argv...), []string{"PATH=" + os.Getenv("PATH")}); got.status != 3 {
		t.Skipf("strace: %+v", got)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// systemCall takes a line of strace -f -n apart: process, [number], call.
var systemCall = regexp.MustCompile(`^\d+ +\[ *(\d+)\] (\w+)\((.*)`)

// TestSystemCalls: under a filter that kills on any system call but those that
// the plain program makes and the four of unpacking, packed programs run;
// at no time do they ask for memory that is writable and executable.
func TestSystemCalls(t *testing.T) {
	runner(t, "")
	guard := guard(t)
	for _, kind := range []string{"dynamic-pie", "dynamic-fixed", "static", "static-pie", "musl-static", "musl-dynamic", "go-fixed", "rust"} {
		t.Run(kind, func(t *testing.T) {
			plain, packed := packedSample(t, kind, Options{FastStart: kind == "go-fixed"})
			numbers := map[string]string{}
			for _, line := range systemCalls(t, plain) {
				if m := systemCall.FindStringSubmatch(line); m != nil {
					numbers[m[2]] = m[1]
				}
			}
			if len(numbers) < 5 {
				t.Fatalf("only %v was seen", numbers)
			}
			var allowed []string
			for _, n := range numbers {
				allowed = append(allowed, n)
			}
			unpacking := map[string]bool{"mmap": true, "munmap": true, "mprotect": true, "execve": true, "exit_group": true}
			if strings.Contains(kind, "dynamic") || kind == "rust" { // musl opens no library of its own
				unpacking["openat"], unpacking["read"], unpacking["close"] = true, true, true
			}
			for _, line := range systemCalls(t, packed) {
				m := systemCall.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				if strings.Contains(m[3], "PROT_WRITE|PROT_EXEC") {
					t.Errorf("writable and executable: %s", line)
				}
				if numbers[m[2]] == "" && unpacking[m[2]] {
					allowed = append(allowed, m[1])
				}
			}
			rule := "allow=" + strings.Join(allowed, ",")
			if want := run(t, []string{guard, rule, plain}, nil); want.status != 3 {
				t.Skipf("the plain program: %+v", want)
			}
			if got := run(t, []string{guard, rule, packed}, nil); got.status != 3 {
				t.Errorf("%+v", got)
			}
			without := run(t, []string{guard, "allow=59", packed}, nil)
			if without.status == 3 {
				t.Error("the filter does not filter")
			}
		})
	}
}

// TestPageSizes: one packed file for 4, 16 and 64 KiB pages.
func TestPageSizes(t *testing.T) {
	emulator := runner(t, "-aarch64")
	if emulator == nil {
		t.Skip("page sizes are set in the emulator")
	}
	for _, kind := range []string{"static-aarch64", "static-pie-aarch64", "dynamic-aarch64"} {
		_, packed := packedSample(t, kind, Options{})
		for _, page := range []string{"4096", "16384", "65536"} {
			argv := append(emulator[:len(emulator):len(emulator)], "-p", page, packed)
			if got := run(t, argv, nil); got.status != 3 {
				t.Errorf("%s, pages of %s: %+v", kind, page, got)
			}
		}
	}
}

// TestWithoutProc runs static programs in an empty root folder.
func TestWithoutProc(t *testing.T) {
	runner(t, "")
	if os.Getuid() != 0 {
		t.Skip("chroot needs root")
	}
	for _, kind := range []string{"static", "static-pie"} {
		_, packed := packedSample(t, kind, Options{})
		cmd := exec.Command("/" + filepath.Base(packed))
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: filepath.Dir(packed)}
		cmd.Dir = "/"
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("%s: %v\n%s", kind, err, out)
		}
	}
}

// TestSmallStackAndPreload: LD_PRELOAD acts, and 150 KB of stack are enough.
func TestSmallStackAndPreload(t *testing.T) {
	runner(t, "")
	_, packed := packedSample(t, "dynamic-pie", Options{})
	got := run(t, []string{"sh", "-c", "ulimit -s 150; exec " + packed}, []string{"PATH=/usr/bin:/bin"})
	if got.status != 3 {
		t.Errorf("small stack: %+v", got)
	}
	got = run(t, []string{packed, "maps"}, []string{"LD_PRELOAD=libm.so.6"})
	if got.status != 3 || !strings.Contains(got.stderr, "/libm.so.6") {
		t.Errorf("LD_PRELOAD: %+v", got)
	}
}

// TestMemory: a packed program needs no more memory at its peak than the plain
// one, the image itself, and 3 MB for the unpacker's tables. The program tells
// its own peak (VmHWM): that of a child in getrusage begins with its parent's.
func TestMemory(t *testing.T) {
	runner(t, "")
	for _, o := range []Options{{}, {FastStart: true}} {
		plain, packed := packedSample(t, "static", o)
		peak := func(path string) int64 {
			got := run(t, []string{path, "status"}, nil)
			_, after, _ := strings.Cut(got.stderr, "VmHWM:")
			var kib int64
			if _, err := fmt.Sscan(after, &kib); err != nil {
				t.Skipf("no VmHWM in /proc/self/status: %v", err)
			}
			return kib << 10
		}
		info, err := os.Stat(plain)
		if err != nil {
			t.Fatal(err)
		}
		before, after := peak(plain), peak(packed)
		t.Logf("%d bytes at the peak, %d plain", after, before)
		if limit := before + info.Size() + 3<<20; after > limit {
			t.Errorf("%d bytes at the peak, %d plain: expected at most %d", after, before, limit)
		}
	}
}

// TestLibraries: what can be run but is loaded by others is not packed; the
// C library of a running system would be lost with it.
func TestLibraries(t *testing.T) {
	found := 0
	for _, pattern := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-musl/libc.so", "/usr/aarch64-linux-gnu/lib/libc.so.6",
		"/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/lib/ld-musl-*.so.1", "/lib/x86_64-linux-gnu/libcap.so.2", "/lib/x86_64-linux-gnu/libm.so.6"} {
		names, _ := filepath.Glob(pattern)
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found++
			if _, _, err := Pack(data, Options{}); err == nil || !strings.Contains(err.Error(), "a shared library") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if found == 0 {
		t.Skip("no C library is where they usually are")
	}
}

// TestRefusals: what would break is named.
func TestRefusals(t *testing.T) {
	runner(t, "")
	plain := sample(t, kinds[0].argv)
	data, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(at int, b ...byte) []byte {
		out := bytes.Clone(data)
		copy(out[at:], b)
		return out
	}
	phdr := func(typ byte) int {
		for at := 64; ; at += 56 {
			if data[at] == typ && data[at+1] == 0 {
				return at
			}
		}
	}
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"text", "not an ELF or Windows program", []byte(strings.Repeat("#!/bin/sh\n", 20))},
		{"another machine", "machine 243", edit(18, 243)},
		{"32 bits", "32-bit", edit(4, 1)},
		{"object", "ELF type 1", edit(16, 1)},
		{"another system", "for FreeBSD", edit(7, 9)},
		{"writable code", "writable and executable", edit(phdr(1)+4, 7)},
		{"payload", "appended", append(bytes.Clone(data), "PK\x03\x04 some archive behind it"...)},
	} {
		_, _, err := Pack(c.data, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", c.name, err, c.want)
		}
	}
	packed, _, err := Pack(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Pack(packed, Options{}); err == nil || !strings.Contains(err.Error(), "already packed") {
		t.Errorf("packed twice: %v", err)
	}
	again, _, err := Pack(data, Options{})
	if err != nil || !bytes.Equal(again, packed) {
		t.Errorf("packing is not deterministic (%v)", err)
	}
}

// TestDebugger: gdb, attached to the running packed program, finds variables
// by the symbols of the unpacked one: as it is where the addresses are fixed,
// with the image's address where they are not (docs/packing.md). The kernel's
// copy of the auxiliary vector, which gdb takes the address from, cannot be
// changed without privileges.
func TestDebugger(t *testing.T) {
	runner(t, "")
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip("gdb is not here")
	}
	for _, fixed := range []bool{false, true} {
		link := map[bool]string{false: "-pie", true: "-no-pie"}[fixed]
		path, data := build(t, "gcc", "-g", "-O2", "-fPIE", link, "testdata/sample.c", "-o", "OUT")
		packed := path + "-packed"
		packTo(t, data, packed, Options{FastStart: true})
		pid, first, stop := startWaiting(t, packed)
		symbols := fmt.Sprintf("add-symbol-file %s -o %#x", path, first)
		if fixed {
			symbols = "file " + path
		}
		out, _ := exec.Command("gdb", "-nx", "-batch", "-ex", symbols, "-ex", fmt.Sprintf("attach %d", pid), "-ex", "print table[1] + 40", "-ex", "info symbol name").CombinedOutput()
		stop()
		if strings.Contains(string(out), "Operation not permitted") {
			t.Skip("gdb may not attach here")
		}
		if !strings.Contains(string(out), "$1 = 42") || !strings.Contains(string(out), "name in section .text") {
			t.Errorf("%s: gdb says\n%s", link, out)
		}
	}
}

// guardedBranches builds testdata/bti.c, at a fixed or any address.
func guardedBranches(t *testing.T, link string) (path string, data []byte) {
	t.Helper()
	path, data = build(t, "aarch64-linux-gnu-gcc", "-mbranch-protection=standard", "-nostdlib", link, "-Wl,-z,force-bti", "testdata/bti.c", "-o", "OUT")
	p, err := readProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	if !p.bti {
		t.Skip("the linker sets no mark for BTI")
	}
	return path, data
}

// TestBranchTargets: the pages of a program that asks for BTI are guarded.
func TestBranchTargets(t *testing.T) {
	emulator := runner(t, "-aarch64")
	if emulator != nil {
		emulator = append(emulator, "-cpu", "max")
	}
	for _, link := range []string{"-static", "-static-pie"} {
		path, data := guardedBranches(t, link)
		plain := run(t, append(emulator[:len(emulator):len(emulator)], path, "x"), nil)
		if plain.status != 128+int(syscall.SIGILL) {
			t.Skipf("this machine does not guard branches: %+v", plain)
		}
		for _, o := range []Options{{}, {FastStart: true}} {
			packTo(t, data, path, o)
			for args, want := range map[string]int{"": 3, "x": plain.status} {
				if got := run(t, append(emulator[:len(emulator):len(emulator)], append([]string{path}, strings.Fields(args)...)...), nil); got.status != want {
					t.Errorf("%s %q: packed it ends with %d, expected %d %s", link, args, got.status, want, got.stderr)
				}
			}
		}
	}
}
