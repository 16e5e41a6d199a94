// Package forge speaks to GitHub about the run that this process is a part of:
// which pull request it checks, and the one comment there that is kept up to
// date. All that it knows comes from the variables that GitHub sets.
package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// Run is a run of a workflow.
type Run struct {
	API         string // address of the interface, without a slash at its end
	Repository  string // owner/name
	Token       string // "" where none was given to this step
	PullRequest int    // 0 where it is of none
	Base        string // the pull request's base branch
	Fork        bool   // the pull request comes from another repository
	Summary     string // the file that the run's page is made of, "" for none
	Output      string // the file that the step's outputs go to, "" for none
}

// Current reads the run from the environment; nil where there is none.
func Current(getenv func(string) string) (*Run, error) {
	if getenv("GITHUB_ACTIONS") == "" {
		return nil, nil
	}
	r := &Run{API: strings.TrimSuffix(getenv("GITHUB_API_URL"), "/"), Repository: getenv("GITHUB_REPOSITORY"), Token: getenv("GITHUB_TOKEN"),
		Summary: getenv("GITHUB_STEP_SUMMARY"), Output: getenv("GITHUB_OUTPUT")}
	path := getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return r, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	type repository struct {
		FullName string `json:"full_name"`
	}
	type side struct {
		Ref  string      `json:"ref"`
		Repo *repository `json:"repo"` // null where the fork was deleted
	}
	var event struct {
		PullRequest *struct {
			Number     int `json:"number"`
			Head, Base side
		} `json:"pull_request"`
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if p := event.PullRequest; p != nil {
		r.PullRequest, r.Base = p.Number, p.Base.Ref
		r.Fork = p.Head.Repo == nil || p.Base.Repo != nil && p.Head.Repo.FullName != p.Base.Repo.FullName
	}
	return r, nil
}

// ErrMayNot: the token is not allowed to write comments.
var ErrMayNot = errors.New("the token may not write comments")

// maxComment is the most characters that GitHub takes.
const maxComment = 65536

// pages is how many pages of a hundred comments are looked through.
const pages = 30

// comment is what is read of one.
type comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
}

// Comment leaves one comment that begins with the hidden mark: the one that is
// there gets a new text, else one is written, unless onlyOld. It says what was
// done: "updated", "written", or "" for nothing.
func (r *Run) Comment(ctx context.Context, mark, text string, onlyOld bool) (done string, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	body := fmt.Sprintf("<!-- %s -->\n%s", mark, text)
	if cut := "\n\n(cut here: the whole report is in the run's summary)\n"; len(body) > maxComment {
		body = strings.ToValidUTF8(body[:maxComment-len(cut)], "") + cut
	}
	address := fmt.Sprintf("%s/repos/%s/issues", r.API, r.Repository)
	for page := 1; page <= pages; page++ {
		var list []comment
		if err := r.call(ctx, http.MethodGet, fmt.Sprintf("%s/%d/comments?per_page=100&page=%d", address, r.PullRequest, page), nil, &list); err != nil {
			return "", err
		}
		for _, c := range list {
			if !strings.HasPrefix(c.Body, "<!-- "+mark+" -->") {
				continue
			}
			if strings.ReplaceAll(c.Body, "\r\n", "\n") == body {
				return "", nil
			}
			err := r.call(ctx, http.MethodPatch, fmt.Sprintf("%s/comments/%d", address, c.ID), map[string]string{"body": body}, nil)
			if err == nil {
				return "updated", nil
			}
			if !errors.Is(err, ErrMayNot) {
				return "", err
			} // somebody pasted our words: it is not ours to change
		}
		if len(list) < 100 {
			break
		}
	}
	if onlyOld {
		return "", nil
	}
	return "written", r.call(ctx, http.MethodPost, fmt.Sprintf("%s/%d/comments", address, r.PullRequest), map[string]string{"body": body}, nil)
}

// call makes one request. What is sent and what comes back is JSON.
func (r *Run) call(ctx context.Context, method, address string, send, receive any) error {
	var body io.Reader
	if send != nil {
		data, err := json.Marshal(send)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	q, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	q.Header.Set("Accept", "application/vnd.github+json")
	q.Header.Set("Authorization", "Bearer "+r.Token)
	q.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	q.Header.Set("User-Agent", "minsize")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	const most = 16 << 20 // a hundred of the longest comments
	data, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, address, err)
	}
	switch {
	case answer.StatusCode < 300:
		if receive == nil {
			return nil
		}
		if err := json.Unmarshal(data, receive); err != nil {
			return fmt.Errorf("%s %s: %w", method, address, err)
		}
		return nil
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: %s %s: %s", ErrMayNot, method, address, answer.Status)
	}
	return fmt.Errorf("%s %s: %s", method, address, answer.Status)
}

// Append adds text to one of the run's files.
func Append(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
