//! Ten generics with known numbers of instances, two to fifty: what outlining
//! them is predicted to save is compared with what a rebuild saves.
use std::collections::HashMap;

/// Types whose code differs, so that no compiler can merge the instances.
macro_rules! texts {
    ($($t:ident $n:literal),*) => {$(
        pub struct $t { pad: [u64; $n], text: String }
        impl AsRef<str> for $t {
            fn as_ref(&self) -> &str { &self.text[self.pad[$n - 1] as usize..] }
        }
        impl From<$t> for String {
            fn from(t: $t) -> String {
                let mut s = t.text;
                s.push(char::from(t.pad[$n - 1] as u8 + $n));
                s
            }
        }
        impl std::fmt::Display for $t {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.text[self.pad[$n - 1] as usize..])
            }
        }
        impl $t {
            #[inline(never)]
            fn new(n: usize) -> Self { $t { pad: [n as u64 - 1; $n], text: format!("{}{n}", stringify!($t)) } }
        }
    )*};
}
texts!(
    T0 1, T1 2, T2 3, T3 4, T4 5, T5 6, T6 7, T7 8, T8 9, T9 10,
    T10 11, T11 12, T12 13, T13 14, T14 15, T15 16, T16 17, T17 18, T18 19, T19 20,
    T20 21, T21 22, T22 23, T23 24, T24 25, T25 26, T26 27, T27 28, T28 29, T29 30,
    T30 31, T31 32, T32 33, T33 34, T34 35, T35 36, T36 37, T37 38, T38 39, T39 40,
    T40 41, T41 42, T42 43, T43 44, T44 45, T45 46, T46 47, T47 48, T48 49, T49 50
);

#[inline(never)]
fn generic0<T: AsRef<str>>(text: T, seed: usize) -> usize {
    let text = text.as_ref();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 3).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(31).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    if sum == 0 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic1<T: Into<String>>(text: T, seed: usize) -> usize {
    let text = text.into();
    let text = text.as_str();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 10).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(32).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    let mut map1: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('b').enumerate() {
        map1.entry(word.len() as u64 * 11).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(33).wrapping_add(map1.values().map(|v| v.len()).sum::<usize>());
    if sum == 1 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic2<T: ToString>(text: T, seed: usize) -> usize {
    let text = text.to_string();
    let text = text.as_str();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 17).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(33).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    let mut map1: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('b').enumerate() {
        map1.entry(word.len() as u64 * 18).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(34).wrapping_add(map1.values().map(|v| v.len()).sum::<usize>());
    let mut map2: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('c').enumerate() {
        map2.entry(word.len() as u64 * 19).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(35).wrapping_add(map2.values().map(|v| v.len()).sum::<usize>());
    if sum == 2 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic3<T: AsRef<str>>(text: T, seed: usize) -> usize {
    let text = text.as_ref();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 24).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(34).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    if sum == 3 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic4<T: Into<String>>(text: T, seed: usize) -> usize {
    let text = text.into();
    let text = text.as_str();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 31).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(35).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    let mut map1: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('b').enumerate() {
        map1.entry(word.len() as u64 * 32).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(36).wrapping_add(map1.values().map(|v| v.len()).sum::<usize>());
    if sum == 4 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic5<T: ToString>(text: T, seed: usize) -> usize {
    let text = text.to_string();
    let text = text.as_str();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 38).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(36).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    let mut map1: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('b').enumerate() {
        map1.entry(word.len() as u64 * 39).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(37).wrapping_add(map1.values().map(|v| v.len()).sum::<usize>());
    let mut map2: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('c').enumerate() {
        map2.entry(word.len() as u64 * 40).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(38).wrapping_add(map2.values().map(|v| v.len()).sum::<usize>());
    if sum == 5 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic6<T: AsRef<str>>(text: T, seed: usize) -> usize {
    let text = text.as_ref();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 45).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(37).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    if sum == 6 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic7<T: Into<String>>(text: T, seed: usize) -> usize {
    let text = text.into();
    let text = text.as_str();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 52).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(38).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    let mut map1: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('b').enumerate() {
        map1.entry(word.len() as u64 * 53).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(39).wrapping_add(map1.values().map(|v| v.len()).sum::<usize>());
    if sum == 7 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic8<T: ToString>(text: T, seed: usize) -> usize {
    let text = text.to_string();
    let text = text.as_str();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 59).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(39).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    let mut map1: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('b').enumerate() {
        map1.entry(word.len() as u64 * 60).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(40).wrapping_add(map1.values().map(|v| v.len()).sum::<usize>());
    let mut map2: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('c').enumerate() {
        map2.entry(word.len() as u64 * 61).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(41).wrapping_add(map2.values().map(|v| v.len()).sum::<usize>());
    if sum == 8 {
        println!("odd: {sum} {text}");
    }
    sum
}

#[inline(never)]
fn generic9<T: AsRef<str>>(text: T, seed: usize) -> usize {
    let text = text.as_ref();
    let mut sum = seed;
    let mut map0: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, word) in text.split('a').enumerate() {
        map0.entry(word.len() as u64 * 66).or_default().push(at + seed);
    }
    sum = sum.wrapping_mul(40).wrapping_add(map0.values().map(|v| v.len()).sum::<usize>());
    if sum == 9 {
        println!("odd: {sum} {text}");
    }
    sum
}

macro_rules! calls {
    ($sum:ident $seed:ident $($f:ident: $($t:ident)*;)*) => {$($($sum = $sum.wrapping_add($f($t::new($seed), $seed));)*)*};
}

fn main() {
    let seed = std::env::args().count();
    let mut sum = 0usize;
    calls! { sum seed
        generic0: T0 T1;
        generic1: T0 T1 T2;
        generic2: T0 T1 T2 T3;
        generic3: T0 T1 T2 T3 T4;
        generic4: T0 T1 T2 T3 T4 T5 T6 T7;
        generic5: T0 T1 T2 T3 T4 T5 T6 T7 T8 T9;
        generic6: T0 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14;
        generic7: T0 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 T16 T17 T18 T19;
        generic8: T0 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 T16 T17 T18 T19 T20 T21 T22 T23 T24 T25 T26 T27 T28 T29;
        generic9: T0 T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 T16 T17 T18 T19 T20 T21 T22 T23 T24 T25 T26 T27 T28 T29 T30 T31 T32 T33 T34 T35 T36 T37 T38 T39 T40 T41 T42 T43 T44 T45 T46 T47 T48 T49;
    }
    println!("{sum}");
}
