package wasmedit

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/minsize/minsize/internal/wasmoracle"
)

// TestRandomModules: modules made at random, written anew, do the same in
// Node.js: what exported functions answer and how they end, what they call, and
// what is in memory and globals afterwards. The seeds are always the same;
// MINSIZE_MODULES=1000000 goes on for longer, from MINSIZE_SEED on.
func TestRandomModules(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs node")
	}
	number := func(name string, usual uint64) uint64 {
		if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
			return n
		}
		return usual
	}
	script := filepath.Join(t.TempDir(), "same.mjs")
	if err := os.WriteFile(script, []byte(sameInNode), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, script)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seed := number("MINSIZE_SEED", 0)
	last := seed + number("MINSIZE_MODULES", 400)
	done := make(chan struct{})
	var wrong, right, changed int
	go func() { // Node says of each whether it is the same
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if line := lines.Text(); line != "same" {
				wrong++
				t.Errorf("module %s", line)
			} else {
				right++
			}
		}
	}()
	w := bufio.NewWriter(in)
	for ; seed < last && !t.Failed(); seed++ {
		old := randomModule(seed)
		r, err := Minimize(old)
		if err == nil {
			err = wasmoracle.Same(old, r.Data)
		}
		if err != nil {
			t.Errorf("module %d: %v", seed, err)
			break
		}
		if len(r.Data) < len(old) {
			changed++
		}
		line, _ := json.Marshal([]string{fmt.Sprint(seed), base64.StdEncoding.EncodeToString(old), base64.StdEncoding.EncodeToString(r.Data)})
		if _, err := w.Write(append(line, '\n')); err != nil {
			t.Error(err)
			break
		}
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	in.Close()
	<-done
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if right == 0 || changed < right/2 {
		t.Errorf("of %d modules %d are smaller", right, changed)
	}
	t.Logf("%d modules, %d of them smaller, %d wrong", right+wrong, changed, wrong)
}

const sameInNode = `
import { createInterface } from 'node:readline'
function run(bytes) {
  const log = []
  const host = new Proxy({}, { get: (_, name) => (...args) => { log.push([name, ...args].map(String)); return name.startsWith('l') ? 3n : 5 } })
  const module = new WebAssembly.Module(bytes)
  try {
    const { exports } = new WebAssembly.Instance(module, { env: host })
    for (const round of [1, 2]) for (const [name, f] of Object.entries(exports)) {
      if (typeof f !== 'function') continue
      for (const n of [0, 1, 77]) {
        const args = Array.from({ length: f.length }, (_, i) => n * round + i)
        const big = name.includes('j')
        try { log.push([name, String(f(...args.map((a, i) => name[i + 1] === 'j' ? BigInt(a) : a)))]) } catch (e) { log.push([name, e.name, e.message]) }
      }
    }
    for (const [name, x] of Object.entries(exports)) {
      if (x instanceof WebAssembly.Global) log.push([name, String(x.value)])
      if (x instanceof WebAssembly.Memory) { let h = 7; for (const b of new Uint8Array(x.buffer, 0, 4096)) h = (h * 31 + b) | 0; log.push([name, h]) }
    }
  } catch (e) { log.push(['instance', e.name, e.message]) }
  return JSON.stringify(log)
}
for await (const line of createInterface({ input: process.stdin })) {
  const [seed, before, after] = JSON.parse(line)
  let a, b
  try { a = run(Buffer.from(before, 'base64')) } catch (e) { a = 'the generator: ' + e; b = '' }
  try { b ??= run(Buffer.from(after, 'base64')) } catch (e) { b = String(e) }
  console.log(a === b ? 'same' : seed + ': before ' + a + ' after ' + b)
}
`

// generator makes one module: valid by construction, and every call of it ends,
// for functions call only those behind them, and tables hold only the second
// half, which calls through no table.
type generator struct {
	*rand.Rand
	types     []signature
	imports   []int // type of each
	functions []int
	globals   []byte // value type of each, all mutable

	at     int // the function that is made
	locals []byte
	out    []byte
}

type signature struct{ params, results []byte }

const i32, i64, empty = 0x7f, 0x7e, 0x40

func (g *generator) one(n int) bool { return g.IntN(n) == 0 }
func (g *generator) kind() byte     { return []byte{i32, i32, i32, i64}[g.IntN(4)] }
func (g *generator) op(b ...byte)   { g.out = append(g.out, b...) }
func (g *generator) num(n int)      { g.out = binary.AppendUvarint(g.out, uint64(n)) }

func (g *generator) constant(kind byte) {
	g.op(map[byte]byte{i32: 0x41, i64: 0x42}[kind])
	value := []int64{0, 1, -1, 5, 64, 1024, -129, 70000}[g.IntN(8)]
	for more := true; more; {
		b := byte(value & 0x7f)
		value >>= 7
		if more = !(value == 0 && b&0x40 == 0 || value == -1 && b&0x40 != 0); more {
			b |= 0x80
		}
		g.op(b)
	}
}

// pick is an index of list with this value, -1 without.
func (g *generator) pick(list []byte, kind byte) int {
	var fit []int
	for i, k := range list {
		if k == kind {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		return -1
	}
	return fit[g.IntN(len(fit))]
}

// callee is a function behind this one, or an import, with these results; -1
// without.
func (g *generator) callee(results []byte) int {
	var fit []int
	for i, kind := range append(append([]int(nil), g.imports...), g.functions...) {
		if string(g.types[kind].results) == string(results) && (i < len(g.imports) || i > g.at) {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		return -1
	}
	return fit[g.IntN(len(fit))]
}

func (g *generator) typeOf(f int) signature {
	if f < len(g.imports) {
		return g.types[g.imports[f]]
	}
	return g.types[g.functions[f-len(g.imports)]]
}

// call calls something with these results, false where there is nothing.
func (g *generator) call(results []byte, depth int) bool {
	if g.at-len(g.imports) < len(g.functions)/2 && g.one(4) { // through the table
		for i, s := range g.types {
			if string(s.results) == string(results) {
				g.values(s.params, depth)
				g.op(0x41)
				g.num(g.IntN(8))
				g.op(0x11)
				g.num(i)
				g.op(0)
				return true
			}
		}
	}
	f := g.callee(results)
	if f < 0 {
		return false
	}
	g.values(g.typeOf(f).params, depth)
	g.op(0x10)
	g.num(f)
	return true
}

func (g *generator) values(kinds []byte, depth int) {
	for _, k := range kinds {
		g.value(k, depth-1)
	}
}

// value leaves one on the stack.
func (g *generator) value(kind byte, depth int) {
	if depth <= 0 {
		g.constant(kind)
		return
	}
	switch g.IntN(10) {
	case 0:
		g.constant(kind)
	case 1, 2:
		if i := g.pick(g.locals, kind); i >= 0 {
			if g.one(3) {
				g.value(kind, depth-1)
				g.op(0x22)
			} else {
				g.op(0x20)
			}
			g.num(i)
			return
		}
		g.constant(kind)
	case 3:
		if i := g.pick(g.globals, kind); i >= 0 {
			g.op(0x23)
			g.num(i)
			return
		}
		g.constant(kind)
	case 4, 5:
		g.value(kind, depth-1)
		g.value(kind, depth-1)
		if kind == i32 {
			g.op([]byte{0x6a, 0x6b, 0x6c, 0x71, 0x73, 0x46, 0x48, 0x6d, 0x76}[g.IntN(9)])
		} else {
			g.op([]byte{0x7c, 0x7d, 0x7e, 0x83, 0x85, 0x80}[g.IntN(6)])
		}
	case 6:
		if !g.call([]byte{kind}, depth) {
			g.constant(kind)
		}
	case 7:
		g.value(i32, depth-1)
		g.op(0x04, kind)
		g.statements(depth - 1)
		g.value(kind, depth-1)
		g.op(0x05)
		g.value(kind, depth-1)
		g.op(0x0b)
	case 8:
		g.value(i32, depth-1)
		g.op(0x41, 0xff, 0x0f, 0x71) // & 2047
		if kind == i32 {
			g.op([]byte{0x28, 0x2d, 0x2c}[g.IntN(3)], 0)
		} else {
			g.op(0x29, 0)
		}
		g.num(g.IntN(1000))
	default:
		g.value(kind, depth-1)
		g.value(kind, depth-1)
		g.value(i32, depth-1)
		g.op(0x1b)
	}
}

// statements leave nothing.
func (g *generator) statements(depth int) {
	for range g.IntN(4) {
		switch g.IntN(9) {
		case 0:
			g.op(0x01)
		case 1:
			k := g.kind()
			g.value(k, depth)
			g.op(0x1a)
		case 2, 3:
			if k := g.kind(); g.pick(g.locals, k) >= 0 {
				g.value(k, depth)
				g.op(0x21)
				g.num(g.pick(g.locals, k))
			}
		case 4:
			if k := g.kind(); g.pick(g.globals, k) >= 0 {
				g.value(k, depth)
				g.op(0x24)
				g.num(g.pick(g.globals, k))
			}
		case 5:
			g.value(i32, depth)
			g.op(0x41, 0xff, 0x0f, 0x71)
			g.value(i32, depth)
			g.op(0x36, 0)
			g.num(g.IntN(1000))
		case 6:
			g.call(nil, depth)
		case 7:
			if depth > 0 { // out of a block, in the middle
				g.op(0x02, empty)
				g.statements(depth - 1)
				g.value(i32, depth-1)
				g.op([]byte{0x0d, 0x0d, 0x0d}[g.IntN(3)], 0)
				g.statements(depth - 1)
				if g.one(3) {
					g.op(0x0c, 0) // and what is behind it is dead
					g.statements(depth - 1)
				}
				g.op(0x0b)
			}
		default:
			g.value(i32, depth)
			g.op(0x04, empty)
			if g.statements(depth - 1); g.one(4) {
				g.op(0x00)
			} else if g.one(4) {
				for _, k := range g.typeOf(g.at).results {
					g.value(k, 1)
				}
				g.op(0x0f)
			}
			g.op(0x0b)
		}
	}
}

// randomModule is the module of a seed.
func randomModule(seed uint64) []byte {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 17))}
	kinds := func(most int) (list []byte) {
		for range g.IntN(most + 1) {
			list = append(list, g.kind())
		}
		return list
	}
	for range 2 + g.IntN(5) {
		g.types = append(g.types, signature{kinds(3), kinds(1)})
	}
	for range g.IntN(3) {
		g.imports = append(g.imports, g.IntN(len(g.types)))
	}
	for range 2 + g.IntN(9) {
		g.functions = append(g.functions, g.IntN(len(g.types)))
	}
	g.globals = kinds(4)
	var out []byte
	section := func(id byte, entries ...[]byte) {
		if len(entries) == 0 {
			return
		}
		body := binary.AppendUvarint(nil, uint64(len(entries)))
		for _, e := range entries {
			body = append(body, e...)
		}
		out = append(binary.AppendUvarint(append(out, id), uint64(len(body))), body...)
	}
	made := func(f func()) []byte {
		g.out = nil
		f()
		return g.out
	}
	list := func(b []byte) { g.num(len(b)); g.op(b...) }
	each := func(n int, f func(i int)) (entries [][]byte) {
		for i := range n {
			entries = append(entries, made(func() { f(i) }))
		}
		return entries
	}
	text := func(s string) { list([]byte(s)) }
	n, imported := len(g.functions), len(g.imports)

	out = []byte("\x00asm\x01\x00\x00\x00")
	section(1, each(len(g.types), func(i int) { g.op(0x60); list(g.types[i].params); list(g.types[i].results) })...)
	section(2, each(imported, func(i int) {
		text("env")
		name := "f" + strconv.Itoa(i) // the host answers by it
		if r := g.types[g.imports[i]].results; len(r) > 0 && r[0] == i64 {
			name = "l" + strconv.Itoa(i)
		}
		text(name)
		g.op(0)
		g.num(g.imports[i])
	})...)
	section(3, each(n, func(i int) { g.num(g.functions[i]) })...)
	section(4, made(func() { g.op(0x70, 0, 8) }))
	section(5, made(func() { g.op(0, 1) }))
	section(6, each(len(g.globals), func(i int) { g.op(g.globals[i], 1); g.constant(g.globals[i]); g.op(0x0b) })...)
	exports := [][]byte{}
	for i := range n {
		if i == 0 || g.one(3) {
			exports = append(exports, made(func() {
				name := "e" // which of its arguments are large, its name says
				for _, k := range g.types[g.functions[i]].params {
					name += map[byte]string{i32: "i", i64: "j"}[k]
				}
				text(name + "_" + strconv.Itoa(i))
				g.op(0)
				g.num(imported + i)
			}))
		}
	}
	if g.one(2) {
		exports = append(exports, made(func() { text("memory"); g.op(2, 0) }))
	}
	if len(g.globals) > 0 && g.one(2) {
		exports = append(exports, made(func() { text("g"); g.op(3, 0) }))
	}
	if g.one(6) {
		exports = append(exports, made(func() { text("table"); g.op(1, 0) }))
	}
	section(7, exports...)
	for i := range n {
		if s := g.types[g.functions[i]]; len(s.params)+len(s.results) == 0 && g.one(6) {
			out = append(out, 8, 1, byte(imported+i))
			break
		}
	}
	section(9, each(g.IntN(2), func(int) {
		g.op(0, 0x41, 0, 0x0b)
		slots := 1 + g.IntN(8)
		g.num(slots)
		for range slots {
			g.num(imported + n/2 + g.IntN(n-n/2))
		}
	})...)
	var bodies [][]byte
	for i := range n {
		g.at = imported + i
		own := g.types[g.functions[i]]
		extra := kinds(4)
		g.locals = append(append([]byte(nil), own.params...), extra...)
		body := made(func() {
			g.num(len(extra))
			for _, k := range extra {
				g.op(1, k)
			}
			g.statements(3)
			for _, k := range own.results {
				g.value(k, 3)
			}
			g.op(0x0b)
		})
		// The same again: it calls only what is behind both.
		if i > 0 && g.functions[i-1] == g.functions[i] && g.one(2) {
			bodies[i-1] = binary.AppendUvarint(nil, uint64(len(body)))
			bodies[i-1] = append(bodies[i-1], body...)
		}
		bodies = append(bodies, append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	}
	section(10, bodies...)
	section(11, each(g.IntN(3), func(i int) {
		g.op(0, 0x41)
		g.num(8 + 40*i)
		g.op(0x0b)
		data := make([]byte, g.IntN(48))
		for i := range data {
			if !g.one(3) {
				data[i] = byte(g.IntN(256))
			}
		}
		list(data)
	})...)
	return out
}
