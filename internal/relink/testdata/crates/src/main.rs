// A program on the crates that the catalogue has cuts for.
use anyhow::Context;
use clap::Parser;

/// Count matches.
#[derive(Parser)]
#[command(version, about, color = clap::ColorChoice::Always)]
struct Cli {
    /// a regular expression
    pattern: String,
    /// the text
    text: String,
    #[arg(long)]
    /// ignore case
    ignore_case: bool,
    #[arg(long)]
    /// the text is hexadecimal, in this encoding
    decode: Option<String>,
    #[arg(long)]
    /// the text is JSON: a list of names
    json: bool,
    #[arg(long)]
    /// the text is a date
    date: bool,
    #[arg(long)]
    /// tell what the processor can do
    cpu: bool,
}

fn main() -> anyhow::Result<()> {
    env_logger::Builder::from_default_env().write_style(env_logger::WriteStyle::Always).init();
    let cli = Cli::parse();
    log::warn!("looking for {}", cli.pattern);
    let re = regex::RegexBuilder::new(&cli.pattern).case_insensitive(cli.ignore_case).build().context("the pattern is wrong")?;
    let mut text = cli.text;
    if let Some(label) = cli.decode {
        let bytes: Vec<u8> = (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16)).collect::<Result<_, _>>()?;
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).context("no such encoding")?;
        text = encoding.decode(&bytes).0.into_owned();
    }
    if cli.json {
        match serde_json::from_str::<Vec<String>>(&text) {
            Ok(names) => text = names.join(" "),
            Err(e) => println!("json: {e}"),
        }
    }
    if cli.date {
        match text.parse::<jiff::civil::Date>() {
            Ok(date) => println!("jiff: {date}"),
            Err(e) => println!("jiff: {e}"),
        }
        match chrono::NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
            Ok(date) => println!("chrono: {} {date}", date.format("%d.%m.%Y %a")),
            Err(e) => println!("chrono: {e}"),
        }
    }
    #[cfg(target_arch = "x86_64")]
    if cli.cpu {
        println!("avx2: {}", std::is_x86_feature_detected!("avx2"));
    }
    println!("{}", re.find_iter(&text).count());
    Ok(())
}
