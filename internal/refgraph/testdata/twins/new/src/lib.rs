//! The new one: sums of fractions, by columns.
#[inline(never)]
pub fn sum(text: &str) -> f64 {
    columns(text).iter().map(|c| c.iter().sum::<f64>()).sum()
}

#[inline(never)]
pub fn columns(text: &str) -> Vec<Vec<f64>> {
    let mut out: Vec<Vec<f64>> = Vec::new();
    for line in text.split(';') {
        for (i, x) in line.split(',').enumerate() {
            if out.len() <= i {
                out.push(Vec::new());
            }
            out[i].push(x.trim().parse().unwrap());
        }
    }
    out
}

/// Generic: its copies are made where it is used.
#[inline(never)]
pub fn each<T: std::str::FromStr + Default + Ord>(text: &str) -> Vec<T> {
    let mut all: Vec<T> = text.split(';').map(|x| x.trim().parse::<T>().unwrap_or_default()).collect();
    all.sort();
    all
}
