// Command figures bundles the scripts of the HTML figures with the library
// that they import into internal/report/assets, where they are committed: a
// build of minsize needs no npm. Run it in this folder after a change:
//
//	npm ci && go run .
//
// With -check it writes nothing and fails when the committed file differs.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	check := flag.Bool("check", false, "fail when a committed bundle is not what would be made")
	flag.Parse()
	sources, err := filepath.Glob("*.js")
	if err != nil || len(sources) == 0 {
		fail("no sources here: run in tools/figures")
	}
	for _, source := range sources {
		result := api.Build(api.BuildOptions{
			EntryPoints:       []string{source},
			Bundle:            true,
			MinifyWhitespace:  true,
			MinifyIdentifiers: true,
			MinifySyntax:      true,
			Format:            api.FormatIIFE,
			Target:            api.ES2019,
			Charset:           api.CharsetUTF8,
			LegalComments:     api.LegalCommentsNone,
			Banner:            map[string]string{"js": "/* made by tools/figures from " + source + "; holds d3-hierarchy 3.1.3, Copyright 2010-2021 Mike Bostock, ISC licence */"},
		})
		for _, e := range result.Errors {
			fail(e.Text)
		}
		bundle := result.OutputFiles[0].Contents
		target := filepath.Join("..", "..", "internal", "report", "assets", source)
		if *check {
			have, err := os.ReadFile(target)
			if err != nil || !bytes.Equal(have, bundle) {
				fail(target + " is not what " + source + " makes: npm ci && go run .")
			}
			continue
		}
		if err := os.WriteFile(target, bundle, 0o644); err != nil {
			fail(err.Error())
		}
		fmt.Println(target, len(bundle), "bytes")
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, "figures:", text)
	os.Exit(1)
}
