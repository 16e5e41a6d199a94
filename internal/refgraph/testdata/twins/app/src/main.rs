fn main() {
    let text = std::env::args().nth(1).unwrap_or_default();
    println!("{} {:?}", parse::sum(&text), parse::each::<u16>(&text)); // part: old
    println!("{} {:?}", parse_new::sum(&text), parse_new::each::<u32>(&text)); // part: new
    println!("{:?}", miniz_oxide::inflate::repeated(text.as_bytes())); // part: runs
}
