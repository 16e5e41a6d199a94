package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/oci"
	"github.com/minsize/minsize/internal/report"
)

// imageInspectFlags are what was typed.
type imageInspectFlags struct {
	platform  string
	plainHTTP bool
	limit     int
	out       reportFlags
}

func newImageInspectCommand(e *env) *cobra.Command {
	f := &imageInspectFlags{}
	cmd := &cobra.Command{
		Use:   "inspect IMAGE.tar|DIR|REFERENCE",
		Short: "what is in an image: layers, files, waste, and what minsize would have made",
		Long: `Reads an OCI layout (folder or tar), a docker-archive, or an image in a registry,
and shows its layers, its largest files, the bytes that are stored and never
seen because a later layer wrote or deleted them, and the image that
` + "`minsize image`" + ` would have made of the same program.`,
		Args: takes(1, 1, "one image", "minsize image inspect app.tar"),
		RunE: func(cmd *cobra.Command, args []string) error { return e.imageInspect(cmd.Context(), f, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.platform, "platform", "", "`OS/ARCH[/VARIANT]`, where there are several")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "speak to a registry on localhost without TLS")
	flags.IntVarP(&f.limit, "max-items", "n", 20, "`N` rows of the file tables; 0 for all")
	f.out.register(flags)
	return cmd
}

func (e *env) imageInspect(ctx context.Context, f *imageInspectFlags, source string) error {
	var platform oci.Platform
	if f.platform != "" {
		var err error
		if platform, err = oci.ParsePlatform(f.platform); err != nil {
			return usageError("--platform linux/amd64", "%v", err)
		}
	}
	img, done, err := oci.Open(ctx, source, platform, oci.RegistryOptions{PlainHTTP: f.plainHTTP})
	if errors.Is(err, oci.ErrPlainHTTP) {
		return withStatus(exitRefused, "--plain-http for a registry on localhost", err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return withStatus(exitFailed, "a tar file or a folder; an image in a registry needs its tag, as in "+strings.TrimSuffix(filepath.Base(source), filepath.Ext(source))+":latest", err)
	}
	if errors.Is(err, byteio.ErrNotRegular) {
		return usageError("a tar file, or a folder with an OCI layout", "%v", err)
	}
	if err != nil {
		return err
	}
	defer done()
	inspection, err := oci.Inspect(source, img)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	alternative, why := inspection.Alternative(img)
	return e.print(ctx, report.NewImageInspection(inspection, alternative, why, f.limit).Document(), &f.out)
}
