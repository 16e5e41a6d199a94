package history

// The file: lines are appended in one write, so that neither a crash nor a
// second process leaves more than a torn last line, which the next append
// closes. Only dropping old records writes the file anew, beside the old one.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/minsize/minsize/internal/byteio"
)

// Appended says what Append did.
type Appended struct {
	Records int  // of all programs, now
	Torn    bool // the last line had been cut off; it was closed
	Dropped int  // old records that went, with keep
}

// Load reads the file at path; a file that is not there has no records.
func Load(path string) ([]Record, []Problem, error) {
	m, err := byteio.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer m.Close()
	records, problems, err := Read(bytes.Clone(m.Data))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return records, problems, nil
}

// Append adds the record to the file at path. Where it holds more than keep
// records of that program the oldest of them are dropped; 0 keeps all.
func Append(ctx context.Context, path string, r *Record, keep int) (Appended, error) {
	var done Appended
	line, err := r.Line()
	if err != nil {
		return done, err
	}
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return done, fmt.Errorf("%s: %w", path, byteio.ErrNotRegular)
		}
		if info.Size()+int64(len(line)) > maxFile {
			return done, fmt.Errorf("%s: %w: %d bytes", path, ErrTooLarge, info.Size())
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return done, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return done, err
	}
	if n := info.Size(); n > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], n-1); err != nil && !errors.Is(err, io.EOF) {
			return done, err
		}
		if last[0] != '\n' {
			done.Torn = true
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := f.Write(line); err != nil {
		return done, err
	}
	if err := f.Sync(); err != nil {
		return done, err
	}
	if err := f.Close(); err != nil {
		return done, err
	}
	return done, done.drop(ctx, path, r.Program, keep)
}

// drop takes the oldest lines of a program out. What is no record stays.
func (done *Appended) drop(ctx context.Context, path, program string, keep int) error {
	m, err := byteio.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	records, problems, err := Read(bytes.Clone(m.Data))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	done.Records = len(records)
	excess := len(Of(records, program)) - keep
	if keep <= 0 || excess <= 0 {
		return nil
	}
	foreign := map[int]bool{}
	for _, p := range problems {
		foreign[p.Line] = true
	}
	var content byteio.Content
	next := 0 // of records
	for number, rest := 1, m.Data; len(rest) > 0; number++ {
		end := len(rest)
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			end = i + 1
		}
		line := rest[:end]
		rest = rest[end:]
		if !foreign[number] && len(bytes.TrimSpace(line)) > 0 {
			mine := records[next].Program == program
			next++
			if mine && done.Dropped < excess {
				done.Dropped++
				continue
			}
		}
		content = append(content, byteio.Piece{Data: line})
	}
	done.Records -= done.Dropped
	_, err = byteio.WriteFile(ctx, path, content, byteio.WriteOptions{Like: m})
	return err
}
