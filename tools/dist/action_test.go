package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is what a runner reads of action.yml.
type action struct {
	Inputs map[string]struct{ Default string }
	Runs   struct{ Steps []step }
}

type step struct {
	Name, ID, If, Uses, Run string
	WorkingDirectory        string `yaml:"working-directory"`
	Env, With               map[string]string
}

// hub is GitHub as far as the action can tell: comments of pull request 7, a
// cache, and what a runner does with steps.
type hub struct {
	t        *testing.T
	action   action
	comments []string
	readOnly bool
	server   *httptest.Server
	release  *httptest.Server
	cache    map[string][]byte
}

func (h *hub) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodGet && h.readOnly {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	var sent struct{ Body string }
	if q.Method != http.MethodGet {
		if err := json.NewDecoder(q.Body).Decode(&sent); err != nil {
			h.t.Error(err)
		}
	}
	switch q.Method + " " + q.URL.Path {
	case "GET /repos/o/r/issues/7/comments":
		list := []map[string]any{}
		for i, body := range h.comments {
			list = append(list, map[string]any{"id": i, "body": body})
		}
		json.NewEncoder(w).Encode(list)
	case "POST /repos/o/r/issues/7/comments":
		h.comments = append(h.comments, sent.Body)
		w.WriteHeader(http.StatusCreated)
	case "PATCH /repos/o/r/issues/comments/0":
		h.comments[0] = sent.Body
	default:
		h.t.Errorf("nothing is known of %s %s", q.Method, q.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}
}

// job is one run of the action, and what it left behind.
type job struct {
	pull, fork  bool
	sha, before string // of this commit; of the base, or of the commit before
	inputs      map[string]string

	status      int
	log         string
	summary     string
	outputs     map[string]string
	hasArtifact bool
}

// expression is what stands for a value in action.yml.
var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

// run does what a runner does. An expression that it does not know fails the
// test: so the file cannot name what GitHub does not have.
func (h *hub) run(j *job, project string) *job {
	t := h.t
	temp := t.TempDir()
	event := map[string]any{}
	name := "push"
	if j.pull {
		name = "pull_request"
		head := "o/r"
		if j.fork {
			head = "x/r"
		}
		event["pull_request"] = map[string]any{"number": 7, "head": map[string]any{"repo": map[string]any{"full_name": head}},
			"base": map[string]any{"ref": "main", "repo": map[string]any{"full_name": "o/r"}}}
	}
	text, _ := json.Marshal(event)
	file := func(name string, data []byte) string {
		path := filepath.Join(temp, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	summary, output, path := file("summary", nil), file("output", nil), file("path", nil)
	env := append(os.Environ(), "CI=true", "GITHUB_ACTIONS=true", "GITHUB_API_URL="+h.server.URL, "GITHUB_REPOSITORY=o/r", "GITHUB_EVENT_PATH="+file("event", text),
		"GITHUB_STEP_SUMMARY="+summary, "GITHUB_OUTPUT="+output, "GITHUB_PATH="+path, "RUNNER_TEMP="+temp, "GITHUB_ACTION_PATH="+mustAbs(t, "../.."), "GITHUB_TOKEN=")
	values := map[string]string{
		"runner.temp": temp, "github.sha": j.sha, "github.event.pull_request.base.sha || github.event.before": j.before, "github.token": "token",
	}
	for name, input := range h.action.Inputs {
		values["inputs."+name] = expression.ReplaceAllStringFunc(input.Default, func(m string) string { return values[expression.FindStringSubmatch(m)[1]] })
	}
	values["inputs.release"] = h.release.URL
	for name, value := range j.inputs {
		if _, known := h.action.Inputs[name]; !known {
			t.Fatalf("action.yml has no input %s", name)
		}
		values["inputs."+name] = value
	}
	fill := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(m string) string {
			value, known := values[expression.FindStringSubmatch(m)[1]]
			if !known {
				t.Errorf("action.yml: %s is nothing that a runner knows", m)
			}
			return value
		})
	}
	var log strings.Builder
	j.outputs = map[string]string{}
	for _, s := range h.action.Runs.Steps {
		wanted := j.status == 0
		for _, condition := range strings.Split(strings.TrimSuffix(strings.TrimPrefix(s.If, "${{ "), " }}"), " && ") {
			switch condition {
			case "":
			case "!cancelled()":
				wanted = true
			case "inputs.branch":
				wanted = wanted && values["inputs.branch"] != ""
			case "!inputs.branch":
				wanted = wanted && values["inputs.branch"] == ""
			case "github.event_name != 'pull_request'":
				wanted = wanted && name != "pull_request"
			case "steps.gate.outputs.bytes":
				wanted = wanted && j.outputs["bytes"] != ""
			default:
				t.Fatalf("action.yml: if: %s is unknown here", s.If)
			}
		}
		if !wanted {
			continue
		}
		switch uses, _, _ := strings.Cut(s.Uses, "@"); uses {
		case "":
			cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", file("step.sh", []byte(s.Run)))
			cmd.Dir = filepath.Join(project, fill(s.WorkingDirectory))
			cmd.Env = env
			added, _ := os.ReadFile(path)
			cmd.Env = append(cmd.Env, "PATH="+strings.ReplaceAll(strings.TrimSpace(string(added)), "\n", ":")+":"+os.Getenv("PATH"))
			for key, value := range s.Env {
				cmd.Env = append(cmd.Env, key+"="+fill(value))
			}
			cmd.Stdout, cmd.Stderr = &log, &log
			if cmd.Run() != nil {
				j.status = cmd.ProcessState.ExitCode()
			}
			if strings.Contains(s.Run, "${{") {
				t.Errorf("step %s: an expression in a script is an injection", s.Name)
			}
			if s.ID == "gate" {
				set, _ := os.ReadFile(output)
				for line := range strings.Lines(string(set)) {
					key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
					j.outputs[key] = value
					values["steps.gate.outputs."+key] = value
				}
			}
		case "actions/cache/restore":
			if data, hit := h.restore(fill(s.With["key"]), fill(s.With["restore-keys"])); hit {
				to := fill(s.With["path"])
				os.MkdirAll(filepath.Dir(to), 0o755)
				if err := os.WriteFile(to, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		case "actions/cache/save":
			data, err := os.ReadFile(fill(s.With["path"]))
			if err != nil {
				t.Error(err)
			}
			h.cache[fill(s.With["key"])] = data
		case "actions/upload-artifact":
			data, err := os.ReadFile(fill(s.With["path"]))
			j.hasArtifact = err == nil && strings.Contains(string(data), "</html>")
		default:
			t.Fatalf("step %s: %s is unknown here", s.Name, s.Uses)
		}
	}
	data, _ := os.ReadFile(summary)
	j.summary, j.log = string(data), log.String()
	return j
}

// restore finds a record as the cache does: by its key, else by its beginning.
func (h *hub) restore(key, prefix string) ([]byte, bool) {
	if data, hit := h.cache[key]; hit {
		return data, true
	}
	for name, data := range h.cache {
		if strings.HasPrefix(name, prefix) {
			return data, true
		}
	}
	return nil, false
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// newHub is GitHub with nothing on it, for the release that was made.
func newHub(t *testing.T, r *release) *hub {
	t.Helper()
	h := &hub{t: t, cache: map[string][]byte{}}
	text, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &h.action); err != nil {
		t.Fatal(err)
	}
	h.server = httptest.NewServer(h)
	t.Cleanup(h.server.Close)
	h.release = httptest.NewServer(http.FileServer(http.Dir(r.out)))
	t.Cleanup(h.release.Close)
	return h
}

// compile leaves a program with that many bytes of data in the project.
func compile(t *testing.T, project string, bytes int) {
	t.Helper()
	source := filepath.Join(project, "app.c")
	text := fmt.Sprintf("const char table[%d] = \"x\"; int main(void) { return table[1]; }\n", bytes)
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, project, "gcc", "-O2", "-o", "app", source)
}

// TestAction runs the action's steps: the first run, growth, shrink, over the
// budget, a fork, no token, and nothing new.
func TestAction(t *testing.T) {
	needs(t, "bash", "gcc")
	r, _ := here(t)
	h := newHub(t, r)
	project := t.TempDir()
	program := func(bytes int) { compile(t, project, bytes) }
	budget := "[budget]\nfile = 60000\ngrowth = \"30 KB\"\n"
	if err := os.WriteFile(filepath.Join(project, "budget.toml"), []byte(budget), 0o644); err != nil {
		t.Fatal(err)
	}
	inputs := map[string]string{"file": "app", "arguments": "--budget budget.toml", "name": "app"}
	expect := func(what string, j *job, status int, comments int, words ...string) {
		t.Helper()
		if j.status != status || len(h.comments) != comments {
			t.Errorf("%s: status %d, want %d; %d comments, want %d\n%s", what, j.status, status, len(h.comments), comments, j.log)
		}
		all := j.log + "\x00" + j.summary + "\x00" + strings.Join(h.comments, "\x00")
		for _, word := range words {
			if !strings.Contains(all, word) {
				t.Errorf("%s: nothing says %q:\n%s", what, word, all)
			}
		}
		if !j.hasArtifact || !strings.Contains(j.summary, "## app") {
			t.Errorf("%s: no treemap, or no summary:\n%s", what, j.log)
		}
	}

	program(4000)
	expect("no base", h.run(&job{pull: true, sha: "p0", before: "m0", inputs: inputs}, project), 0, 0, "nothing to compare with yet", "no record of the base branch")
	first := h.run(&job{sha: "m1", before: "m0", inputs: inputs}, project)
	expect("first run", first, 0, 0, "nothing to compare with yet")
	if h.cache["minsize-app-m1"] == nil || len(h.cache) != 1 {
		t.Fatalf("the cache has %d records", len(h.cache))
	}
	expect("nothing new", h.run(&job{pull: true, sha: "p1", before: "m1", inputs: inputs}, project), 0, 0, "as before")

	program(12000)
	expect("a fork", func() *job {
		h.readOnly = true
		defer func() { h.readOnly = false }()
		return h.run(&job{pull: true, fork: true, sha: "p2", before: "m1", inputs: inputs}, project)
	}(), 0, 0, "comes from a fork")
	inputs["token"] = ""
	expect("no token", h.run(&job{pull: true, sha: "p2", before: "m1", inputs: inputs}, project), 0, 0, "GITHUB_TOKEN is not set")
	delete(inputs, "token")
	inputs["comment"] = "false"
	expect("no comment", h.run(&job{pull: true, sha: "p2", before: "m1", inputs: inputs}, project), 0, 0)
	delete(inputs, "comment")
	grown := h.run(&job{pull: true, sha: "p2", before: "m1", inputs: inputs}, project)
	expect("growth", grown, 0, 1, "comment on pull request 7 written", "read-only data", "within its budget")
	if grown.outputs["delta"] == "" || grown.outputs["delta"] == "0" || grown.outputs["over"] != "0" || len(h.cache) != 1 {
		t.Errorf("growth: outputs %v, %d records", grown.outputs, len(h.cache))
	}

	program(50000)
	over := h.run(&job{pull: true, sha: "p3", before: "m1", inputs: inputs}, project)
	expect("over budget", over, 3, 1, "comment on pull request 7 updated", "2 of 2 limits exceeded", "::error file=budget.toml,line=2,title=size budget::app: file has", "::error file=budget.toml,line=3,", "minsize check --update")
	if over.outputs["over"] != "2" {
		t.Errorf("over budget: outputs %v", over.outputs)
	}

	program(100)
	shrunk := h.run(&job{pull: true, sha: "p4", before: "m9", inputs: inputs}, project) // no record of that very commit: the last one counts
	expect("shrink", shrunk, 0, 1, "comment on pull request 7 updated", "within its budget")
	if !strings.HasPrefix(shrunk.outputs["delta"], "-") || !strings.HasPrefix(h.comments[0], "<!-- minsize gate app -->\n## app") {
		t.Errorf("shrink: outputs %v, comment %q", shrunk.outputs, h.comments[0])
	}
	inputs["arguments"] = "--max nonsense"
	if bad := h.run(&job{pull: true, sha: "p5", before: "m1", inputs: inputs}, project); bad.status != 2 || !strings.Contains(bad.log, `limit "nonsense"`) {
		t.Errorf("a limit that is none: status %d\n%s", bad.status, bad.log)
	}
}

// TestActionBranch: records on a branch of the repository. Each commit's own is
// found, and the folder, its branches and its index stay as they are.
func TestActionBranch(t *testing.T) {
	needs(t, "bash", "gcc", "git")
	r, p := here(t)
	h := newHub(t, r)
	origin, project := t.TempDir(), t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		return command(t, project, append([]string{"git", "-c", "user.name=x", "-c", "user.email=x@localhost"}, args...)...)
	}
	git("init", "--quiet", "--bare", origin)
	git("init", "--quiet", "--initial-branch=main")
	git("commit", "--quiet", "--allow-empty", "--message=x")
	git("remote", "add", "origin", origin)
	compile(t, project, 4000)
	before := git("status", "--porcelain") + git("branch")

	inputs := map[string]string{"file": "app", "name": "my app", "branch": "sizes"}
	run := func(pull bool, sha, base, says string) *job {
		t.Helper()
		j := h.run(&job{pull: pull, sha: sha, before: base, inputs: inputs}, project)
		if j.status != 0 || !strings.Contains(j.log, says) {
			t.Errorf("%s against %s: status %d, nothing says %q\n%s", sha, base, j.status, says, j.log)
		}
		return j
	}
	run(true, "p0", "m0", "nothing to compare with yet")
	run(false, "m1", "m0", "nothing to compare with yet")
	compile(t, project, 12000)
	run(false, "m2", "m1", "read-only data")
	run(true, "p1", "m2", "as before")
	run(true, "p2", "m1", "comment on pull request 7 written")
	run(true, "p3", "m9", "as before") // no such commit: the newest counts
	if len(h.cache) != 0 {
		t.Errorf("the cache has %d records", len(h.cache))
	}
	if after := git("status", "--porcelain") + git("branch"); after != before {
		t.Errorf("the repository was\n%s\nand is\n%s", before, after)
	}
	if err := os.WriteFile(filepath.Join(project, "history"), []byte(command(t, origin, "git", "show", "sizes:my_app.jsonl")), 0o644); err != nil {
		t.Fatal(err)
	}
	minsize := filepath.Join(t.TempDir(), "minsize")
	if err := os.WriteFile(minsize, p.data, 0o755); err != nil {
		t.Fatal(err)
	}
	if shown := command(t, project, minsize, "history", "show", "--file", "history"); !strings.Contains(shown, " m1 ") || !strings.Contains(shown, "[C or assembly]") {
		t.Error(shown)
	}
	inputs["name"] = "other"
	run(true, "p4", "m2", "nothing to compare with yet")

	// A branch that may not be written is no reason for a red job.
	if err := os.WriteFile(filepath.Join(origin, "hooks", "pre-receive"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(false, "m3", "m2", "::warning title=size record::the branch sizes cannot be written")
}

// TestTenLines: the lines of docs/ci.md, as they stand there, hold a new cargo
// project to its size, and a first red run says why.
func TestTenLines(t *testing.T) {
	needs(t, "bash", "cargo", "cc")
	r, _ := here(t)
	page, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "\n## GitHub\n\n")
	block, _, _ = strings.Cut(block, "\n\nA run on")
	var workflow struct {
		Jobs map[string]struct{ Steps []step }
	}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(block, "\n    ", "\n")[4:]), &workflow); err != nil {
		t.Fatalf("%v in\n%s", err, block)
	}
	if lines := strings.Count(block, "\n"); lines > 11 {
		t.Errorf("%d lines are more than somebody pastes", lines)
	}
	h := newHub(t, r)
	project := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(project, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("Cargo.toml", "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
	push := func(j *job) *job {
		t.Helper()
		for _, s := range workflow.Jobs["size"].Steps {
			switch uses, version, _ := strings.Cut(s.Uses, "@"); {
			case uses == "actions/checkout":
			case s.Run != "":
				command(t, project, "sh", "-c", s.Run)
			case uses == "minsize/minsize" && version == "v"+r.version:
				j.inputs = s.With
				j = h.run(j, project)
			default:
				t.Fatalf("docs/ci.md: %s is no step that is known", s.Uses)
			}
		}
		return j
	}
	write("src/main.rs", "fn main() { println!(\"hello\"); }\n")
	if j := push(&job{sha: "m1", before: "m0"}); j.status != 0 {
		t.Fatalf("status %d\n%s", j.status, j.log)
	}
	write("src/main.rs", "fn sorted<T: Ord>(mut v: Vec<T>) -> Vec<T> { v.sort(); v }\nfn main() {\n    let words: Vec<String> = std::env::args().collect();\n"+
		"    println!(\"hello {:?} {:?}\", sorted(words.iter().map(|w| (w.len(), w.clone(), 0.1f64.to_bits())).collect()), sorted(words));\n}\n")
	j := push(&job{pull: true, sha: "p1", before: "m1"})
	if j.status != 3 || len(h.comments) != 1 {
		t.Fatalf("status %d, %d comments\n%s", j.status, len(h.comments), j.log)
	}
	for _, says := range []string{"1 of 2 limits exceeded", "grew most: +", "Of generic functions ", "Change", "what is merged all the same is what later runs compare with"} {
		if !strings.Contains(h.comments[0], says) {
			t.Errorf("the comment does not say %q:\n%s", says, h.comments[0])
		}
	}
}

// TestGitLab runs the component's script as its runner does, line by line in
// one shell: with a budget that is kept, and one that is not.
func TestGitLab(t *testing.T) {
	needs(t, "bash", "curl")
	r, p := here(t)
	text, err := os.ReadFile("../../templates/gate.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, body, found := strings.Cut(string(text), "\n---\n")
	if !found {
		t.Fatal("the component has no job behind its inputs")
	}
	var spec struct {
		Spec struct {
			Inputs map[string]struct{ Default *string }
		}
	}
	if err := yaml.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	release := httptest.NewServer(http.FileServer(http.Dir(r.out)))
	defer release.Close()
	project := t.TempDir()
	if err := os.WriteFile(filepath.Join(project, "app"), p.data, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		arguments string
		status    int
		says      string
		issues    int
	}{
		{"--max file=100MB", 0, "nothing to compare with yet; within its budget", 0},
		{"--max file=1MB --max-growth 1%", 3, "as before; 1 of 2 limits exceeded", 1},
	} {
		inputs := map[string]string{"file": "app", "arguments": c.arguments, "release": release.URL, "installer": release.URL + "/install.sh"}
		filled := regexp.MustCompile(`\$\[\[ inputs\.(\w+) \]\]`).ReplaceAllStringFunc(body, func(m string) string {
			name := strings.Fields(strings.Trim(m, "$[]"))[0]
			name = strings.TrimPrefix(name, "inputs.")
			input, known := spec.Spec.Inputs[name]
			if !known || input.Default == nil {
				t.Errorf("%s: no such input, or none with a default", m)
			}
			if value, set := inputs[name]; set {
				return value
			}
			return *input.Default
		})
		var jobs map[string]struct {
			Variables map[string]string
			Script    []string
			Artifacts struct{ Reports map[string]string }
		}
		if err := yaml.Unmarshal([]byte(filled), &jobs); err != nil {
			t.Fatal(err)
		}
		job, known := jobs["minsize gate program"]
		if !known {
			t.Fatalf("%v", jobs)
		}
		cmd := exec.Command("bash", "-eo", "pipefail", "-c", strings.Join(job.Script, "\n"))
		cmd.Dir, cmd.Env = project, os.Environ()
		for name, value := range job.Variables {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		out, _ := cmd.CombinedOutput()
		if status := cmd.ProcessState.ExitCode(); status != c.status || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: status %d, want %d and %q\n%s", c.arguments, status, c.status, c.says, out)
		}
		var issues []map[string]any
		data, err := os.ReadFile(filepath.Join(project, job.Artifacts.Reports["codequality"]))
		if err == nil {
			err = json.Unmarshal(data, &issues)
		}
		if err != nil || len(issues) != c.issues {
			t.Errorf("%s: %v, %d issues in %s", c.arguments, err, len(issues), data)
		}
	}
}

// TestPreCommit: the hook's command is one that the program has.
func TestPreCommit(t *testing.T) {
	_, p := here(t)
	text, err := os.ReadFile("../../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct{ ID, Entry, Language string }
	if err := yaml.Unmarshal(text, &hooks); err != nil || len(hooks) != 1 {
		t.Fatal(err, hooks)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "minsize"), p.data, 0o755); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(hooks[0].Entry)
	out := command(t, dir, append([]string{filepath.Join(dir, words[0])}, append(words[1:], "--help")...)...)
	if !strings.Contains(out, "[budget]") {
		t.Error(out)
	}
}
