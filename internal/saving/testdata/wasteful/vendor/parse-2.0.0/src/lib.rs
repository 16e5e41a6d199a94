//! Reads numbers, with a table of its own in each version.

static WEIGHTS: [u16; 24_000] = {
    let mut out = [0; 24_000];
    let mut i = 0;
    while i < 24_000 {
        out[i] = ((i * i * 32) % 65_521) as u16;
        i += 1;
    }
    out
};

pub fn number(text: &str) -> u32 {
    text.bytes().fold(2u32, |sum, b| sum.wrapping_mul(31) ^ WEIGHTS[(sum % 24_000) as usize] as u32 ^ b as u32)
}
