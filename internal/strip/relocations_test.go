package strip

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/byteio"
	"github.com/minsize/minsize/internal/objfile"
	"github.com/minsize/minsize/internal/relr"
	"github.com/minsize/minsize/internal/testbin"
)

// pointerFiles are the layouts that packing tells apart.
var pointerFiles = map[string]testbin.Pointers{
	"zeros":               {},
	"addends":             {Addends: true},
	"both":                {Mixed: true},
	"section headers":     {Addends: true, Sections: true},
	"trailing zeros cut":  {Trimmed: 100},
	"all but zeros cut":   {Mixed: true, Trimmed: 299},
	"an odd address":      {Odd: true, Addends: true},
	"executable headers":  {Code: true},
	"no padding":          {Tight: true, Addends: true},
	"no padding, zeros":   {Tight: true, Trimmed: 600},
	"an executable piece": {Code: true, Tight: true, Mixed: true, Sections: true},
	"many":                {Count: 2500, Trimmed: 1000},
}

func TestRelocationsBackAndForth(t *testing.T) {
	alone := Options{Level: Nothing, Relocations: PackRelocations}
	undo := Options{Level: Nothing, Relocations: UnpackRelocations}
	for name, p := range pointerFiles {
		t.Run(name, func(t *testing.T) {
			data := p.Bytes()
			packed, r := mustRewrite(t, data, alone)
			if r.Removed[ReasonRelative] < 4096 {
				t.Fatalf("%d bytes -> %d, %v", len(data), len(packed), r)
			}
			back, _, err := Rewrite(packed, undo)
			if err != nil || !bytes.Equal(back, data) {
				t.Errorf("undone: %d bytes, %d before, %v", len(back), len(data), err)
			}
			for _, o := range []Options{alone, {Level: Max}, {Level: Debug}, {Level: Max, Relocations: PackRelocations}} {
				once, r := mustRewrite(t, packed, o) // where that is not a byte less it is not touched
				direct, _ := mustRewrite(t, data, Options{Level: o.Level, Relocations: PackRelocations})
				if !bytes.Equal(once, direct) && !(r.Same && len(direct) == len(packed)) {
					t.Errorf("level %v of the packed file gives %d bytes, of the plain one %d", o.Level, len(once), len(direct))
				}
			}
			small, _ := mustRewrite(t, data, Options{Level: Max})
			plain, _ := mustRewrite(t, data, Options{Level: Max, Relocations: KeepRelocations})
			if back, _, err := Rewrite(small, undo); err != nil || !bytes.Equal(back, plain) {
				t.Errorf("--max undone is not --max without relocations: %v", err)
			}
		})
	}
}

// TestRelocatedOracleNotices breaks every byte of packed files.
func TestRelocatedOracleNotices(t *testing.T) {
	for _, p := range []testbin.Pointers{{Count: 420, Tight: true, Sections: true, Addends: true}, {Count: 420, Trimmed: 10}, {Count: 420, Code: true}} {
		data := p.Bytes()
		packed, _ := mustRewrite(t, data, Options{Level: Nothing, Relocations: PackRelocations})
		f, err := parseELF(packed)
		if err != nil {
			t.Fatal(err)
		}
		home := f.segments[slices.IndexFunc(f.segments, func(s elfSegment) bool { return s.Type == ptLoad })]
		// The first relocation that is not counted has its place, and calls the code.
		parsed, err := objfile.Parse("packed", packed)
		if err != nil {
			t.Fatal(err)
		}
		count, _ := parsed.ELF.DynValue(objfile.DT_RELACOUNT)
		entry := packed[testbin.PointersRela+24*count:]
		slot, code := f.order.Uint64(entry), f.order.Uint64(entry[16:])
		stub, err := relr.StubOf(f.machine())
		if err != nil {
			t.Fatal(err)
		}
		var bound relr.Bound
		found := false
		for _, s := range f.segments {
			if s.Type == ptLoad && code >= s.Vaddr && code-s.Vaddr < s.Filesz {
				bound, found = stub.Find(packed[s.Offset+code-s.Vaddr:s.end()], code)
			}
		}
		if !found {
			t.Fatal("no code that relocates")
		}
		free := func(at uint64) bool { // nobody reads it, or it tells where something is that nobody asks for
			if at >= 64 && at < 64+5*56 || at >= 40 && at < 48 || at >= 58 && at < 64 { // old program headers, section fields
				return true
			}
			for _, s := range f.segments {
				if p := s.headerPosition; at >= p+24 && at < p+32 || s.Filesz == 0 && at >= p+8 && at < p+16 { // p_paddr
					return true
				}
				if p := s.headerPosition; at == p+32 && s.Flags&pfW != 0 { // zeros of the file or of the kernel
					return true
				}
				if slot >= s.Vaddr && slot < s.Vaddr+s.Filesz && at-(s.Offset+slot-s.Vaddr) < 8 { // the loader writes there
					return true
				}
			}
			return at >= bound.End && at < home.Filesz // the record, which has a checksum
		}
		checked := 0
		for at := range uint64(len(packed)) {
			loaded := at >= f.head.Phoff && at < f.head.Phoff+56*f.head.realPhnum
			for _, s := range f.segments {
				loaded = loaded || s.Type == ptLoad && at >= s.Offset && at < s.end()
			}
			if !loaded || free(at) {
				continue
			}
			broken := bytes.Clone(packed)
			broken[at] ^= 1 << (at % 8)
			checked++
			if SameImage(data, broken) == nil {
				t.Errorf("%+v: a changed byte at %#x of %#x went unnoticed", p, at, len(packed))
			}
		}
		if checked < 4000 {
			t.Errorf("only %d bytes were tried", checked)
		}
	}
}

func TestRelocationsRefused(t *testing.T) {
	for _, x := range []struct {
		want string
		data []byte
	}{
		{"does not load glibc", testbin.Pointers{Needed: "libc.musl-x86_64.so.1"}.Bytes()},
		{"fixed address", corrupt(testbin.Pointers{}.Bytes(), 16, 2, 2)},
		{"packed already, for loaders", testbin.Pointers{More: []uint64{36, testbin.PointersRela}}.Bytes()},
		{"packed already, for loaders", testbin.Pointers{More: []uint64{0x6fffe000, testbin.PointersRela}}.Bytes()},
		{"code is relocated", testbin.Pointers{More: []uint64{22, 0}}.Bytes()},
		{"code is relocated", testbin.Pointers{More: []uint64{30, 4}}.Bytes()},
		{"without addends", testbin.Pointers{More: []uint64{17, testbin.PointersRela}}.Bytes()},
		{"prelinked", testbin.Pointers{More: []uint64{0x6ffffdf5, 1}}.Bytes()},
		{"not sorted", testbin.Pointers{Swap: true}.Bytes()},
		{"no dynamic section", testbin.ELF{Type: etDyn}.Bytes()},
		{"appended", append(testbin.Pointers{}.Bytes(), "a payload"...)},
		{"relocatable object", corrupt(testbin.ELF{Type: etRel}.Bytes(), 56, 2, 0)},
		{"PE files have no", testbin.PE{}.Bytes()},
	} {
		var refusal *byteio.Refusal
		_, _, err := Rewrite(x.data, Options{Level: Nothing, Relocations: PackRelocations})
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("got %v, want a refusal that says %q", err, x.want)
		}
		if strings.Contains(x.want, "PE") || x.want == "appended" {
			continue
		}
		if _, _, err := Rewrite(x.data, Options{Level: Max}); err != nil {
			t.Errorf("%s: --max refuses the whole file: %v", x.want, err)
		}
	}
	_, r := mustRewrite(t, testbin.Pointers{Needed: "libc.so"}.Bytes(), Options{Level: Max})
	if !strings.Contains(strings.Join(r.Notes, "\n"), "does not load glibc") {
		t.Errorf("--max does not say why relocations stay: %q", r.Notes)
	}
	same, r := mustRewrite(t, testbin.Pointers{Count: 100}.Bytes(), Options{Level: Nothing, Relocations: PackRelocations})
	if !r.Same || uint64(len(same)) != r.Before {
		t.Errorf("less than a page: %+v", r)
	}
}

// TestUnpackNotices: a packed file that somebody rewrote since is no longer
// undone, and stays usable.
func TestUnpackNotices(t *testing.T) {
	data := testbin.Pointers{}.Bytes()
	packed, _ := mustRewrite(t, data, Options{Level: Nothing, Relocations: PackRelocations})
	changed := bytes.Clone(packed)
	changed[0x1010] ^= 1 // of the rest of the first segment
	undo := Options{Level: Nothing, Relocations: UnpackRelocations}
	var refusal *byteio.Refusal
	if _, _, err := Rewrite(changed, undo); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "rewritten since") {
		t.Errorf("got %v", err)
	}
	if _, _, err := Rewrite(data, undo); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "not packed by minsize") {
		t.Errorf("got %v", err)
	}
	if _, r := mustRewrite(t, changed, Options{Level: Max}); !strings.Contains(strings.Join(r.Notes, "\n"), "rewritten since") {
		t.Errorf("notes: %q", r.Notes)
	}
}

// FuzzRelocations: what is packed comes back, and damaged records are refused.
func FuzzRelocations(f *testing.F) {
	for _, p := range pointerFiles {
		if p.Count > 600 {
			continue
		}
		data := p.Bytes()
		packed, _, err := Rewrite(data, Options{Level: Nothing, Relocations: PackRelocations})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !isELF(data) {
			return
		}
		undo := Options{Level: Nothing, Relocations: UnpackRelocations}
		if _, _, err := Rewrite(data, undo); errors.Is(err, ErrOracle) { // a damaged record is no mistake of ours
			t.Errorf("undone: %v", err)
		}
		packed, r, err := Rewrite(data, Options{Level: Nothing, Relocations: PackRelocations, KeepPayload: true})
		if err != nil || r.Same {
			return // headers that contradict each other may fail the oracle, and then nothing is written
		}
		if back, _, err := Rewrite(packed, Options{Level: Nothing, Relocations: UnpackRelocations, KeepPayload: true}); err != nil || !bytes.Equal(back, data) && !bytes.Equal(back, before(data)) {
			t.Errorf("undone: %d bytes, %d before, %v", len(back), len(data), err)
		}
	})
}

// before is the file before it was packed, where it was.
func before(data []byte) []byte {
	plain, _, _ := Rewrite(data, Options{Level: Nothing, Relocations: UnpackRelocations, KeepPayload: true})
	return plain
}
