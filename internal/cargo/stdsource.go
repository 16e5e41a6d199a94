package cargo

import "strconv"

// stdVendorConfig lets build-std find std's own dependencies without a
// registry: crates-io is replaced by the folder that lies beside the std
// sources. That folder has nothing of the project's own dependencies, so it
// is used only where the project has none from a registry.
func stdVendorConfig(p *Project, t *Toolchain) []string {
	if t.Std == nil || t.Std.Vendor == "" {
		return nil
	}
	for _, pkg := range p.Metadata.Packages {
		if pkg.Source != "" {
			return nil
		}
	}
	return []string{
		"--config", `source.crates-io.replace-with="minsize-std-vendor"`,
		"--config", "source.minsize-std-vendor.directory=" + strconv.Quote(t.Std.Vendor),
	}
}
