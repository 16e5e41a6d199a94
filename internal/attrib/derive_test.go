package attrib

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/minsize/minsize/internal/objfile"
)

// exactlyDerived are the sections whose borders some table tells.
var exactlyDerived = map[string]bool{
	".interp": true, ".dynamic": true, ".eh_frame_hdr": true, ".eh_frame": true, ".gcc_except_table": true, ".dynsym": true, ".dynstr": true,
	".hash": true, ".gnu.hash": true, ".gnu.version": true, ".gnu.version_r": true, ".gnu.version_d": true, ".rela.dyn": true, ".rela.plt": true,
	".relr.dyn": true, ".init_array": true, ".fini_array": true, ".tdata": true,
}

// TestDerivedSections: what is derived without section headers is what the
// section headers say, on programs that nobody here made.
func TestDerivedSections(t *testing.T) {
	limit := 60
	if os.Getenv("MINSIZE_SWEEP") != "" {
		limit = 1 << 30
	}
	var files []string
	for _, pattern := range []string{"/usr/bin/*", "/usr/lib/x86_64-linux-gnu/lib*.so.*", "/usr/lib/gcc/*/*/*"} {
		list, _ := filepath.Glob(pattern)
		for i := range list {
			if len(list) <= limit || i%(len(list)/limit) == 0 {
				files = append(files, list[i])
			}
		}
	}
	programs, sections, exact := 0, map[string]int{}, map[string]int{}
	var bytes, right uint64
	for _, path := range files {
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 64<<20 {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		f, err := objfile.Parse(path, data)
		if err != nil || f.ELF == nil || len(f.Sections) == 0 || len(f.ELF.Dynamic) == 0 {
			continue
		}
		programs++
		derived := map[string]objfile.Section{}
		last := uint64(0)
		for _, s := range deriveSections(f) {
			if s.Addr < last {
				t.Errorf("%s: %s at %#x overlaps what is before it", path, s.Name, s.Addr)
			}
			last = s.Addr + s.MemSize
			if _, twice := derived[s.Name]; !twice {
				derived[s.Name] = s
			}
		}
		for i := range f.Sections {
			s := &f.Sections[i]
			if !exactlyDerived[s.Name] || s.FileSize == 0 {
				continue
			}
			sections[s.Name]++
			d := derived[s.Name]
			bytes += s.FileSize
			if d.Addr == s.Addr && d.FileSize <= s.FileSize && s.FileSize-d.FileSize < 8 { // tables end unaligned
				exact[s.Name]++
				right += s.FileSize
			} else if s.Name != ".gcc_except_table" && s.Name != ".eh_frame" {
				t.Logf("%s: %s at %#x has %d bytes; derived %#x, %d", path, s.Name, s.Addr, s.FileSize, d.Addr, d.FileSize)
			}
		}
	}
	if programs < 10 {
		t.Skipf("needs 10 dynamic ELF programs in /usr/bin, found %d", programs)
	}
	for name, n := range sections {
		t.Logf("%-18s %d of %d exact", name, exact[name], n)
		if float64(exact[name]) < .9*float64(n) {
			t.Errorf("%s: %d of %d are what the headers say", name, exact[name], n)
		}
	}
	t.Logf("%d programs: %d of %d bytes in sections that were found exactly", programs, right, bytes)
	if float64(right) < .98*float64(bytes) {
		t.Errorf("%d of %d bytes are in sections that were found", right, bytes)
	}
}
