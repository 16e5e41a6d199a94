//! Tier no_main + std: the standard library without its start-up code.
//!
//! `main` is called by a `_start` of our own, so neither the C start files nor
//! std's runtime (the handlers of stack overflow and SIGPIPE, the main
//! thread's name, the printer of panics) are linked. Output goes through a
//! `File` on descriptor 1, for `println!` would bring locks, buffers and
//! `core::fmt` back; the end is C's `exit`, for std's own takes a lock that can
//! panic. `std::env::args()` is empty here: std keeps them from an
//! `.init_array` entry, which is left out as well (link.ld).
#![no_main]

use std::ffi::c_int;
use std::fs::File;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(".globl _start", "_start:", "and rsp, -16", "call {main}", main = sym main);
#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(".globl _start", "_start:", "bl {main}", main = sym main);

extern "C" {
    fn exit(status: c_int) -> !;
}

extern "C" fn main() -> ! {
    // The descriptor is not ours to close.
    let mut stdout = ManuallyDrop::new(unsafe { File::from_raw_fd(1) });
    let written = stdout.write(b"Hello, world!\n").is_ok();
    unsafe { exit(if written { 0 } else { 1 }) }
}
