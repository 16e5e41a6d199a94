// Command screen reproduces docs/terminal.svg: the picture of a terminal, 80
// columns wide, in which minsize shrinks examples/wordfreq, checked as `make
// demo` checks it. What it draws is what script(1) recorded of that run.
//
//	go run ./bench/screen [-o FILE.svg]
package main

import (
	"flag"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/minsize/minsize/bench/harness"
)

var out = flag.String("o", "", "the `file` to write (default docs/terminal.svg)")

func main() {
	flag.Parse()
	harness.Main(func() error { return harness.InScratch(picture) })
}

// picture makes the run in a copy of the example, and draws its screen.
func picture(dir, minsize string) error {
	root, err := harness.Root()
	if err != nil {
		return err
	}
	if *out == "" {
		*out = filepath.Join(root, "docs", "terminal.svg")
	}
	example := filepath.Join(dir, "wordfreq")
	if err := harness.Command(root, "cp", "-r", "examples/wordfreq", example); err != nil {
		return err
	}
	for _, left := range []string{"target", "minsize.toml"} { // by an earlier run, which would be found again
		if err := os.RemoveAll(filepath.Join(example, left)); err != nil {
			return err
		}
	}
	const typed = "minsize shrink --check '{} --top 3 samples/walrus.txt'"
	recorded := filepath.Join(dir, "screen")
	command := "stty cols 80 rows 50; " + strings.Replace(typed, "minsize", minsize, 1) + " --quiet --color always"
	cmd := exec.Command("script", "--quiet", "--return", "--command", command, recorded)
	cmd.Dir, cmd.Env = example, append(os.Environ(), "TERM=xterm-256color", "CI=1") // no moving lines
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("script: %w\n%s", err, said)
	}
	text, err := os.ReadFile(recorded)
	if err != nil {
		return err
	}
	return os.WriteFile(*out, []byte(draw(typed, lines(string(text)))), 0o644)
}

// lines are those of the recording, without what script says of itself.
func lines(recorded string) (kept []string) {
	for line := range strings.Lines(strings.ReplaceAll(recorded, "\r", "")) {
		if strings.HasPrefix(line, "Script started") || strings.HasPrefix(line, "Script done") {
			continue
		}
		kept = append(kept, strings.TrimRight(line, "\n"))
	}
	return strings.Split(strings.Trim(strings.Join(kept, "\n"), "\n"), "\n")
}

// Places on the picture, in its units.
const (
	character = 8.4 // width of one in a monospaced font of 14
	row       = 18
	edge      = 14
	bar       = 30
)

// attribute is a change of how text looks: Select Graphic Rendition (ECMA-48).
var attribute = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// styles are the attributes that minsize uses.
var styles = map[string]string{
	"1": ` font-weight="700"`, "2": ` fill="#8b949e"`, "31": ` fill="#ff7b72"`, "32": ` fill="#7ee787"`, "33": ` fill="#e3b341"`, "36": ` fill="#79c0ff"`,
}

func draw(typed string, text []string) string {
	width, height := 2*edge+80*character, bar+edge+row*(len(text)+2)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %d" font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="14" role="img" aria-label="minsize shrink in a terminal">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%g" height="%d" rx="8" fill="#0d1117"/>`+"\n", width, height)
	for i, color := range []string{"#ff5f57", "#febc2e", "#28c840"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="16" r="6" fill="%s"/>`+"\n", edge+6+20*i, color)
	}
	fmt.Fprintf(&b, `<g fill="#e6edf3">`+"\n")
	put := func(n int, line string) {
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", edge, bar+row*(n+1), line)
	}
	put(0, `<tspan fill="#7ee787">$</tspan> `+plain(typed))
	for i, line := range text {
		put(i+1, spans(line))
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// spans turns attributes into spans.
func spans(line string) string {
	var b strings.Builder
	style, at := "", 0
	text := func(part string) {
		switch {
		case part == "":
		case style == "":
			b.WriteString(plain(part))
		default:
			fmt.Fprintf(&b, "<tspan%s>%s</tspan>", style, plain(part))
		}
	}
	for _, m := range attribute.FindAllStringSubmatchIndex(line, -1) {
		text(line[at:m[0]])
		for _, code := range strings.Split(line[m[2]:m[3]], ";") {
			if code == "" || code == "0" {
				style = ""
			} else {
				style += styles[code]
			}
		}
		at = m[1]
	}
	text(line[at:])
	return b.String()
}

// plain keeps columns: SVG makes one of several spaces, but for those that do
// not break.
func plain(text string) string {
	return html.EscapeString(strings.ReplaceAll(text, " ", "\u00a0"))
}
