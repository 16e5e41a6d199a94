package cargo

import (
	"errors"
	"fmt"
	"strings"
)

// cargo's exit status is 101 for everything. What to try hangs on why, and that
// stands in its words only; so the words are a table, in the order of judgement,
// and what is not in it is shown as cargo said it. The tests make each failure
// happen with a real cargo, so that a new wording is noticed.

// Failure is why a build failed, as far as its words tell.
type Failure string

// The failures that have a hint of their own.
const (
	FailedCompile   Failure = "compile"    // the compiler found errors
	FailedLink      Failure = "link"       // the linker failed
	FailedNetwork   Failure = "network"    // dependencies could not be fetched
	FailedDisk      Failure = "disk"       // no space left
	FailedLockfile  Failure = "lockfile"   // --locked and the lockfile needs a change
	FailedStd       Failure = "std"        // the std sources are missing
	FailedTarget    Failure = "target"     // the target's standard library is missing
	FailedManifest  Failure = "manifest"   // a manifest or config file is wrong
	FailedToolchain Failure = "toolchain"  // the toolchain is not installed, or too old
	FailedUnknown   Failure = "unexpected" // anything else
)

// BuildError is a failed run of cargo, with its own last lines.
type BuildError struct {
	Failure Failure
	Where   string   // the target dir, or the manifest
	Lines   []string // cargo's lines from its first error on, shortened
	Status  int      // cargo's exit status
	Command string
	Triple  string // what was built for; "" where it is not known
	Foreign bool   // that is another machine, and no linker is set for it
	sign    string // the line that tells the failure
}

func (e *BuildError) Error() string {
	line := firstError(e.Lines)
	if line == "" {
		line = fmt.Sprintf("exit status %d", e.Status)
	}
	if e.Failure == FailedDisk {
		return fmt.Sprintf("%s: no space left in %s: %s", e.Command, e.Where, e.sign)
	}
	return fmt.Sprintf("%s: %s", e.Command, line)
}

// failures are words of cargo and rustc, in the order of judgement: what is
// the cause comes before what only follows from it.
var failures = []struct {
	failure Failure
	words   []string
}{
	{FailedDisk, []string{"No space left on device", "no space left on device", "os error 28", "not enough space on the disk", "Disk quota exceeded"}},
	{FailedStd, []string{"does not exist, unable to build with the standard library", "rustup component add rust-src"}},
	{FailedTarget, []string{"target may not be installed", "can't find crate for `core`", "can't find crate for `std`"}},
	{FailedLockfile, []string{"because --locked was passed", "because --frozen was passed to prevent", "lock file needs to be updated but"}},
	{FailedNetwork, []string{"failed to download", "Could not resolve host", "Couldn't resolve host", "failed to fetch", "failed to get `", "network failure", "spurious network error", "download of config.json failed", "because --offline was passed", "attempting to make an HTTP request, but --offline was specified", "attempting to make an HTTP request, but --frozen was specified", "failed to query replaced source registry", "you're using offline mode"}},
	{FailedManifest, []string{"failed to parse manifest", "could not load Cargo configuration", "could not parse TOML", "invalid type:", "failed to load manifest", "error in "}},
	{FailedToolchain, []string{"is not installed", "requires rustc ", "cannot be built because it requires"}},
	{FailedLink, []string{"linking with `", "linker `", "could not exec the linker"}},
	{FailedCompile, []string{"could not compile `", "aborting due to"}},
}

// maxShown is how many of cargo's lines an error keeps.
const maxShown = 24

// asBuildError classifies a failed run of cargo; other errors pass.
func asBuildError(err error, where string) error {
	var command *CommandError
	if !errors.As(err, &command) || command.Status < 0 {
		return err
	}
	e := &BuildError{Failure: FailedUnknown, Where: where, Status: command.Status, Command: command.Command}
	text := strings.Join(command.Lines, "\n")
search:
	for _, f := range failures {
		for _, words := range f.words {
			if strings.Contains(text, words) {
				e.Failure = f.failure
				for _, line := range command.Lines {
					if strings.Contains(line, words) {
						e.sign = strings.TrimLeft(line, " |=")
						break
					}
				}
				break search
			}
		}
	}
	for _, line := range fromFirstError(onlyOnce(command.Lines)) {
		e.Lines = append(e.Lines, shortened(line))
	}
	return e
}

// maxLine is how much of one line is shown; a linker's command line has pages.
const maxLine = 240

func shortened(line string) string {
	if len(line) <= maxLine {
		return line
	}
	return strings.ToValidUTF8(line[:maxLine], "") + " ..."
}

// onlyOnce drops lines that say what the line before them says: linkers repeat
// themselves for every relocation.
func onlyOnce(lines []string) []string {
	said := func(line string) string {
		line = strings.TrimPrefix(strings.TrimLeft(line, " |="), "note: ")
		return strings.TrimSpace(line)
	}
	var out []string
	for i, line := range lines {
		if i == 0 || said(line) == "" || said(line) != said(lines[i-1]) {
			out = append(out, line)
		}
	}
	return out
}

// fromFirstError keeps the lines that explain: from the first error on, or
// the last ones where none is marked.
func fromFirstError(lines []string) []string {
	for i, line := range lines {
		if strings.HasPrefix(line, "error") {
			lines = lines[i:]
			if len(lines) > maxShown {
				half := maxShown / 2
				cut := len(lines) - maxShown
				short := append([]string{}, lines[:half]...)
				short = append(short, fmt.Sprintf("... (%d lines)", cut))
				return append(short, lines[len(lines)-half:]...)
			}
			return lines
		}
	}
	if len(lines) > maxShown {
		lines = lines[len(lines)-maxShown:]
	}
	return lines
}
