package advice

import (
	"strings"
	"testing"

	"github.com/minsize/minsize/internal/cargo"
)

// TestFailedBuild: each way of failing has a step; where a target is to blame
// it is named, and a linker of this machine's own is told from a missing one.
func TestFailedBuild(t *testing.T) {
	for failure := range buildHints {
		if next := FailedBuild(&cargo.BuildError{Failure: failure, Triple: "wasm32-wasip1"}); next == "" || strings.Contains(next, "TRIPLE") {
			t.Errorf("%s: %q", failure, next)
		}
	}
	for _, c := range []struct {
		err  cargo.BuildError
		want string
	}{
		{cargo.BuildError{Failure: cargo.FailedTarget, Triple: "wasm32-wasip1"}, "rustup target add wasm32-wasip1"},
		{cargo.BuildError{Failure: cargo.FailedLink, Triple: "aarch64-unknown-linux-gnu", Foreign: true}, "export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc"},
		{cargo.BuildError{Failure: cargo.FailedLink, Triple: "aarch64-unknown-linux-gnu"}, "minsize doctor"},
		{cargo.BuildError{Failure: cargo.FailedLink}, "minsize doctor"},
		{cargo.BuildError{Failure: cargo.FailedLink, Triple: "x86_64-pc-windows-gnu", Foreign: true}, "install what links for Windows"},
	} {
		if next := FailedBuild(&c.err); !strings.HasPrefix(next, c.want) {
			t.Errorf("%+v: %q", c.err, next)
		}
	}
}
