fn main() {
    println!("cargo:rerun-if-changed=link.ld");
    let script =
        std::path::Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("link.ld");
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{}", script.display());
    for arg in [
        "-nostartfiles",
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--build-id=none,--gc-sections,--oformat=binary",
    ] {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
}
