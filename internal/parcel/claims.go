package parcel

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"

	"github.com/minsize/minsize/internal/byteio"
)

// digests are the hashes that packages hold of their own files.
var digests = []struct {
	name string
	make func() hash.Hash
}{
	{"md5", md5.New}, {"sha1", sha1.New}, {"sha256", sha256.New}, {"sha384", sha512.New384}, {"sha512", sha512.New},
}

// claims are the hashes of the members that change, as any other member could
// have written them, and whose they are.
type claims map[string]string

func (c claims) add(name string, content []byte) {
	for _, d := range digests {
		h := d.make()
		h.Write(content)
		sum := h.Sum(nil)
		c[hex.EncodeToString(sum)] = name
		c[base64.RawStdEncoding.EncodeToString(sum)] = name
	}
}

// mostClaims is as large as a list of checksums gets.
const mostClaims = 16 << 20

// claimed refuses a package in which another member names the hash of one that
// changes: bills of materials, lists of checksums, manifests. Members that were
// made anew name the new ones.
func (p *opened) claimed(c claims, replaced map[int][]byte) error {
	for i, m := range p.all {
		if _, anew := replaced[i]; anew || !m.file() {
			continue
		}
		content, err := p.read(i)
		if err != nil {
			return err
		}
		if len(content) > mostClaims {
			continue
		}
		if whose := c.in(content); whose != "" {
			return byteio.Refuse("--leave '"+whose+"', or make that list anew from the new files", "%q names the hash of %q, which would change", m.name, whose)
		}
	}
	return nil
}

// in looks at every run of letters that is as long as a hash.
func (c claims) in(content []byte) (whose string) {
	from := -1
	for i := 0; i <= len(content); i++ {
		if i < len(content) && letter[content[i]] {
			if from < 0 {
				from = i
			}
			continue
		}
		if from >= 0 && i-from >= 27 && i-from < 200 {
			if whose := c.is(string(content[from:i])); whose != "" {
				return whose
			}
		}
		from = -1
	}
	return ""
}

// letter says which bytes hexadecimal and both forms of base64 are made of.
var letter = func() (is [256]bool) {
	for _, b := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/-_") {
		is[b] = true
	}
	return is
}()

func (c claims) is(word string) string {
	if algorithm, rest, ok := strings.Cut(word, "-"); ok && strings.HasPrefix(algorithm, "sha") { // npm's sha512-...
		word = rest
	}
	for _, form := range []string{strings.ToLower(word), strings.NewReplacer("-", "+", "_", "/").Replace(word)} {
		if whose, ok := c[form]; ok {
			return whose
		}
	}
	return ""
}
