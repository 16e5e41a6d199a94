package parcel

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minsize/minsize/internal/byteio"
)

// halved stands for a rewriter: of what begins with "native" half stays.
func halved(_ string, data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte("native")) {
		return nil, nil
	}
	return data[:len(data)/2], nil
}

var native = []byte("native" + strings.Repeat("0123456789", 1000))

// file is one member of a package that a test makes.
type file struct {
	name, content string
	method        uint16
	mode          os.FileMode
	link          string
}

func sum(content string) string {
	h := sha256.Sum256([]byte(content))
	return "sha256=" + base64.RawURLEncoding.EncodeToString(h[:])
}

// wheel makes a wheel, whose RECORD is right unless one is among the files.
func wheel(t testing.TB, files ...file) []byte {
	t.Helper()
	record := "p-1.dist-info/RECORD"
	var lines strings.Builder
	for _, f := range files {
		name := f.name
		if strings.ContainsRune(name, ',') {
			name = `"` + name + `"`
		}
		fmt.Fprintf(&lines, "%s,%s,%d\r\n", name, sum(f.content), len(f.content))
	}
	if !slices.ContainsFunc(files, func(f file) bool { return f.name == record }) {
		files = append(files, file{name: record, content: lines.String() + record + ",,\r\n", method: zip.Deflate})
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: f.method, Modified: time.Date(1999, 1, 2, 3, 4, 6, 0, time.UTC), Comment: "of " + f.name}
		if f.mode != 0 {
			h.SetMode(f.mode)
		}
		to, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(to, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.SetComment("a wheel"), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func tarball(t testing.TB, format tar.Format, files ...file) []byte {
	t.Helper()
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, 1)
	z.Name, z.ModTime, z.OS = "p.tar", time.Unix(1000, 0), 7
	w := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Size: int64(len(f.content)), Mode: int64(f.mode), ModTime: time.Unix(2000, 0), Typeflag: tar.TypeReg, Format: format, Uname: "somebody"}
		if f.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestWheel: what is not native keeps its bytes, RECORD says the truth.
func TestWheel(t *testing.T) {
	old := wheel(t,
		file{name: "p/__init__.py", content: strings.Repeat("pass\n", 100), method: zip.Deflate, mode: 0o644},
		file{name: "p/", mode: os.ModeDir | 0o755},
		file{name: "p/a,b.so", content: string(native), method: zip.Deflate, mode: 0o755},
		file{name: "p/stored.so", content: string(native[:5000]), mode: 0o755},
		file{name: "p/\xff.txt", content: "not UTF-8", method: zip.Deflate})
	now, err := Wheel.Package(old, halved)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Wheel.Package(old, halved)
	if !bytes.Equal(now, again) {
		t.Error("two runs, two packages")
	}
	a, b := archive(t, old), archive(t, now)
	if a.Comment != b.Comment || len(a.File) != len(b.File) {
		t.Fatalf("comment %q, %d members", b.Comment, len(b.File))
	}
	record := map[string]string{}
	for i, f := range a.File {
		g := b.File[i]
		if f.Name != g.Name || f.Mode() != g.Mode() || f.Method != g.Method || !f.Modified.Equal(g.Modified) || f.Comment != g.Comment || !bytes.Equal(f.Extra, g.Extra) {
			t.Errorf("%q: %+v became %+v", f.Name, f.FileHeader, g.FileHeader)
		}
		was, is := content(t, f), content(t, g)
		record[g.Name] = fmt.Sprintf("%s,%d", sum(is), len(is))
		switch {
		case strings.HasSuffix(f.Name, ".so"):
			if is != was[:len(was)/2] {
				t.Errorf("%q: %d bytes of %d", f.Name, len(is), len(was))
			}
		case strings.HasSuffix(f.Name, "RECORD"):
			for line := range strings.SplitSeq(strings.TrimSuffix(is, "\r\n"), "\r\n") {
				name, rest, _ := strings.Cut(strings.TrimPrefix(strings.Replace(line, `a,b.so"`, "a;b.so", 1), `"`), ",")
				name = strings.Replace(name, ";", ",", 1)
				if rest != record[name] && rest != "," {
					t.Errorf("RECORD of %q: %s, expected %s", name, rest, record[name])
				}
			}
		default:
			x, _ := f.OpenRaw()
			y, _ := g.OpenRaw()
			p, _ := io.ReadAll(x)
			q, _ := io.ReadAll(y)
			if !bytes.Equal(p, q) {
				t.Errorf("%q: other compressed bytes", f.Name)
			}
		}
	}
	if same, err := Wheel.Package(old, func(string, []byte) ([]byte, error) { return nil, nil }); err != nil || !bytes.Equal(same, old) {
		t.Errorf("nothing native: %v", err)
	}
}

func archive(t testing.TB, data []byte) *zip.Reader {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func content(t testing.TB, f *zip.File) string {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestTarball: of an npm package only sizes and checksums change, in every form
// of tar.
func TestTarball(t *testing.T) {
	long := "package/" + strings.Repeat("long/", 30) + "x.node"
	for _, format := range []tar.Format{tar.FormatUSTAR, tar.FormatPAX, tar.FormatGNU} {
		files := []file{{name: "package/package.json", content: "{}", mode: 0o644}, {name: "package/a.node", content: string(native), mode: 0o755},
			{name: "package/bin", link: "a.node"}, {name: "package/b.txt", content: "text", mode: 0o600}}
		if format != tar.FormatUSTAR {
			files = append(files, file{name: long, content: string(native), mode: 0o755})
		}
		old := tarball(t, format, files...)
		now, err := NPM.Package(old, halved)
		if err != nil {
			t.Fatal(format, err)
		}
		if len(now) >= len(old) || !bytes.Equal(now[:16], old[:16]) {
			t.Errorf("%v: %d bytes of %d, %x", format, len(now), len(old), now[:16])
		}
		z, err := gzip.NewReader(bytes.NewReader(now))
		if err != nil || z.Name != "p.tar" || z.ModTime.Unix() != 1000 {
			t.Fatal(format, err, z)
		}
		r := tar.NewReader(z)
		for _, f := range files {
			h, err := r.Next()
			if err != nil {
				t.Fatal(format, err)
			}
			is, err := io.ReadAll(r)
			want := f.content
			if strings.HasSuffix(f.name, ".node") {
				want = want[:len(want)/2]
			}
			if err != nil || h.Name != f.name || string(is) != want || h.Mode != int64(f.mode) || h.ModTime.Unix() != 2000 || h.Linkname != f.link || h.Uname != "somebody" {
				t.Errorf("%v: %q: %d bytes, %+v, %v", format, f.name, len(is), h, err)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Error(format, err)
		}
		if _, err := z.Read(make([]byte, 1)); err != io.EOF { // checksum and length
			t.Error(format, err)
		}
	}
}

// TestRefused: what must not be rewritten is told in one line, and left alone.
func TestRefused(t *testing.T) {
	so := file{name: "p/a.so", content: string(native), method: zip.Deflate}
	hash := sha256.Sum256(native)
	record := func(line string) file { return file{name: "p-1.dist-info/RECORD", content: line} }
	zeros := string(make([]byte, 70<<20))
	overlap := wheel(t, so)
	for i := 0; i+30 < len(overlap); i++ { // the central directory's claim
		if bytes.HasPrefix(overlap[i:], []byte("PK\x01\x02")) {
			overlap[i+22] = 0x7f
			break
		}
	}
	encrypted := wheel(t, so)
	for i := 0; i+30 < len(encrypted); i++ {
		if bytes.HasPrefix(encrypted[i:], []byte("PK\x01\x02")) {
			encrypted[i+8] |= 1
			break
		}
	}
	for _, c := range []struct {
		name string
		kind Kind
		data []byte
		says string
	}{
		{"signed", Wheel, wheel(t, so, file{name: "p-1.dist-info/RECORD.jws", content: "{}"}), "signs the list of its files"},
		{"signed by S/MIME", Wheel, wheel(t, so, file{name: "p-1.dist-info/RECORD.p7s", content: "."}), "signs the list of its files"},
		{"detached signature", Wheel, wheel(t, so, file{name: "p/a.so.asc", content: "."}), `"p/a.so.asc" signs "p/a.so"`},
		{"hash elsewhere", Wheel, wheel(t, so, file{name: "p/SHA256SUMS", content: strings.ToUpper(hex.EncodeToString(hash[:])) + "  a.so\n"}), `"p/SHA256SUMS" names the hash of "p/a.so"`},
		{"integrity elsewhere", NPM, tarball(t, tar.FormatUSTAR, file{name: "package/a.node", content: string(native)},
			file{name: "package/sums.json", content: `{"a.node": "sha256-` + base64.StdEncoding.EncodeToString(hash[:]) + `"}`}), "names the hash"},
		{"no RECORD", Wheel, wheel(t, so, record("")), "not in RECORD"},
		{"no dist-info", Wheel, zipOf(t, so), "no *.dist-info/RECORD"},
		{"two dist-infos", Wheel, wheel(t, so, file{name: "q-1.dist-info/RECORD"}), "two lists of files"},
		{"RECORD does not hold", Wheel, wheel(t, so, record("p/a.so,"+sum("else")+",1\n")), "is not the file's"},
		{"RECORD of MD4", Wheel, wheel(t, so, record("p/a.so,md4=abc,1\n")), "none of sha256"},
		{"RECORD of two fields", Wheel, wheel(t, so, record("p/a.so,x\n")), "2 fields"},
		{"RECORD with a stray quote", Wheel, wheel(t, so, record("p/a\"b,,\n")), "damaged package"},
		{"RECORD without a hash", Wheel, wheel(t, so, record("p/a.so,,\n")), `"", which is none`},
		{"twice", Wheel, wheel(t, so, so), "two members named"},
		{"upwards", Wheel, wheel(t, file{name: "p/../../a.so", content: string(native)}), "would not stay in its folder"},
		{"absolute", NPM, tarball(t, tar.FormatUSTAR, file{name: "/etc/a.node", content: string(native)}), "would not stay in its folder"},
		{"of Windows", Wheel, wheel(t, file{name: `C:\a.so`, content: string(native)}), "would not stay in its folder"},
		{"line feed", Wheel, wheel(t, file{name: "p/a\n.so", content: string(native)}), "would not stay in its folder"},
		{"bomb", Wheel, wheel(t, file{name: "p/a.so", content: zeros, method: zip.Deflate}), "unpacks to more than 67108864 bytes"},
		{"two halves of a bomb", Wheel, wheel(t, file{name: "p/a.so", content: zeros[:40<<20], method: zip.Deflate}, file{name: "p/b.so", content: zeros[:40<<20], method: zip.Deflate}), "it unpacks to more than"},
		{"bomb in gzip", NPM, tarball(t, tar.FormatUSTAR, file{name: "package/a.node", content: zeros}), "unpacks to more than"},
		{"claims too much", Wheel, overlap, "damaged package"},
		{"encrypted", Wheel, encrypted, "is encrypted"},
		{"something in front", Wheel, append([]byte("#!/usr/bin/env python3\n"), wheel(t, so)...), "no zip archive"},
		{"cut off", Wheel, wheel(t, so)[:300], "damaged package"},
		{"cut off gzip", NPM, tarball(t, tar.FormatUSTAR, file{name: "package/a.node", content: string(native)})[:100], "damaged package"},
		{"empty tar", NPM, tarball(t, tar.FormatUSTAR), "holds no file"},
		{"no zip", Wheel, []byte("hello"), "no zip archive"},
		{"no gzip", NPM, wheel(t, so), "not compressed by gzip"},
	} {
		out, err := c.kind.Package(c.data, halved)
		if err == nil || out != nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, expected %q", c.name, err, c.says)
		}
		var refusal *byteio.Refusal
		if !errors.As(err, &refusal) && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %T is neither a refusal nor damage", c.name, err)
		}
	}
}

// zipOf is a zip archive of nothing else.
func zipOf(t testing.TB, f file) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	to, err := w.Create(f.name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(to, f.content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestZip64: records for what needs no 64 bits do not contradict the new sizes.
func TestZip64(t *testing.T) {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	record := fmt.Sprintf("p/a.so,%s,%d\np-1.dist-info/RECORD,,\n", sum(string(native)), len(native))
	for _, f := range []file{{name: "p/a.so", content: string(native)}, {name: "p-1.dist-info/RECORD", content: record}} {
		zip64 := append([]byte{1, 0, 16, 0}, make([]byte, 16)...)
		to, err := w.CreateRaw(&zip.FileHeader{Name: f.name, Extra: append(zip64, 9, 9, 1, 0, 'x'), CRC32: crc32.ChecksumIEEE([]byte(f.content)),
			CompressedSize64: uint64(len(f.content)), UncompressedSize64: uint64(len(f.content))})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(to, f.content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	now, err := Wheel.Package(out.Bytes(), halved)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive(t, now).File {
		if !bytes.Equal(f.Extra, []byte{9, 9, 1, 0, 'x'}) {
			t.Errorf("%s: extra field %x", f.Name, f.Extra)
		}
	}
}

// TestNoticed: the comparison of both packages sees what must not have changed.
func TestNoticed(t *testing.T) {
	so := file{name: "p/a.so", content: string(native), method: zip.Deflate}
	text := file{name: "p/b.txt", content: "text", mode: 0o644}
	old, err := Wheel.openChecked(wheel(t, so, text))
	if err != nil {
		t.Fatal(err)
	}
	later, executable := text, text
	later.content, executable.mode = "tex!", 0o755
	for name, other := range map[string][]byte{
		"content": wheel(t, so, later), "mode": wheel(t, so, executable), "order": wheel(t, text, so), "fewer": wheel(t, so),
		"compression": wheel(t, file{name: so.name, content: so.content}, text),
	} {
		if err := Wheel.compare(old, other, nil); err == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
	if err := Wheel.compare(old, wheel(t, so, text), nil); err != nil {
		t.Error(err)
	}
}

// TestUnpack: files, folders and links within the folder, and nothing outside.
func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	data := tarball(t, tar.FormatPAX, file{name: "package/a", content: "text", mode: 0o755}, file{name: "package/l", link: "a"})
	if err := NPM.Unpack(data, dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "package", "l"))
	info, _ := os.Stat(filepath.Join(dir, "package", "a"))
	if err != nil || string(got) != "text" || info.Mode()&0o111 == 0 {
		t.Errorf("%q, %v, %v", got, info.Mode(), err)
	}
	outside := tarball(t, tar.FormatPAX, file{name: "l", link: ".."}, file{name: "l/stolen", content: "text"})
	if err := NPM.Unpack(outside, filepath.Join(dir, "package")); err == nil {
		t.Error("a file was written through a link that leads out")
	}
	if _, err := os.Stat(filepath.Join(dir, "stolen")); err == nil {
		t.Error("the file is there")
	}
}

// FuzzPackage: no package is rewritten into something else, and none ends the
// program.
func FuzzPackage(f *testing.F) {
	so := file{name: "p/a.so", content: string(native[:100]), method: zip.Deflate}
	f.Add(wheel(f, so, file{name: "p/b.py", content: "pass"}))
	f.Add(tarball(f, tar.FormatPAX, file{name: "package/a.node", content: string(native[:100])}))
	f.Add(tarball(f, tar.FormatGNU, file{name: "package/a.node", content: string(native[:100])}, file{name: "package/l", link: "a.node"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		for _, kind := range []Kind{Wheel, NPM} {
			out, err := kind.Package(data, halved)
			if errors.Is(err, ErrOther) {
				t.Errorf("%s: %v", kind.Name, err)
			}
			if err == nil && !bytes.Equal(out, data) {
				if _, err := kind.Package(out, func(string, []byte) ([]byte, error) { return nil, nil }); err != nil {
					t.Errorf("%s: the result: %v", kind.Name, err)
				}
			}
		}
	})
}
