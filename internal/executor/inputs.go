package executor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/minsize/minsize/internal/cargo"
)

// InputsDigest is a digest of all that a build depends on beside the plan.
func InputsDigest(ctx context.Context, p *cargo.Project) (string, error) {
	sources, err := p.SourcesHash(ctx)
	if err != nil {
		return "", err
	}
	lock, err := p.LockfileHash()
	if err != nil {
		return "", err
	}
	o := p.Options
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s %s\n%q %v %v %q %q %q\n", sources, lock, p.Package.ID, p.Artefact(),
		o.Features, o.AllFeatures, o.NoDefaultFeatures, p.Profile.Name, o.Config, o.Unstable)
	fmt.Fprintf(h, "%s %v %q\n", p.Triple.Name, p.Rustflags.Flags, p.Linker.Value)
	for _, key := range slices.Sorted(maps.Keys(p.Profile.Settings)) {
		fmt.Fprintf(h, "%s=%s\n", key, p.Profile.Settings[key])
	}
	environ := os.Environ()
	slices.Sort(environ)
	for _, kv := range environ {
		name, _, _ := strings.Cut(kv, "=")
		if buildVariable(name) {
			fmt.Fprintf(h, "%q\n", kv)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// buildVariable says whether an environment variable changes what cargo, rustc
// or the C compilers of build scripts do.
func buildVariable(name string) bool {
	for _, prefix := range []string{"CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_TARGET_", "CARGO_ENCODED_", "RUSTFLAGS", "RUSTC", "CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS", "AR", "PKG_CONFIG"} {
		if name == prefix || strings.HasPrefix(name, prefix) && (strings.HasSuffix(prefix, "_") || strings.HasPrefix(name, prefix+"_")) {
			return name != "CARGO_TARGET_DIR" && name != "CARGO_BUILD_JOBS"
		}
	}
	return false
}
