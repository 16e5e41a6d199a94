// One program with every behaviour that a cut might change: `behaviours NAME`.
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::os::raw::{c_char, c_int, c_void};
use std::sync::{mpsc, Arc, Condvar, Mutex, RwLock};

struct Failing;
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, l: Layout) -> *mut u8 {
        if l.size() == 123_456_789 { std::ptr::null_mut() } else { System.alloc(l) }
    }
    unsafe fn dealloc(&self, p: *mut u8, l: Layout) { System.dealloc(p, l) }
}
#[global_allocator]
static GLOBAL: Failing = Failing;

extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(lib: *mut c_void, name: *const c_char) -> *mut c_void;
}
extern "C-unwind" {
    fn qsort(base: *mut c_void, n: usize, size: usize, cmp: extern "C-unwind" fn(*const c_void, *const c_void) -> c_int);
}
extern "C-unwind" fn compare(_: *const c_void, _: *const c_void) -> c_int { panic!("from the comparison") }

struct Loud(&'static str);
impl Drop for Loud { fn drop(&mut self) { println!("drop {}", self.0) } }

#[inline(never)]
fn deep(n: usize) -> usize { let a = [n; 512]; if std::hint::black_box(n) == usize::MAX { 0 } else { deep(n + 1) + std::hint::black_box(a)[n % 512] } }

#[inline(never)]
fn index(v: &[i32], i: usize) -> i32 { v[i] }

fn fail() -> Result<u32, std::num::ParseIntError> { "x1".parse() }

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let three: i32 = std::hint::black_box(3);
    match name.as_str() {
        "panic-main" => { let _l = Loud("main"); panic!("one {}", three) }
        "panic-thread" => { let r = std::thread::Builder::new().name("worker".into()).spawn(move || { let _l = Loud("thread"); panic!("two {}", three) }).unwrap().join(); println!("joined {}", r.is_err()) }
        "panic-index" => println!("{}", index(&[1, 2], three as usize)),
        "panic-unwrap" => { println!("{}", fail().unwrap()); }
        "panic-expect" => { let n: Option<i32> = std::hint::black_box(None); println!("{}", n.expect("a number")); }
        "panic-assert" => { assert_eq!(three, 4, "three is {}", three) }
        "panic-slice" => { let s = String::from("abc"); println!("{}", &s[..three as usize + 1]) }
        "panic-refcell" => { let c = std::cell::RefCell::new(three); let _a = c.borrow_mut(); println!("{}", c.borrow()); }
        "panic-hook" => { std::panic::set_hook(Box::new(|i| { println!("hook: {}", i.location().unwrap().line() > 0); })); panic!("hooked") }
        "panic-overflow" => { println!("{}", i32::MAX.checked_add(three).unwrap()) }
        "panic-divide" => { println!("{}", 1 / (three - 3)) }
        "double-panic" => { struct D; impl Drop for D { fn drop(&mut self) { panic!("in drop") } } let _d = D; panic!("first") }
        "catch" => { let r = std::panic::catch_unwind(|| { let _l = Loud("inner"); panic!("caught {}", std::hint::black_box(1)) }); println!("caught {}", r.unwrap_err().downcast_ref::<String>().unwrap()); }
        "catch-resume" => { let r = std::panic::catch_unwind(|| { let r = std::panic::catch_unwind(|| panic!("again")); std::panic::resume_unwind(r.unwrap_err()) }); println!("resumed {}", r.unwrap_err().downcast_ref::<&str>().unwrap()); }
        "through-c" => { let r = std::panic::catch_unwind(|| { let mut a = [3, 2, 1]; unsafe { qsort(a.as_mut_ptr().cast(), 3, 4, compare) } }); println!("through C: {}", r.is_err()); }
        "overflow-main" => println!("{}", deep(0)),
        "overflow-thread" => { std::thread::Builder::new().name("deep".into()).spawn(|| println!("{}", deep(0))).unwrap().join().unwrap(); }
        "segv" => unsafe { println!("{}", std::ptr::read_volatile(std::hint::black_box(8) as *const i32)) },
        "alloc-failure" => { let v: Vec<u8> = Vec::with_capacity(std::hint::black_box(123_456_789)); println!("{}", v.capacity()) }
        "alloc-try" => { let mut v: Vec<u8> = Vec::new(); println!("{}", v.try_reserve_exact(std::hint::black_box(123_456_789)).is_err()) }
        "capacity" => { let v: Vec<u64> = Vec::with_capacity(std::hint::black_box(usize::MAX)); println!("{}", v.capacity()) }
        "backtrace" => { let b = std::backtrace::Backtrace::force_capture(); println!("frames: {}", b.to_string().lines().count() > 3) }
        "backtrace-text" => { println!("{}", std::backtrace::Backtrace::force_capture()) }
        "dlopen" => unsafe {
            let lib = dlopen(c"libm.so.6".as_ptr(), 2);
            let cos: extern "C" fn(f64) -> f64 = std::mem::transmute(dlsym(lib, c"cos".as_ptr()));
            println!("cos 0 = {}", cos(0.0));
        },
        "library" => unsafe {
            let Some(path) = std::env::args().nth(2) else { return println!("no library") };
            let lib = dlopen(std::ffi::CString::new(path).unwrap().as_ptr(), 2);
            assert!(!lib.is_null());
            let run: extern "C" fn(i32) -> i32 = std::mem::transmute(dlsym(lib, c"run".as_ptr()));
            println!("{} {}", run(0), run(3));
            println!("caught {}", std::panic::catch_unwind(|| panic!("in the program")).is_err());
        },
        "exit" => { let _l = Loud("never"); std::process::exit(7) }
        "abort" => std::process::abort(),
        "stderr" => { eprintln!("to stderr {} {:?} {:>8.3}", three, "q", 1.5); std::io::stderr().write_all(b"raw\n").unwrap(); write!(std::io::stderr(), "{}\n", 5).unwrap(); }
        "print-nothing" => {}
        "error" => { let e = std::fs::read("/nowhere/at/all").unwrap_err(); println!("{} {:?} {:?}", e, e, e.kind()) }
        "threads" => {
            let m = Arc::new((Mutex::new(0), Condvar::new(), RwLock::new(HashMap::new())));
            let (tx, rx) = mpsc::channel();
            let hs: Vec<_> = (0..4).map(|i| { let (m, tx) = (m.clone(), tx.clone()); std::thread::spawn(move || { *m.0.lock().unwrap() += i; m.2.write().unwrap().insert(i, i * i); m.1.notify_all(); tx.send(i).unwrap() }) }).collect();
            for h in hs { h.join().unwrap() }
            let mut got: Vec<i32> = (0..4).map(|_| rx.recv().unwrap()).collect(); got.sort();
            println!("{} {:?} {}", m.0.lock().unwrap(), got, m.2.read().unwrap()[&3]);
            thread_local!(static T: std::cell::RefCell<Vec<Loud>> = const { std::cell::RefCell::new(Vec::new()) });
            std::thread::spawn(|| T.with(|t| t.borrow_mut().push(Loud("thread local")))).join().unwrap();
        }
        "collections" => { let mut b = BTreeMap::new(); for i in 0..300 { b.insert(i * 7 % 301, format!("{i:04x}")); } for i in 0..250 { b.remove(&i); } println!("{} {:?}", b.len(), b.range(290..).collect::<Vec<_>>()) }
        "child" => { let o = std::process::Command::new("/bin/echo").arg("hi").output().unwrap(); println!("{} {:?}", o.status, o.stdout) }
        "stdin" => { let mut s = String::new(); std::io::stdin().read_to_string(&mut s).unwrap(); println!("{}", s.len()) }
        "floats" => println!("{} {:e} {:?} {:.3} {}", 0.1 + 0.2, 1e300, f64::NAN, 2.0f64.sqrt(), "2.5e3".parse::<f64>().unwrap()),
        "time" => { let t = std::time::Instant::now(); std::thread::sleep(std::time::Duration::from_millis(2)); println!("{}", t.elapsed().as_millis() >= 2) }
        _ => println!("?"),
    }
}
