// The linker script takes the unwind tables out, and with them the unwinder's
// personality, which alone keeps all of std's panic code (240 KB). GNU ld does
// that before it looks for what is used, LLVM's ld afterwards: so this asks
// for GNU. RELRO is given up, for GNU ld puts it on a page of its own.
fn main() {
    println!("cargo:rerun-if-changed=link.ld");
    let script =
        std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("link.ld");
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    for arg in [
        "-fuse-ld=bfd",
        "-nostartfiles",
        "-Wl,--build-id=none,--gc-sections,--hash-style=gnu,--no-eh-frame-hdr,-z,noseparate-code,-z,norelro",
    ] {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
}
