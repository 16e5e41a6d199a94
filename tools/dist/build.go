package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

const modulePath = "github.com/minsize/minsize"

// identify finds version, commit and time. SOURCE_DATE_EPOCH
// (reproducible-builds.org) goes before git's time.
func (r *release) identify() error {
	source, err := os.ReadFile(filepath.Join(r.source, "internal", "cli", "version.go"))
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`Version\s*=\s*"([^"]+)"`).FindSubmatch(source)
	if found == nil {
		return errors.New("internal/cli/version.go: no Version")
	}
	r.version = string(found[1])
	if r.commit == "" {
		if r.commit, err = r.run(nil, "git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"); err != nil {
			return fmt.Errorf("no -commit, and %w", err)
		}
	}
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		if epoch, err = r.run(nil, "git", "log", "-1", "--format=%ct"); err != nil {
			return fmt.Errorf("no SOURCE_DATE_EPOCH, and %w", err)
		}
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds", epoch)
	}
	r.time = time.Unix(seconds, 0).UTC()
	return nil
}

// run starts a program in the sources' folder and gives its output's text.
func (r *release) run(env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = r.source
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// build makes the program for each target, and for this machine.
func (r *release) build(work string) error {
	here := target{os: runtime.GOOS, arch: runtime.GOARCH}
	r.programs = map[target]*program{}
	cold, err := os.ReadFile(filepath.Join(r.source, "tools", "dist", "cold.txt"))
	if err != nil {
		return err
	}
	args := []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -funcalign=16 -X " + modulePath + "/internal/cli.commit=" + r.commit}
	for pattern := range strings.Lines(string(cold)) {
		if pattern = strings.TrimSpace(pattern); pattern != "" && pattern[0] != '#' {
			args = append(args, "-gcflags="+pattern+"=-l")
		}
	}
	compile := func(t target, command, path string) ([]byte, error) {
		_, err := r.run(t.env(), "go", append(slices.Clone(args), "-o", path, "./cmd/"+command)...)
		if err != nil {
			return nil, err
		}
		return os.ReadFile(path)
	}
	names := map[string]string{}
	for _, t := range r.targets {
		path := filepath.Join(work, t.os+"-"+t.arch, "minsize"+t.exe())
		names[t.String()] = path
		data, err := compile(t, "minsize", path)
		if err != nil {
			return err
		}
		others := map[string][]byte{}
		for _, name := range otherNames {
			if others[name], err = compile(t, name, filepath.Join(work, t.os+"-"+t.arch, name+t.exe())); err != nil {
				return err
			}
		}
		modules, err := r.modules(t)
		if err != nil {
			return err
		}
		r.programs[t] = &program{target: t, data: data, others: others, modules: modules}
		if t.os == "linux" {
			r.images = append(r.images, path)
		}
	}
	r.host = names[here.String()]
	if r.host == "" {
		r.host = filepath.Join(work, "host", "minsize"+here.exe())
		_, err := compile(here, "minsize", r.host)
		return err
	}
	return nil
}

// env makes the go command build for t: without cgo, for the oldest machines.
func (t target) env() []string {
	return []string{"GOOS=" + t.os, "GOARCH=" + t.arch, "CGO_ENABLED=0", "GOAMD64=v1", "GOFLAGS=", "GOWORK=off"}
}
