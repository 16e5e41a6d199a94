use std::collections::BTreeMap;
trait T { fn go(&self)->u32; }
struct X(Vec<u32>); struct Y(String);
impl T for X { fn go(&self)->u32 { self.0.iter().sum() } }
impl T for Y { fn go(&self)->u32 { println!("{}", self.0); 3 } }
#[inline(never)] fn count(t:&str)->BTreeMap<String,u32>{ let mut m=BTreeMap::new(); for w in t.split(' '){ *m.entry(w.to_string()).or_insert(0)+=1; } m }
fn main(){ let v:Vec<Box<dyn T>> = vec![Box::new(X(vec![1,2])),Box::new(Y("y".into()))]; let s:u32=v.iter().map(|t|t.go()).sum(); println!("{:?} {}",count("a b c"),s); }
