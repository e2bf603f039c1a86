//! Figures over real mail, by hand: `MAIL_CORPUS=DIR cargo test --release -p message --test it
//! -- --ignored --nocapture`. Says how fast the parser is, and what it found.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

#[test]
#[ignore = "needs mail, named by MAIL_CORPUS"]
fn figures() -> io::Result<()> {
    let dir = env::var_os("MAIL_CORPUS").ok_or_else(|| io::Error::other("set MAIL_CORPUS"))?;
    let mut paths = Vec::new();
    files(Path::new(&dir), &mut paths)?;
    let mut mail = Vec::new();
    for path in paths {
        mail.push((fs::read(&path)?, path));
    }
    let mut out = io::stderr().lock();
    for _ in 0..3 {
        round(&mail, &mut out)?;
    }
    found(&mail, &mut out)
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(dir)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_type()?.is_dir() {
            files(&entry.path(), out)?;
        } else {
            out.push(entry.path());
        }
    }
    Ok(())
}

fn round(mail: &[(Vec<u8>, PathBuf)], out: &mut impl Write) -> io::Result<()> {
    let start = Instant::now();
    let text: usize = mail.iter().map(|(bytes, _)| message::parse(bytes).0.text.len()).sum();
    let seconds = start.elapsed().as_secs_f64();
    let bytes: usize = mail.iter().map(|it| it.0.len()).sum();
    writeln!(
        out,
        "{} messages, {bytes} bytes, {text} bytes of text, {seconds:.3} s: {:.0} messages/s, {:.0} MB/s",
        mail.len(),
        mail.len() as f64 / seconds,
        bytes as f64 / seconds / 1e6
    )
}

fn found(mail: &[(Vec<u8>, PathBuf)], out: &mut impl Write) -> io::Result<()> {
    let mut defects: BTreeMap<&str, (usize, &Path)> = BTreeMap::new();
    let mut slowest: Vec<(Duration, usize, &Path)> = Vec::new();
    let mut undated = 0;
    for (bytes, path) in mail {
        let start = Instant::now();
        let (message, found) = message::parse(bytes);
        slowest.push((start.elapsed(), bytes.len(), path));
        undated += usize::from(message.date.is_none());
        for defect in found {
            let entry = defects.entry(defect.name()).or_insert((0, path));
            entry.0 += 1;
        }
    }
    writeln!(out, "without any date: {undated}")?;
    for (name, (count, path)) in defects {
        writeln!(out, "{count:6} {name} ({})", path.display())?;
    }
    slowest.sort_by_key(|it| std::cmp::Reverse(it.0));
    for (time, len, path) in slowest.iter().take(5) {
        writeln!(out, "{time:?} for {len} bytes: {}", path.display())?;
    }
    Ok(())
}
