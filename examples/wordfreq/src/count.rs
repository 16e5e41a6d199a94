//! Counting: text files word by word, `.freq` files as earlier results.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

#[derive(Debug, Default, Clone)]
pub struct Counts {
    pub words: HashMap<String, u64>,
    pub total: u64,
    pub lines: u64,
    pub files: u64,
}

impl Counts {
    pub fn add(&mut self, other: Counts) {
        for (word, n) in other.words {
            *self.words.entry(word).or_default() += n;
        }
        self.total += other.total;
        self.lines += other.lines;
        self.files += other.files;
    }

    fn count(&mut self, word: &str, n: u64) {
        self.total += n;
        if let Some(old) = self.words.get_mut(word) {
            *old += n;
        } else {
            self.words.insert(word.to_string(), n);
        }
    }

    /// Words by count, then by the alphabet.
    pub fn sorted(&self) -> Vec<(&str, u64)> {
        let mut words: Vec<_> = self.words.iter().map(|(w, n)| (w.as_str(), *n)).collect();
        words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        words
    }
}

/// Reads one file. Words are runs of letters, digits and inner apostrophes, in
/// lower case. Panics on a malformed `.freq` line; the caller isolates that.
pub fn file(path: &Path, min_length: usize) -> io::Result<Counts> {
    let mut counts = Counts {
        files: 1,
        ..Counts::default()
    };
    let saved = path.extension().is_some_and(|e| e == "freq");
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        counts.lines += 1;
        let text = String::from_utf8_lossy(&line);
        if saved {
            saved_line(&mut counts, text.trim_end(), min_length);
        } else {
            text_line(&mut counts, &text, min_length);
        }
        line.clear();
    }
    Ok(counts)
}

fn text_line(counts: &mut Counts, line: &str, min_length: usize) {
    for word in line.split(|c: char| !c.is_alphanumeric() && c != '\'') {
        let word = word.trim_matches('\'');
        if word.chars().count() >= min_length.max(1) {
            counts.count(&word.to_lowercase(), 1);
        }
    }
}

fn saved_line(counts: &mut Counts, line: &str, min_length: usize) {
    let fields: Vec<&str> = line.split('\t').collect();
    let n: u64 = fields[1].parse().unwrap();
    assert!(n > 0, "a count of zero in line {}", counts.lines);
    if fields[0].chars().count() >= min_length {
        counts.count(fields[0], n);
    }
}
