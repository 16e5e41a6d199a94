package parcel

// A wheel is a zip archive with a folder NAME.dist-info, whose RECORD lists every
// file with its hash and size ("Binary distribution format", PyPA
// specifications). Installers check the hashes.

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/minsize/minsize/internal/byteio"
)

// Wheel is a Python wheel.
var Wheel = Kind{Name: "wheel", Suffix: ".whl", open: openZip, seal: sealRecord}

// sealRecord gives RECORD the new hashes and sizes; every other line of it stays
// as it is.
func sealRecord(p *opened, replaced map[int][]byte) error {
	record := -1
	for i, m := range p.all {
		dir, file := path.Split(m.name)
		if !strings.HasSuffix(dir, ".dist-info/") || strings.Count(dir, "/") != 1 {
			continue
		}
		switch file {
		case "RECORD":
			if record >= 0 {
				return byteio.Refuse("a wheel with one .dist-info", "it has two lists of files: %q and %q", p.all[record].name, m.name)
			}
			record = i
		case "RECORD.jws", "RECORD.p7s":
			return byteio.Refuse("sign the wheel again with the key that signed it, after taking "+file+" out of it", "%q signs the list of its files, which would change", m.name)
		}
	}
	if record < 0 {
		return byteio.Refuse("a wheel", "it has no *.dist-info/RECORD, which lists a wheel's files")
	}
	old, err := p.read(record)
	if err != nil {
		return err
	}
	byName := map[string]int{}
	for i := range replaced {
		byName[p.all[i].name] = i
	}
	var out bytes.Buffer
	in := csv.NewReader(bytes.NewReader(old))
	in.FieldsPerRecord = -1
	for last := int64(0); ; last = in.InputOffset() {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged("%s: %v", p.all[record].name, err)
		}
		line := old[last:in.InputOffset()]
		i, listed := byName[fields[0]]
		if !listed {
			out.Write(line)
			continue
		}
		delete(byName, fields[0])
		if err := p.reseal(&out, line, fields, i, replaced[i]); err != nil {
			return err
		}
	}
	for name := range byName {
		return byteio.Refuse("--leave '"+name+"'", "%q is not in RECORD, so no installer would look at it", name)
	}
	replaced[record] = out.Bytes()
	return nil
}

// reseal writes the line of a file that changes.
func (p *opened) reseal(out *bytes.Buffer, line []byte, fields []string, i int, now []byte) error {
	name := p.all[i].name
	if len(fields) != 3 || !utf8.ValidString(name) {
		return damaged("RECORD's line of %q has %d fields, expected a name, a hash and a size", name, len(fields))
	}
	algorithm, sum, _ := strings.Cut(fields[1], "=")
	for _, d := range digests {
		if d.name != algorithm {
			continue
		}
		of := func(content []byte) string {
			h := d.make()
			h.Write(content)
			return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
		}
		content, err := p.read(i)
		if err != nil {
			return err
		}
		if of(content) != strings.TrimRight(sum, "=") {
			return byteio.Refuse("the wheel as it was published", "RECORD's hash of %q is not the file's: somebody changed it before", name)
		}
		ending := line[len(bytes.TrimRight(line, "\r\n")):]
		w := csv.NewWriter(out)
		if err := w.Write([]string{name, algorithm + "=" + of(now), strconv.Itoa(len(now))}); err != nil {
			return err
		}
		w.Flush()
		out.Truncate(out.Len() - 1) // its own line feed
		out.Write(ending)
		return nil
	}
	return byteio.Refuse("--leave '"+name+"'", "RECORD's hash of %q is %q, which is none of sha256, sha384 and sha512", name, algorithm)
}
