package history

import (
	"context"
	"os/exec"
	"strings"

	"github.com/minsize/minsize/internal/process"
)

// GitCommit asks git about the folder here: no git, or no repository, is no
// commit. The history itself is a change that does not count.
func GitCommit(ctx context.Context, own string) (hash, subject string, dirty bool) {
	ask := func(args ...string) (string, bool) {
		var out strings.Builder
		cmd := process.Command(ctx, "", nil, "git", args...)
		cmd.Stdout = &out
		_, err := process.Run(ctx, cmd)
		return strings.TrimSpace(out.String()), err == nil
	}
	if _, err := exec.LookPath("git"); err != nil {
		return "", "", false
	}
	text, ok := ask("log", "-1", "--format=%H%x00%s")
	if !ok {
		return "", "", false
	}
	hash, subject, _ = strings.Cut(text, "\x00")
	changed, ok := ask("status", "--porcelain", "--untracked-files=no", "--", ":(top)", ":(exclude)"+own)
	if !ok { // it lies outside of the repository
		changed, ok = ask("status", "--porcelain", "--untracked-files=no")
	}
	return hash, subject, ok && changed != ""
}
