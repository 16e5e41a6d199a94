//! A library with an export that no host calls.

static LEVELS: [u32; 10_000] = {
    let mut out = [0; 10_000];
    let mut i = 0;
    let mut x = 5u32;
    while i < 10_000 {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out[i] = x;
        i += 1;
    }
    out
};

#[no_mangle]
pub extern "C" fn plug_start(n: u32) -> u32 {
    n + 1
}

#[no_mangle]
pub extern "C" fn plug_old(n: u32) -> u32 {
    LEVELS[(n % 10_000) as usize]
}
