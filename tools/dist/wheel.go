package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// wheel writes a Python wheel that has nothing but the program in it (PyPA,
// binary distribution format). What lies in its scripts lands on PATH. A wheel
// holds no links, so that the launcher gives the other names.
func (r *release) wheel(p *program) error {
	info := fmt.Sprintf("minsize-%s.dist-info/", r.version)
	files := p.commands(fmt.Sprintf("minsize-%s.data/scripts/", r.version), false)
	var readme bytes.Buffer
	fmt.Fprintf(&readme, "Metadata-Version: 2.1\nName: minsize\nVersion: %s\nSummary: %s\nHome-page: https://%s\nLicense: MIT\n"+
		"Classifier: Programming Language :: Rust\nClassifier: Topic :: Software Development :: Build Tools\nRequires-Python: >=3.7\nDescription-Content-Type: text/markdown\n\n",
		r.version, summary, modulePath)
	readme.Write(r.part("document", "README.md"))
	var wheel bytes.Buffer
	wheel.WriteString("Wheel-Version: 1.0\nGenerator: minsize\nRoot-Is-Purelib: false\n")
	for _, tag := range strings.Split(p.wheel, ".") {
		fmt.Fprintf(&wheel, "Tag: py3-none-%s\n", tag)
	}
	files = append(files,
		file{path: info + "METADATA", data: readme.Bytes()},
		file{path: info + "WHEEL", data: wheel.Bytes()},
		file{path: info + "licenses/LICENSE", data: r.part("document", "LICENSE")},
		file{path: info + "licenses/THIRD-PARTY.txt", data: thirdParty(p.modules)})
	var record bytes.Buffer
	for _, f := range files {
		sum := sha256.Sum256(f.data)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.path, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.data))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	files = append(files, file{path: info + "RECORD", data: record.Bytes()})
	return r.write(fmt.Sprintf("wheels/minsize-%s-py3-none-%s.whl", r.version, p.wheel), zipped(files, r.time))
}
