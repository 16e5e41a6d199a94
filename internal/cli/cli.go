// Package cli is what was typed and what is answered: one file per verb that
// resolves options, calls the stages in order, and hands one result to report.
//
// stdout is the answer alone; progress, notes and errors go to stderr. Errors
// from below come up wrapped; here they get the program's name, a hint line
// when they carry one, and an exit status.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/executor"
	"github.com/minsize/minsize/internal/launch"
	"github.com/minsize/minsize/internal/manual"
	"github.com/minsize/minsize/internal/relink"
	"github.com/minsize/minsize/internal/report"
	"github.com/minsize/minsize/internal/stream"
)

// Exit statuses, documented in the README and in `minsize help exit-status`.
const (
	exitOK           = 0
	exitFailed       = 1
	exitUsage        = 2
	exitBudget       = 3 // a budget was exceeded
	exitVerification = 4 // a check did not pass
	exitNotSmaller   = 5 // nothing smaller was found (only when asked for)
	exitRefused      = 6 // the input was left alone for a stated reason
	exitInterrupted  = 130
)

// statusError gives an error its exit status and its hint.
type statusError struct {
	status int
	hint   string   // what to try; may be empty
	detail []string // another program's own lines, shown below the message
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// usageError is an error in what was typed: exit status 2.
func usageError(hint, format string, args ...any) error {
	return &statusError{status: exitUsage, hint: hint, err: fmt.Errorf(format, args...)}
}

// withStatus gives err another exit status than 1, and a hint.
func withStatus(status int, hint string, err error) error {
	if err == nil {
		return nil
	}
	return &statusError{status: status, hint: hint, err: err}
}

// asStatus is what an error means to the caller: a refusal of any package has
// a status and a hint of its own.
func asStatus(err error) *statusError {
	var s *statusError
	var refusal *byteio.Refusal
	switch {
	case errors.As(err, &s):
		return s
	case errors.As(err, &refusal):
		return &statusError{status: exitRefused, hint: refusal.Hint, err: err}
	}
	return &statusError{status: exitFailed, err: err}
}

// env is what a verb may touch of the world; tests give their own.
type env struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	typed  []string // the command line behind the program's name
	global globalFlags
	moving *shrinkView // has the moving line, while there is one
}

// verb makes one subcommand. A verb is one file in this package and one line
// in verbs.
type verb struct {
	name  string
	group string
	make  func(*env) *cobra.Command
}

// Groups, in the order of help.
const (
	groupShrink  = "shrink"
	groupExplain = "explain"
	groupRewrite = "rewrite"
	groupGuard   = "guard"
	groupOther   = "other"
)

var groups = []*cobra.Group{
	{ID: groupShrink, Title: "Make a cargo project's program small:"},
	{ID: groupExplain, Title: "Explain where the bytes of any program are:"},
	{ID: groupRewrite, Title: "Rewrite finished programs:"},
	{ID: groupGuard, Title: "Guard what was won:"},
	{ID: groupOther, Title: "Other:"},
}

var verbs = []verb{
	{"shrink", groupShrink, newShrinkCommand},
	{"init", groupShrink, newInitCommand},
	{"build", groupShrink, newBuildCommand},
	{"apply", groupShrink, newApplyCommand},
	{"link", groupShrink, newLinkCommand},
	{"doctor", groupShrink, newDoctorCommand},
	{"new", groupShrink, newNewCommand},
	{"strip", groupRewrite, newStripCommand},
	{"pack", groupRewrite, newPackCommand},
	{"unpack", groupRewrite, newUnpackCommand},
	{"wheel", groupRewrite, newWheelCommand},
	{"npm", groupRewrite, newNpmCommand},
	{"image", groupRewrite, newImageCommand},
	{"advise", groupExplain, newAdviseCommand},
	{"size", groupExplain, newSizeCommand},
	{"top", groupExplain, newTopCommand},
	{"dominators", groupExplain, newDominatorsCommand},
	{"paths", groupExplain, newPathsCommand},
	{"why", groupExplain, newWhyCommand},
	{"monos", groupExplain, newMonosCommand},
	{"garbage", groupExplain, newGarbageCommand},
	{"diff", groupExplain, newDiffCommand},
	{"check", groupGuard, newCheckCommand},
	{"gate", groupGuard, newGateCommand},
	{"history", groupGuard, newHistoryCommand},
	{"generics", groupExplain, newGenericsCommand},
	{"outline", groupRewrite, newOutlineCommand},
	{"man", groupOther, newManCommand},
	{"version", groupOther, newVersionCommand},
}

// oneInterrupt is the time in which further signals are the same interrupt.
const oneInterrupt = 300 * time.Millisecond

// Main runs one command line and returns the exit status. args[0] is the
// program's name: as cargo-minsize, cargo's own leading `minsize` is dropped.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Whoever interrupts twice does not wait for the tidying. `timeout` sends its
	// signal to the process and to its group: that is once.
	context.AfterFunc(ctx, func() { time.AfterFunc(oneInterrupt, stop) })

	if relink.ActsAsLinker() { // before all else: rustc's arguments are not ours
		return relink.LinkerMain(ctx, args, stdin, stdout, stderr)
	}
	if launch.IsLinker(args[0]) {
		return executor.LinkMain(ctx, args[1:], stderr)
	}
	// Whoever listens gets an error of the write where others would die of it.
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE)
	defer signal.Stop(gone)
	wait := &stream.Waiting{}
	out := &stream.Answer{To: stdout, Before: wait.End}
	e := &env{stdin: stdin, stdout: out, stderr: &stream.Answer{To: &stream.Prose{To: stderr}, Before: wait.End}}
	args, e.global.toolchain = takeToolchain(dropCargoWord(args))
	e.typed = args[1:]
	root := newRootCommand(e, verbsFor(e.typed))
	root.SetArgs(e.typed)
	root.PersistentPreRun = func(*cobra.Command, []string) {
		if e.live() {
			wait.Begin(stream.Underlying(e.stderr).(io.Writer))
		}
	}
	err := root.ExecuteContext(ctx)
	wait.End()
	if err != nil && ctx.Err() != nil {
		fmt.Fprintln(stderr, "minsize: interrupted")
		return exitInterrupted
	}
	return e.explain(settled(out, err))
}

// dropCargoWord removes the subcommand's name that cargo passes on.
func dropCargoWord(args []string) []string {
	base := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	if base == "cargo-minsize" && len(args) > 1 && args[1] == "minsize" {
		return append(args[:1:1], args[2:]...)
	}
	return args
}

// takeToolchain removes `+toolchain`, which stands before or right behind the
// verb, as rustup's users type it.
func takeToolchain(args []string) (rest []string, toolchain string) {
	for i := 1; i < len(args) && i <= 2; i++ {
		if name, ok := strings.CutPrefix(args[i], "+"); ok && name != "" {
			return append(args[:i:i], args[i+1:]...), name
		}
	}
	return args, ""
}

// verbsFor are the verbs that a command line needs: its own alone where the
// first word is a verb, for most of what a short run costs would be the flags of
// all others. Help, manual pages and completion speak of every verb.
func verbsFor(typed []string) []verb {
	for _, v := range verbs {
		if len(typed) > 0 && typed[0] == v.name && v.name != "man" &&
			!slices.ContainsFunc(typed, func(arg string) bool { return arg == "-h" || arg == "--help" }) {
			return []verb{v}
		}
	}
	return verbs
}

func newRootCommand(e *env, with []verb) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:           "minsize",
		Short:         "the smallest program that still does the job, and why each byte is there",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				return printVersion(e)
			}
			if e.hereFirst(cmd.Context()) {
				return nil
			}
			return cmd.Help()
		},
		SuggestionsMinimumDistance: 2,
	}
	root.SetGlobalNormalizationFunc(currentName)
	root.SetUsageFunc(manual.Usage)
	root.SetHelpFunc(manual.Help)
	root.SetCompletionCommandGroupID(groupOther)
	root.Flags().BoolVarP(&version, "version", "V", false, "print the version")
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var own *statusError
		if errors.As(err, &own) {
			return own
		}
		return usageError(cmd.CommandPath()+" --help", "%v", err)
	})
	manual.InGroup(root.PersistentFlags(), manual.Global, func() { e.global.register(root.PersistentFlags()) })
	root.AddGroup(groups...)
	root.SetHelpCommandGroupID(groupOther)
	root.SetHelpCommand(newHelpCommand(e))
	for _, v := range with {
		cmd := v.make(e)
		cmd.GroupID = v.group
		root.AddCommand(cmd)
	}
	if len(with) < len(verbs) {
		root.CompletionOptions.DisableDefaultCmd = true
		return root
	}
	root.InitDefaultCompletionCmd() // now, so that help and tests see it too
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "print what a shell needs to complete verbs, flags and their values"
		}
	}
	completeValues(root)
	return root
}

// explain prints err the way that the whole program does and gives its status.
func (e *env) explain(err error) int {
	if err == nil {
		return exitOK
	}
	s := asStatus(err)
	if msg := err.Error(); msg != "" {
		fmt.Fprintf(e.stderr, "minsize: %s\n", report.PrintableProse(msg))
	}
	for _, line := range s.detail {
		fmt.Fprintf(e.stderr, "  | %s\n", report.PrintableProse(line))
	}
	if s.hint != "" {
		fmt.Fprintf(e.stderr, "  try: %s\n", report.PrintableProse(s.hint))
	}
	return s.status
}
