package oci

import (
	"bytes"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/minsize/minsize/internal/objfile"
)

// Hint names something that no DT_NEEDED entry tells: libraries and files that
// a program opens by name when it needs them. They are pointed out, never
// added unasked.
type Hint struct {
	What string // what may be missing at run time
	Why  string // the evidence
	Add  string // the flag that puts it in; empty when nothing fits
}

// byName is one family of things that are opened by name.
type byName struct {
	functions []string // importing one of these is the evidence in a dynamic program
	text      string   // this text in a static program is the evidence
	what      string
	add       string
}

var byNames = []byName{
	{
		functions: []string{"getaddrinfo", "gethostbyname", "gethostbyname_r", "getpwnam", "getpwnam_r", "getpwuid", "getpwuid_r", "getgrnam", "getgrnam_r", "getgrgid", "getgrgid_r"},
		text:      "/etc/nsswitch.conf",
		what:      "name service: /etc/nsswitch.conf and /etc/hosts, and before glibc 2.34 libnss_files.so.2 and libnss_dns.so.2",
		add:       "--file /etc/nsswitch.conf:/etc/nsswitch.conf",
	},
	{
		functions: []string{"iconv_open"},
		text:      "gconv-modules",
		what:      "character sets other than UTF-8, Latin-1 and ASCII: the gconv folder beside libc",
		add:       "--file .../gconv:.../gconv",
	},
	{
		functions: []string{"SSL_CTX_set_default_verify_paths", "X509_STORE_set_default_paths", "SSL_CTX_new"},
		text:      "ca-certificates.crt",
		what:      "certificate authorities",
		add:       "--ca-certificates",
	},
	{
		functions: []string{"OSSL_PROVIDER_load", "OSSL_PROVIDER_try_load"},
		what:      "OpenSSL providers: the ossl-modules folder (legacy.so, fips.so)",
		add:       "--file .../ossl-modules:.../ossl-modules",
	},
	{
		functions: []string{"tzset", "localtime_r", "localtime", "mktime"},
		text:      "/usr/share/zoneinfo",
		what:      "time zones other than UTC",
		add:       "--tzdata",
	},
}

// namedText is a file's text that was found to be in it, kept by what it means.
type namedText struct{ file, text string }

// look keeps what the hints want to know of a file, while it is mapped.
func (r *resolver) look(name string, f *objfile.File) {
	base := path.Base(name)
	if strings.HasPrefix(base, "libc.so") || strings.HasPrefix(base, "libc-") || strings.HasPrefix(base, "ld-") {
		return // the C library defines these for others; its own use is no evidence
	}
	symbols, _ := f.Symbols()
	for i := range symbols {
		s := &symbols[i]
		if s.Dynamic && s.Undefined {
			if _, ok := r.undefined[s.Name]; !ok {
				r.undefined[strings.Clone(s.Name)] = base
			}
		}
	}
	for _, b := range byNames {
		if b.text != "" && bytes.Contains(f.Data, []byte(b.text)) {
			r.texts = append(r.texts, namedText{base, b.text})
		}
	}
	if _, ok := r.undefined["dlopen"]; ok || f.ELF.Interp == "" {
		for _, lib := range libraryNames(f.Data) {
			r.texts = append(r.texts, namedText{base, lib})
		}
	}
}

// libraryNames finds texts like libssl.so.3 between NULs, at most 20.
func libraryNames(data []byte) []string {
	var found []string
	for at := 0; len(found) < 20; {
		i := bytes.Index(data[at:], []byte(".so"))
		if i < 0 {
			break
		}
		i += at
		at = i + 3
		start := i
		for start > 0 && i-start < 64 && isNameByte(data[start-1]) {
			start--
		}
		end := i + 3
		for end < len(data) && end-i < 16 && (data[end] == '.' || data[end] >= '0' && data[end] <= '9') {
			end++
		}
		if start == 0 || data[start-1] != 0 || end >= len(data) || data[end] != 0 {
			continue
		}
		name := string(data[start:end])
		if strings.HasPrefix(name, "lib") && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	return found
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '+' || c == '.'
}

// hints turns what was seen into words, most certain first.
func (r *resolver) hints() []Hint {
	var out []Hint
	for _, b := range byNames {
		for _, function := range b.functions {
			if who, ok := r.undefined[function]; ok {
				out = append(out, Hint{What: b.what, Why: who + " calls " + function, Add: b.add})
				break
			}
		}
		if r.closure.Static && b.text != "" {
			for _, t := range r.texts {
				if t.text == b.text {
					out = append(out, Hint{What: b.what, Why: t.file + " holds the text " + t.text, Add: b.add})
					break
				}
			}
		}
	}
	loaded := map[string]bool{}
	for _, lib := range r.closure.Libraries {
		loaded[lib.Name] = true
	}
	var opened []string
	for _, t := range r.texts {
		if strings.Contains(t.text, ".so") && !strings.Contains(t.text, "/") && !loaded[t.text] && !slices.Contains(opened, t.file+" holds the name "+t.text) {
			opened = append(opened, t.file+" holds the name "+t.text)
		}
	}
	if who, ok := r.undefined["dlopen"]; ok && !r.closure.Static {
		sort.Strings(opened)
		why := who + " calls dlopen"
		if len(opened) > 0 {
			why += "; " + strings.Join(opened[:min(len(opened), 4)], ", ")
		}
		out = append(out, Hint{What: "libraries that are opened by name", Why: why, Add: "--file SRC:DST for each that is wanted"})
	}
	return out
}
