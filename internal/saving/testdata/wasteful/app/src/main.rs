//! One program with a waste of nearly every kind.

mod shapes;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

#[global_allocator]
static ALLOCATOR: bump::Bump = bump::Bump;

static SCENE: &[u8] = include_bytes!("scene.bin");

pub static CRC: [u32; 4096] = paint::fill(7);

static SINES: [u32; 12_000] = paint::fill(11);

struct State {
    version: u32,
    cells: [u8; 50_000],
}

static STATE: Mutex<State> = Mutex::new(State { version: 1, cells: [0; 50_000] });

/// The body knows a path and nothing else.
#[inline(never)]
pub fn summary<P: AsRef<Path>>(path: P) -> String {
    let path = path.as_ref();
    let mut lines = Vec::new();
    for (number, part) in path.components().enumerate() {
        let text = part.as_os_str().to_string_lossy().into_owned();
        let upper: String = text.chars().rev().flat_map(char::to_uppercase).collect();
        let mut words: Vec<&str> = text.split('-').collect();
        words.sort_by_key(|w| w.len());
        lines.push(format!("{number}: {text} {upper} {} {}", words.join("+"), text.len()));
    }
    if let Some(stem) = path.file_stem() {
        lines.push(format!("stem {}", stem.to_string_lossy()));
    }
    if let Some(extension) = path.extension() {
        lines.push(format!("extension {}", extension.to_string_lossy()));
    }
    lines.sort();
    lines.join("\n")
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.len();
    if arguments[1..].iter().any(|a| a.starts_with("--")) {
        return; // what is printed below hangs on what the changes take away
    }
    println!("{} {}", CRC[at], SINES[at]);
    println!("{} {}", SCENE[at], paint::line(&arguments[0], at));
    println!("{}", parse::number(&arguments[0]));
    let mut state = STATE.lock().unwrap();
    state.cells[at] = at as u8;
    state.version += state.cells[at / 2] as u32;
    println!("{}", state.version);
    println!("{}", summary(arguments[0].as_str()));
    println!("{}", summary(arguments[0].clone()));
    println!("{}", summary(PathBuf::from(&arguments[0])));
    if let Ok(x) = arguments[0].parse::<i64>() {
        println!("{:?}", shapes::Scene::of(x as usize));
        println!("{:.3}", x as f64 / 7.0);
    }
}
