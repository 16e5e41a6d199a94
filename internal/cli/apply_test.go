package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/apply"
	"github.com/minsize/minsize/internal/recipe"
	"github.com/minsize/minsize/internal/technique"
)

// TestAfterwards: what plain cargo will weigh is told as an estimate, and only
// where the search has measured those very settings.
func TestAfterwards(t *testing.T) {
	measured := recipe.Result{Size: 38065, Cargo: 281272}
	for name, row := range map[string]struct {
		edit   apply.Edit
		result recipe.Result
		want   string
	}{
		"measured":                {apply.Edit{}, measured, "cargo build makes about 281,272 bytes with these settings (an estimate, by the search's own build), minsize build makes 38,065 bytes"},
		"a change to the link":    {apply.Edit{Left: []apply.Left{{Name: "relr"}}}, measured, "cargo build makes about 281,272 bytes with these settings (an estimate, by the search's own build), minsize build makes 38,065 bytes"},
		"a setting is left":       {apply.Edit{Left: []apply.Left{{Name: "lto-fat"}}}, measured, "minsize build makes 38,065 bytes; what cargo build makes with these settings was not measured"},
		"a recipe of before":      {apply.Edit{}, recipe.Result{Size: 38065}, "minsize build makes 38,065 bytes; what cargo build makes with these settings was not measured"},
		"the program bears it no": {apply.Edit{Refused: []technique.Refused{{}}}, measured, "minsize build made 38,065 bytes with what was left out; what it and cargo build make without was not measured"},
	} {
		if got := afterwards(&row.edit, &recipe.Recipe{Result: row.result}); got != row.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

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
