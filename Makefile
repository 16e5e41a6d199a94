# The two that matter: `make demo` and `make test`. Both set up what is missing.

GO ?= go
MINSIZE := bin/minsize
export GOFLAGS ?= -buildvcs=false

.PHONY: all build demo test check cross sweep fuzz bench stubs figures lint clean

all: build

build:
	$(GO) build -trimpath -ldflags="-s -w" -o $(MINSIZE) ./cmd/minsize
	ln -sf minsize bin/cargo-minsize

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

check: cross
	$(GO) vet ./...
	$(GO) test -timeout 18m -skip '^TestSweep' ./...

# minsize itself builds and vets for every host that it promises.
cross:
	GOOS=linux GOARCH=arm64 $(GO) build -o /dev/null ./cmd/minsize
	GOOS=darwin GOARCH=arm64 $(GO) vet ./cmd/... ./internal/...
	GOOS=windows GOARCH=amd64 $(GO) vet ./cmd/... ./internal/...

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

# Each program under bench/ prints one table of docs/benchmarks.md.
bench: build
	@for dir in bench/*/; do echo "## $$dir"; $(GO) run ./$$dir || exit 1; done

# The packer's stubs from their sources, into the blobs that are committed.
stubs:
	$(GO) test ./internal/pack/codec -run StubTables -update
	sh internal/pack/stub/src/build.sh internal/pack/stub/blobs

# The scripts of the HTML figures with their library, into internal/report/assets.
figures:
	cd tools/figures && npm ci && $(GO) run .

lint:
	cd tools/lint && $(GO) build -o ../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...

clean:
	rm -rf bin examples/*/target
