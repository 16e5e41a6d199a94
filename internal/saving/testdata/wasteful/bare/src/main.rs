//! Without the standard library: two lines that can panic keep core::fmt.
#![no_std]
#![no_main]

use core::ffi::{c_char, c_int};
use core::fmt::Write;
use core::panic::PanicInfo;

#[link(name = "c")]
extern "C" {
    fn write(to: c_int, text: *const u8, size: usize) -> isize;
    fn exit(status: c_int) -> !;
    fn strlen(text: *const c_char) -> usize;
}

struct Errors;

impl Write for Errors {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        unsafe { write(2, text.as_ptr(), text.len()) };
        Ok(())
    }
}

static NAMES: [&str; 4] = ["none\n", "one\n", "two\n", "three\n"];

#[no_mangle]
pub extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    let name = NAMES[count as usize];
    let first = unsafe { core::slice::from_raw_parts(arguments, count as usize) }.first().unwrap();
    unsafe { write(1, name.as_ptr(), name.len() + strlen(*first) / 1000) };
    0
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    let _ = writeln!(Errors, "{info}");
    unsafe { exit(101) }
}

/// Of the unwind tables that core was compiled with; nothing unwinds here.
#[no_mangle]
pub extern "C" fn rust_eh_personality() {}
