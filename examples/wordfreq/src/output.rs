//! What is printed.

use crate::count::Counts;
use crate::options::{Format, Options};
use std::fmt::Write;

pub fn render(counts: &Counts, options: &Options) -> String {
    let mut words = counts.sorted();
    if options.top > 0 {
        words.truncate(options.top);
    }
    let mut out = String::new();
    match options.format {
        Format::Table => table(&mut out, counts, &words),
        Format::Freq => words
            .iter()
            .for_each(|(word, n)| writeln!(out, "{word}\t{n}").unwrap()),
        Format::Json => json(&mut out, counts, &words),
    }
    out
}

fn table(out: &mut String, counts: &Counts, words: &[(&str, u64)]) {
    let width = words
        .iter()
        .map(|(w, _)| w.chars().count())
        .max()
        .unwrap_or(0);
    for (word, n) in words {
        let share = *n as f64 * 100.0 / counts.total.max(1) as f64;
        writeln!(out, "{word:<width$} {n:>8} {share:>6.2} %").unwrap();
    }
    writeln!(
        out,
        "{} words, {} different, {} lines, {} files",
        counts.total,
        counts.words.len(),
        counts.lines,
        counts.files
    )
    .unwrap();
}

fn json(out: &mut String, counts: &Counts, words: &[(&str, u64)]) {
    write!(
        out,
        "{{\"total\":{},\"different\":{},\"words\":[",
        counts.total,
        counts.words.len()
    )
    .unwrap();
    for (i, (word, n)) in words.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        write!(out, "{comma}{{\"word\":{word:?},\"count\":{n}}}").unwrap();
    }
    out.push_str("]}\n");
}
