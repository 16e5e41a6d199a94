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
}

fn main() -> anyhow::Result<()> {
    env_logger::Builder::from_default_env().write_style(env_logger::WriteStyle::Always).init();
    let cli = Cli::parse();
    log::warn!("looking for {}", cli.pattern);
    let re = regex::RegexBuilder::new(&cli.pattern).case_insensitive(cli.ignore_case).build().context("the pattern is wrong")?;
    println!("{}", re.find_iter(&cli.text).count());
    Ok(())
}
