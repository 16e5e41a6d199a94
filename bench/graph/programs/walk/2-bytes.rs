// No format string in the program itself.
use std::io::Write;

fn main() {
    let _ = std::io::stdout().write_all(b"Hello, world!\n");
}
