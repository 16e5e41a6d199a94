//! Counts words, finds patterns, reads documents: a middle-sized program for
//! measurements. Each feature is a cut that `bench/graph` predicts and makes.
use clap::{Parser, Subcommand};
use std::collections::BTreeMap;
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
    #[cfg(feature = "search")]
    /// Print lines of standard input that match
    Search { pattern: String },
    #[cfg(feature = "json")]
    /// Sum the items of a JSON document on standard input
    Json,
}

fn input() -> String {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("standard input is UTF-8");
    text
}

#[inline(never)]
fn words(top: usize) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in input().split_whitespace() {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    let mut list: Vec<_> = counts.into_iter().collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (word, count) in list.into_iter().take(top) {
        println!("{count:8} {word}");
    }
}

#[cfg(feature = "search")]
#[inline(never)]
fn search(pattern: &str) {
    let re = match regex::Regex::new(pattern) {
        Ok(re) => re,
        Err(e) => {
            eprintln!("mid: {e}");
            std::process::exit(2);
        }
    };
    for line in input().lines().filter(|l| re.is_match(l)) {
        println!("{line}");
    }
}

#[cfg(feature = "json")]
mod document {
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
    pub fn sum(text: &str) {
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

fn main() {
    match Cli::parse().command {
        Command::Words { top } => words(top),
        #[cfg(feature = "search")]
        Command::Search { pattern } => search(&pattern),
        #[cfg(feature = "json")]
        Command::Json => document::sum(&input()),
    }
}
