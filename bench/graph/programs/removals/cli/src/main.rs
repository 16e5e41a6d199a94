//! Counts words; with its part it reads its arguments with clap.
use std::collections::BTreeMap;

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
    println!("{:?}", arguments::read()); // part
}
