package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed templates
var templates embed.FS

// An npm package that is for one system carries the program; the package
// minsize depends on all of them, of which npm installs the one that fits.

type npmPackage struct {
	Name                 string            `json:"name"`
	Version              string            `json:"version"`
	Description          string            `json:"description"`
	License              string            `json:"license"`
	Repository           string            `json:"repository"`
	OS                   []string          `json:"os,omitempty"`
	CPU                  []string          `json:"cpu,omitempty"`
	Bin                  map[string]string `json:"bin,omitempty"`
	Engines              map[string]string `json:"engines,omitempty"`
	OptionalDependencies map[string]string `json:"optionalDependencies,omitempty"`
	PreferUnplugged      bool              `json:"preferUnplugged,omitempty"` // a program in a zip does not run
}

func (r *release) npmInfo(name string) npmPackage {
	return npmPackage{Name: name, Version: r.version, Description: summary, License: "MIT", Repository: "github:minsize/minsize"}
}

// npmWrite packs a package as `npm pack` does: everything below package/.
func (r *release) npmWrite(info npmPackage, file_ ...file) error {
	text, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	files := append([]file{
		{path: "package/package.json", data: append(text, '\n')},
		{path: "package/LICENSE", data: r.part("document", "LICENSE")},
	}, file_...)
	name := strings.NewReplacer("@", "", "/", "-").Replace(info.Name)
	return r.write(fmt.Sprintf("npm/%s-%s.tgz", name, r.version), tarball(files, r.time))
}

func (r *release) npmPlatform(p *program) error {
	info := r.npmInfo("@minsize/" + p.npm)
	system, cpu, _ := strings.Cut(p.npm, "-")
	info.OS, info.CPU, info.PreferUnplugged = []string{system}, []string{cpu}, true
	return r.npmWrite(info,
		file{path: "package/bin/minsize" + p.exe(), data: p.data, run: true},
		file{path: "package/THIRD-PARTY.txt", data: thirdParty(p.modules)})
}

func (r *release) npmMain() error {
	info := r.npmInfo("minsize")
	info.Engines = map[string]string{"node": ">=14"}
	info.OptionalDependencies = map[string]string{}
	for _, t := range r.targets {
		info.OptionalDependencies["@minsize/"+t.npm] = r.version
	}
	launch, err := templates.ReadFile("templates/launch.js")
	if err != nil {
		return err
	}
	files := []file{
		{path: "package/launch.js", data: launch},
		{path: "package/README.md", data: r.part("document", "README.md")},
	}
	info.Bin = map[string]string{}
	for _, name := range append([]string{"minsize"}, otherNames...) {
		info.Bin[name] = "bin/" + name + ".js"
		script := fmt.Sprintf("#!/usr/bin/env node\nrequire(\"../launch.js\")(%q);\n", name)
		files = append(files, file{path: "package/bin/" + name + ".js", data: []byte(script), run: true})
	}
	return r.npmWrite(info, files...)
}
