//! Called as a crate that the standard library has a copy of: runs of bytes.
pub mod inflate {
    /// Each byte as often as the digit behind it says.
    #[inline(never)]
    pub fn repeated(packed: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for pair in packed.chunks_exact(2) {
            out.extend(std::iter::repeat(pair[0]).take(usize::from(pair[1].wrapping_sub(b'0'))));
        }
        out
    }
}
