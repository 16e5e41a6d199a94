package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/technique"
)

// TestListTechniques: the list that errors point to has every technique, with
// what it loses, and each name in it is one that --with takes.
func TestListTechniques(t *testing.T) {
	t.Chdir(t.TempDir()) // no project is needed
	var text, data bytes.Buffer
	if status := Main([]string{"minsize", "shrink", "--list-techniques"}, nil, &text, os.Stderr); status != exitOK {
		t.Fatalf("status %d", status)
	}
	for _, table := range [][]*technique.Technique{technique.Table(), technique.CutTable(), technique.PipelineTable()} {
		for _, one := range table {
			found := false
			for line := range strings.Lines(text.String()) {
				words := strings.Fields(line)
				found = found || len(words) > 1 && words[0] == one.Name
			}
			if !found {
				t.Errorf("%s is not in the list", one.Name)
			}
		}
	}
	if status := Main([]string{"minsize", "shrink", "--list-techniques", "--json"}, nil, &data, os.Stderr); status != exitOK || !json.Valid(data.Bytes()) {
		t.Errorf("json: status %d: %s", status, &data)
	}
	var complaint bytes.Buffer
	if status := Main([]string{"minsize", "shrink", "--with", "typo"}, nil, &data, &complaint); status != exitUsage || !strings.Contains(complaint.String(), "--list-techniques") {
		t.Errorf("--with typo: status %d: %s", status, &complaint)
	}
}
