//! Counts words; with its part it keeps a generic tree of its own.
use std::collections::BTreeMap;

#[allow(dead_code)]
mod tree {
    use std::collections::{BTreeMap, HashMap};
    use std::fmt::Debug;

    #[derive(Debug, Clone)]
    pub struct Tree<K: Ord + Debug, V> {
        children: BTreeMap<K, Tree<K, V>>,
        value: Option<V>,
    }

    impl<K: Ord + Debug + Clone, V: Debug + Clone> Tree<K, V> {
        pub fn new() -> Self {
            Tree { children: BTreeMap::new(), value: None }
        }
        pub fn insert(&mut self, path: &[K], value: V) {
            match path {
                [] => self.value = Some(value),
                [first, rest @ ..] => self.children.entry(first.clone()).or_insert_with(Tree::new).insert(rest, value),
            }
        }
        pub fn remove(&mut self, path: &[K]) -> Option<V> {
            match path {
                [] => self.value.take(),
                [first, rest @ ..] => {
                    let child = self.children.get_mut(first)?;
                    let old = child.remove(rest);
                    if child.value.is_none() && child.children.is_empty() {
                        self.children.remove(first);
                    }
                    old
                }
            }
        }
        pub fn walk(&self, depth: usize, out: &mut Vec<(usize, K)>) {
            for (k, child) in &self.children {
                out.push((depth, k.clone()));
                child.walk(depth + 1, out);
            }
        }
    }

    pub fn letters(text: &str) -> String {
        let mut t: Tree<char, usize> = Tree::new();
        let mut n: Tree<String, HashMap<String, u32>> = Tree::new();
        for (i, word) in text.split_whitespace().enumerate() {
            let path: Vec<char> = word.chars().collect();
            t.insert(&path, i);
            n.insert(&[word.to_string()], HashMap::from([(word.to_string(), i as u32)]));
        }
        t.remove(&['a']);
        n.remove(&["a".to_string()]);
        let mut all = Vec::new();
        t.walk(0, &mut all);
        all.sort_by_key(|x| std::cmp::Reverse(x.0));
        format!("{all:?} {:?} {:?}", t.clone(), n)
    }
}

fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for word in text.split_whitespace() {
        *words.entry(word).or_default() += 1;
    }
    println!("{words:?}");
    println!("{}", tree::letters(&text)); // part
}
