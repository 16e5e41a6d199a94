// No start-up code of std, which reports a panic of main.
#![no_main]
use std::io::Write;

#[no_mangle]
pub extern "C" fn main(_: i32, _: *const *const u8) -> i32 {
    match std::io::stdout().write_all(b"Hello, world!\n") {
        Ok(()) => 0,
        Err(_) => 1,
    }
}
