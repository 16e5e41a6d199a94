package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"sort"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// SPDXMediaType is the media type of SPDX in JSON (IANA).
const SPDXMediaType types.MediaType = "application/spdx+json"

// Component is one package that was built into the program.
type Component struct {
	Name, Version, License string
	PURL                   string // package URL (github.com/package-url), as pkg:cargo/serde@1.0.0
}

// spdxDocument is the part of SPDX 2.3 (clauses 6 to 8, 11) that is filled in.
type spdxDocument struct {
	SPDXVersion       string             `json:"spdxVersion"`
	DataLicense       string             `json:"dataLicense"`
	SPDXID            string             `json:"SPDXID"`
	Name              string             `json:"name"`
	DocumentNamespace string             `json:"documentNamespace"`
	CreationInfo      spdxCreation       `json:"creationInfo"`
	Packages          []spdxPackage      `json:"packages"`
	Relationships     []spdxRelationship `json:"relationships"`
}

type spdxCreation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	Name             string         `json:"name"`
	SPDXID           string         `json:"SPDXID"`
	VersionInfo      string         `json:"versionInfo,omitempty"`
	DownloadLocation string         `json:"downloadLocation"`
	FilesAnalyzed    bool           `json:"filesAnalyzed"`
	LicenseDeclared  string         `json:"licenseDeclared"`
	Checksums        []spdxChecksum `json:"checksums,omitempty"`
	ExternalRefs     []spdxRef      `json:"externalRefs,omitempty"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type spdxRelationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

// SBOM describes an image in SPDX 2.3: every file of it with its checksum, and
// the crates that were built into the program. The namespace is made of the
// image's digest, the time is zero: the same image gives the same document.
func SBOM(name string, digest v1.Hash, c *Composition, components []Component) ([]byte, error) {
	doc := spdxDocument{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
		Name:              name,
		DocumentNamespace: "https://spdx.org/spdxdocs/" + path.Base(c.Program) + "-" + digest.Hex,
		CreationInfo:      spdxCreation{Created: "1970-01-01T00:00:00Z", Creators: []string{"Tool: minsize"}},
	}
	add := func(p spdxPackage, of, relation string) {
		p.DownloadLocation = "NOASSERTION"
		if p.LicenseDeclared == "" {
			p.LicenseDeclared = "NOASSERTION"
		}
		doc.Packages = append(doc.Packages, p)
		doc.Relationships = append(doc.Relationships, spdxRelationship{Element: of, Type: relation, Related: p.SPDXID})
	}
	entries := append(append([]Entry{}, c.App...), c.Runtime...)
	const program = "SPDXRef-program"
	for i, e := range entries {
		if e.Data == nil {
			continue
		}
		sum := sha256.Sum256(e.Data)
		p := spdxPackage{
			Name: strings.TrimPrefix(e.Path, "/"), SPDXID: fmt.Sprintf("SPDXRef-file-%d", i),
			Checksums: []spdxChecksum{{"SHA256", hex.EncodeToString(sum[:])}},
		}
		if e.Path == c.Program {
			p.SPDXID = program
		}
		add(p, doc.SPDXID, "DESCRIBES")
	}
	components = append([]Component{}, components...)
	sort.Slice(components, func(i, j int) bool {
		a, b := components[i], components[j]
		return a.Name < b.Name || a.Name == b.Name && a.Version < b.Version
	})
	for i, c := range components {
		p := spdxPackage{
			Name: c.Name, VersionInfo: c.Version, LicenseDeclared: spdxLicense(c.License),
			SPDXID: fmt.Sprintf("SPDXRef-crate-%d", i),
		}
		if c.PURL != "" {
			p.ExternalRefs = []spdxRef{{"PACKAGE-MANAGER", "purl", c.PURL}}
		}
		add(p, program, "CONTAINS")
	}
	return json.MarshalIndent(doc, "", " ")
}

// spdxLicense turns cargo's old "MIT/Apache-2.0" into an SPDX expression.
func spdxLicense(license string) string {
	return strings.ReplaceAll(license, "/", " OR ")
}

// AttachedSBOM is the artifact that a registry lists among subject's
// referrers (OCI distribution-spec 1.1).
func AttachedSBOM(sbom []byte, subject v1.Image) (v1.Image, error) {
	descriptor, err := partial.Descriptor(subject)
	if err != nil {
		return nil, err
	}
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	img = mutate.ConfigMediaType(img, SPDXMediaType)
	img, err = mutate.Append(img, mutate.Addendum{Layer: static.NewLayer(sbom, SPDXMediaType)})
	if err != nil {
		return nil, err
	}
	return mutate.Subject(img, v1.Descriptor{
		MediaType: descriptor.MediaType, Digest: descriptor.Digest, Size: descriptor.Size,
	}).(v1.Image), nil
}
