package main

import (
	"fmt"
	"slices"
	"strings"
)

// target is a system that minsize is released for, with the names that others
// give it. What has no name somewhere is not packaged there.
type target struct {
	os, arch string // Go's names

	npm    string // process.platform-process.arch of Node
	wheel  string // platform tag of a Python wheel (PyPA, platform compatibility tags)
	nix    string // system double
	triple string // what cargo-binstall asks for, several with a space between
}

func (t target) String() string { return t.os + "/" + t.arch }

// exe is what programs' names end with.
func (t target) exe() string {
	if t.os == "windows" {
		return ".exe"
	}
	return ""
}

// targetTable has the systems in the order of the answers. The program is
// static, so that one file serves every Linux; Go 1.26 asks for macOS 12.
var targetTable = []target{
	{"linux", "amd64", "linux-x64", "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64", "x86_64-linux",
		"x86_64-unknown-linux-gnu x86_64-unknown-linux-musl"},
	{"linux", "arm64", "linux-arm64", "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64", "aarch64-linux",
		"aarch64-unknown-linux-gnu aarch64-unknown-linux-musl"},
	{"linux", "riscv64", "linux-riscv64", "manylinux_2_31_riscv64", "riscv64-linux",
		"riscv64gc-unknown-linux-gnu riscv64gc-unknown-linux-musl"},
	{"darwin", "amd64", "darwin-x64", "macosx_12_0_x86_64", "x86_64-darwin", "x86_64-apple-darwin"},
	{"darwin", "arm64", "darwin-arm64", "macosx_12_0_arm64", "aarch64-darwin", "aarch64-apple-darwin"},
	{"windows", "amd64", "win32-x64", "win_amd64", "", "x86_64-pc-windows-msvc x86_64-pc-windows-gnu"},
	{"windows", "arm64", "win32-arm64", "win_arm64", "", "aarch64-pc-windows-msvc"},
}

// otherNames are the names that minsize answers to beside its own.
var otherNames = []string{"cargo-minsize", linkerName}

const linkerName = "minsize-link"

// chosen are the targets of a list, all of them for an empty one.
func chosen(list string) ([]target, error) {
	if list == "" {
		return targetTable, nil
	}
	var targets []target
	for _, name := range strings.Split(list, ",") {
		at := slices.IndexFunc(targetTable, func(t target) bool { return t.String() == name })
		if at < 0 {
			var known []string
			for _, t := range targetTable {
				known = append(known, t.String())
			}
			return nil, fmt.Errorf("-targets: no target %q; there are %s", name, strings.Join(known, ", "))
		}
		targets = append(targets, targetTable[at])
	}
	return targets, nil
}
