package relink

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecordings: what Open and Find say of what is not there.
func TestRecordings(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, ErrNoRecording) {
		t.Errorf("an empty folder: %v", err)
	}
	file := filepath.Join(dir, "program")
	os.WriteFile(file, []byte("x"), 0o666)
	if _, err := Find(dir, file); !errors.Is(err, ErrNoRecording) {
		t.Errorf("nothing recorded: %v", err)
	}
	os.WriteFile(filepath.Join(dir, "link.json"), []byte(`{"Version":2,"Flavour":"gnu","Inputs":[{"Stored":"../../etc/passwd"}]}`), 0o666)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "leads out") {
		t.Errorf("a recording that leads out: %v", err)
	}
	os.WriteFile(filepath.Join(dir, "link.json"), []byte(`{"Version":2,"Flavour":"other"}`), 0o666)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("a flavour that is not in the table: %v", err)
	}
	os.WriteFile(filepath.Join(dir, "link.json"), []byte(`{"Version":999}`), 0o666)
	if _, err := Open(dir); !errors.Is(err, ErrNoRecording) {
		t.Errorf("another version: %v", err)
	}
	os.WriteFile(filepath.Join(dir, "link.json"), []byte(`{`), 0o666)
	if _, err := Open(dir); err == nil {
		t.Error("half a file was read")
	}
}

// TestRecorderPassesThrough: links of build scripts are not recorded, the
// linker's failure is passed on.
func TestRecorderPassesThrough(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs cc")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "a.c")
	os.WriteFile(source, []byte("int main(void) { return 0; }"), 0o666)
	rec := Recorder{Dir: filepath.Join(dir, "rec"), Bin: "wanted", Linker: cc}
	for _, kv := range rec.Env() {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
	link := func(bin string, args ...string) (int, string) {
		t.Setenv("CARGO_BIN_NAME", bin)
		var said bytes.Buffer
		status := LinkerMain(context.Background(), append([]string{"minsize"}, args...), nil, &said, &said)
		return status, said.String()
	}
	out := filepath.Join(dir, "a.out")
	if status, said := link("build-script-build", source, "-o", out); status != 0 {
		t.Fatalf("%d %s", status, said)
	}
	if _, err := Find(rec.Dir, out); !errors.Is(err, ErrNoRecording) {
		t.Errorf("a build script was recorded: %v", err)
	}
	response := filepath.Join(dir, "args")
	os.WriteFile(response, []byte(source+"\n-o\n"+strings.ReplaceAll(out, " ", `\ `)+"\n"), 0o666)
	if status, said := link("wanted", "@"+response); status != 0 {
		t.Fatalf("%d %s", status, said)
	}
	r, err := Find(rec.Dir, out)
	if err != nil {
		t.Fatal(err)
	}
	program, _ := linkTo(t, r, Variant{})
	if got := runProgram(t, program, ""); got.status != "exit 0" {
		t.Errorf("%+v", got)
	}
	if status, said := link("wanted", filepath.Join(dir, "missing.o"), "-o", out+"2"); status == 0 || !strings.Contains(said, "missing.o") {
		t.Errorf("a link that fails: %d %s", status, said)
	}
	if list, _ := filepath.Glob(filepath.Join(rec.Dir, ".*")); len(list) > 0 {
		t.Errorf("left behind: %v", list)
	}
}
