package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// DIST_TARGETS=all makes and compares every system's files; otherwise it is this
// machine's, which is what `make check` has time for.

// made is the release that the tests look at, made once.
var made = sync.OnceValues(func() (*release, error) {
	out, err := os.MkdirTemp("", "minsize-dist-test-")
	if err != nil {
		return nil, err
	}
	r := &release{out: filepath.Join(out, "made"), source: "../..", commit: "0123456789ab"}
	os.Setenv("SOURCE_DATE_EPOCH", "1764328740")
	return r, r.make(wantedTargets())
})

func wantedTargets() string {
	if os.Getenv("DIST_TARGETS") == "all" {
		return ""
	}
	return runtime.GOOS + "/" + runtime.GOARCH
}

func TestMain(m *testing.M) {
	status := m.Run()
	if r, err := made(); err == nil {
		os.RemoveAll(filepath.Dir(r.out))
	}
	os.Exit(status)
}

func theRelease(t *testing.T) *release {
	t.Helper()
	r, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// here is the program for this machine.
func here(t *testing.T) (*release, *program) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	r := theRelease(t)
	for t, p := range r.programs {
		if t.os == runtime.GOOS && t.arch == runtime.GOARCH {
			return r, p
		}
	}
	t.Skipf("no release for %s", runtime.GOARCH)
	return nil, nil
}

// TestReproducible: the same sources in another folder, with another umask,
// another time zone and another language, give the same bytes.
func TestReproducible(t *testing.T) {
	r := theRelease(t)
	list, err := exec.Command("git", "-C", "../..", "ls-files", "-co", "--exclude-standard").Output()
	if err != nil {
		t.Skip("needs git and a checkout")
	}
	copied := filepath.Join(t.TempDir(), "another folder")
	for name := range strings.Lines(string(list)) {
		name = strings.TrimSpace(name)
		data, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			continue // deleted, and not committed yet; or a link
		}
		to := filepath.Join(copied, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TZ", "Asia/Kathmandu")
	t.Setenv("LC_ALL", "C")
	again := &release{out: filepath.Join(t.TempDir(), "again"), source: copied, commit: r.commit}
	if err := again.make(wantedTargets()); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(filepath.Join(r.out, sumsName))
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(filepath.Join(again.out, sumsName))
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) {
		t.Errorf("two runs differ:\n%s\n%s", first, second)
	}
	if n := strings.Count(string(first), "\n"); n < 12 {
		t.Errorf("only %d products", n)
	}
}

// command runs a program and gives what it said; it fails the test where the
// program fails.
func command(t *testing.T, dir string, words ...string) string {
	t.Helper()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
}

// works runs an installed program's first step, which is to look at itself,
// under its own name and as cargo calls it.
func works(t *testing.T, installed string, p *program) {
	t.Helper()
	itself := filepath.Join(t.TempDir(), "minsize")
	if err := os.WriteFile(itself, p.data, 0o755); err != nil {
		t.Fatal(err)
	}
	if out := command(t, "", installed, "size", itself); !strings.Contains(out, "in the file") {
		t.Errorf("%s size: %s", installed, out)
	}
	other := filepath.Join(filepath.Dir(installed), "cargo-minsize")
	if out := command(t, "", other, "minsize", "version"); !strings.HasPrefix(out, "minsize ") || !strings.Contains(out, "(0123456789ab)") {
		t.Errorf("%s minsize version: %s", other, out)
	}
	linker := filepath.Join(filepath.Dir(installed), linkerName)
	if data, err := os.ReadFile(linker); err != nil || !bytes.HasPrefix(data, []byte("#!")) && !bytes.Equal(data, p.others[linkerName]) { // npm's are scripts
		t.Errorf("%s is not the small launcher: %d bytes, %v", linker, len(data), err)
	}
}

// TestInstalled: each package puts a program that works where it belongs, with
// manual, completions and licences.
func TestInstalled(t *testing.T) {
	r, p := here(t)
	product := func(pattern string) string {
		found, _ := filepath.Glob(filepath.Join(r.out, pattern))
		if len(found) != 1 {
			t.Fatalf("%s: %d files", pattern, len(found))
		}
		return found[0]
	}
	system := []string{"usr/share/man/man1/minsize-shrink.1.gz", "usr/share/bash-completion/completions/minsize", "usr/share/doc/minsize/copyright", "usr/share/doc/minsize/THIRD-PARTY.txt"}
	for _, c := range []struct {
		name    string
		tools   []string
		install func(dir string)
		program string
		beside  []string
	}{
		{"archive", []string{"tar"}, func(dir string) {
			command(t, dir, "tar", "-xzf", product(p.archive), "--strip-components=1")
		}, "minsize", []string{"man/man1/minsize.1", "completions/_minsize", "LICENSE", "THIRD-PARTY.txt"}},
		{"deb", []string{"dpkg", "fakeroot-or-root"}, func(dir string) {
			if err := os.MkdirAll(filepath.Join(dir, "var/lib/dpkg/updates"), 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"status", "available"} {
				if err := os.WriteFile(filepath.Join(dir, "var/lib/dpkg", name), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			command(t, dir, "dpkg", "--root="+dir, "--force-not-root", "--force-bad-path", "--install", product("*.deb"))
		}, "usr/bin/minsize", system},
		{"rpm", []string{"rpm2cpio", "cpio"}, func(dir string) {
			command(t, dir, "sh", "-c", "rpm2cpio "+product("*.rpm")+" | cpio -idm --quiet --no-absolute-filenames")
		}, "usr/bin/minsize", system},
		{"apk", []string{"tar"}, func(dir string) {
			command(t, dir, "tar", "-xzf", product("*.apk"))
		}, "usr/bin/minsize", append([]string{".PKGINFO"}, system...)},
		{"arch", []string{"tar", "zstd"}, func(dir string) {
			command(t, dir, "tar", "--zstd", "-xf", product("*.pkg.tar.zst"))
		}, "usr/bin/minsize", append([]string{".PKGINFO", ".MTREE"}, system...)},
		{"npm", []string{"npm", "node"}, func(dir string) {
			command(t, dir, "npm", "install", "--global", "--offline", "--no-audit", "--no-fund", "--prefix", dir,
				"--cache", filepath.Join(dir, "cache"), product("npm/minsize-"+p.npm+"-*.tgz"), product("npm/minsize-"+r.version+".tgz"))
		}, "bin/minsize", nil},
		{"wheel", []string{"python3"}, func(dir string) {
			command(t, dir, "python3", "-m", "pip", "install", "--no-index", "--disable-pip-version-check", "--no-cache-dir", "--target", dir, product("wheels/*.whl"))
		}, "bin/minsize", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, tool := range c.tools {
				if tool != "fakeroot-or-root" {
					needs(t, tool)
				} else if os.Getuid() != 0 {
					t.Skip("needs root")
				}
			}
			dir := t.TempDir()
			c.install(dir)
			works(t, filepath.Join(dir, c.program), p)
			for _, name := range c.beside {
				if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
					t.Errorf("%s is not there, or empty", name)
				}
			}
		})
	}
}

// TestImage: the program runs as the image's only file.
func TestImage(t *testing.T) {
	needs(t, "tar")
	r, p := here(t)
	dir := t.TempDir()
	command(t, dir, "tar", "-xf", filepath.Join(r.out, "minsize-"+r.version+"-image.tar"))
	blobs, _ := filepath.Glob(filepath.Join(dir, "blobs/sha256/*"))
	for _, blob := range blobs { // the layer is the blob that tar can read, with this machine's program
		root := t.TempDir()
		if exec.Command("tar", "-xzf", blob, "-C", root).Run() != nil {
			continue
		}
		program := filepath.Join(root, "minsize")
		if data, err := os.ReadFile(program); err != nil || string(data) != string(p.data) {
			continue
		}
		if os.Getuid() == 0 {
			needs(t, "chroot")
			if out := command(t, "", "chroot", root, "/minsize", "size", "/minsize"); !strings.Contains(out, "in the file") {
				t.Error(out)
			}
		}
		return
	}
	t.Error("no layer holds the program")
}

// TestInstaller: the script installs what the checksums say, and nothing else.
func TestInstaller(t *testing.T) {
	needs(t, "sh", "tar", "sha256sum")
	r, p := here(t)
	script := filepath.Join(r.out, "install.sh")
	if _, err := exec.LookPath("curl"); err != nil {
		needs(t, "wget")
	}
	spoil := func(name string, data []byte) http.Handler {
		files := http.FileServer(http.Dir(r.out))
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path != "/"+name {
				files.ServeHTTP(w, q)
			} else if data == nil {
				http.NotFound(w, q)
			} else {
				w.Write(data)
			}
		})
	}
	archive, err := os.ReadFile(filepath.Join(r.out, p.archive))
	if err != nil {
		t.Fatal(err)
	}
	other := append([]byte(nil), archive...)
	other[len(other)/2] ^= 1
	for _, c := range []struct {
		name    string
		handler http.Handler
		says    string // empty where it installs
	}{
		{"whole", spoil("", nil), ""},
		{"another byte", spoil(p.archive, other), "is not what SHA256SUMS says: nothing was installed"},
		{"half", spoil(p.archive, archive[:len(archive)/2]), "is not what SHA256SUMS says: nothing was installed"},
		{"no archive", spoil(p.archive, nil), p.archive + " cannot be fetched"},
		{"no sums", spoil(sumsName, nil), "SHA256SUMS cannot be fetched"},
		{"other systems", spoil(sumsName, []byte("00  minsize-9-plan9-mips.tar.gz\n")), "the release has no archive for linux"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			prefix := filepath.Join(t.TempDir(), "a prefix")
			out, err := exec.Command("sh", script, "--prefix", prefix, "--from", server.URL).CombinedOutput()
			if c.says == "" {
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				works(t, filepath.Join(prefix, "bin/minsize"), p)
				if _, err := os.Stat(filepath.Join(prefix, "share/man/man1/minsize.1")); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(string(out), c.says) {
				t.Errorf("%v\n%s", err, out)
			}
			if _, err := os.Stat(prefix); err == nil {
				t.Error("something was installed all the same")
			}
		})
	}
}

// TestManifests: what each names is there, with the checksum that it says.
func TestManifests(t *testing.T) {
	r := theRelease(t)
	address := regexp.MustCompile(regexp.QuoteMeta(r.downloads()) + `/([^"\s]+)`)
	digest := regexp.MustCompile(`\b[0-9a-fA-F]{64}\b`)
	sums := map[string]bool{}
	names, err := r.products()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		sum, err := r.sum(name)
		if err != nil {
			t.Fatal(err)
		}
		sums[fmt.Sprintf("%x", sum)] = true
	}
	read := 0
	for _, name := range names {
		if !strings.HasPrefix(name, "manifests/") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.out, name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, m := range address.FindAllStringSubmatch(text, -1) {
			read++
			if _, err := r.sum(m[1]); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, sum := range digest.FindAllString(text, -1) {
			if !sums[strings.ToLower(sum)] {
				t.Errorf("%s: no product has the checksum %s", name, sum)
			}
		}
		if strings.Contains(text, "<<") || strings.Contains(text, "<no value>") {
			t.Errorf("%s: the template was not filled:\n%s", name, text)
		}
		var value any
		switch filepath.Ext(name) {
		case ".json":
			err = json.Unmarshal(data, &value)
		case ".yaml":
			err = yaml.Unmarshal(data, &value)
		case ".rb":
			if _, missing := exec.LookPath("ruby"); missing == nil {
				command(t, "", "ruby", "-c", filepath.Join(r.out, name))
			}
		case ".nix":
			if _, missing := exec.LookPath("nix-instantiate"); missing == nil {
				command(t, "", "nix-instantiate", "--parse", filepath.Join(r.out, name))
			}
		case ".toml":
			if _, missing := exec.LookPath("cargo"); missing == nil {
				command(t, "", "cargo", "metadata", "--offline", "--no-deps", "--format-version=1", "--manifest-path", filepath.Join(r.out, name))
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if read == 0 {
		t.Error("no manifest names an archive")
	}
}

// TestLicences: every module that is in the program is in the bill of
// materials and in the licences that go along.
func TestLicences(t *testing.T) {
	r := theRelease(t)
	for target, p := range r.programs {
		text := string(thirdParty(p.modules))
		var bill struct {
			Packages []struct{ Name, LicenseDeclared string }
		}
		data, err := os.ReadFile(filepath.Join(r.out, fmt.Sprintf("minsize-%s-%s-%s.spdx.json", r.version, target.os, target.arch)))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &bill); err != nil {
			t.Fatal(err)
		}
		declared := map[string]string{}
		for _, p := range bill.Packages {
			declared[p.Name] = p.LicenseDeclared
		}
		built := filepath.Join(t.TempDir(), "minsize")
		if err := os.WriteFile(built, p.data, 0o644); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(command(t, "", "go", "version", "-m", built)) {
			fields := strings.Fields(line)
			if len(fields) < 3 || fields[0] != "dep" {
				continue
			}
			if id := declared[fields[1]]; id == "" || id == "NOASSERTION" {
				t.Errorf("%s: the bill of materials has no licence of %s", target, fields[1])
			}
			if !strings.Contains(text, fields[1]+" "+fields[2]) {
				t.Errorf("%s: THIRD-PARTY.txt has no %s %s", target, fields[1], fields[2])
			}
		}
	}
}

// TestOwnBudget: minsize holds minsize to its budget.
func TestOwnBudget(t *testing.T) {
	r, p := here(t)
	if p.arch != "amd64" {
		t.Skip("the budget is amd64's")
	}
	program := filepath.Join(t.TempDir(), "minsize")
	if err := os.WriteFile(program, p.data, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Log(command(t, "", program, "check", "--budget", "budget.toml", program))
	info, err := os.Stat(filepath.Join(r.out, p.archive))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 8_800_000 { // .85 MB of it is minsize-link, which starts for every link
		t.Errorf("%s has %d bytes, the limit is 8,800,000", p.archive, info.Size())
	}
}

// TestOutIsKept: a folder that is no release is not emptied.
func TestOutIsKept(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := emptied(dir); err == nil {
		t.Error("a folder with somebody's file was emptied")
	}
	if err := os.WriteFile(filepath.Join(dir, sumsName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := emptied(dir); err != nil {
		t.Error(err)
	}
	if err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s is still there", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
