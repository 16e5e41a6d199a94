// A Rust program that tells how it was loaded, as sample.c does for C: it
// unwinds, and has threads, destructors and thread-local storage.
use std::cell::Cell;
use std::collections::BTreeMap;

thread_local!(static LOCAL: Cell<u32> = const { Cell::new(42) });

struct Told<'a>(&'a Cell<u32>);
impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    println!("args {args:?}");
    let vars: BTreeMap<_, _> = std::env::vars_os().collect();
    println!("environment {vars:?}");
    let exe = std::env::current_exe().map(|p| p == std::path::Path::new(&args[0]));
    println!("current_exe {exe:?}");
    let sums: Vec<usize> = (0..20)
        .map(|i| std::thread::spawn(move || LOCAL.with(|l| l.replace(7) as usize) + vec![1usize; i * 1000].iter().sum::<usize>()))
        .map(|t| t.join().unwrap())
        .collect();
    println!("threads {sums:?} main {}", LOCAL.with(Cell::get));
    std::panic::set_hook(Box::new(|_| ()));
    let count = Cell::new(0);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _told = Told(&count);
        sums[args.len() + 100]
    }));
    println!("caught {} dropped {}", caught.is_err(), count.get());
    if args.get(1).is_some_and(|a| a == "maps") {
        eprintln!("{}", std::fs::read_to_string("/proc/self/maps").unwrap_or_default());
    }
    std::process::exit(3);
}
