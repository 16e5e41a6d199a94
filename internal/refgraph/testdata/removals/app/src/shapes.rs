//! A trait with objects of several types behind it.
use std::collections::VecDeque;

trait Shape {
    fn area(&self) -> f64;
    fn name(&self) -> String;
    fn split(&self) -> Vec<Box<dyn Shape>> {
        Vec::new()
    }
}

struct Circle(f64);
struct Rect {
    width: f64,
    height: f64,
    label: String,
}
struct Group {
    parts: Vec<Box<dyn Shape>>,
}

impl Shape for Circle {
    fn area(&self) -> f64 {
        3.14159 * self.0 * self.0
    }
    fn name(&self) -> String {
        format!("circle of {:.2}", self.0)
    }
}

impl Shape for Rect {
    fn area(&self) -> f64 {
        self.width * self.height
    }
    fn name(&self) -> String {
        format!("{} of {:.1} by {:.1}", self.label, self.width, self.height)
    }
    fn split(&self) -> Vec<Box<dyn Shape>> {
        let half = self.width / 2.0;
        (0..2).map(|i| Box::new(Rect { width: half, height: self.height, label: format!("{}/{i}", self.label) }) as Box<dyn Shape>).collect()
    }
}

impl Shape for Group {
    fn area(&self) -> f64 {
        self.parts.iter().map(|p| p.area()).sum()
    }
    fn name(&self) -> String {
        self.parts.iter().map(|p| p.name()).collect::<Vec<_>>().join(" + ")
    }
}

fn parse(line: &str) -> Option<Box<dyn Shape>> {
    let mut words = line.split(' ');
    match words.next()? {
        "circle" => Some(Box::new(Circle(words.next()?.parse().ok()?))),
        "rect" => {
            let width = words.next()?.parse().ok()?;
            let height = words.next()?.parse().ok()?;
            Some(Box::new(Rect { width, height, label: words.next().unwrap_or("rect").to_string() }))
        }
        "group" => Some(Box::new(Group { parts: words.filter_map(|w| parse(&w.replace(',', " "))).collect() })),
        _ => None,
    }
}

pub fn run(text: &str) {
    let mut queue: VecDeque<Box<dyn Shape>> = text.lines().filter_map(parse).collect();
    let mut left = 100;
    while let Some(shape) = queue.pop_front() {
        println!("{} covers {:.3}", shape.name(), shape.area());
        left -= 1;
        if left > 0 {
            queue.extend(shape.split());
        }
    }
}
