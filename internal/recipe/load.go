package recipe

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/minsize/minsize/internal/cargo"
)

// OtherProgramError says that the workspace's recipe is another program's.
type OtherProgramError struct {
	Recipe *Recipe
	Choice cargo.Choice // what was asked for
}

func (e *OtherProgramError) Error() string {
	return Name + " is for " + e.Recipe.Package + " " + e.Recipe.Of().Name + ", not for " + e.Choice.String()
}

// Locate finds the recipe of the program that cargo's flags name, and says
// where it lies, as Find does.
func Locate(ctx context.Context, o cargo.Options) (*Recipe, string, error) {
	root, folder, err := cargo.FindRoot(ctx, o)
	if err != nil {
		return nil, "", err
	}
	of := asked(o)
	if of == (Program{}) {
		of.Package = folder // as cargo chooses
	}
	return Find(root, of)
}

// Above finds a program's recipe in the folder of its package or in one above,
// where the workspace is; nil where there is none of this program. The error is
// of a file that is there and cannot be used.
func Above(folder string, of Program) (*Recipe, error) {
	for ; ; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, Name)); err == nil {
			c, _, err := Find(folder, of)
			var missing *MissingError // a budget alone
			if err != nil && !errors.As(err, &missing) {
				return nil, err
			}
			if err == nil && of.Fits(c) {
				return c, nil
			}
		}
		if folder == filepath.Dir(folder) {
			return nil, nil
		}
	}
}

// Load reads the recipe of a workspace, then the project as it was searched.
// Where cargo refuses the project the recipe comes with the error. Errors:
// *MissingError, *FileError, *OtherProgramError, and those of package cargo.
func Load(ctx context.Context, o cargo.Options) (*cargo.Project, *Recipe, error) {
	c, _, err := Locate(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	o.Locked = o.Locked && c.Cargo.Lockfile != ""
	project, err := cargo.Load(ctx, c.Options(o))
	if err == nil && o.Target == "" && c.Cargo.Target != "" && project.Triple.Name != c.Cargo.Target {
		// It was found with --target. (Given always, the flag would make a
		// program for this machine another build: host crates get no rustflags.)
		o.Target = c.Cargo.Target
		project, err = cargo.Load(ctx, c.Options(o))
	}
	if err != nil {
		return nil, c, err
	}
	if !c.IsFor(project) {
		return nil, nil, &OtherProgramError{c, project.Choice}
	}
	return project, c, nil
}
