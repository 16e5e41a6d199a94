//! A compressor: matches from a hash table, then canonical codes.
use std::collections::{BinaryHeap, HashMap};
use std::cmp::Reverse;

pub mod bits {
    pub struct Writer {
        pub out: Vec<u8>,
        held: u64,
        count: u32,
    }

    impl Writer {
        pub fn new() -> Writer {
            Writer { out: Vec::new(), held: 0, count: 0 }
        }

        pub fn put(&mut self, value: u64, width: u32) {
            self.held |= value << self.count;
            self.count += width;
            while self.count >= 8 {
                self.out.push(self.held as u8);
                self.held >>= 8;
                self.count -= 8;
            }
        }

        pub fn finish(mut self) -> Vec<u8> {
            if self.count > 0 {
                self.out.push(self.held as u8);
            }
            self.out
        }
    }

    pub struct Reader<'a> {
        pub data: &'a [u8],
        pub at: usize,
        held: u64,
        count: u32,
    }

    impl<'a> Reader<'a> {
        pub fn new(data: &'a [u8]) -> Reader<'a> {
            Reader { data, at: 0, held: 0, count: 0 }
        }

        pub fn get(&mut self, width: u32) -> Option<u64> {
            while self.count < width {
                self.held |= u64::from(*self.data.get(self.at)?) << self.count;
                self.at += 1;
                self.count += 8;
            }
            let value = self.held & ((1 << width) - 1);
            self.held >>= width;
            self.count -= width;
            Some(value)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Token {
    Byte(u8),
    Match { length: u16, distance: u16 },
}

fn tokens(data: &[u8]) -> Vec<Token> {
    let mut table: HashMap<[u8; 4], usize> = HashMap::new();
    let mut out = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let mut length = 0;
        let mut distance = 0;
        if at + 4 <= data.len() {
            let key: [u8; 4] = data[at..at + 4].try_into().unwrap();
            if let Some(&old) = table.get(&key) {
                if at - old < 1 << 15 {
                    distance = at - old;
                    length = data[at..].iter().zip(&data[old..]).take(258).take_while(|(a, b)| a == b).count();
                }
            }
            table.insert(key, at);
        }
        if length >= 4 {
            out.push(Token::Match { length: length as u16, distance: distance as u16 });
            at += length;
        } else {
            out.push(Token::Byte(data[at]));
            at += 1;
        }
    }
    out
}

/// Lengths of Huffman codes.
fn lengths(counts: &[u32]) -> Vec<u8> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Node {
        Leaf(usize),
        Pair(Box<Node>, Box<Node>),
    }
    let mut heap: BinaryHeap<Reverse<(u64, Node)>> =
        counts.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, n)| Reverse((u64::from(*n), Node::Leaf(i)))).collect();
    while heap.len() > 1 {
        let Reverse((a, left)) = heap.pop().unwrap();
        let Reverse((b, right)) = heap.pop().unwrap();
        heap.push(Reverse((a + b, Node::Pair(Box::new(left), Box::new(right)))));
    }
    let mut out = vec![0; counts.len()];
    fn walk(node: &Node, depth: u8, out: &mut [u8]) {
        match node {
            Node::Leaf(i) => out[*i] = depth.max(1),
            Node::Pair(a, b) => {
                walk(a, depth + 1, out);
                walk(b, depth + 1, out);
            }
        }
    }
    if let Some(Reverse((_, root))) = heap.pop() {
        walk(&root, 0, &mut out);
    }
    out
}

fn codes(lengths: &[u8]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..lengths.len()).filter(|i| lengths[*i] > 0).collect();
    order.sort_by_key(|i| (lengths[*i], *i));
    let mut out = vec![0; lengths.len()];
    let (mut code, mut last) = (0u32, 0u8);
    for i in order {
        code <<= lengths[i] - last;
        last = lengths[i];
        out[i] = code.reverse_bits() >> (32 - u32::from(last));
        code += 1;
    }
    out
}

pub fn compress(data: &[u8]) -> Vec<u8> {
    let tokens = tokens(data);
    let mut counts = [0u32; 512];
    for t in &tokens {
        match t {
            Token::Byte(b) => counts[usize::from(*b)] += 1,
            Token::Match { length, .. } => counts[256 + usize::from(*length).min(255)] += 1,
        }
    }
    let lengths = lengths(&counts);
    let codes = codes(&lengths);
    let mut w = bits::Writer::new();
    w.put(tokens.len() as u64, 32);
    for n in &lengths {
        w.put(u64::from(*n), 5);
    }
    for t in &tokens {
        match t {
            Token::Byte(b) => w.put(u64::from(codes[usize::from(*b)]), u32::from(lengths[usize::from(*b)])),
            Token::Match { length, distance } => {
                let i = 256 + usize::from(*length).min(255);
                w.put(u64::from(codes[i]), u32::from(lengths[i]));
                w.put(u64::from(*length), 9);
                w.put(u64::from(*distance), 15);
            }
        }
    }
    w.finish()
}

pub fn expand(data: &[u8]) -> Option<Vec<u8>> {
    let mut r = bits::Reader::new(data);
    let count = r.get(32)?;
    let mut lengths = vec![0u8; 512];
    for n in &mut lengths {
        *n = r.get(5)? as u8;
    }
    let by_code: HashMap<(u8, u32), usize> =
        codes(&lengths).into_iter().enumerate().filter(|(i, _)| lengths[*i] > 0).map(|(i, code)| ((lengths[i], code), i)).collect();
    let mut out = Vec::new();
    for _ in 0..count {
        let (mut code, mut width) = (0, 0);
        let symbol = loop {
            code |= (r.get(1)? as u32) << width;
            width += 1;
            if let Some(i) = by_code.get(&(width as u8, code)) {
                break *i;
            }
            if width > 31 {
                return None;
            }
        };
        if symbol < 256 {
            out.push(symbol as u8);
        } else {
            let length = r.get(9)? as usize;
            let distance = r.get(15)? as usize;
            let from = out.len().checked_sub(distance)?;
            for k in 0..length {
                out.push(*out.get(from + k)?);
            }
        }
    }
    Some(out)
}
