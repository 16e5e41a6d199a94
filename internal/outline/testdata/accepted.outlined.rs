#![allow(dead_code)]
use std::borrow::Borrow;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// Reads a file.
pub fn open<P: AsRef<Path>>(path: P) -> io::Result<String> {
    open_inner(path.as_ref())
}

fn open_inner(path: &Path) -> io::Result<String> {
    // The body's comments stay.

    if path.as_os_str().is_empty() {
        return Err(io::Error::other("empty"));
    }
    std::fs::read_to_string(path)
}

fn used_twice(path: impl AsRef<Path>, count: usize) -> usize {
    used_twice_inner(path.as_ref(), count)
}

fn used_twice_inner(path: &Path, mut count: usize) -> usize {
    count += path.components().count();
    count * path.as_os_str().len()
}

pub(crate) fn by_reference<'a, S: AsRef<str> + ?Sized>(text: &'a S, sep: char) -> Vec<&'a str> {
    by_reference_inner(text.as_ref(), sep)
}

fn by_reference_inner<'a>(text: &'a str, sep: char) -> Vec<&'a str> {
    let parts = text.split(sep);
    parts.filter(|p| !p.is_empty()).collect::<Vec<_>>()
}

fn with_where<T, U>(key: T, map: &HashMap<String, U>) -> Option<U>
where
    T: Into<String>,
    U: Clone,
{
    with_where_inner::<U>(key.into(), map)
}

fn with_where_inner<U>(key: String, map: &HashMap<String, U>) -> Option<U> where U: Clone {
    println!("looking for {key}");
    map.get(&key).cloned()
}

fn fallible(x: impl TryInto<u8, Error = std::num::TryFromIntError>) -> Result<u8, std::num::TryFromIntError> {
    fallible_inner(x.try_into()?)
}

fn fallible_inner(mut x: u8) -> Result<u8, std::num::TryFromIntError> {
    x = x.wrapping_mul(3);
    x ^= 0x55;
    Ok(x.rotate_left(3))
}

async fn later(name: impl Into<String>) -> usize {
    later_inner(name.into()).await
}

async fn later_inner(name: String) -> usize {
    let twice = format!("{name}{name}");
    twice.len() + name.len()
}

unsafe fn pointer<B: Borrow<[u8]>>(bytes: B, at: *const u8) -> bool {
    unsafe { pointer_inner(bytes.borrow(), at) }
}

unsafe fn pointer_inner(bytes: &[u8], at: *const u8) -> bool {
    let first = *at;
    bytes.iter().any(|b| *b == first) || bytes.is_empty()
}

fn constant<const N: usize>(text: impl ToString) -> [u8; N] {
    constant_inner::<N>(text.to_string())
}

fn constant_inner<const N: usize>(text: String) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(text.bytes()).for_each(|(o, b)| *o = b);
    out
}

fn collects(lines: impl IntoIterator<Item = &'static str>) -> usize {
    collects_inner(lines.into_iter().collect())
}

fn collects_inner(lines: Vec<&'static str>) -> usize {
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
        Self::new_inner(name.into(), path.into())
    }

    fn new_inner(name: String, path: PathBuf) -> Self {
        Self {
            name: name,
            path: path,
            items: Vec::with_capacity(16),
        }
    }

    #[cfg(not(feature = "absent"))]
    pub fn rename(&mut self, name: impl Into<String>) -> &mut Self {
        self.rename_inner(name.into())
    }

    #[cfg(not(feature = "absent"))]
    fn rename_inner(&mut self, name: String) -> &mut Self {
        if !name.is_empty() {
            self.name = name;
        }
        self
    }

    fn fill<B: AsMut<[u8]>>(&self, mut buffer: B) -> usize {
        self.fill_inner(buffer.as_mut())
    }

    fn fill_inner(&self, buffer: &mut [u8]) -> usize {
        let n = self.name.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.name.as_bytes()[..n]);
        n
    }

    fn extend<'b, S>(&self, more: &'b [T], name: S) -> Vec<T>
    where
        S: AsRef<str>,
        T: 'b,
    {
        self.extend_inner(more, name.as_ref())
    }

    fn extend_inner<'b>(&self, more: &'b [T], name: &str) -> Vec<T> where T: 'b {
        let mut items = self.items.clone();
        if name != self.name {
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
        fn find_inner(this: &Reader, text: &str) -> Option<usize> {
            let raw = r"
not moved";
            // A comment.
            this.lines
                .iter()
                .position(|l| l.as_str() == text || l == raw)
        }
        find_inner(self, text.as_ref())
    }

    fn add(&mut self, text: impl Into<String>) {
        fn add_inner(this: &mut Reader, text: String) {
            if !this.lines.contains(&text) {
                this.lines.push(text);
            }
        }
        add_inner(self, text.into())
    }
}
