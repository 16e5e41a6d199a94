//! A generic search tree of the program's own.

pub struct Tree<K, V> {
    root: Option<Box<Node<K, V>>>,
}

struct Node<K, V> {
    key: K,
    value: V,
    height: u32,
    left: Option<Box<Node<K, V>>>,
    right: Option<Box<Node<K, V>>>,
}

fn height<K, V>(n: &Option<Box<Node<K, V>>>) -> u32 {
    n.as_ref().map_or(0, |n| n.height)
}

impl<K: Ord, V: Default> Node<K, V> {
    fn update(&mut self) {
        self.height = 1 + height(&self.left).max(height(&self.right));
    }

    fn rotate_left(mut self: Box<Self>) -> Box<Self> {
        let mut right = self.right.take().unwrap();
        self.right = right.left.take();
        self.update();
        right.left = Some(self);
        right.update();
        right
    }

    fn rotate_right(mut self: Box<Self>) -> Box<Self> {
        let mut left = self.left.take().unwrap();
        self.left = left.right.take();
        self.update();
        left.right = Some(self);
        left.update();
        left
    }

    fn balance(mut self: Box<Self>) -> Box<Self> {
        self.update();
        let (l, r) = (height(&self.left), height(&self.right));
        if l > r + 1 {
            let left = self.left.take().unwrap();
            self.left = Some(if height(&left.right) > height(&left.left) { left.rotate_left() } else { left });
            return self.rotate_right();
        }
        if r > l + 1 {
            let right = self.right.take().unwrap();
            self.right = Some(if height(&right.left) > height(&right.right) { right.rotate_right() } else { right });
            return self.rotate_left();
        }
        self
    }

    fn insert(node: Option<Box<Self>>, key: K) -> Box<Self> {
        let Some(mut n) = node else {
            return Box::new(Node { key, value: V::default(), height: 1, left: None, right: None });
        };
        if key < n.key {
            n.left = Some(Node::insert(n.left.take(), key));
        } else {
            n.right = Some(Node::insert(n.right.take(), key));
        }
        n.balance()
    }
}

impl<K: Ord + Clone, V: Default> Tree<K, V> {
    pub fn new() -> Self {
        Tree { root: None }
    }

    fn has(&self, key: &K) -> bool {
        let mut at = &self.root;
        while let Some(n) = at {
            if *key == n.key {
                return true;
            }
            at = if *key < n.key { &n.left } else { &n.right };
        }
        false
    }

    pub fn entry(&mut self, key: K) -> &mut V {
        if !self.has(&key) {
            self.root = Some(Node::insert(self.root.take(), key.clone()));
        }
        let mut at = &mut self.root;
        loop {
            let n = at.as_mut().unwrap();
            if key == n.key {
                return &mut n.value;
            }
            at = if key < n.key { &mut n.left } else { &mut n.right };
        }
    }

    pub fn depth(&self) -> u32 {
        height(&self.root)
    }

    pub fn iter(&self) -> Iter<'_, K, V> {
        let mut it = Iter { stack: Vec::new() };
        it.down(&self.root);
        it
    }
}

pub struct Iter<'a, K, V> {
    stack: Vec<&'a Node<K, V>>,
}

impl<'a, K, V> Iter<'a, K, V> {
    fn down(&mut self, mut at: &'a Option<Box<Node<K, V>>>) {
        while let Some(n) = at {
            self.stack.push(n);
            at = &n.left;
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let n = self.stack.pop()?;
        self.down(&n.right);
        Some((&n.key, &n.value))
    }
}
