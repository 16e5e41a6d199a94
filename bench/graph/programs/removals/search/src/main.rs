//! Counts words; with its part it searches for a pattern.
use std::collections::BTreeMap;

#[allow(dead_code)]
fn matches(pattern: &str, text: &str) -> usize {
    match regex::Regex::new(pattern) {
        Ok(re) => re.find_iter(text).map(|m| m.len()).sum(),
        Err(e) => {
            eprintln!("{e}");
            0
        }
    }
}

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for word in text.split_whitespace() {
        *words.entry(word).or_default() += 1;
    }
    println!("{words:?}");
    println!("{}", matches(r"(?i)[a-z]+\d*", &text)); // part
}
