//! Parts that use the operating system through std. See tool/src/main.rs.

#[cfg(feature = "files")]
mod files {
    use std::{fs, io, path::Path};

    fn walk(folder: &Path, depth: usize, total: &mut u64) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < 3 {
                walk(&entry.path(), depth + 1, total)?;
            } else if kind.is_file() {
                *total += entry.metadata()?.len();
                if entry.path().extension().is_some_and(|e| e == "toml") {
                    println!("{}: {} lines", entry.path().display(), fs::read_to_string(entry.path())?.lines().count());
                }
            }
        }
        Ok(())
    }

    #[inline(never)]
    pub fn run(argument: &str) {
        let mut total = 0;
        match walk(Path::new(argument), 0, &mut total) {
            Ok(()) => println!("{total} bytes"),
            Err(e) => println!("{argument}: {e}"),
        }
    }
}

#[cfg(feature = "network")]
mod network {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{IpAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
    use std::time::Duration;

    #[inline(never)]
    pub fn run(argument: &str) {
        let exchange = || -> std::io::Result<String> {
            let address: IpAddr = argument.parse().map_err(|_| std::io::ErrorKind::InvalidInput)?;
            let listener = TcpListener::bind((address, 0))?;
            let target = listener.local_addr()?.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
            let mut client = TcpStream::connect_timeout(&target, Duration::from_secs(1))?;
            client.set_nodelay(true)?;
            client.write_all(b"hello\n")?;
            let (server, peer) = listener.accept()?;
            let mut line = String::new();
            BufReader::new(server).read_line(&mut line)?;
            let udp = UdpSocket::bind((address, 0))?;
            udp.send_to(line.as_bytes(), udp.local_addr()?)?;
            let mut buffer = [0; 16];
            let (count, _) = udp.recv_from(&mut buffer)?;
            Ok(format!("{peer} {count}"))
        };
        println!("{:?}", exchange().map_err(|e| e.kind()));
    }
}

#[cfg(feature = "processes")]
mod processes {
    use std::process::{Command, Stdio};

    #[inline(never)]
    pub fn run(argument: &str) {
        let output = Command::new("/bin/sh").arg("-c").arg(argument).env("PART", "processes").stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        match output {
            Ok(o) => println!("{} {}", o.status, String::from_utf8_lossy(&o.stdout)),
            Err(e) => println!("{e}"),
        }
    }
}

#[cfg(feature = "time")]
mod time {
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    #[inline(never)]
    pub fn run(argument: &str) {
        let start = Instant::now();
        let count: u64 = argument.parse().unwrap_or(1000);
        let sum: u64 = (0..count).map(|i| i.wrapping_mul(i) ^ count).fold(0, u64::wrapping_add);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        println!("{sum:x} {:?} {:.3}", start.elapsed(), since.as_secs_f64());
    }
}

/// What is left of a part that was cut.
macro_rules! stub {
    ($feature:literal, $part:ident) => {
        #[cfg(not(feature = $feature))]
        mod $part {
            #[inline(never)]
            pub fn run(_: &str) {}
        }
    };
}
stub!("files", files);
stub!("network", network);
stub!("processes", processes);
stub!("time", time);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let part = arguments.next().unwrap_or_default();
    let argument = arguments.next().unwrap_or_default();
    match part.as_str() {
        "files" => files::run(&argument),
        "network" => network::run(&argument),
        "processes" => processes::run(&argument),
        "time" => time::run(&argument),
        _ => println!("files, network, processes or time"),
    }
}
