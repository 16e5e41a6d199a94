//go:build unix

package strip

// The whole system as test input; `make sweep` sets MINSIZE_SWEEP. The size
// comparison with other tools is bench/strip.

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/testbin"
)

func needSweep(t *testing.T) {
	if os.Getenv("MINSIZE_SWEEP") == "" {
		t.Skip("MINSIZE_SWEEP is not set")
	}
}

// systemELF lists the regular ELF files below the folders, each once.
func systemELF(t *testing.T, deep bool, folders ...string) (paths []string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil
			}
			if d.IsDir() && path != folder && !deep {
				return filepath.SkipDir
			}
			if !d.Type().IsRegular() {
				return nil
			}
			f, err := os.Open(path)
			if err != nil {
				return nil
			}
			defer f.Close()
			var magic [4]byte
			if n, _ := f.Read(magic[:]); n == 4 && string(magic[:]) == "\x7fELF" {
				paths = append(paths, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// TestSweepRewrite rewrites every ELF file of /usr/bin and /usr/lib at every
// level: the oracle passes, never larger, sums exact, idempotent.
func TestSweepRewrite(t *testing.T) {
	needSweep(t)
	paths := systemELF(t, true, "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec")
	refused := map[string]int{}
	var before, after int64
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, level := range allLevels {
			out, r, err := Rewrite(data, Options{Level: level})
			if err != nil {
				refused[err.Error()]++
				if _, ok := err.(*byteio.Refusal); !ok {
					t.Errorf("%s, level %v: %v", path, level, err)
				}
				break
			}
			var sum int64
			for _, n := range r.Removed {
				sum += n
			}
			again, _, err := Rewrite(out, Options{Level: level})
			if len(out) > len(data) || sum != r.Saved() || err != nil || !bytes.Equal(out, again) {
				t.Errorf("%s, level %v: %d -> %d -> %d bytes, reasons %d, %v", path, level, len(data), len(out), len(again), sum, err)
			}
			if level == Max {
				before, after = before+int64(len(data)), after+int64(len(out))
			}
		}
	}
	t.Logf("%d ELF files; --max %d -> %d bytes (%.2f %%); refused: %v", len(paths), before, after, 100*float64(before-after)/float64(before), refused)
}

// neverRun are programs that do something whatever their arguments are.
var neverRun = []string{"reboot", "halt", "poweroff", "shutdown", "init", "telinit", "runlevel", "killall5", "systemctl", "fsfreeze", "ctrlaltdel", "switch_root", "pivot_root"}

// TestSweepVersions runs --version of every program of the system, from a copy
// and from that copy after each level. Programs whose two first answers differ
// are not stable and left out.
func TestSweepVersions(t *testing.T) {
	needSweep(t)
	if runtime.GOOS != "linux" {
		t.Skip("Linux programs")
	}
	var programs []string
	for _, path := range systemELF(t, false, "/usr/bin", "/usr/sbin") {
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !slices.Contains(neverRun, filepath.Base(path)) {
			programs = append(programs, path)
		}
	}
	var mu sync.Mutex
	stable, unstable := 0, 0
	bad := map[Level]int{}
	work := make(chan string)
	var wait sync.WaitGroup
	for range runtime.NumCPU() {
		wait.Go(func() {
			for path := range work {
				ok, failed := compareVersions(t, path)
				mu.Lock()
				if ok {
					stable++
				} else {
					unstable++
				}
				for _, level := range failed {
					bad[level]++
				}
				mu.Unlock()
			}
		})
	}
	for _, p := range programs {
		work <- p
	}
	close(work)
	wait.Wait()
	t.Logf("%d programs, %d with a stable --version, %d without; differing after a level: %v", len(programs), stable, unstable, bad)
}

// compareVersions runs one program at all levels.
func compareVersions(t *testing.T, path string) (stable bool, failed []Level) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, nil
	}
	folder, err := os.MkdirTemp("", "sweep")
	if err != nil {
		t.Error(err)
		return false, nil
	}
	defer os.RemoveAll(folder)
	os.Chmod(folder, 0o777)
	copied := filepath.Join(folder, filepath.Base(path))
	answer := func(program []byte) string {
		os.Remove(copied)
		// A child that another worker forks now would hold the file open for
		// writing until it executes, and the kernel would call this one busy.
		syscall.ForkLock.RLock()
		err := os.WriteFile(copied, program, 0o755)
		syscall.ForkLock.RUnlock()
		if err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, copied, "--version")
		cmd.Dir, cmd.Env = folder, []string{"PATH=/usr/bin:/bin", "HOME=" + folder, "LANG=C"}
		cmd.WaitDelay = time.Second
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if os.Getuid() == 0 { // nobody: what a program does wrong, it does to nobody
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		}
		out, err := cmd.CombinedOutput()
		status := ""
		if err != nil {
			status = err.Error()
		}
		return string(out) + "\n" + status
	}
	first := answer(data)
	if answer(data) != first || strings.Contains(first, "killed") {
		return false, nil
	}
	for _, level := range allLevels {
		out, _, err := Rewrite(data, Options{Level: level})
		if err != nil {
			continue // TestSweepRewrite lists them
		}
		if got := answer(out); got != first {
			// groff, for one, prints what its children say in the order in which
			// they happen to end.
			for range 10 {
				if answer(data) != first {
					return false, nil
				}
			}
			failed = append(failed, level)
			t.Errorf("%s, level %v: prints %.200q, before %.200q", path, level, got, first)
		}
	}
	return true, failed
}

// TestSweepBeyondFourGigabytes: a program whose symbols and debug info lie past
// 4 GiB of a sparse file.
func TestSweepBeyondFourGigabytes(t *testing.T) {
	needSweep(t)
	small := testbin.ELF{}.Bytes()
	f, err := parseELF(small)
	if err != nil {
		t.Fatal(err)
	}
	const far = 5 << 30
	path := filepath.Join(t.TempDir(), "sparse")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// Everything that no segment holds moves by far.
	tail := f.sections[3].Offset // .bss: where the segments end
	head := f.head
	head.Shoff += far
	first := append(f.encodeHeader(head), small[f.ehsize():tail]...)
	rest := bytes.Clone(small[tail:])
	for i, s := range f.sections {
		if i > 0 && s.Offset >= tail && s.Type != shtNobits {
			s.Offset += far
		}
		f.encodeSection(rest[f.head.Shoff-tail+uint64(i)*64:], s)
	}
	if _, err := file.Write(first); err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(rest, int64(tail)+far); err != nil {
		t.Skip(err)
	}
	m, err := byteio.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, level := range allLevels {
		out, r, err := Rewrite(m.Data, Options{Level: level})
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := mustRewrite(t, small, Options{Level: level})
		if !bytes.Equal(out, plain) {
			t.Errorf("level %v: %d bytes, the same program without the hole gives %d", level, len(out), len(plain))
		}
		t.Logf("level %v: %d -> %d", level, r.Before, r.After)
	}
}

// TestSweepLibraries: programs of the system find all its libraries whose
// relocations can be packed in a folder, packed, and do the same with them.
func TestSweepLibraries(t *testing.T) {
	needSweep(t)
	libraries, _ := filepath.Glob("/usr/lib/x86_64-linux-gnu/*.so*")
	if len(libraries) == 0 {
		t.Skip("needs /usr/lib/x86_64-linux-gnu")
	}
	folder, packed := t.TempDir(), 0
	for _, path := range libraries {
		data, err := os.ReadFile(path)
		if err != nil || !isELF(data) || len(data) > 200<<20 {
			continue
		}
		out, r, err := Rewrite(data, Options{Level: Max})
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if r.Removed[ReasonRelative] <= 0 {
			continue
		}
		packed++
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(path)), out, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	source := filepath.Join(folder, "in.cc")
	if err := os.WriteFile(source, []byte(`#include <iostream>
#include <map>
int main() { try { std::map<int, int>().at(1); } catch (const std::exception &e) { std::cout << e.what(); } }`), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		`/usr/bin/python3 -c 'import ssl, sqlite3, ctypes, lzma, decimal, xml.etree.ElementTree as e; print(ssl.OPENSSL_VERSION, sqlite3.sqlite_version, e.fromstring("<a/>").tag)'`,
		`node -e 'console.log(process.version, require("zlib").gzipSync("abc").length, require("crypto").createHash("sha256").update("x").digest("hex"))'`,
		"g++ -o " + folder + "/out " + source + " && " + folder + "/out && cksum <" + folder + "/out",
		`perl -MPOSIX -e 'print POSIX::floor(2.5)'`,
		`gdb -nx -batch -ex 'print 6*7' /usr/bin/true`,
		`openssl version`, `git --version`, `curl --version`,
	} {
		if _, err := exec.LookPath(strings.Fields(command)[0]); err != nil {
			t.Logf("needs %s", strings.Fields(command)[0])
			continue
		}
		said := func(env ...string) string {
			cmd := exec.Command("sh", "-c", command)
			cmd.Env = append(os.Environ(), env...)
			out, err := cmd.CombinedOutput()
			if err != nil {
				return string(out) + err.Error()
			}
			return string(out)
		}
		if before, after := said(), said("LD_LIBRARY_PATH="+folder); before != after {
			t.Errorf("%s: says %q, before %q", command, after, before)
		}
	}
	t.Logf("%d names of libraries with packed relocations", packed)
}
