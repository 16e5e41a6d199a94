package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// checks are what each program must do the same, @ being the samples folder.
// Runs that panic are left out (htmlq with a file that is not there): what a
// panic does is what panic=abort changes, in the guide's recipe as well.
// A program that is not here is checked by --version and --help alone.
var checks = map[string][]string{
	"ripgrep": {
		"{} --no-config -n --sort path wor[ld]+ @", "{} --no-config -i --count --sort path ERROR @", "{} --no-config -o '\\b[0-9a-f]{8}\\b' @/log.txt",
		"{} --no-config -r X pear @/words.txt", "! {} --no-config '(' @", "! {} --no-config nothing-like-it @", "{} --no-config -U 'a\\nb' @ -c --sort path --include-zero", "{} --version", "{} --help",
	},
	"grex": {
		"{} a b c", "{} -d 1 22 333", "{} -r aaa bbbb", "{} -w -s 'hello world' 'bye world'", "{} -f @/words.txt", "! {} -f @/missing", "{} --help", "{} --version",
	},
	"jaq": {
		"{} . @/data.json", "{} '[.items[] | select(.price > 2) | .name] | sort' @/data.json", "{} -c 'map_values(length)' @/data.json",
		"{} -r '.items[].name | ascii_upcase | test(\"A.+\")' @/data.json", "! {} '.items[' @/data.json", "! {} '.items + 1' @/data.json", "{} -n '[range(10)] | add'", "{} --help",
	},
	"htmlq": {
		"{} -f @/page.html 'li.fruit'", "{} -f @/page.html -t h1", "{} -f @/page.html -a href a", "{} -f @/page.html -p body", "! {} --no-such-option", "{} --help", "{} --version",
	},
	"rnr": {
		"{} regex -n 'w(o)rds' 'W${1}RDS' @/words.txt", "! {} regex -n '(' x @/words.txt", "{} regex --help", "{} to-ascii -n @/words.txt", "{} --help", "{} --version",
	},
	"svgbob_cli": {
		"{} @/art.txt", "{} -s '+--+'", "! {} @/missing.txt", "{} --help", "{} --version",
	},
	"fd-find": {
		"{} -a . @ --threads 1", "{} -e txt . @ --threads 1", "{} -d 1 -t f '^w' @ --threads 1", "! {} '(' @", "{} -e html . @ -l --threads 1", "{} --help", "{} --version",
	},
	"hexyl": {
		"{} @/words.txt", "{} -n 64 --border none @/log.txt", "{} -p @/data.json", "! {} @/missing", "{} --help", "{} --version",
	},
	"just": {
		"{} --justfile @/justfile --list", "{} --justfile @/justfile hello", "! {} --justfile @/justfile fails", "{} --justfile @/justfile --dump", "{} --justfile @/justfile --evaluate", "! {} --justfile @/missing", "{} --help", "{} --version",
	},
	"choose": {
		"{} 0 2 -i @/log.txt", "{} -f ':' 1 -i @/log.txt", "! {} x -i @/log.txt", "{} --help", "{} --version",
	},
}

// binaries names the program where a package has several, or a library for others.
var binaries = map[string][]string{"grex": {"grex"}}

// writeSamples makes the input that the checks read; the same on every machine.
func writeSamples(dir string) error {
	var words, log, items strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&words, "%s %d\n", []string{"apple", "pear", "world", "wold", "grüße", "naïve", "日本"}[i%7], i*7919%1000)
		fmt.Fprintf(&log, "2024-03-%02d 12:%02d:%02d %s id=%08x took %d ms\n", i%28+1, i%60, i*7%60, []string{"INFO", "WARN", "ERROR"}[i%3], i*2654435761%4294967296, i*31%997)
	}
	for i := range 50 {
		if i > 0 {
			items.WriteString(",\n")
		}
		fmt.Fprintf(&items, `{"name": "item %d", "price": %d.%02d, "tags": ["a", "b\u00e9", null, true]}`, i, i%7, i*13%100)
	}
	files := map[string]string{
		"words.txt": words.String(),
		"log.txt":   log.String(),
		"data.json": "{\"version\": 1, \"items\": [\n" + items.String() + "\n]}\n",
		"page.html": "<!doctype html><title>Fruit</title><body><h1>Fruit &amp; more</h1><ul><li class=fruit>apple<li class='fruit big'>pear<li>stone</ul><a href='/a?b=1&amp;c'>x</a><p>unclosed <b>bold</body>\n",
		"art.txt":   "+-----+     .---.\n| box |---->( o )\n+-----+     '---'\n   |  /\\\n   v /__\\\n",
		"justfile":  "name := 'world'\nhello who=name:\n  @echo hello {{who}}\nfails:\n  @exit 3\n",
		"sub/a.txt": "a\nb\nERROR in sub\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if old, err := os.ReadFile(path); err == nil && string(old) == text {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}
