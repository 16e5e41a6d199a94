#![allow(dead_code)]
use std::borrow::Borrow;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// Reads a file.
pub fn open<P: AsRef<Path>>(path: P) -> io::Result<String> {
    // The body's comments stay.
    let path = path.as_ref();

    if path.as_os_str().is_empty() {
        return Err(io::Error::other("empty"));
    }
    std::fs::read_to_string(path)
}

fn used_twice(path: impl AsRef<Path>, mut count: usize) -> usize {
    count += path.as_ref().components().count();
    count * path.as_ref().as_os_str().len()
}

pub(crate) fn by_reference<'a, S: AsRef<str> + ?Sized>(text: &'a S, sep: char) -> Vec<&'a str> {
    let parts = text.as_ref().split(sep);
    parts.filter(|p| !p.is_empty()).collect::<Vec<_>>()
}

fn with_where<T, U>(key: T, map: &HashMap<String, U>) -> Option<U>
where
    T: Into<String>,
    U: Clone,
{
    let key: String = key.into();
    println!("looking for {key}");
    map.get(&key).cloned()
}

fn fallible(x: impl TryInto<u8, Error = std::num::TryFromIntError>) -> Result<u8, std::num::TryFromIntError> {
    let mut x = x.try_into()?;
    x = x.wrapping_mul(3);
    x ^= 0x55;
    Ok(x.rotate_left(3))
}

async fn later(name: impl Into<String>) -> usize {
    let name = name.into();
    let twice = format!("{name}{name}");
    twice.len() + name.len()
}

unsafe fn pointer<B: Borrow<[u8]>>(bytes: B, at: *const u8) -> bool {
    let first = *at;
    bytes.borrow().iter().any(|b| *b == first) || bytes.borrow().is_empty()
}

fn constant<const N: usize>(text: impl ToString) -> [u8; N] {
    let text = text.to_string();
    let mut out = [0; N];
    out.iter_mut().zip(text.bytes()).for_each(|(o, b)| *o = b);
    out
}

fn collects(lines: impl IntoIterator<Item = &'static str>) -> usize {
    let lines: Vec<&'static str> = lines.into_iter().collect();
    let widest = lines.iter().map(|l| l.len()).max().unwrap_or(0);
    widest * lines.len()
}

#[derive(Default)]
pub struct Named<T> {
    name: String,
    path: PathBuf,
    items: Vec<T>,
}

impl<T: Clone> Named<T> {
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            items: Vec::with_capacity(16),
        }
    }

    #[cfg(not(feature = "absent"))]
    pub fn rename(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        if !name.is_empty() {
            self.name = name;
        }
        self
    }

    fn fill<B: AsMut<[u8]>>(&self, mut buffer: B) -> usize {
        let n = self.name.len().min(buffer.as_mut().len());
        buffer.as_mut()[..n].copy_from_slice(&self.name.as_bytes()[..n]);
        n
    }

    fn extend<'b, S>(&self, more: &'b [T], name: S) -> Vec<T>
    where
        S: AsRef<str>,
        T: 'b,
    {
        let mut items = self.items.clone();
        if name.as_ref() != self.name {
            items.extend(more.iter().cloned());
        }
        items
    }
}

pub struct Reader {
    lines: Vec<String>,
}

trait Find {
    fn find(&self, text: impl AsRef<str>) -> Option<usize>;
    fn add(&mut self, text: impl Into<String>);
}

impl Find for Reader {
    fn find(&self, text: impl AsRef<str>) -> Option<usize> {
        let raw = r"
not moved";
        // A comment.
        self.lines
            .iter()
            .position(|l| l.as_str() == text.as_ref() || l == raw)
    }

    fn add(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.lines.contains(&text) {
            self.lines.push(text);
        }
    }
}
