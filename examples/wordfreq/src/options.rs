//! The command line.

use std::path::PathBuf;

const HELP: &str = "\
wordfreq counts words in files and folders

usage: wordfreq [OPTIONS] PATH...

  -n, --top N          print the N most frequent words (default 10; 0 for all)
  -m, --min-length N   leave out words of fewer than N characters (default 1)
  -j, --threads N      read N files at a time (default 4)
  -f, --format NAME    table, freq or json (default table); freq can be read again
      --debug          print the options and the files to stderr first
  -h, --help           print this
  -V, --version        print the version
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Freq,
    Json,
}

#[derive(Debug, Clone)]
pub struct Options {
    pub top: usize,
    pub min_length: usize,
    pub threads: usize,
    pub format: Format,
    pub debug: bool,
    pub paths: Vec<PathBuf>,
}

impl Options {
    /// None when the answer (help, version) was printed already.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options = Options {
            top: 10,
            min_length: 1,
            threads: 4,
            format: Format::Table,
            debug: false,
            paths: Vec::new(),
        };
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "-h" | "--help" => {
                    print!("{HELP}");
                    return Ok(None);
                }
                "-V" | "--version" => {
                    println!("wordfreq {}", env!("CARGO_PKG_VERSION"));
                    return Ok(None);
                }
                "-n" | "--top" => options.top = number(&arg, args.next())?,
                "-m" | "--min-length" => options.min_length = number(&arg, args.next())?,
                "-j" | "--threads" => options.threads = number(&arg, args.next())?.clamp(1, 64),
                "-f" | "--format" => {
                    options.format = match args.next().as_deref() {
                        Some("table") => Format::Table,
                        Some("freq") => Format::Freq,
                        Some("json") => Format::Json,
                        other => {
                            return Err(format!(
                                "{arg}: expected table, freq or json but got {other:?}"
                            ))
                        }
                    }
                }
                "--debug" => options.debug = true,
                _ if arg.starts_with('-') && arg.len() > 1 => {
                    return Err(format!("unknown option {arg}"))
                }
                _ => options.paths.push(PathBuf::from(arg)),
            }
        }
        if options.paths.is_empty() {
            return Err("no file or folder".to_string());
        }
        Ok(Some(options))
    }
}

fn number(option: &str, value: Option<String>) -> Result<usize, String> {
    let value = value.ok_or_else(|| format!("{option}: a number is missing"))?;
    value
        .parse()
        .map_err(|error| format!("{option} {value}: {error}"))
}
