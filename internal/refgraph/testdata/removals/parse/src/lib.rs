//! A parser and a printer of a language like JSON: a dependency with an enum
//! that owns boxes, maps and strings, traits that programs implement, and
//! errors that are printed.
use std::collections::BTreeMap;
use std::fmt::{self, Write};

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

#[derive(Debug)]
pub enum Error {
    Unexpected(usize, char),
    End,
    Number(std::num::ParseFloatError),
    Missing(&'static str),
    Kind(&'static str, Value),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Unexpected(at, c) => write!(f, "unexpected {c:?} at byte {at}"),
            Error::End => f.write_str("the text ends too early"),
            Error::Number(e) => write!(f, "number: {e}"),
            Error::Missing(field) => write!(f, "field {field} is missing"),
            Error::Kind(want, got) => write!(f, "expected {want}, got {got:?}"),
        }
    }
}

impl std::error::Error for Error {}

/// What can be made of a value.
pub trait Read: Sized {
    fn read(value: &Value) -> Result<Self, Error>;
}

impl Read for f64 {
    fn read(value: &Value) -> Result<Self, Error> {
        match value {
            Value::Number(n) => Ok(*n),
            other => Err(Error::Kind("a number", other.clone())),
        }
    }
}

impl Read for String {
    fn read(value: &Value) -> Result<Self, Error> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            other => Err(Error::Kind("a text", other.clone())),
        }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value) -> Result<Self, Error> {
        match value {
            Value::List(list) => list.iter().map(T::read).collect(),
            other => Err(Error::Kind("a list", other.clone())),
        }
    }
}

impl Value {
    pub fn field<T: Read>(&self, name: &'static str) -> Result<T, Error> {
        match self {
            Value::Map(map) => T::read(map.get(name).ok_or(Error::Missing(name))?),
            other => Err(Error::Kind("a map", other.clone())),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

pub fn from_str(text: &str) -> Result<Value, Error> {
    let mut p = Parser { text, at: 0 };
    let value = p.value()?;
    p.blank();
    match p.peek() {
        Some(c) => Err(Error::Unexpected(p.at, c)),
        None => Ok(value),
    }
}

pub fn read<T: Read>(text: &str) -> Result<T, Error> {
    T::read(&from_str(text)?)
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn blank(&mut self) {
        while let Some(c) = self.peek() {
            if !c.is_whitespace() {
                break;
            }
            self.at += c.len_utf8();
        }
    }

    fn take(&mut self, want: char) -> Result<(), Error> {
        self.blank();
        match self.peek() {
            Some(c) if c == want => {
                self.at += c.len_utf8();
                Ok(())
            }
            Some(c) => Err(Error::Unexpected(self.at, c)),
            None => Err(Error::End),
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        self.blank();
        match self.peek().ok_or(Error::End)? {
            '{' => self.map(),
            '[' => self.list(),
            '"' => Ok(Value::Text(self.string()?)),
            c if c == '-' || c.is_ascii_digit() => self.number(),
            _ => self.word(),
        }
    }

    fn map(&mut self) -> Result<Value, Error> {
        let mut map = BTreeMap::new();
        self.take('{')?;
        loop {
            self.blank();
            if self.peek() == Some('}') {
                break;
            }
            let key = self.string()?;
            self.take(':')?;
            map.insert(key, self.value()?);
            self.blank();
            if self.peek() != Some(',') {
                break;
            }
            self.at += 1;
        }
        self.take('}')?;
        Ok(Value::Map(map))
    }

    fn list(&mut self) -> Result<Value, Error> {
        let mut list = Vec::new();
        self.take('[')?;
        loop {
            self.blank();
            if self.peek() == Some(']') {
                break;
            }
            list.push(self.value()?);
            self.blank();
            if self.peek() != Some(',') {
                break;
            }
            self.at += 1;
        }
        self.take(']')?;
        Ok(Value::List(list))
    }

    fn string(&mut self) -> Result<String, Error> {
        self.take('"')?;
        let mut out = String::new();
        loop {
            let c = self.peek().ok_or(Error::End)?;
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => {
                    let c = self.peek().ok_or(Error::End)?;
                    self.at += c.len_utf8();
                    match c {
                        'n' => out.push('\n'),
                        't' => out.push('\t'),
                        'u' => {
                            let digits = self.text.get(self.at..self.at + 4).ok_or(Error::End)?;
                            let code = u32::from_str_radix(digits, 16).map_err(|_| Error::Unexpected(self.at, 'u'))?;
                            out.push(char::from_u32(code).unwrap_or('?'));
                            self.at += 4;
                        }
                        other => out.push(other),
                    }
                }
                c => out.push(c),
            }
        }
    }

    fn number(&mut self) -> Result<Value, Error> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        self.at += end;
        rest[..end].parse().map(Value::Number).map_err(Error::Number)
    }

    fn word(&mut self) -> Result<Value, Error> {
        for (word, value) in [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(Error::Unexpected(self.at, self.peek().ok_or(Error::End)?))
    }
}

pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    print(value, &mut out);
    out
}

fn print(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => write!(out, "{n}").unwrap(),
        Value::Text(text) => quote(text, out),
        Value::List(list) => {
            out.push('[');
            for (i, value) in list.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                print(value, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (i, (key, value)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                print(value, out);
            }
            out.push('}');
        }
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => write!(out, "\\u{:04x}", c as u32).unwrap(),
            c => out.push(c),
        }
    }
    out.push('"');
}
