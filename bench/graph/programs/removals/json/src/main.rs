//! Counts words; with its part it reads JSON in main itself.
use std::collections::BTreeMap;

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for word in text.split_whitespace() {
        *words.entry(word).or_default() += 1;
    }
    println!("{words:?}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default(); // part
    println!("{}", serde_json::to_string_pretty(&value).unwrap()); // part
}
