//! Finding the files: folders are walked in the order of their names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the files below paths, and a line for each place that could not be
/// looked at. Hidden entries of folders are left out; links are not followed.
pub fn files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<String>) {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        if let Err(error) = walk(path, &mut found, &mut problems) {
            problems.push(format!("{}: {error}", path.display()));
        }
    }
    (found, problems)
}

fn walk(path: &Path, found: &mut Vec<PathBuf>, problems: &mut Vec<String>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        found.push(path.to_path_buf());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if let Err(error) = walk(&entry.path(), found, problems) {
                problems.push(format!("{}: {error}", entry.path().display()));
            }
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(())
}
