package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/minsize/minsize/bench/harness"
)

// A removal is a part of a program of programs/removals that people take out:
// the lines of its main.rs that end in mark go, and cargo builds again. What
// `why PATTERN` said of the whole program is held against the smaller one.
type removal struct {
	program, mark, pattern string
}

var removals = []removal{
	{"json", "// part", "serde_json"},
	{"derive", "// part", "serde_json"},
	{"zip", "// part", "miniz_oxide"},
	{"search", "// part", "regex"},
	{"cli", "// part", "clap_builder"},
	{"tree", "// part", "tree::tree"},
	{"tree", "// part", "tree::tree::Tree"},
	{"mixed", "// part: json", "serde_json"},
	{"mixed", "// part: zip", "miniz_oxide"},
	{"mixed", "// part: regex", "regex"},
	{"mixed", "// part: clap", "clap_builder"},
}

// prediction is what `why --verify-with --json` says of both programs.
type prediction struct {
	Verified struct {
		Real   int64   `json:"real_saving"`
		Said   int64   `json:"predicted_saving"`
		Low    int64   `json:"predicted_low"`
		High   int64   `json:"predicted_high"`
		Inside bool    `json:"inside"`
		Off    float64 `json:"off_by"`
	} `json:"verified"`
}

// removalTable prints estimate and range against rebuilds. Cargo fetches the
// crates from the registry that it is configured with.
func removalTable(minsize, programs, work string) error {
	dir := filepath.Join(work, "removals")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(programs, "removals"))); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "built"), 0o755); err != nil {
		return err
	}
	built := map[string]bool{}
	compile := func(program, without string) (string, error) {
		out := filepath.Join(dir, "built", program+strings.NewReplacer("// part", "-part", ": ", "-").Replace(without))
		if built[out] {
			return out, nil
		}
		source := filepath.Join(dir, program, "src", "main.rs")
		whole, err := os.ReadFile(filepath.Join(programs, "removals", program, "src", "main.rs"))
		if err != nil {
			return "", err
		}
		text := whole
		if without != "" {
			if text = dropLines(whole, without); len(text) == len(whole) {
				return "", fmt.Errorf("%s: no line ends in %q", source, without)
			}
		}
		if err := os.WriteFile(source, text, 0o644); err != nil {
			return "", err
		}
		// The whole workspace decides on the features of shared crates, so that
		// every build has the same.
		if err := harness.Command(dir, "cargo", "build", "--quiet", "--release", "--workspace", "--bin", program); err != nil {
			return "", err
		}
		built[out] = true
		return out, os.Rename(filepath.Join(dir, "target", "release", program), out)
	}
	fmt.Println("| program | pattern | real | estimate | off by | range |")
	fmt.Println("|---|---|--:|--:|--:|--:|")
	inside := 0
	for _, r := range removals {
		whole, err := compile(r.program, "")
		if err != nil {
			return err
		}
		without, err := compile(r.program, r.mark)
		if err != nil {
			return err
		}
		out, err := exec.Command(minsize, "why", whole, r.pattern, "--verify-with", without, "--json").Output()
		if err != nil {
			return fmt.Errorf("minsize why %s %s: %w", whole, r.pattern, err)
		}
		var p prediction
		if err := json.Unmarshal(out, &p); err != nil {
			return fmt.Errorf("minsize why %s %s: %w", whole, r.pattern, err)
		}
		v, beyond := p.Verified, ", **outside**"
		if v.Inside {
			inside, beyond = inside+1, ""
		}
		fmt.Printf("| %s | `%s` | %d | %d | %+.1f %% | %d to %d%s |\n", r.program, r.pattern, v.Real, v.Said, 100*v.Off, v.Low, v.High, beyond)
	}
	fmt.Printf("\n%d of %d inside the range\n", inside, len(removals))
	return nil
}

// dropLines leaves out the lines that end in mark.
func dropLines(text []byte, mark string) []byte {
	var kept []byte
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(strings.TrimSpace(line), mark) {
			kept = append(kept, line...)
		}
	}
	return kept
}
