//! Tier std: an ordinary program. `minsize shrink --level abort` here.
fn main() {
    println!("Hello, world!");
}
