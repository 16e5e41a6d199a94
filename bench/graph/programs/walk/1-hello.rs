// Where everybody starts.
fn main() {
    println!("Hello, world!");
}
