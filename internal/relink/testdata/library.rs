// A library with a std of its own, for the program to load.
#[no_mangle]
pub extern "C" fn run(n: i32) -> i32 {
    let caught = std::panic::catch_unwind(|| {
        if n > 0 {
            panic!("in the library {}", n);
        }
    });
    let frames = std::backtrace::Backtrace::force_capture().to_string().lines().count() > 3;
    println!("library: caught {} frames {}", caught.is_err(), frames);
    n + 1
}
