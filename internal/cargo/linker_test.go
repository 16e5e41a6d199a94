package cargo

import (
	"context"
	"testing"
)

func TestFindLinkers(t *testing.T) {
	needCargo(t)
	ctx := context.Background()
	own, err := ownToolchain(ctx, t.TempDir(), Options{Env: quiet()}, &Config{env: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	found, err := FindLinkers(ctx, LinkerProbe{Toolchain: own, CacheDir: cache})
	if err != nil {
		t.Fatal(err)
	}
	working := 0
	for _, l := range found {
		t.Logf("%-20s works=%v ran=%v relr=%v icf=%v noehhdr=%v %v %s %s", l.Name, l.Works, l.Ran, l.RELR, l.ICF, l.NoEHHdr, l.Args, l.Path, l.Why)
		if l.Works {
			working++
		} else if l.Why == "" {
			t.Errorf("%s does not work and gives no reason", l.Path)
		}
	}
	if working == 0 {
		t.Error("no linker works, and cargo builds with one")
	}
}

func TestFindToolchains(t *testing.T) {
	needCargo(t)
	ctx := context.Background()
	own, err := ownToolchain(ctx, t.TempDir(), Options{Env: quiet()}, &Config{env: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	all, err := FindToolchains(ctx, Options{Env: quiet()}, own)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range all {
		t.Logf("%s | %s | own=%v %s %s\n  std %+v\n  targets %v llvm %+v abort %q", tc.Title(), tc.ID(), tc.Own, tc.Cargo, tc.Rustc, tc.Std, tc.Targets, tc.LLVMTools, tc.ImmediateAbort)
	}
}
