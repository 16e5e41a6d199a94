//! Tier immediate-abort: an ordinary program over a standard library that was built
//! for size with it.
fn main() {
    println!("Hello, world!");
}
