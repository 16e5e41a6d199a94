//! Counts words; with its part it reads and writes a document of its own type.
use std::collections::BTreeMap;

#[allow(dead_code)]
mod document {
    use serde::{Deserialize, Serialize};
    use std::collections::HashMap;

    #[derive(Serialize, Deserialize, Debug, Clone)]
    pub struct Point {
        pub x: f64,
        pub y: f64,
        pub label: Option<String>,
    }

    #[derive(Serialize, Deserialize, Debug, Clone)]
    pub struct Document {
        pub title: String,
        pub points: Vec<Point>,
        pub tags: HashMap<String, i64>,
    }

    pub fn again(text: &str) -> String {
        match serde_json::from_str::<Document>(text) {
            Ok(mut d) => {
                d.points.retain(|p| p.x > p.y);
                serde_json::to_string(&d).unwrap_or_default()
            }
            Err(e) => e.to_string(),
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
    println!("{}", document::again(&text)); // part
}
