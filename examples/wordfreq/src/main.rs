//! wordfreq counts words in files and folders.
//!
//! It is minsize's demonstration: an ordinary program with nothing done for
//! its size. It walks folders, parses, sorts, runs threads, formats floats and
//! debug output, and it isolates bad input with `catch_unwind`, so that a
//! technique which changes what a panic does is found out by a check.

mod count;
mod options;
mod output;
mod walk;

use options::Options;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("wordfreq: {message}\ntry: wordfreq --help");
            return ExitCode::from(2);
        }
    };
    let (files, mut problems) = walk::files(&options.paths);
    if options.debug {
        eprintln!("{options:?}");
        eprintln!("{files:#?}");
    }
    let (total, failed) = count_all(files, &options);
    problems.extend(failed);
    problems.sort();

    print!("{}", output::render(&total, &options));
    for problem in &problems {
        eprintln!("wordfreq: {problem}");
    }
    if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Counts every file on a few threads. A file whose parser panics is left out
/// and named; the others still count.
fn count_all(files: Vec<PathBuf>, options: &Options) -> (count::Counts, Vec<String>) {
    // The panic's own message would interleave between threads.
    panic::set_hook(Box::new(|_| {}));

    let queue = Arc::new(Mutex::new(files.into_iter()));
    let (sender, receiver) = mpsc::channel();
    let workers: Vec<_> = (0..options.threads)
        .map(|_| {
            let queue = Arc::clone(&queue);
            let sender = sender.clone();
            let min_length = options.min_length;
            thread::spawn(move || loop {
                let next = queue.lock().unwrap().next();
                let Some(path) = next else { break };
                let result =
                    panic::catch_unwind(AssertUnwindSafe(|| count::file(&path, min_length)));
                let result = match result {
                    Ok(Ok(counts)) => Ok(counts),
                    Ok(Err(error)) => Err(format!("{}: {error}", path.display())),
                    Err(panic) => Err(format!(
                        "{}: malformed: {}",
                        path.display(),
                        reason(panic.as_ref())
                    )),
                };
                sender
                    .send(result)
                    .expect("the receiver outlives the workers");
            })
        })
        .collect();
    drop(sender);

    let mut total = count::Counts::default();
    let mut problems = Vec::new();
    for result in receiver {
        match result {
            Ok(counts) => total.add(counts),
            Err(problem) => problems.push(problem),
        }
    }
    for worker in workers {
        worker.join().expect("workers catch their panics");
    }
    let _ = panic::take_hook();
    (total, problems)
}

fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else if let Some(text) = panic.downcast_ref::<&str>() {
        text.to_string()
    } else {
        "panic".to_string()
    }
}
