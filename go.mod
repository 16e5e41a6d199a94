module github.com/minsize/minsize

go 1.26.0

// Every direct dependency says here what it is for. Anything that is the
// project's own business (size search, attribution, rewriting, packing) is
// written here instead; see docs/architecture.md.
require (
	github.com/andybalholm/brotli v1.3.0 // shrink --objective: what a program weighs as brotli
	github.com/google/go-cmp v0.7.0 // tests: readable differences
	github.com/google/go-containerregistry v0.22.1 // image: digests, layouts, registry login
	github.com/ianlancetaylor/demangle v0.0.0-20260724033716-83e58baca724 // demangle: C++ names; test oracle for Rust names
	github.com/klauspost/compress v1.20.3 // ladder cache, image layers, compressed debug sections, shrink --objective: zstd
	github.com/mattn/go-runewidth v0.0.19 // report: columns that a name takes on a terminal
	github.com/pelletier/go-toml/v2 v2.4.3 // toml: the TOML grammar; our splices keep the user's format
	github.com/rogpeppe/go-internal v1.16.0 // tests: testscript
	github.com/spf13/cobra v1.10.2 // cli: flags, help, completions, man pages
	github.com/spf13/pflag v1.0.10 // cli: cobra's flag sets
	github.com/ulikunitz/xz v0.5.17 // tests: independent LZMA decoder
	github.com/vbauerster/mpb/v8 v8.9.3 // cli: progress bars
	golang.org/x/arch v0.32.0 // size --disassemble; test oracle for the length decoder
	golang.org/x/sys v0.49.0 // byteio: extended attributes
	golang.org/x/term v0.47.0 // cli: is this a terminal, how wide
	pgregory.net/rapid v1.3.0 // tests: properties
)

require (
	github.com/VividCortex/ewma v1.2.0 // indirect
	github.com/acarl005/stripansi v0.0.0-20180116102854-5a71ef0e047d // indirect
	github.com/clipperhouse/uax29/v2 v2.2.0 // indirect
	github.com/docker/cli v29.7.2+incompatible // indirect
	github.com/docker/docker-credential-helpers v0.9.3 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
	github.com/sirupsen/logrus v1.9.4 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/tools v0.49.0 // indirect
	gotest.tools/v3 v3.5.2 // indirect
)
