//! Prints lines, in colours if somebody wants them.

/// Numbers that no compression makes smaller.
pub const fn fill<const N: usize>(seed: u32) -> [u32; N] {
    let mut out = [0; N];
    let mut x = seed;
    let mut i = 0;
    while i < N {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out[i] = x;
        i += 1;
    }
    out
}

pub static CRC: [u32; 4096] = fill(7);

#[cfg(feature = "colour")]
static COLOURS: [u32; 12_000] = fill(23);

#[cfg(feature = "names")]
static NAMES: [u32; 11_000] = fill(29);

pub fn line(text: &str, at: usize) -> u32 {
    #[allow(unused_mut)]
    let mut sum = CRC[at & 4095] ^ parse::number(text);
    #[cfg(feature = "colour")]
    {
        sum ^= COLOURS[at & 4095];
    }
    #[cfg(feature = "names")]
    {
        sum ^= NAMES[at & 4095];
    }
    sum
}
