//! Counts words, finds patterns, reads documents: a middle-sized program for
//! measurements. Each part is a module behind a feature, which is a cut that
//! `bench/graph` predicts and makes.
use clap::{Parser, Subcommand};
use std::io::Read;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count words of standard input
    Words {
        #[arg(long, default_value_t = 10)]
        top: usize,
    },
    /// Print lines of standard input that match
    Search { pattern: String },
    /// Sum the items of a JSON document on standard input
    Json,
}

#[inline(never)]
fn input() -> String {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("standard input is UTF-8");
    text
}

#[cfg(feature = "words")]
mod words {
    #[inline(never)]
    pub fn run(text: &str, top: usize) {
        let mut counts: std::collections::BTreeMap<String, usize> = Default::default();
        for word in text.split_whitespace() {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
        let mut list: Vec<_> = counts.into_iter().collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for (word, count) in list.into_iter().take(top) {
            println!("{count:8} {word}");
        }
    }
}

#[cfg(feature = "search")]
mod search {
    #[inline(never)]
    pub fn run(text: &str, pattern: &str) {
        let re = match regex::Regex::new(pattern) {
            Ok(re) => re,
            Err(e) => {
                eprintln!("mid: {e}");
                std::process::exit(2);
            }
        };
        for line in text.lines().filter(|l| re.is_match(l)) {
            println!("{line}");
        }
    }
}

#[cfg(feature = "json")]
mod json {
    use serde::{Deserialize, Serialize};

    #[derive(Deserialize)]
    struct Item {
        name: String,
        price: f64,
        #[serde(default)]
        tags: Vec<String>,
    }

    #[derive(Serialize)]
    struct Summary<'a> {
        items: usize,
        total: f64,
        first: Option<&'a str>,
        tags: usize,
    }

    #[inline(never)]
    pub fn run(text: &str) {
        let items: Vec<Item> = match serde_json::from_str(text) {
            Ok(items) => items,
            Err(e) => {
                eprintln!("mid: {e}");
                std::process::exit(2);
            }
        };
        let summary = Summary {
            items: items.len(),
            total: items.iter().map(|i| i.price).sum(),
            first: items.first().map(|i| i.name.as_str()),
            tags: items.iter().map(|i| i.tags.len()).sum(),
        };
        println!("{}", serde_json::to_string(&summary).expect("plain data"));
    }
}

// What is left of a part that was cut.
#[cfg(not(feature = "words"))]
mod words {
    #[inline(never)]
    pub fn run(_: &str, _: usize) {}
}
#[cfg(not(feature = "search"))]
mod search {
    #[inline(never)]
    pub fn run(_: &str, _: &str) {}
}
#[cfg(not(feature = "json"))]
mod json {
    #[inline(never)]
    pub fn run(_: &str) {}
}

fn main() {
    match Cli::parse().command {
        Command::Words { top } => words::run(&input(), top),
        Command::Search { pattern } => search::run(&input(), &pattern),
        Command::Json => json::run(&input()),
    }
}
