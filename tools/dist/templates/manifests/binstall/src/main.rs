//! minsize is no Rust program: this crate tells `cargo binstall` where its
//! archives are, and whoever built it with `cargo install` what to do instead.
fn main() {
    eprintln!("minsize: this crate holds no program\n  try: cargo binstall cargo-minsize, or a package of <<.Home>>/releases");
    std::process::exit(1);
}
