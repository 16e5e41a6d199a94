//! The old one: sums of numbers.
#[inline(never)]
pub fn sum(text: &str) -> i64 {
    text.split(',').map(|x| x.trim().parse::<i64>().unwrap()).sum()
}

/// Generic: its copies are made where it is used.
#[inline(never)]
pub fn each<T: std::str::FromStr + Default>(text: &str) -> Vec<T> {
    text.split(',').map(|x| x.trim().parse::<T>().unwrap_or_default()).collect()
}
