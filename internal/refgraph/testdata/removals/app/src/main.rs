//! A program of parts that a user may want to be rid of; each feature takes
//! out the call of one.
mod report;
mod shapes;
mod tree;

extern "C" {
    fn stats_text(list: *const f64, n: usize, out: *mut u8, room: usize) -> i32;
}

#[derive(Debug)]
struct Settings {
    name: String,
    limits: Vec<f64>,
}

impl parse::Read for Settings {
    fn read(value: &parse::Value) -> Result<Self, parse::Error> {
        Ok(Settings { name: value.field("name")?, limits: value.field("limits")? })
    }
}

fn settings(text: &str) {
    match parse::read::<Settings>(text) {
        Ok(s) => println!("{} has {} limits", s.name, s.limits.len()),
        Err(e) => println!("settings: {e}"),
    }
    if let Ok(value) = parse::from_str(text) {
        println!("{}", parse::to_string(&value));
    }
}

fn squeeze(text: &str) {
    let small = squeeze::compress(text.as_bytes());
    let same = squeeze::expand(&small).as_deref() == Some(text.as_bytes());
    println!("{} -> {}, {}", text.len(), small.len(), same);
}

fn counts(text: &str) {
    let mut tree: tree::Tree<String, u64> = tree::Tree::new();
    for word in text.split_whitespace() {
        *tree.entry(word.to_string()) += 1u64;
    }
    for (word, n) in tree.iter() {
        println!("{n} {word}");
    }
    let mut sizes: tree::Tree<usize, u32> = tree::Tree::new();
    for line in text.lines() {
        *sizes.entry(line.len()) += 1u32;
    }
    println!("{} sizes of lines, depth {}", sizes.iter().count(), sizes.depth());
}

fn stats(text: &str) {
    let list: Vec<f64> = text.lines().map(|l| l.len() as f64).collect();
    let mut room = [0u8; 200];
    let n = unsafe { stats_text(list.as_ptr(), list.len(), room.as_mut_ptr(), room.len()) };
    println!("{}", String::from_utf8_lossy(&room[..n.max(0) as usize]));
}

fn main() {
    let path = std::env::args().nth(1).unwrap_or_default();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) => {
            eprintln!("{path}: {e}");
            std::process::exit(1);
        }
    };
    if cfg!(not(feature = "no-parse")) {
        settings(&text);
    }
    if cfg!(not(feature = "no-squeeze")) {
        squeeze(&text);
    }
    if cfg!(not(feature = "no-report")) {
        report::run(&text);
    }
    if cfg!(not(feature = "no-tree")) {
        counts(&text);
    }
    if cfg!(not(feature = "no-c")) {
        stats(&text);
    }
    if cfg!(not(feature = "no-shapes")) {
        shapes::run(&text);
    }
}
