//go:build unix

package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func needShell(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
}

// TestCancelEndsGrandchildren starts a shell that starts a sleeper which
// ignores SIGTERM, and wants both gone.
func TestCancelEndsGrandchildren(t *testing.T) {
	needShell(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := Command(ctx, "", nil, "sh", "-c", `(trap "" TERM; echo $$ >/dev/null; sh -c 'trap "" TERM; echo $$ > '`+pidFile+`'; sleep 100000') & wait`)
	go func() {
		for data := []byte(nil); len(data) < 2; data, _ = os.ReadFile(pidFile) {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	_, err := Run(ctx, cmd) // never returns where the sleeper is not ended
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, expected the context's error", err)
	}
	data, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	for syscall.Kill(pid, 0) == nil && !zombie(pid) { // the test's own time limit ends it
		time.Sleep(10 * time.Millisecond)
	}
}

// zombie: an orphan whose new parent has not looked yet is dead all the same.
func zombie(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(data), ") Z ")
}

func TestStatus(t *testing.T) {
	needShell(t)
	for script, want := range map[string]struct {
		status int
		signal string
	}{
		"exit 3":        {3, ""},
		"kill -11 $$":   {-1, "SIGSEGV"},
		"kill -ABRT $$": {-1, "SIGABRT"},
	} {
		cmd := Command(context.Background(), "", nil, "sh", "-c", script)
		u, err := Run(context.Background(), cmd)
		if err == nil {
			t.Errorf("%s: no error", script)
		}
		status, signal := Status(cmd.ProcessState)
		if status != want.status || signal != want.signal {
			t.Errorf("%s: got %d %q, expected %d %q", script, status, signal, want.status, want.signal)
		}
		if u.Wall <= 0 {
			t.Errorf("%s: took %v", script, u.Wall)
		}
	}
}

func TestUsageCountsGrandchildren(t *testing.T) {
	needShell(t)
	cmd := Command(context.Background(), "", nil, "sh", "-c", `sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; true`)
	u, err := Run(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if u.CPU < 20*time.Millisecond {
		t.Errorf("200,000 turns of a shell loop cost %v", u.CPU)
	}
}
