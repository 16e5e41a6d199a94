package strip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/minsize/minsize/internal/testbin"
)

// component is a component of these sections, a number before each.
func component(sections ...[]byte) []byte {
	out := []byte("\x00asm\x0d\x00\x01\x00")
	for _, s := range sections {
		out = append(binary.AppendUvarint(append(out, s[0]), uint64(len(s)-1)), s[1:]...)
	}
	return out
}

func section(id byte, data []byte) []byte { return append([]byte{id}, data...) }

// TestComponent: the modules inside are stripped, at any depth, and every other
// byte stays.
func TestComponent(t *testing.T) {
	names := testbin.WasmSection{Name: "name", Data: append([]byte{1, 132, 1, 1, 0, 128, 1}, bytes.Repeat([]byte("n"), 128)...)}
	bare, named := testbin.Wasm(), testbin.Wasm(names)
	custom, types := section(0, []byte("\x04name what this is")), section(7, []byte{1, 0x40, 0, 1, 0})
	whole := func(module []byte) []byte {
		inner := component(section(componentModule, module), types)
		return component(custom, section(componentModule, module), section(componentComponent, inner), types)
	}
	for _, level := range []Level{All, Max} {
		out, r := mustRewrite(t, whole(named), Options{Level: level})
		small, _ := mustRewrite(t, bare, Options{Level: level})
		if !bytes.Equal(out, whole(small)) {
			t.Errorf("level %v: %q, want %q", level, out, whole(small))
		}
		sum := int64(0)
		for _, n := range r.Removed {
			sum += n
		}
		if sum != int64(r.Before)-int64(r.After) {
			t.Errorf("level %v: the reasons sum to %d of %d: %v", level, sum, r.Before-r.After, r.Removed)
		}
	}
	if out, r := mustRewrite(t, whole(bare), Options{}); !r.Same || !bytes.Equal(out, whole(bare)) {
		t.Errorf("nothing to do, and it is another one: %q", out)
	}
	if _, _, err := Rewrite(whole(named)[:100], Options{}); err == nil {
		t.Error("a component that is cut off is stripped")
	}
	deep := component(section(componentModule, named))
	for range deepestComponent + 1 {
		deep = component(section(componentComponent, deep))
	}
	mustRefuse(t, deep, Options{}, "deep", "core modules")

	// The oracle sees what is not a module, and a module that is another one.
	other := slices.Concat(bare[:len(bare)-2], []byte{43, 0x0b})
	for what, now := range map[string][]byte{
		"a section is gone":   component(custom, section(componentModule, bare)),
		"a section is new":    append(whole(bare), 7, 0),
		"another type":        bytes.Replace(whole(bare), types[1:], []byte{1, 0x40, 0, 1, 1}, 1),
		"another module":      whole(other),
		"a module for a type": component(custom, section(7, bare), section(componentComponent, component(section(componentModule, bare), types)), types),
	} {
		if err := Verify(whole(named), now, Options{}); !errors.Is(err, ErrOracle) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
