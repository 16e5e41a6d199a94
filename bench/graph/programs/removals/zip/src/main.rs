//! Counts words; with its part it packs and unpacks what it read.
use std::collections::BTreeMap;

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for word in text.split_whitespace() {
        *words.entry(word).or_default() += 1;
    }
    println!("{words:?}");
    let packed = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 6); // part
    println!("{} {:?}", packed.len(), miniz_oxide::inflate::decompress_to_vec(&packed).map(|x| x.len())); // part
}
