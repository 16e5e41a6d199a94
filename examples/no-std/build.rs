// GNU ld, which every C compiler on Linux can call: it lays the smallest file
// for a program of this size. RELRO is given up, for GNU ld puts it on a page
// of its own (2,900 bytes of padding); LLVM's ld does not.
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
