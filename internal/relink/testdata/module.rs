//! A program of WASI: prints, panics or calls what a test cuts.
use std::hint::black_box;

#[inline(never)]
fn doubled(n: u64) -> u64 {
    println!("doubling");
    black_box(n) * 2
}

#[inline(never)]
fn noticed(text: &str) {
    eprintln!("noticed: {}", black_box(text));
}

fn main() {
    let word = std::env::args().nth(1).unwrap_or_default();
    match word.as_str() {
        "double" => println!("{}", doubled(21)),
        "notice" => noticed("a word"),
        "panic" => {
            let list = vec![word.len(); 3];
            println!("{}", list[black_box(7)]);
        }
        _ => println!("{word:?}"),
    }
}
