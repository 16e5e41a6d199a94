package manual

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/minsize/minsize/internal/byteio"
)

// Manual pages are what help says, set in roff's man macros (groff_man(7)).

// Facts are what a page says beside its command.
type Facts struct {
	Version, Released string
	Statuses          []Status
}

// Status is an exit status.
type Status struct {
	Status int
	Means  string
}

// Write writes the page of every command, from cmd on down, into a folder.
func (m *Facts) Write(ctx context.Context, cmd *cobra.Command, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	path := filepath.Join(folder, Name(cmd)+".1")
	if _, err := byteio.WriteFile(ctx, path, byteio.Content{{Data: []byte(m.Page(cmd))}}, byteio.WriteOptions{}); err != nil {
		return err
	}
	for _, c := range cmd.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		if err := m.Write(ctx, c, folder); err != nil {
			return err
		}
	}
	return nil
}

// Name is the name of a command's page: minsize-history-show.
func Name(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-")
}

// Page is the page of one command.
func (m *Facts) Page(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"%s\" \"minsize %s\" \"minsize manual\"\n.nh\n.ad l\n", roff(strings.ToUpper(Name(cmd))), m.Released, m.Version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(Name(cmd)), roff(cmd.Short))
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
		pageText(&b, cmd.Long)
	}
	pageCommands(&b, cmd)
	for _, g := range groupedFlags(cmd) {
		fmt.Fprintf(&b, ".SH %s\n", roff(strings.ToUpper(g.title)))
		g.flags.VisitAll(func(f *pflag.Flag) { pageFlag(&b, f) })
	}
	if cmd.HasExample() {
		b.WriteString(".SH EXAMPLES\n.nf\n")
		for line := range strings.Lines(cmd.Example) {
			fmt.Fprintf(&b, "%s\n", roff(strings.TrimSpace(line)))
		}
		b.WriteString(".fi\n")
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range m.Statuses {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", s.Status, roff(s.Means))
	}
	seeAlso(&b, cmd)
	return b.String()
}

// pageText sets a description: paragraphs run on, indented lines stay lines.
func pageText(b *strings.Builder, text string) {
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

// pageCommands lists the commands below cmd in their groups.
func pageCommands(b *strings.Builder, cmd *cobra.Command) {
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

// pageFlag is one flag with what it takes and what it does.
func pageFlag(b *strings.Builder, f *pflag.Flag) {
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

// seeAlso names the pages above and beside this one.
func seeAlso(b *strings.Builder, cmd *cobra.Command) {
	b.WriteString(".SH SEE ALSO\n")
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, Name(cmd.Parent()))
		for _, c := range cmd.Parent().Commands() {
			if c != cmd && c.GroupID == cmd.GroupID && c.IsAvailableCommand() {
				pages = append(pages, Name(c))
			}
		}
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			pages = append(pages, Name(c))
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
