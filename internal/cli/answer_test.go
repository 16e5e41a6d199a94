package cli

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/golden"
	"github.com/minsize/minsize/internal/testbin"
)

// answerRow is how a verb is made to answer, and with which status.
type answerRow struct {
	args     []string
	status   int
	noFigure bool // its answer is not the one that can be drawn
	// few: the verb is slow, and its other formats pass through the same printer.
	few bool
	// script is where the verb is held to the same, because it builds a project.
	script string
	// before makes anew what the verb uses up.
	before func(t *testing.T)
}

// answerRows has a row for every verb, on the files of answerFiles.
func answerRows() map[string][]answerRow {
	remove := func(names ...string) func(*testing.T) {
		return func(t *testing.T) {
			for _, name := range names {
				if err := os.RemoveAll(name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	one := func(args ...string) []answerRow { return []answerRow{{args: args}} }
	project := []answerRow{{script: "answers"}}
	return map[string][]answerRow{
		"minsize":               append(one(), one("--version")...),
		"minsize shrink":        project,
		"minsize build":         project,
		"minsize apply":         project,
		"minsize outline":       project,
		"minsize advise":        one("advise", "app"),
		"minsize doctor":        {{args: []string{"doctor"}, few: true}},
		"minsize new":           {{args: []string{"new", "--tier", "no-std", "tiny"}, before: remove("tiny")}},
		"minsize strip":         append(one("strip", "--dry-run", "app"), one("strip", "-o", "out", "app")...),
		"minsize pack":          one("pack", "--dry-run", "packed"),
		"minsize unpack":        one("unpack", "-o", "out", "packed"),
		"minsize image":         {{args: []string{"image", "app", "-t", "app"}, before: remove("app.tar")}},
		"minsize image inspect": one("image", "inspect", "layout.tar"),
		"minsize size": append(append(one("size", "app"), one("size", "-d", "sections,symbols", "app")...),
			answerRow{args: []string{"size", "--explain", "@0", "app"}, noFigure: true}, answerRow{args: []string{"size", "--disassemble", "0x400000", "app"}, status: exitFailed}),
		"minsize diff":                  one("diff", "app", "packed"),
		"minsize top":                   one("top", "module.wasm"),
		"minsize dominators":            one("dominators", "module.wasm"),
		"minsize paths":                 one("paths", "module.wasm", "helper"),
		"minsize why":                   one("why", "module.wasm", "helper"),
		"minsize monos":                 one("monos", "module.wasm"),
		"minsize garbage":               one("garbage", "module.wasm"),
		"minsize generics":              one("generics", "module.wasm"),
		"minsize check":                 append(one("check", "--max", "file=1MiB", "app"), answerRow{args: []string{"check", "--max", "file=1", "app"}, status: exitBudget}),
		"minsize history":               one("history"),
		"minsize history add":           {{args: []string{"history", "add", "--file", "new.jsonl", "app"}, before: remove("new.jsonl")}},
		"minsize history show":          one("history", "show"),
		"minsize version":               one("version"),
		"minsize man":                   one("man", "size"),
		"minsize gate":                  one("gate", "--max", "file=1MiB", "app"),
		"minsize init":                  {{args: []string{"init", "--manifest-path", "project/Cargo.toml"}, before: remove("project/minsize.toml")}},
		"minsize link":                  {{args: []string{"link"}, status: exitUsage}}, // it speaks to cargo alone
		"minsize wheel":                 one("wheel", "--dry-run", "app.whl"),
		"minsize npm":                   one("npm", "--dry-run", "app.tgz"),
		"minsize help":                  append(one("help"), one("help", "exit-status")...),
		"minsize completion":            one("completion"),
		"minsize completion bash":       one("completion", "bash"),
		"minsize completion zsh":        one("completion", "zsh"),
		"minsize completion fish":       one("completion", "fish"),
		"minsize completion powershell": one("completion", "powershell"),
	}
}

// answerFiles makes the files that the rows speak of, in the folder here.
func answerFiles(t *testing.T, module []byte) {
	t.Helper()
	write := func(name string, data []byte) {
		if err := os.WriteFile(name, data, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	// A program with something to pack, and code that is worth a layer.
	write("app", testbin.ELF{Extra: []testbin.ELFSection{{Name: ".comment", Type: 1, Data: bytes.Repeat([]byte("made by nobody\x00"), 999)}}}.Bytes())
	write("module.wasm", module)
	answerPackages(t)
	if err := os.MkdirAll(filepath.Join("project", "src"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(filepath.Join("project", "Cargo.toml"), []byte("[package]\nname = \"project\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"))
	write(filepath.Join("project", "src", "main.rs"), []byte("fn main() {}\n"))
	for _, args := range [][]string{
		{"history", "add", "app"},
		{"image", "app", "-t", "app", "-o", "layout.tar"},
	} {
		if status, _, stderr := runMain(t, args, nil); status != 0 {
			t.Fatalf("%v: status %d: %s", args, status, stderr)
		}
	}
	source := filepath.Join(t.TempDir(), "a.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(1) }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", "packed", source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=-trimpath")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	if status, _, stderr := runMain(t, []string{"pack", "--fast-start", "packed"}, nil); status != 0 {
		t.Fatalf("pack: status %d: %s", status, stderr)
	}
}

// answerPackages makes a wheel and an npm package of app.
func answerPackages(t *testing.T) {
	program, err := os.ReadFile("app")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(program)
	record := fmt.Sprintf("app/app,sha256=%s,%d\napp-1.dist-info/RECORD,,\n", base64.RawURLEncoding.EncodeToString(sum[:]), len(program))
	var wheel, tarball bytes.Buffer
	z, g := zip.NewWriter(&wheel), gzip.NewWriter(&tarball)
	a := tar.NewWriter(g)
	for _, f := range []struct {
		name string
		data []byte
	}{{"app/app", program}, {"app-1.dist-info/RECORD", []byte(record)}} {
		w, err := z.Create(f.name)
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	err = a.WriteHeader(&tar.Header{Name: "package/app", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = a.Write(program)
	}
	if err := errors.Join(err, z.Close(), a.Close(), g.Close(), os.WriteFile("app.whl", wheel.Bytes(), 0o666), os.WriteFile("app.tgz", tarball.Bytes(), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// runMain runs a command line; without a file stdout is kept.
func runMain(t *testing.T, args []string, stdout *os.File) (status int, answer, stderr string) {
	t.Helper()
	var said, errs bytes.Buffer
	var w io.Writer = &said
	if stdout != nil {
		w = stdout
	}
	status = Main(append([]string{"minsize"}, args...), strings.NewReader(""), w, &errs)
	return status, said.String(), errs.String()
}

// TestAnswers: whatever a verb answers, in every format, a full disk makes it
// fail, a reader that has gone changes neither its status nor what it says, and
// --report puts the same bytes into a file, a device, a named pipe and stdout.
// A verb without a row fails.
func TestAnswers(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full: ", err)
	}
	defer full.Close()
	scripts, err := filepath.Abs(filepath.Join("testdata", "script"))
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := filepath.Abs(filepath.Join("..", "..", "docs", "schema"))
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join("..", "refgraph", "testdata", "tables.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	answerFiles(t, module)
	rows := answerRows()
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		list := rows[path]
		delete(rows, path)
		if len(list) == 0 {
			t.Errorf("%s has no row in answerRows", path)
		}
		formats := []string{""}
		if f := cmd.Flags().Lookup("format"); f != nil {
			formats = f.Value.(*formatFlag).names
		}
		for _, row := range list {
			if row.script != "" {
				checkAnswerScript(t, filepath.Join(scripts, row.script+".txt"), path)
				continue
			}
			for _, format := range formats {
				if row.few && format != "text" || row.noFigure && format == "svg" {
					continue
				}
				args := slices.Clone(row.args)
				if format != "" {
					args = append(args, "--format", format)
				}
				t.Run(strings.Join(args, "_"), func(t *testing.T) { testAnswer(t, row, args, format, full, schemas) })
			}
		}
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	root := newRootCommand(&env{stdout: io.Discard, stderr: io.Discard}, verbs)
	root.InitDefaultHelpCmd()
	visit(root)
	for path := range rows {
		t.Errorf("%s has a row and is no verb", path)
	}
}

func testAnswer(t *testing.T, row answerRow, args []string, format string, full *os.File, schemas string) {
	run := func(stdout *os.File, more ...string) (int, string, string) {
		if row.before != nil {
			row.before(t)
		}
		return runMain(t, append(slices.Clone(args), more...), stdout)
	}
	status, want, said := run(nil)
	if status != row.status {
		t.Fatalf("status %d, want %d: %s", status, row.status, said)
	}
	if format == "json" && want != "" {
		testSchema(t, schemas, []byte(want))
	}
	if want == "" {
		return // an error: nothing to print
	}
	if got, _, stderr := run(full); got != exitFailed || !strings.Contains(stderr, "no space left on device") {
		t.Errorf("on a full disk: status %d, stderr %q", got, stderr)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if got, _, stderr := run(w); got != row.status || stderr != said {
		t.Errorf("nobody reads: status %d, stderr %q; want %d, %q", got, stderr, row.status, said)
	}
	w.Close()
	if format == "" || row.few {
		return
	}
	if got, answer, stderr := run(nil, "--report", "-"); got != row.status || answer != want {
		t.Errorf("--report -: status %d, %q, stderr %q", got, answer, stderr)
	}
	if got, answer, stderr := run(nil, "--report", "/dev/null"); got != row.status || answer != "" {
		t.Errorf("--report /dev/null: status %d, %q, stderr %q", got, answer, stderr)
	}
	if got, _, stderr := run(nil, "--report", "/dev/full"); got != exitFailed || !strings.Contains(stderr, "no space left on device") {
		t.Errorf("--report /dev/full: status %d, stderr %q", got, stderr)
	}
	if got, answer, stderr := run(nil, "-f", format, "--report", "report"); got != row.status || answer != "" {
		t.Errorf("--report FILE: status %d, %q, stderr %q", got, answer, stderr)
	}
	if got, err := os.ReadFile("report"); err != nil || string(got) != want {
		t.Errorf("--report FILE holds %q (%v), stdout got %q", got, err, want)
	}
	os.Remove("report")
	if said, err := exec.Command("mkfifo", "pipe").CombinedOutput(); err != nil { // not syscall's: the tests vet on Windows too
		t.Fatalf("%v\n%s", err, said)
	}
	defer os.Remove("pipe")
	read := make(chan string)
	go func() {
		got, _ := os.ReadFile("pipe")
		read <- string(got)
	}()
	if got, answer, stderr := run(nil, "--report", "pipe"); got != row.status || answer != "" {
		t.Errorf("--report PIPE: status %d, %q, stderr %q", got, answer, stderr)
	}
	if got := <-read; got != want {
		t.Errorf("the pipe got %q, stdout %q", got, want)
	}
}

// testSchema holds an answer in JSON to the schema that it names.
func testSchema(t *testing.T, schemas string, answer []byte) {
	var names struct{ Schema string }
	if err := json.Unmarshal(answer, &names); err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile(filepath.Join(schemas, golden.SchemaFile(names.Schema)))
	if err != nil {
		t.Fatal(err)
	}
	golden.Schema(t, schema, answer)
}

// checkAnswerScript holds a script to what its rows promise: the verb is run on
// a full disk and without a reader.
func checkAnswerScript(t *testing.T, script, path string) {
	t.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{">/dev/full", "| true"} {
		found := false
		for line := range strings.Lines(string(text)) {
			found = found || strings.Contains(line, path+" ") && strings.Contains(line, where)
		}
		if !found {
			t.Errorf("%s does not run %q with %s", script, path, where)
		}
	}
}
