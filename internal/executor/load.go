package executor

import (
	"cmp"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/artefact"
	"github.com/minsize/minsize/internal/relink"
)

// loader is a host that does nothing but load a library, whole and at once, as
// a strict one would, and let it go again.
const loader = `use std::ffi::{c_char, c_int, c_void, CStr, CString};
extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlclose(library: *mut c_void) -> c_int;
    fn dlerror() -> *const c_char;
}
fn main() {
    let path = CString::new(std::env::args().nth(1).unwrap()).unwrap();
    unsafe {
        let library = dlopen(path.as_ptr(), 2 /* RTLD_NOW */);
        if library.is_null() || dlclose(library) != 0 {
            eprintln!("{}", CStr::from_ptr(dlerror()).to_string_lossy());
            std::process::exit(1)
        }
    }
}
`

// LoadChecks are the commands that check a library of which nobody said how:
// its host loads it, or else a program that does nothing else. What no command
// is known for is not checked; nil where the library's names cannot be read.
func (x *Executor) LoadChecks(ctx context.Context, library string, runner []string) []string {
	if !x.Project.Kind.Linked() {
		return x.linkChecks(library, runner)
	}
	i, err := x.interfaceOf(library)
	if i == nil || err != nil {
		return nil
	}
	if h := artefact.HostOf(slices.Collect(maps.Keys(i.Exports))); h != nil {
		if h.Check == "" || x.Project.Foreign() {
			return nil // a host's names are missing where it does not run
		}
		return []string{h.Check}
	}
	program, err := x.Project.CompileOne(ctx, x.Scratch, "a-loader", loader, nil)
	if err != nil {
		return nil
	}
	return []string{quoted(append(slices.Clone(runner), program)...) + " {}"}
}

// linkChecks link a C program that refers to all that a static library exports,
// and start it.
func (x *Executor) linkChecks(library string, runner []string) []string {
	names, err := relink.ArchiveExports(library)
	if err != nil || len(names) == 0 {
		return nil
	}
	host := filepath.Join(x.Scratch, "host.c")
	text := "extern char " + strings.Join(names, ", ") + ";\nstatic void *volatile all[] = {&" + strings.Join(names, ", &") +
		"};\nint main(void) { return all[0] == 0; }\n"
	if err := os.WriteFile(host, []byte(text), 0o666); err != nil {
		return nil
	}
	driver, _ := x.Project.Linker.Value.(string)
	return []string{quoted(cmp.Or(driver, "cc"), host) + " {} -lpthread -ldl -lm -lrt -lutil -o host && " + strings.TrimPrefix(quoted(runner...)+" ", " ") + "./host && rm host"}
}

// quoted are words as a shell reads them.
func quoted(words ...string) string {
	var list []string
	for _, w := range words {
		list = append(list, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(list, " ")
}
