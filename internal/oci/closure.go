package oci

// What the dynamic linker would load, found without running it: the program
// may be another machine's, and ldd runs what it is asked about.
//
// The order of the search is ld.so(8)'s: DT_RPATH of the object and of those
// that loaded it (unless the object has DT_RUNPATH), DT_RUNPATH of the object,
// /etc/ld.so.cache, the system's folders. LD_LIBRARY_PATH is left out on
// purpose: it belongs to a shell, not to a program. musl's linker knows one
// path list of its own and treats both tags alike (ldso/dynlink.c).

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
)

// Library is one file that the dynamic linker opens.
type Library struct {
	Name     string   // as DT_NEEDED or PT_INTERP says it
	Path     string   // where the linker finds it, in the root and in the image
	Real     string   // Path with its links followed, in the root
	Size     int64    // bytes of the file
	NeededBy []string // names of the objects that need it
	FoundBy  string   // RPATH, RUNPATH, ld.so.cache, default path, interpreter, path in the name
}

// Closure is a program with all that it needs to start.
type Closure struct {
	Static      bool
	Libc        string // "glibc", "musl" or "" (static, or unknown)
	Interpreter *Library
	Libraries   []Library // in the order of loading, without the interpreter
	Hints       []Hint    // what is opened by name at run time
}

// MissingError says that a library is nowhere to be found.
type MissingError struct {
	Library  string
	NeededBy string
	Searched []string
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("library %s, needed by %s, is not in %s", e.Library, e.NeededBy, strings.Join(e.Searched, ", "))
}

// ErrNoInterpreter is wrapped when PT_INTERP names a file that is not there.
var ErrNoInterpreter = errors.New("interpreter not found")

// object is one loaded file while the closure is built.
type object struct {
	name    string
	origin  string // folder of the real file, for $ORIGIN
	needed  []string
	rpath   []string // DT_RPATH, when there is no DT_RUNPATH
	runpath []string
	loader  *object
}

type resolver struct {
	root      Root
	program   *objfile.File
	closure   *Closure
	cache     ldCache
	defaults  []string
	musl      bool
	byReal    map[string]int
	byName    map[string]int
	undefined map[string]string // imported function -> who imports it
	texts     []namedText
}

// Resolve finds the closure of program, which stands in the image at
// programPath. Errors: *MissingError, ErrNoInterpreter, and what reading the
// libraries gives.
func Resolve(root Root, program *objfile.File, programPath string) (*Closure, error) {
	r := &resolver{
		root: root, program: program, closure: &Closure{},
		byReal: map[string]int{}, byName: map[string]int{}, undefined: map[string]string{},
	}
	if program.ELF == nil {
		return nil, fmt.Errorf("%s: a %s file, not an ELF executable", program.Name, program.Format)
	}
	needed := program.ELF.DynStrings(objfile.DT_NEEDED)
	r.look(path.Base(programPath), program)
	if program.ELF.Interp == "" {
		if len(needed) > 0 {
			return nil, fmt.Errorf("%s: needs %s but names no interpreter: a library, not a program", program.Name, needed[0])
		}
		r.closure.Static = true
		r.closure.Hints = r.hints()
		return r.closure, nil
	}
	if err := r.interpreter(program.ELF.Interp); err != nil {
		return nil, err
	}
	main := r.newObject(path.Base(programPath), path.Dir(programPath), program, nil)
	queue := []*object{main}
	for len(queue) > 0 { // breadth first, as the dynamic linker loads
		o := queue[0]
		queue = queue[1:]
		for _, name := range o.needed {
			next, err := r.need(name, o)
			if err != nil {
				return nil, err
			}
			if next != nil {
				queue = append(queue, next)
			}
		}
	}
	r.closure.Hints = r.hints()
	return r.closure, nil
}

// interpreter finds PT_INTERP's file and learns from its bytes which libc it
// serves and where it looks.
func (r *resolver) interpreter(name string) error {
	real, info, err := r.root.File(name)
	if err != nil {
		return fmt.Errorf("%w: %s (PT_INTERP of %s) is not in %s", ErrNoInterpreter, name, r.program.Name, r.root.Dir)
	}
	m, err := byteio.Open(r.root.Host(real))
	if err != nil {
		return err
	}
	defer m.Close()
	f, err := objfile.Parse(name, m.Data)
	if err != nil {
		return fmt.Errorf("interpreter %s: %w", name, err)
	}
	if f.Machine != r.program.Machine || f.Bits != r.program.Bits {
		return fmt.Errorf("interpreter %s is for %s, the program for %s", name, f.Arch, r.program.Arch)
	}
	r.closure.Interpreter = &Library{
		Name: name, Path: path.Clean(name), Real: real, Size: info.Size(),
		NeededBy: []string{path.Base(r.program.Name)}, FoundBy: "interpreter",
	}
	r.musl = strings.HasPrefix(path.Base(name), "ld-musl-")
	if r.musl {
		r.closure.Libc = "musl"
		r.defaults = r.muslPath(path.Base(name))
		return nil
	}
	r.closure.Libc = "glibc"
	r.defaults = glibcPath(m.Data, r.program.Bits)
	data, err := os.ReadFile(r.hostOf("/etc/ld.so.cache"))
	if err == nil {
		// A cache that cannot be read is as good as none; the linker does the same.
		r.cache, _ = parseLdCache(data)
	}
	return nil
}

func (r *resolver) hostOf(name string) string {
	real, err := r.root.Resolve(name)
	if err != nil {
		real = name
	}
	return r.root.Host(real)
}

// muslPath is /etc/ld-musl-$(ARCH).path, or musl's built-in list.
func (r *resolver) muslPath(interpreter string) []string {
	arch := strings.TrimSuffix(strings.TrimPrefix(interpreter, "ld-musl-"), ".so.1")
	if text, err := os.ReadFile(r.hostOf("/etc/ld-musl-" + arch + ".path")); err == nil {
		return strings.FieldsFunc(string(text), func(c rune) bool { return c == ':' || c == '\n' })
	}
	return []string{"/lib", "/usr/local/lib", "/usr/lib"}
}

// glibcPath is the list of system folders that this very dynamic linker was
// compiled with: each distribution has its own, and the strings stand in it.
func glibcPath(linker []byte, bits int) []string {
	var found []string
	for _, dir := range systemFolders {
		if bytes.Contains(linker, append([]byte(dir), '/', 0)) {
			found = append(found, dir)
		}
	}
	if len(found) > 0 {
		return found
	}
	if bits == 64 {
		return []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib"}
	}
	return []string{"/lib", "/usr/lib"}
}

var systemFolders = func() []string {
	var dirs []string
	for _, triplet := range []string{
		"x86_64-linux-gnu", "i386-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf", "arm-linux-gnueabi",
		"riscv64-linux-gnu", "powerpc64le-linux-gnu", "s390x-linux-gnu", "loongarch64-linux-gnu",
		"mips64el-linux-gnuabi64", "mipsel-linux-gnu", "mips-linux-gnu",
	} {
		dirs = append(dirs, "/lib/"+triplet, "/usr/lib/"+triplet)
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib64", "/usr/local/lib")
}()

func (r *resolver) newObject(name, origin string, f *objfile.File, loader *object) *object {
	o := &object{name: name, origin: origin, loader: loader, needed: slices.Clone(f.ELF.DynStrings(objfile.DT_NEEDED))}
	for i := range o.needed {
		o.needed[i] = strings.Clone(o.needed[i])
	}
	o.runpath = r.expand(f.ELF.DynStrings(objfile.DT_RUNPATH), o)
	if len(o.runpath) == 0 {
		o.rpath = r.expand(f.ELF.DynStrings(objfile.DT_RPATH), o)
	}
	return o
}

// expand splits path lists and puts $ORIGIN, $LIB and $PLATFORM in.
func (r *resolver) expand(lists []string, o *object) []string {
	lib := "lib"
	for _, dir := range r.defaults {
		if strings.HasPrefix(dir, "/lib/") {
			lib = dir[1:]
			break
		}
		if dir == "/lib64" {
			lib = "lib64"
			break
		}
	}
	replace := strings.NewReplacer(
		"${ORIGIN}", o.origin, "$ORIGIN", o.origin,
		"${LIB}", lib, "$LIB", lib,
		"${PLATFORM}", r.program.Arch, "$PLATFORM", r.program.Arch,
	)
	var dirs []string
	for _, list := range lists {
		for _, dir := range strings.Split(strings.Clone(list), ":") {
			if dir = replace.Replace(dir); path.IsAbs(dir) {
				dirs = append(dirs, path.Clean(dir))
			}
		}
	}
	return dirs
}

// place is one candidate with how it was come by.
type place struct{ path, by string }

// need finds the library name for o and returns it as a new object, or nil
// when it is loaded already.
func (r *resolver) need(name string, o *object) (*object, error) {
	if i, ok := r.byName[name]; ok {
		r.addNeeder(i, o.name)
		return nil, nil
	}
	if r.servedByInterpreter(name) {
		return nil, nil
	}
	var searched []string
	for _, p := range r.places(name, o) {
		dir := path.Dir(p.path)
		if !slices.Contains(searched, dir) {
			searched = append(searched, dir)
		}
		next, err := r.try(name, p, o)
		if err != nil {
			return nil, err
		}
		if next.loaded {
			return next.object, nil
		}
	}
	if len(searched) == 0 {
		searched = []string{r.root.Dir}
	}
	return nil, &MissingError{Library: name, NeededBy: o.name, Searched: searched}
}

// servedByInterpreter says whether the dynamic linker itself is that library:
// musl's is libc and all that was split off it; glibc's is needed by name.
func (r *resolver) servedByInterpreter(name string) bool {
	if name == path.Base(r.closure.Interpreter.Path) {
		return true
	}
	if !r.musl {
		return false
	}
	for _, prefix := range []string{"libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (r *resolver) places(name string, o *object) []place {
	if strings.Contains(name, "/") {
		if !path.IsAbs(name) {
			name = path.Join(o.origin, name)
		}
		return []place{{path.Clean(name), "path in the name"}}
	}
	var out []place
	add := func(dirs []string, by string) {
		for _, dir := range dirs {
			out = append(out, place{path.Join(dir, name), by})
		}
	}
	if r.musl {
		for p := o; p != nil; p = p.loader {
			add(p.rpath, "RPATH")
			add(p.runpath, "RUNPATH")
		}
		add(r.defaults, "default path")
		return out
	}
	if len(o.runpath) == 0 {
		for p := o; p != nil; p = p.loader {
			add(p.rpath, "RPATH")
		}
	}
	add(o.runpath, "RUNPATH")
	for _, file := range r.cache[name] {
		out = append(out, place{path.Clean(file), "ld.so.cache"})
	}
	add(r.defaults, "default path")
	return out
}

type tried struct {
	object *object
	loaded bool
}

// try opens one candidate. One for another machine is passed over, as the
// dynamic linker does.
func (r *resolver) try(name string, p place, o *object) (tried, error) {
	real, info, err := r.root.File(p.path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotRegular) || errors.Is(err, fs.ErrPermission) {
		return tried{}, nil
	}
	if err != nil {
		return tried{}, err
	}
	if i, ok := r.byReal[real]; ok { // another name of a loaded file
		r.byName[name] = i
		r.addNeeder(i, o.name)
		if r.closure.Libraries[i].Path != p.path {
			r.closure.Libraries = append(r.closure.Libraries, Library{
				Name: name, Path: p.path, Real: real, NeededBy: []string{o.name}, FoundBy: p.by,
			})
		}
		return tried{loaded: true}, nil
	}
	m, err := byteio.Open(r.root.Host(real))
	if err != nil {
		return tried{}, err
	}
	defer m.Close()
	f, err := objfile.Parse(p.path, m.Data)
	if err != nil || f.ELF == nil || f.Machine != r.program.Machine || f.Bits != r.program.Bits {
		return tried{}, nil
	}
	i := len(r.closure.Libraries)
	r.closure.Libraries = append(r.closure.Libraries, Library{
		Name: strings.Clone(name), Path: p.path, Real: real, Size: info.Size(), NeededBy: []string{o.name}, FoundBy: p.by,
	})
	r.byName[strings.Clone(name)], r.byReal[real] = i, i
	r.look(name, f)
	return tried{object: r.newObject(strings.Clone(name), path.Dir(real), f, o), loaded: true}, nil
}

func (r *resolver) addNeeder(i int, name string) {
	lib := &r.closure.Libraries[i]
	if !slices.Contains(lib.NeededBy, name) {
		lib.NeededBy = append(lib.NeededBy, name)
	}
}
