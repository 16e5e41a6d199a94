fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    println!("{given:?}");
    let caught = std::panic::catch_unwind(|| assert!(std::env::args().count() == 0));
    println!("{}", caught.is_err());
    std::thread::spawn(|| println!("thread")).join().unwrap();
    std::process::exit(4)
}
