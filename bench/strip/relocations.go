package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/minsize/minsize/internal/strip"
)

// relocationRow packs the relocations of a file, and for a program measures how
// many cycles the loader says that it spends on relocations, before and after:
// the least of runs, taken by turns.
func relocationRow(path string, runs int) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	packed, r, err := strip.Rewrite(data, strip.Options{Level: strip.Nothing, Relocations: strip.PackRelocations})
	if err != nil {
		return "", err
	}
	most, _, err := strip.Rewrite(data, strip.Options{Level: strip.Max})
	if err != nil {
		return "", err
	}
	row := fmt.Sprintf("| %s | %d | %d | %.4f | %.4f |", filepath.Base(path), len(data), len(packed),
		float64(len(packed))/float64(len(data)), float64(len(most))/float64(len(data)))
	folder, err := os.MkdirTemp("", "relocations")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	var programs []string
	for name, content := range map[string][]byte{"before": data, "after": packed} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o755); err != nil {
			return "", err
		}
	}
	programs = []string{filepath.Join(folder, "before"), filepath.Join(folder, "after")}
	var least [2]uint64
	for range runs {
		for i, program := range programs {
			cycles, ok := relocationCycles(program)
			if !ok || r.Same {
				return row + " | |", nil // a library, or a program that does not answer
			}
			if least[i] == 0 || cycles < least[i] {
				least[i] = cycles
			}
		}
	}
	return fmt.Sprintf("%s %d | %d |", row, least[0], least[1]), nil
}

var relocationTime = regexp.MustCompile(`time needed for relocation: (\d+) cycles`)

// relocationCycles is what ld.so counts (LD_DEBUG=statistics, ld.so(8)).
func relocationCycles(program string) (uint64, bool) {
	cmd := exec.Command(program, "--version")
	cmd.Env = append(os.Environ(), "LD_DEBUG=statistics")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return 0, false
	}
	m := relocationTime.FindSubmatch(said.Bytes())
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseUint(string(m[1]), 10, 64)
	return n, err == nil
}

// relocations prints the table of packed relocations for the named files.
func relocations(paths []string, runs int) {
	fmt.Println("| file | bytes | --relocations | of before | --max, of before | relocating, cycles | packed, cycles |\n|---|--:|--:|--:|--:|--:|--:|")
	for _, path := range paths {
		row, err := relocationRow(path, runs)
		if err != nil {
			row = fmt.Sprintf("| %s | %v | | | | | |", filepath.Base(path), err)
		}
		fmt.Println(row)
	}
}
