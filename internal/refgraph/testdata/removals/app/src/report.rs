//! A module: words sorted by use, and what they are made of.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Word {
    text: String,
    lines: Vec<usize>,
}

#[derive(Debug, Default)]
struct Summary {
    words: usize,
    longest: Option<Word>,
    letters: BTreeMap<char, u32>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words", self.words)?;
        if let Some(w) = &self.longest {
            write!(f, ", the longest is {:?} in lines {:?}", w.text, w.lines)?;
        }
        for (letter, n) in &self.letters {
            write!(f, " {letter}{n}")?;
        }
        Ok(())
    }
}

fn collect(text: &str) -> Vec<Word> {
    let mut found: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, line) in text.lines().enumerate() {
        for word in line.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
            found.entry(word.to_lowercase()).or_default().push(i + 1);
        }
    }
    let mut words: Vec<Word> = found.into_iter().map(|(text, lines)| Word { text, lines }).collect();
    words.sort_by(|a, b| b.lines.len().cmp(&a.lines.len()).then_with(|| a.text.cmp(&b.text)));
    words
}

fn summary(words: &[Word]) -> Summary {
    let mut s = Summary { words: words.len(), ..Summary::default() };
    for w in words {
        for c in w.text.chars() {
            *s.letters.entry(c).or_insert(0) += 1;
        }
        if s.longest.as_ref().map_or(true, |l| w.text.len() > l.text.len()) {
            s.longest = Some(w.clone());
        }
    }
    s
}

pub fn run(text: &str) {
    let words = collect(text);
    for w in words.iter().take(10) {
        println!("{:>5} {}", w.lines.len(), w.text);
    }
    println!("{}", summary(&words));
    let unique: HashSet<&Word> = words.iter().filter(|w| w.lines.len() == 1).collect();
    println!("{} words are there once: {:?}", unique.len(), unique.iter().next());
}
