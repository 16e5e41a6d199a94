package advice

import (
	"fmt"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
	"github.com/minsize/minsize/internal/target"
)

// FailedBuild is what to try after a build that failed, with its names.
func FailedBuild(b *cargo.BuildError) string {
	triple := target.Parse(b.Triple)
	gcc := triple.CrossCompiler()
	switch {
	case b.Failure == cargo.FailedLink && b.Foreign && triple.Flavour() == target.MinGW:
		return fmt.Sprintf("install what links for Windows (Debian: apt-get install gcc-mingw-w64-x86-64); minsize doctor --target %s", b.Triple)
	case b.Failure == cargo.FailedLink && b.Foreign && gcc != "":
		return fmt.Sprintf("export %s=%s (cargo links with cc, which is this machine's own); minsize doctor --target %s", triple.LinkerVariable(), gcc, b.Triple)
	case b.Triple != "":
		return strings.ReplaceAll(buildHints[b.Failure], "TRIPLE", b.Triple)
	}
	return buildHints[b.Failure]
}

// buildHints are what to try for each way in which a build fails.
var buildHints = map[cargo.Failure]string{
	cargo.FailedCompile:   "cargo build --release, until it passes",
	cargo.FailedLink:      "minsize doctor, which links and runs a program with every linker here",
	cargo.FailedNetwork:   "cargo fetch where there is a network, or cargo vendor; then --offline",
	cargo.FailedDisk:      "free some space, or --target-dir on another disk; target/minsize/build can be deleted at any time",
	cargo.FailedLockfile:  "cargo update --workspace, or leave --locked and --frozen out",
	cargo.FailedStd:       "rustup component add rust-src (Debian: apt-get install rust-web-src); minsize doctor",
	cargo.FailedTarget:    "rustup target add TRIPLE; minsize doctor lists the targets here",
	cargo.FailedManifest:  "correct the file that cargo names",
	cargo.FailedToolchain: "rustup toolchain install NAME, or another +toolchain; minsize doctor lists those here",
}
