//! A program of parts that share little but std. Each part is one function
//! behind a feature; `bench/graph` predicts from the whole program what each
//! part is worth, leaves it out, and compares.

#[cfg(feature = "calculator")]
mod calculator {
    //! Arithmetic with brackets: recursive descent, floats in and out.
    #[derive(Debug)]
    enum Mistake {
        End,
        Unexpected(char, usize),
        Number(std::num::ParseFloatError),
    }

    struct Parser<'a> {
        text: &'a str,
        at: usize,
    }

    impl<'a> Parser<'a> {
        fn peek(&self) -> Option<char> {
            self.text[self.at..].chars().next()
        }

        fn space(&mut self) {
            while let Some(c) = self.peek().filter(|c| c.is_whitespace()) {
                self.at += c.len_utf8();
            }
        }

        fn sum(&mut self) -> Result<f64, Mistake> {
            let mut value = self.product()?;
            loop {
                self.space();
                match self.peek() {
                    Some('+') => {
                        self.at += 1;
                        value += self.product()?;
                    }
                    Some('-') => {
                        self.at += 1;
                        value -= self.product()?;
                    }
                    _ => return Ok(value),
                }
            }
        }

        fn product(&mut self) -> Result<f64, Mistake> {
            let mut value = self.atom()?;
            loop {
                self.space();
                match self.peek() {
                    Some('*') => {
                        self.at += 1;
                        value *= self.atom()?;
                    }
                    Some('/') => {
                        self.at += 1;
                        value /= self.atom()?;
                    }
                    _ => return Ok(value),
                }
            }
        }

        fn atom(&mut self) -> Result<f64, Mistake> {
            self.space();
            let start = self.at;
            match self.peek().ok_or(Mistake::End)? {
                '(' => {
                    self.at += 1;
                    let value = self.sum()?;
                    self.space();
                    match self.peek() {
                        Some(')') => {
                            self.at += 1;
                            Ok(value)
                        }
                        Some(c) => Err(Mistake::Unexpected(c, self.at)),
                        None => Err(Mistake::End),
                    }
                }
                '-' => {
                    self.at += 1;
                    Ok(-self.atom()?)
                }
                c if c.is_ascii_digit() => {
                    while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
                        self.at += 1;
                    }
                    self.text[start..self.at].parse().map_err(Mistake::Number)
                }
                c => Err(Mistake::Unexpected(c, start)),
            }
        }
    }

    #[inline(never)]
    pub fn run(argument: &str) {
        match (Parser { text: argument, at: 0 }).sum() {
            Ok(value) => println!("{value}"),
            Err(mistake) => println!("{mistake:?}"),
        }
    }
}

#[cfg(feature = "sorting")]
mod sorting {
    //! Every sort of the standard library, on keys of several types.
    #[derive(Clone, PartialEq, PartialOrd, Debug)]
    struct Record {
        key: u64,
        weight: f32,
        name: String,
    }

    #[inline(never)]
    pub fn run(argument: &str) {
        let mut records: Vec<Record> = argument
            .bytes()
            .enumerate()
            .map(|(i, b)| Record { key: (b as u64 * 7919) % 101, weight: i as f32 / 3.0, name: argument[..i % 3].into() })
            .collect();
        records.sort_by_key(|r| r.key);
        records.sort_unstable_by(|a, b| b.weight.total_cmp(&a.weight));
        records.sort_by(|a, b| a.name.cmp(&b.name).then(b.key.cmp(&a.key)));
        let mut numbers: Vec<u32> = records.iter().map(|r| r.key as u32).collect();
        numbers.sort();
        let mut pairs: Vec<(i16, i64)> = numbers.iter().map(|&n| (n as i16, -(n as i64))).collect();
        pairs.sort_unstable();
        let middle = pairs.len() / 2;
        pairs.select_nth_unstable(middle);
        println!("{} {} {}", records.len(), numbers.first().copied().unwrap_or(0), pairs.last().map_or(0, |p| p.1));
    }
}

#[cfg(feature = "hashing")]
mod hashing {
    //! Hash maps and sets of several types.
    use std::collections::{HashMap, HashSet, VecDeque};

    #[inline(never)]
    pub fn run(argument: &str) {
        let mut graph: HashMap<char, HashSet<char>> = HashMap::new();
        for (a, b) in argument.chars().zip(argument.chars().skip(1)) {
            graph.entry(a).or_default().insert(b);
            graph.entry(b).or_default().insert(a);
        }
        let mut distance: HashMap<char, u32> = HashMap::new();
        let mut queue: VecDeque<char> = argument.chars().take(1).collect();
        if let Some(&first) = queue.front() {
            distance.insert(first, 0);
        }
        while let Some(at) = queue.pop_front() {
            let here = distance[&at];
            for &next in &graph[&at] {
                if !distance.contains_key(&next) {
                    distance.insert(next, here + 1);
                    queue.push_back(next);
                }
            }
        }
        println!("{:?}", distance.values().max());
    }
}

#[cfg(feature = "threads")]
mod threads {
    //! Workers, a channel, a lock.
    use std::sync::{mpsc, Arc, Mutex};

    #[inline(never)]
    pub fn run(argument: &str) {
        let total = Arc::new(Mutex::new(0usize));
        let (send, receive) = mpsc::channel::<(usize, String)>();
        let workers: Vec<_> = argument
            .split(' ')
            .enumerate()
            .map(|(i, part)| {
                let (send, total, part) = (send.clone(), total.clone(), part.to_string());
                std::thread::Builder::new()
                    .name(format!("worker {i}"))
                    .spawn(move || {
                        *total.lock().unwrap() += part.len();
                        send.send((i, part.to_uppercase())).unwrap();
                    })
                    .unwrap()
            })
            .collect();
        drop(send);
        for worker in workers {
            worker.join().unwrap();
        }
        let mut parts: Vec<String> = receive.into_iter().map(|(i, part)| format!("{i}:{part}")).collect();
        parts.truncate(9);
        println!("{} {}", parts.join(" "), total.lock().unwrap());
    }
}

/// What is left of a part that was cut.
macro_rules! stub {
    ($feature:literal, $part:ident) => {
        #[cfg(not(feature = $feature))]
        mod $part {
            #[inline(never)]
            pub fn run(_: &str) {}
        }
    };
}
stub!("calculator", calculator);
stub!("sorting", sorting);
stub!("hashing", hashing);
stub!("threads", threads);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let part = arguments.next().unwrap_or_default();
    let argument = arguments.next().unwrap_or_default();
    match part.as_str() {
        "calculator" => calculator::run(&argument),
        "sorting" => sorting::run(&argument),
        "hashing" => hashing::run(&argument),
        "threads" => threads::run(&argument),
        _ => println!("calculator, sorting, hashing or threads"),
    }
}
