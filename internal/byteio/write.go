package byteio

// Transactional output: a file is either what it was or what it shall be.
//
// What is hard: the program that is killed between two writes, the disk that
// is full at the last fsync, the file that another process changes meanwhile,
// and all that a file is beyond its bytes (mode, owner, capabilities, ACL,
// links). Measured on others: GNU strip and eu-strip leave a broken file in
// one of ten kills, llvm-strip puts a truncated file in place when the disk
// is full and replaces a symbolic link by a file; all lose capabilities.
//
// Chosen: a temporary file in the same folder, all metadata and an fsync on
// it, the caller's check on what was really written, a last look at the input,
// rename, fsync of the folder. The temporary name is derived from the target's
// (not random), so that a killed run leaves at most one file, which the next
// run recognises as stale by its lock and takes away.
//
// Rejected: writing in place with a backup (never atomic); O_TMPFILE with
// linkat (cannot replace an existing name, Linux only); a random temporary
// name (a thousand kills would leave a thousand files).

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
)

var (
	// ErrChanged: the input is no longer what was read.
	ErrChanged = errors.New("file changed while it was being rewritten")
	// ErrHardLinks: the file has other names, which would keep the old content.
	ErrHardLinks = errors.New("file has more than one hard link")
	// ErrMetadata: what the file carries beside its bytes could not be carried over.
	ErrMetadata = errors.New("metadata could not be carried over")
	// ErrBusy: another process holds the temporary file.
	ErrBusy = errors.New("another run is writing this file")
	// ErrExists: a backup would overwrite something.
	ErrExists = errors.New("file exists already")
)

// WriteOptions say what beside the bytes makes the file.
type WriteOptions struct {
	// Like is the input. Its mode, owner, extended attributes (capabilities
	// and ACLs are such) go to the output, and it is compared with what is on
	// disk before the rename. Nil for a file that is made from nothing.
	Like *Mapping
	// Perm is the mode of a file without Like; 0 stands for 0644 less umask.
	Perm fs.FileMode
	// PreserveDates gives the output the input's access and modification time.
	PreserveDates bool
	// BreakLinks allows replacing a file with several hard links: the other
	// names keep the old content.
	BreakLinks bool
	// Backup, if not empty, is the name under which the replaced file stays.
	Backup string
	// Check, if not nil, sees the bytes as they are on disk before the rename;
	// an error ends the transaction with nothing changed.
	Check func(written []byte) error

	// fault makes the named step fail, in tests.
	fault func(step string) error
}

// Written says what WriteFile did.
type Written struct {
	Path  string   // the file that was written, symbolic links resolved
	Size  uint64   // bytes
	Notes []string // what could not be carried over, in words for the user
}

// WriteFile makes the file at path hold content, or changes nothing. A
// symbolic link at path stays a link: its target is rewritten. When path is
// the file of o.Like, or exists, it is replaced by one rename.
//
// Errors wrap ErrNotRegular (path is a folder, FIFO, device or socket),
// ErrHardLinks, ErrChanged, ErrMetadata (only when path replaces o.Like: a
// capability, ACL or user attribute would be lost), ErrBusy, ErrExists (the
// backup), the context's error, what Check answered, or the *fs.PathError of
// the step that failed. After the rename nothing can fail but the fsync of
// the folder, which is then reported as a note.
func WriteFile(ctx context.Context, path string, content Content, o WriteOptions) (Written, error) {
	t, err := newTransaction(path, o)
	if err != nil {
		return Written{}, err
	}
	defer t.abort()
	size := content.Len()
	steps := []func() error{
		t.create,
		func() error {
			err := t.write(ctx, content)
			content = nil // the check looks at what is on disk
			return err
		},
		t.metadata,
		t.sync,
		t.check,
		t.unchanged,
		ctx.Err,
		t.backup,
		t.rename, // from here the new file is in place
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Written{}, err
		}
	}
	t.syncFolder()
	return Written{Path: t.target, Size: size, Notes: t.notes}, nil
}

// transaction is one WriteFile.
type transaction struct {
	WriteOptions
	target  string      // links resolved
	old     fs.FileInfo // the target as it was; nil when there was none
	inPlace bool        // the target is the input
	temp    string
	file    *os.File // nil before create and after close
	ours    bool     // temp was made by this transaction
	notes   []string
	backed  bool // backup was made
	done    bool // renamed
}

func newTransaction(path string, o WriteOptions) (*transaction, error) {
	t := &transaction{WriteOptions: o, target: path}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		t.target = resolved
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	} else if link, err := os.Lstat(path); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		return nil, fmt.Errorf("%s: symbolic link to nothing: %w", path, fs.ErrNotExist)
	}
	info, err := os.Lstat(t.target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	}
	t.old = info
	t.inPlace = o.Like != nil && os.SameFile(info, o.Like.Info)
	if n := LinkCount(info); n > 1 && !o.BreakLinks {
		return nil, fmt.Errorf("%s: %w (%d names)", path, ErrHardLinks, n)
	}
	return t, nil
}

// step is where tests make things fail.
func (t *transaction) step(name string) error {
	if t.fault == nil {
		return nil
	}
	return t.fault(name)
}

func (t *transaction) create() error {
	t.temp = TempName(t.target)
	if err := t.step("create"); err != nil {
		return err
	}
	for range 3 {
		f, err := os.OpenFile(t.temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			t.file = f
			if err := lockFile(f); err != nil {
				return fmt.Errorf("%s: %w", t.temp, ErrBusy)
			}
			t.ours = true
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := removeStale(t.temp); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: %w", t.temp, ErrBusy)
}

// TempName is where WriteFile writes before it renames to target.
func TempName(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+".minsize-tmp")
}

// removeStale takes away a temporary file that a killed run left. A living
// run holds a lock on its own.
func removeStale(temp string) error {
	info, err := os.Lstat(temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: in the way: %w", temp, ErrNotRegular)
	}
	f, err := os.OpenFile(temp, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(info, opened) || lockFile(f) != nil {
		return fmt.Errorf("%s: %w", temp, ErrBusy)
	}
	return os.Remove(temp)
}

// write puts content into the temporary file. Where the input has holes, whole
// blocks of zeros become holes again.
func (t *transaction) write(ctx context.Context, content Content) error {
	sparse := t.Like != nil && isSparse(t.Like.Info)
	w := &holeWriter{t: t, ctx: ctx, sparse: sparse}
	for _, p := range content {
		if err := w.data(p.Data); err != nil {
			return err
		}
		if err := w.zeros(p.Zeros); err != nil {
			return err
		}
	}
	if err := t.step("truncate"); err != nil {
		return err
	}
	return t.file.Truncate(int64(w.at))
}

// holeWriter writes at an offset, skipping what may be a hole.
type holeWriter struct {
	t      *transaction
	ctx    context.Context
	at     uint64
	sparse bool
}

// writeChunk is how much goes into one write: enough for speed, little enough
// for an interrupt to be heard soon.
const writeChunk = 1 << 20

func (w *holeWriter) data(data []byte) error {
	for len(data) > 0 {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		chunk := data[:min(len(data), writeChunk)]
		if w.sparse {
			if n := leadingZeroBlocks(chunk); n > 0 {
				w.at += uint64(n)
				data = data[n:]
				continue
			}
			chunk = chunk[:leadingDataBlocks(chunk)]
		}
		if err := w.t.step("write"); err != nil {
			return err
		}
		n, err := w.t.file.WriteAt(chunk, int64(w.at))
		if err != nil {
			return err
		}
		w.at += uint64(n)
		data = data[n:]
	}
	return nil
}

// zeros writes short runs of zeros and leaves a hole for long ones.
func (w *holeWriter) zeros(n uint64) error {
	if n >= 1<<16 {
		w.at += n
		return nil
	}
	return w.data(make([]byte, n))
}

// metadata gives the temporary file what the input or the target has beside
// its bytes, in the order in which the kernel does not undo it: chown clears
// setuid and capabilities, chmod rewrites the ACL's mask.
func (t *transaction) metadata() error {
	if err := t.step("metadata"); err != nil {
		return err
	}
	if t.Like == nil {
		return t.plainMode()
	}
	info := t.Like.Info
	mode := info.Mode().Perm() | info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)
	if err := copyOwner(t.file, info); err != nil {
		// Another owner with the old setuid bit would be a wider right.
		if mode&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
			if t.inPlace {
				return fmt.Errorf("%s: owner of a setuid file: %w: %w", t.target, ErrMetadata, err)
			}
			mode &^= fs.ModeSetuid | fs.ModeSetgid
			t.notes = append(t.notes, "setuid and setgid were not carried over: "+err.Error())
		} else {
			t.notes = append(t.notes, "the owner could not be kept: "+err.Error())
		}
	}
	if err := t.file.Chmod(mode); err != nil {
		return err
	}
	lost, err := copyXattrs(t.file, t.Like.Path)
	if err != nil {
		return err
	}
	for _, l := range lost {
		if l.vital && t.inPlace {
			return fmt.Errorf("%s: extended attribute %s: %w: %w", t.target, l.name, ErrMetadata, l.err)
		}
		t.notes = append(t.notes, fmt.Sprintf("extended attribute %s was not carried over: %v", l.name, l.err))
	}
	if t.PreserveDates {
		return copyTimes(t.temp, info)
	}
	return nil
}

// plainMode is for output that is made from nothing: the mode of what it
// replaces, else o.Perm, else what open(2) would have given.
func (t *transaction) plainMode() error {
	switch {
	case t.old != nil:
		return t.file.Chmod(t.old.Mode().Perm())
	case t.Perm != 0:
		return t.file.Chmod(t.Perm)
	default:
		return t.file.Chmod(0o666 &^ umask())
	}
}

func (t *transaction) sync() error {
	if err := t.step("sync"); err != nil {
		return err
	}
	return t.file.Sync()
}

// check closes nothing yet: the lock on the temporary file must outlive the
// rename, or another run could take it for stale.
// muchMemory is how much is worth a run of the garbage collector.
const muchMemory = 64 << 20

func (t *transaction) check() error {
	if t.Check == nil {
		return nil
	}
	m, err := Open(t.temp)
	if err != nil {
		return err
	}
	defer m.Close()
	if len(m.Data) > muchMemory {
		debug.FreeOSMemory() // of the content: the check has two files in memory already
	}
	return Guard(func() error { return t.Check(m.Data) })
}

// unchanged compares the input, and the target where it is another file, with
// what they were when they were opened.
func (t *transaction) unchanged() error {
	if err := t.step("stat"); err != nil {
		return err
	}
	if t.old != nil && !t.inPlace {
		now, err := os.Lstat(t.target)
		if err != nil || !sameState(now, t.old) {
			return fmt.Errorf("%s: %w", t.target, ErrChanged)
		}
	}
	if t.Like != nil {
		now, err := os.Stat(t.Like.Path)
		if err != nil || !sameState(now, t.Like.Info) {
			return fmt.Errorf("%s: %w", t.Like.Path, ErrChanged)
		}
		if now.Mode() != t.Like.Info.Mode() { // somebody's chmod meanwhile holds for the new file too
			like := *t.Like
			like.Info, t.Like, t.notes = now, &like, nil
			return t.metadata()
		}
	}
	return nil
}

// sameState says whether two looks at one path saw the same file with the same
// content: identity, size and time of the last write. The time of the inode's
// last change is none of it: chmod, chown and a new link set it too.
func sameState(now, then fs.FileInfo) bool {
	return os.SameFile(now, then) && now.Size() == then.Size() && now.ModTime().Equal(then.ModTime())
}

// backup keeps the old file under another name: a hard link where the file
// system has them (no copy, nothing to lose), else a copy.
func (t *transaction) backup() error {
	if t.Backup == "" || t.old == nil {
		return nil
	}
	if err := t.step("backup"); err != nil {
		return err
	}
	err := os.Link(t.target, t.Backup)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: backup: %w", t.Backup, ErrExists)
	}
	if err != nil {
		if err = CopyFile(t.target, t.Backup, t.old.Mode()); err == nil {
			err = syncFile(t.Backup)
		}
	}
	t.backed = err == nil
	return err
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (t *transaction) rename() error {
	if err := t.step("rename"); err != nil {
		return err
	}
	if renameNeedsClosedFile {
		f := t.file
		t.file = nil
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := os.Rename(t.temp, t.target); err != nil {
		return err
	}
	t.done = true
	return nil
}

func (t *transaction) syncFolder() {
	err := t.step("folder")
	if err == nil {
		err = syncFolder(filepath.Dir(t.target))
	}
	if err != nil {
		t.notes = append(t.notes, "the folder could not be synced, a power cut could bring the old file back: "+err.Error())
	}
}

// abort is deferred: it leaves nothing behind unless the rename was done.
func (t *transaction) abort() {
	if !t.done && t.ours {
		os.Remove(t.temp)
	}
	if t.file != nil {
		t.file.Close()
	}
	if !t.done && t.backed {
		os.Remove(t.Backup)
	}
}
