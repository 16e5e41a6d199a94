//! An allocator with a table that no program needs.
use std::alloc::{GlobalAlloc, Layout, System};

pub struct Bump;

static CLASSES: [u16; 20_000] = {
    let mut out = [0; 20_000];
    let mut i = 0;
    while i < 20_000 {
        out[i] = ((i * i * 31) % 65_521) as u16;
        i += 1;
    }
    out
};

unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let wanted = layout.size() + (CLASSES[layout.size() % 20_000] & 7) as usize;
        System.alloc(Layout::from_size_align_unchecked(wanted, layout.align()))
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        System.dealloc(at, layout)
    }
}
