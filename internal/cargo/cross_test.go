package cargo

import "testing"

func TestCrossCompiler(t *testing.T) {
	for triple, want := range map[string]string{
		"aarch64-unknown-linux-gnu":     "aarch64-linux-gnu-gcc",
		"armv7-unknown-linux-gnueabihf": "arm-linux-gnueabihf-gcc",
		"riscv64gc-unknown-linux-gnu":   "riscv64-linux-gnu-gcc",
		"x86_64-pc-windows-gnu":         "x86_64-w64-mingw32-gcc",
		"x86_64-unknown-linux-musl":     "",
		"aarch64-apple-darwin":          "",
		"wasm32-wasip1":                 "",
		"odd":                           "",
	} {
		if got := CrossCompiler(triple); got != want {
			t.Errorf("%s: got %q, want %q", triple, got, want)
		}
	}
	if got := LinkerVariable("aarch64-unknown-linux-gnu"); got != "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER" {
		t.Errorf("got %s", got)
	}
}
