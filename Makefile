# The two that matter: `make demo` and `make test`. Both set up what is missing.

GO ?= go
MINSIZE := bin/minsize
# The commit is named by git and set by the linker: Go's own stamping fails in a
# checkout that belongs to another user.
COMMIT := $(shell git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)
LDFLAGS := -s -w -funcalign=16 $(if $(COMMIT),-X github.com/minsize/minsize/internal/cli.commit=$(COMMIT))
GCFLAGS := $(patsubst %,-gcflags=%=-l,$(shell grep -v '^\#' tools/dist/cold.txt))
export GOFLAGS ?= -buildvcs=false

.PHONY: all build man dist demo test check lint cross figures-check site site-check dist-check dist-test sweep fuzz bench picture stubs figures clean

all: build

build:
	$(GO) build -trimpath $(GCFLAGS) -ldflags="$(LDFLAGS)" -o $(MINSIZE) ./cmd/minsize
	ln -sf minsize $(dir $(MINSIZE))cargo-minsize
	$(GO) build -trimpath -ldflags="-s -w" -o $(dir $(MINSIZE))minsize-link ./cmd/minsize-link

# A manual page for each verb, as help says it.
man: build
	$(MINSIZE) man --into $(dir $(MINSIZE))man/man1

# The manual as a site that needs no server, into bin/site.
site:
	cd tools/site && $(GO) run . -out ../../bin/site

site-check:
	cd tools/site && $(GO) vet . && $(GO) test -count=1 .

# What a release consists of, for every system, into bin/dist (docs/release.md).
dist:
	cd tools/dist && $(GO) run . -out ../../bin/dist

# The main job on a real program: the ladder, and the small program running.
demo:
	scripts/bootstrap demo
	$(MAKE) --no-print-directory build
	cd examples/wordfreq && ../../$(MINSIZE) shrink \
		--check '! {} $(CURDIR)/examples/wordfreq/samples' \
		--check '{} --format json --top 3 $(CURDIR)/examples/wordfreq/samples/walrus.txt'
	examples/wordfreq/target/minsize/wordfreq --top 5 examples/wordfreq/samples/walrus.txt

# Everything but what takes long by design (sweep, fuzz, bench).
test:
	scripts/bootstrap test
	$(MAKE) --no-print-directory check

# The last lines name what was skipped, and why.
check: bin/staticcheck bin/gotestsum lint cross figures-check site-check dist-check
	bin/gotestsum --format pkgname -- -timeout 60m -skip '^TestSweep' ./...

lint: bin/staticcheck
	@unformatted=$$(gofmt -l bench cmd examples internal tools); \
		if [ -n "$$unformatted" ]; then echo "gofmt -w $$unformatted"; exit 1; fi
	$(GO) vet ./...
	bin/staticcheck ./...

bin/staticcheck: tools/check/go.mod
	cd tools/check && $(GO) build -o ../../$@ honnef.co/go/tools/cmd/staticcheck

bin/gotestsum: tools/check/go.mod
	cd tools/check && $(GO) build -o ../../$@ gotest.tools/gotestsum

# minsize itself builds and vets for every host that it promises.
cross:
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/minsize
	GOOS=darwin GOARCH=arm64 $(GO) vet ./cmd/... ./internal/...
	GOOS=windows GOARCH=amd64 $(GO) vet ./cmd/... ./internal/...

# The release for this machine is made twice, installed and run; dist-test
# makes it for every system.
dist-check:
	cd tools/dist && $(GO) vet . && $(GO) test -count=1 .

dist-test:
	cd tools/dist && DIST_TARGETS=all $(GO) test -count=1 -timeout 3h -v .

# The scripts in the reports are what their sources make; only npm can tell.
figures-check:
	@if command -v npm >/dev/null 2>&1 && (cd tools/figures && npm ci --silent --no-audit --no-fund >/dev/null 2>&1); then \
		cd tools/figures && $(GO) run . -check; \
	else echo "figures-check: skipped: npm, or its registry, is not there"; fi

# The whole system as test input: every ELF file, every stable --version, other
# machines, all Rust source there is; and strip against its rivals.
sweep: build
	MINSIZE_SWEEP=1 $(GO) test -count=1 -timeout 6h -run 'Sweep|Foreign|Wine|NotLargerThanGo|GoCorpus|Objdump|MergedSource|CrateCuts|ELFMachines' -v ./internal/...
	$(GO) run ./bench/strip

# FUZZTIME each, for every fuzz target there is.
FUZZTIME ?= 2m
fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' internal | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
			echo "$$target in $$(dirname $$file)"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$(dirname $$file) || exit 1; \
		done; \
	done

# Each program under bench/ prints one table of docs/benchmarks.md; it takes
# hours. MINSIZE=path measures another minsize than this checkout's.
bench:
	@for dir in $$(grep -l '^package main' bench/*/main.go | grep -v bench/screen | xargs -n1 dirname); do \
		echo "## $$dir"; $(GO) run ./$$dir || exit 1; done

# The picture in README, of a real run.
picture:
	$(GO) run ./bench/screen

# The packer's stubs from their sources, into the blobs that are committed.
stubs:
	$(GO) test ./internal/pack/codec -run StubTables -update
	sh internal/pack/stub/src/build.sh internal/pack/stub/blobs

# The scripts of the HTML figures with their library, into internal/report/assets.
figures:
	cd tools/figures && npm ci && $(GO) run .

clean:
	rm -rf bin examples/*/target
