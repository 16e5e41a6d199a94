//go:build linux

package speed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/minsize/minsize/internal/process"
)

// Limits of sampling.
const (
	sampleEvery = time.Millisecond
	sampleTime  = 6 * time.Second // the bench is run again until then
)

// sampleProgram runs a command and samples where the threads of the program
// that it starts are, by their own addresses (as in the file).
//
// Each running thread is stopped with PTRACE_SEIZE and PTRACE_INTERRUPT, its
// program counter read, and let go. perf_event_open was rejected: containers
// and distributions forbid it, while tracing one's own descendants is allowed
// nearly everywhere (Documentation/admin-guide/LSM/Yama.rst). A stop costs some
// microseconds, which lengthens the run and biases nothing.
func sampleProgram(ctx context.Context, dir string, argv []string, program string, most int) (map[uint64]int, error) {
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real
	}
	samples, total := map[uint64]int{}, 0
	for began := time.Now(); time.Since(began) < sampleTime && total < most; {
		n, err := sampleOnce(ctx, dir, argv, program, samples)
		if err != nil {
			return nil, err
		}
		if total += n; n == 0 && time.Since(began) > sampleTime/3 {
			break
		}
	}
	return samples, nil
}

func sampleOnce(ctx context.Context, dir string, argv []string, program string, samples map[uint64]int) (total int, err error) {
	cmd := process.Command(ctx, dir, nil, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()

	runtime.LockOSThread() // ptrace belongs to a thread
	defer runtime.UnlockOSThread()
	bases := map[int]uint64{}
	var pids []int
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-done: // its status does not matter here: it may have been stopped at its end
			return total, ctx.Err()
		case <-tick.C:
		}
		if round%20 == 0 || len(pids) == 0 {
			pids = processesOf(cmd.Process.Pid, program)
		}
		for _, pid := range pids {
			base, known := bases[pid]
			if !known {
				var err error
				if base, err = loadBase(pid, program); err != nil {
					continue // it has just ended
				}
				bases[pid] = base
			}
			for _, pc := range counters(pid) {
				samples[pc-base]++
				total++
			}
		}
	}
}

// processesOf finds the processes of a group that run program.
func processesOf(group int, program string) []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if g, err := unix.Getpgid(pid); err != nil || g != group {
			continue
		}
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && exe == program {
			pids = append(pids, pid)
		}
	}
	return pids
}

// loadBase is what was added to the program's own addresses: where its first
// byte is mapped (proc_pid_maps(5)).
func loadBase(pid int, program string) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != program || strings.Trim(fields[2], "0") != "" {
			continue
		}
		start, _, _ := strings.Cut(fields[0], "-")
		base, err := strconv.ParseUint(start, 16, 64)
		if base < 1<<32 { // linked to a fixed address
			base = 0
		}
		return base, err
	}
	return 0, os.ErrNotExist
}

// counters reads the program counters of a process's running threads.
func counters(pid int) []uint64 {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	var list []uint64
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
		if err != nil {
			continue
		}
		after := stat[bytes.LastIndexByte(stat, ')')+1:]
		if !bytes.HasPrefix(bytes.TrimSpace(after), []byte("R")) {
			continue // it waits: that is no CPU time
		}
		if pc, ok := counter(tid); ok {
			list = append(list, pc)
		}
	}
	return list
}

// counter stops one thread and reads where it is.
func counter(tid int) (uint64, bool) {
	if unix.PtraceSeize(tid) != nil {
		return 0, false
	}
	defer unix.PtraceDetach(tid)
	if unix.PtraceInterrupt(tid) != nil {
		return 0, false
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(tid, &status, unix.WALL, nil); err != nil || !status.Stopped() {
		return 0, false
	}
	var registers unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &registers) != nil {
		return 0, false
	}
	return registers.PC(), true
}
