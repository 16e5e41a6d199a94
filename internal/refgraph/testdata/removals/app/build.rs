use std::process::Command;

fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    let object = format!("{out}/stats.o");
    let archive = format!("{out}/libstats.a");
    let cc = std::env::var("CC").unwrap_or("cc".into());
    assert!(Command::new(cc).args(["-O2", "-fPIC", "-ffunction-sections", "-fdata-sections", "-c", "csrc/stats.c", "-o", &object]).status().unwrap().success());
    assert!(Command::new("ar").args(["crs", &archive, &object]).status().unwrap().success());
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static=stats");
    println!("cargo:rerun-if-changed=csrc/stats.c");
}
