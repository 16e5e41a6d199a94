package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fake is the part of GitHub's interface that is used: comments of one pull
// request, in pages.
type fake struct {
	bodies []string
	denied map[string]int // status for a method
	calls  []string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	f.calls = append(f.calls, q.Method)
	if q.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if status := f.denied[q.Method]; status != 0 {
		w.WriteHeader(status)
		return
	}
	var sent struct{ Body string }
	if q.Method != http.MethodGet {
		if err := json.NewDecoder(q.Body).Decode(&sent); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	const comments = "/repos/o/r/issues/7/comments"
	switch id, edits := strings.CutPrefix(q.URL.Path, "/repos/o/r/issues/comments/"); {
	case q.Method == http.MethodGet && q.URL.Path == comments:
		page, _ := strconv.Atoi(q.URL.Query().Get("page"))
		list := []comment{}
		for i := (page - 1) * 100; i < min(page*100, len(f.bodies)); i++ {
			list = append(list, comment{int64(i), f.bodies[i]})
		}
		json.NewEncoder(w).Encode(list)
	case q.Method == http.MethodPost && q.URL.Path == comments:
		f.bodies = append(f.bodies, sent.Body)
		w.WriteHeader(http.StatusCreated)
	case q.Method == http.MethodPatch && edits:
		at, err := strconv.Atoi(id)
		if err != nil || at >= len(f.bodies) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		f.bodies[at] = sent.Body
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// TestComment: there is one comment of a mark, however often it is written.
func TestComment(t *testing.T) {
	f := &fake{}
	for i := range 150 {
		f.bodies = append(f.bodies, fmt.Sprintf("talk %d about <!-- minsize gate app -->", i))
	}
	server := httptest.NewServer(f)
	defer server.Close()
	run := &Run{API: server.URL, Repository: "o/r", Token: "secret", PullRequest: 7}
	say := func(text string, onlyOld bool, want string) {
		t.Helper()
		done, err := run.Comment(context.Background(), "minsize gate app", text, onlyOld)
		if err != nil || done != want {
			t.Errorf("%q: %q, %v, want %q", text, done, err, want)
		}
	}
	say("nothing new", true, "")
	say("first", false, "written")
	f.bodies = append(f.bodies, "later talk")
	say("second", false, "updated")
	say("second", false, "")
	say("third", true, "updated")
	if len(f.bodies) != 152 || f.bodies[150] != "<!-- minsize gate app -->\nthird" {
		t.Errorf("%d comments, the last %q", len(f.bodies), f.bodies[150])
	}
	other := &Run{API: server.URL, Repository: "o/r", Token: "secret", PullRequest: 7}
	if done, err := other.Comment(context.Background(), "minsize gate tool", strings.Repeat("ü", maxComment), false); done != "written" || err != nil {
		t.Errorf("%q, %v", done, err)
	}
	if last := f.bodies[len(f.bodies)-1]; len(last) > maxComment || !strings.Contains(last, "cut here") {
		t.Errorf("%d bytes", len(last))
	}
}

// TestDenied: what a token may not do is told from what failed.
func TestDenied(t *testing.T) {
	for method, want := range map[string]string{"GET": "GET", "POST": "GET POST", "PATCH": "GET PATCH POST"} {
		for status, denied := range map[int]bool{401: true, 403: true, 404: true, 500: false, 422: false} {
			f := &fake{denied: map[string]int{method: status}}
			if method == "PATCH" {
				f.bodies = []string{"<!-- m -->\nold"}
			}
			server := httptest.NewServer(f)
			run := &Run{API: server.URL, Repository: "o/r", Token: "secret", PullRequest: 7}
			done, err := run.Comment(context.Background(), "m", "new", false)
			server.Close()
			if method == "PATCH" && denied { // somebody else's comment: one of our own is written
				if done != "written" || err != nil {
					t.Errorf("%s %d: %q, %v", method, status, done, err)
				}
			} else if err == nil || errors.Is(err, ErrMayNot) != denied {
				t.Errorf("%s %d: %q, %v", method, status, done, err)
			}
			if got := strings.Join(f.calls, " "); got != want && !(method == "PATCH" && !denied && got == "GET PATCH") {
				t.Errorf("%s %d: calls %s", method, status, got)
			}
		}
	}
}

// TestCurrent reads what GitHub says of a run.
func TestCurrent(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	for _, c := range []struct {
		event  string
		number int
		fork   bool
	}{
		{`{"ref": "refs/heads/main"}`, 0, false},
		{`{"pull_request": {"number": 7, "head": {"repo": {"full_name": "o/r"}}, "base": {"ref": "main", "repo": {"full_name": "o/r"}}}}`, 7, false},
		{`{"pull_request": {"number": 7, "head": {"repo": {"full_name": "x/r"}}, "base": {"ref": "main", "repo": {"full_name": "o/r"}}}}`, 7, true},
		{`{"pull_request": {"number": 7, "head": {"repo": null}, "base": {"ref": "main", "repo": {"full_name": "o/r"}}}}`, 7, true},
	} {
		if err := os.WriteFile(event, []byte(c.event), 0o644); err != nil {
			t.Fatal(err)
		}
		vars := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": event, "GITHUB_API_URL": "http://127.0.0.1:1/"}
		r, err := Current(func(name string) string { return vars[name] })
		if err != nil || r.PullRequest != c.number || r.Fork != c.fork || r.API != "http://127.0.0.1:1" {
			t.Errorf("%s: %+v, %v", c.event, r, err)
		}
	}
	if r, err := Current(func(string) string { return "" }); r != nil || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}
