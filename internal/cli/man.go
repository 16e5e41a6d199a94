package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/byteio"
)

// Manual pages are what help says, set in roff's man macros (groff_man(7)): a
// page for each verb, made from the command table, so that no page can lag
// behind the program.

func newManCommand(e *env) *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "man [VERB]",
		Short: "print the manual page of minsize or of a verb",
		Long: "Prints a manual page, made from what --help says, for man(1) to show. With --into\n" +
			"every page is written into a folder, as minsize.1, minsize-size.1 and so on: what\n" +
			"packages install.",
		Example: "  minsize man shrink | man -l -\n  minsize man --into /usr/local/share/man/man1",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return commandNames(cmd.Root(), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			if folder != "" {
				if len(args) > 0 {
					return usageError("minsize man --into "+folder, "--into takes no verb but got %q", args[0])
				}
				return writeManual(cmd.Context(), root, folder)
			}
			at, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownVerb(root, args[0])
			}
			_, err = io.WriteString(e.stdout, manPage(at))
			return err
		},
	}
	cmd.Flags().StringVar(&folder, "into", "", "write every page into this `FOLDER`, which is made where it is missing")
	return cmd
}

// writeManual writes the page of every command into a folder.
func writeManual(ctx context.Context, cmd *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, manName(cmd)+".1")
	if _, err := byteio.WriteFile(ctx, path, byteio.Content{{Data: []byte(manPage(cmd))}}, byteio.WriteOptions{}); err != nil {
		return err
	}
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		if err := writeManual(ctx, c, folder); err != nil {
			return err
		}
	}
	return nil
}

// manName is the name of a command's page: minsize-history-show.
func manName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-")
}

// manPage is the page of one command.
func manPage(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"%s\" \"minsize %s\" \"minsize manual\"\n.nh\n.ad l\n", roff(strings.ToUpper(manName(cmd))), Released, Version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(manName(cmd)), roff(cmd.Short))
	b.WriteString(".SH SYNOPSIS\n")
	if cmd.Runnable() && cmd.HasParent() {
		fmt.Fprintf(&b, ".B %s\n", roff(cmd.UseLine()))
	}
	if cmd.HasAvailableSubCommands() {
		if cmd.HasParent() && cmd.Runnable() {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B %s\n.I COMMAND\n", roff(cmd.CommandPath()))
	}
	if cmd.Long != "" {
		b.WriteString(".SH DESCRIPTION\n")
		manText(&b, cmd.Long)
	}
	manCommands(&b, cmd)
	for _, g := range groupedFlags(cmd) {
		fmt.Fprintf(&b, ".SH %s\n", roff(strings.ToUpper(g.title)))
		g.flags.VisitAll(func(f *pflag.Flag) { manFlag(&b, f) })
	}
	if cmd.HasExample() {
		b.WriteString(".SH EXAMPLES\n.nf\n")
		for line := range strings.Lines(cmd.Example) {
			fmt.Fprintf(&b, "%s\n", roff(strings.TrimSpace(line)))
		}
		b.WriteString(".fi\n")
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range statusHelp {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", s.status, roff(s.means))
	}
	manSeeAlso(&b, cmd)
	return b.String()
}

// manText sets a description: paragraphs run on, indented lines stay lines.
func manText(b *strings.Builder, text string) {
	kept, fresh := false, true // in lines that stay; where a paragraph has just begun
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.TrimRight(line, " \n")
		indented := strings.HasPrefix(line, " ")
		switch {
		case line == "":
			if !fresh && !kept {
				b.WriteString(".PP\n")
				fresh = true
			} else if kept {
				b.WriteString(".fi\n.RE\n.PP\n")
				kept, fresh = false, true
			}
			continue
		case indented && !kept:
			b.WriteString(".RS 2\n.nf\n")
		case !indented && kept:
			b.WriteString(".fi\n.RE\n")
		}
		kept, fresh = indented, false
		if indented {
			line = strings.TrimPrefix(strings.TrimPrefix(line, " "), " ")
		}
		fmt.Fprintf(b, "%s\n", roff(line))
	}
	if kept {
		b.WriteString(".fi\n.RE\n")
	}
}

// manCommands lists the commands below cmd in their groups.
func manCommands(b *strings.Builder, cmd *cobra.Command) {
	list := func(title, group string) {
		for _, c := range cmd.Commands() {
			if c.GroupID != group || !c.IsAvailableCommand() {
				continue
			}
			if title != "" {
				fmt.Fprintf(b, ".SS %s\n", roff(title))
				title = ""
			}
			fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(c.Name()), roff(c.Short))
		}
	}
	if !cmd.HasAvailableSubCommands() {
		return
	}
	b.WriteString(".SH COMMANDS\n")
	for _, g := range cmd.Groups() {
		list(strings.TrimSuffix(g.Title, ":"), g.ID)
	}
	if cmd.HasParent() {
		list("", "")
	}
}

// manFlag is one flag with what it takes and what it does.
func manFlag(b *strings.Builder, f *pflag.Flag) {
	if f.Hidden {
		return
	}
	takes, text := pflag.UnquoteUsage(f)
	b.WriteString(".TP\n")
	if f.Shorthand != "" {
		fmt.Fprintf(b, "\\fB%s\\fR, ", roff("-"+f.Shorthand))
	}
	fmt.Fprintf(b, "\\fB%s\\fR", roff("--"+f.Name))
	if takes != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", roff(takes))
	}
	fmt.Fprintf(b, "\n%s", roff(text))
	if value := f.DefValue; value != "" && value != "0" && value != "false" && value != "[]" && takes != "" {
		fmt.Fprintf(b, " (default %s)", roff(value))
	}
	b.WriteString("\n")
}

// manSeeAlso names the pages above and beside this one.
func manSeeAlso(b *strings.Builder, cmd *cobra.Command) {
	b.WriteString(".SH SEE ALSO\n")
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, manName(cmd.Parent()))
		for _, c := range cmd.Parent().Commands() {
			if c != cmd && c.GroupID == cmd.GroupID && c.IsAvailableCommand() {
				pages = append(pages, manName(c))
			}
		}
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			pages = append(pages, manName(c))
		}
	}
	for i, page := range pages {
		comma := ","
		if i == len(pages)-1 {
			comma = ""
		}
		fmt.Fprintf(b, ".BR %s (1)%s\n", roff(page), comma)
	}
}

// roff is text as roff prints it: no escape, no request, hyphens that can be
// pasted into a shell (groff_char(7)).
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\t", "    ").Replace(strings.ReplaceAll(text, "\n", " "))
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
