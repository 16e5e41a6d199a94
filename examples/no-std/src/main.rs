//! Tier no_std + libc: no standard library, the C library for output.
//!
//! The program has its own `_start`, so that the C start files (and the code
//! that they keep alive) are not linked. The dynamic linker has initialised
//! the C library before it comes here.
#![no_std]
#![no_main]

use core::ffi::{c_char, c_int};
use core::panic::PanicInfo;

#[link(name = "c")]
extern "C" {
    fn puts(text: *const c_char) -> c_int;
    fn exit(status: c_int) -> !;
}

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(".globl _start", "_start:", "and rsp, -16", "call {main}", main = sym main);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(".globl _start", "_start:", "bl {main}", main = sym main);

extern "C" fn main() -> ! {
    unsafe {
        puts(c"Hello, world!".as_ptr());
        exit(0)
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    unsafe { exit(101) }
}
