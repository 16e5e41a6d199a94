//! Counts words, and has a part for each crate.
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

#[allow(dead_code)]
mod arguments {
    use clap::Parser;

    /// Counts words.
    #[derive(Parser, Debug)]
    #[command(version)]
    pub struct Arguments {
        /// Text to count in.
        pub text: Vec<String>,
        /// Say how.
        #[arg(short, long, default_value_t = 1)]
        pub verbose: u8,
        /// Only words of this length.
        #[arg(short, long)]
        pub length: Option<usize>,
    }

    pub fn read() -> Arguments {
        Arguments::parse()
    }
}

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for word in text.split_whitespace() {
        *words.entry(word).or_default() += 1;
    }
    println!("{words:?}");
    println!("{:?}", arguments::read()); // part: clap
    println!("{}", document::again(&text)); // part: json
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default(); // part: json
    println!("{}", serde_json::to_string_pretty(&value).unwrap()); // part: json
    println!("{}", matches(r"(?i)[a-z]+\d*", &text)); // part: regex
    let packed = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 6); // part: zip
    println!("{} {:?}", packed.len(), miniz_oxide::inflate::decompress_to_vec(&packed).map(|x| x.len())); // part: zip
}
