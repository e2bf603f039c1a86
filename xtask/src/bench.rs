//! `cargo xtask bench`: Posthold beside programs that people know, in the same minutes.
//!
//! Every figure is a median of several rounds, and the programs take turns within a round, so
//! that a busy machine slows all of them. What counts are the ratios. The results are written to
//! docs/performance.md; the machine is described, not named. `cargo xtask bench archive` measures
//! many accounts and large ones, `cargo xtask bench store` a store of a million messages; each
//! writes sections of its own.

mod disk;
mod goals;
mod groups;
mod mail;
mod measure;
mod page;
mod peers;
mod posthold;
mod queries;
mod report;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use testkit::dovecot::Mail;
use testkit::{Dovecot, DovecotOptions, corpus};

use crate::run::root;
use mail::{Corpus, MAILBOXES};
use posthold::{Done, Posthold};
use report::Report;

/// The heading of what is measured beside other programs.
const HEADING: &str = "Beside programs that people know";

/// What `cargo xtask bench` was asked for.
#[derive(Clone)]
struct Options {
    /// Mail to use instead of made-up mail: every file below is a message.
    corpus: Option<PathBuf>,
    /// How many made-up messages.
    n_messages: u64,
    /// Rounds; figures are medians over them.
    runs: usize,
    /// Only the parts of this name.
    only: Option<String>,
    /// Where to work: on the disk that is to be measured.
    dir: PathBuf,
    /// The program to measure, when it is not the one that is here.
    binary: Option<PathBuf>,
    /// A program that keeps messages whole, for the speed of archiving without parts and packs: one
    /// of before.
    whole: Option<PathBuf>,
    /// Messages that notmuch indexes, when not all: then rates are compared.
    n_notmuch: usize,
    /// Of a group: only these parts.
    parts: Vec<String>,
    /// Of a group: everything so many times smaller, for whoever works on it.
    divide: u32,
}

/// Before a second run: programs that look at the times of directories wait, if the second in
/// which one was changed is not over, and that is not what is measured.
const PAUSE: Duration = Duration::from_secs(2);

/// ext4 is slow to make files where many were removed less than half a minute ago.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// One part of the benchmark.
type Part = (&'static str, fn(&mut Bench) -> Result<(), String>);

const PARTS: &[Part] =
    &[("archive", archive), ("import", import), ("search", search), ("large", large)];

/// What the parts share.
pub(crate) struct Bench {
    options: Options,
    ours: Posthold,
    corpus: Corpus,
    report: Report,
}

/// Measures, prints, and writes docs/performance.md when every part ran.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let group = args.first().and_then(|first| groups::GROUPS.iter().find(|it| it.name == first));
    let args = if group.is_some() { args.get(1..).unwrap_or_default() } else { args };
    let options = options(args)?;
    crate::test::install(peers::PACKAGES);
    let ours = match &options.binary {
        Some(binary) => Posthold::at(binary.clone()),
        None => Posthold::build()?,
    };
    if options.only.is_none() && options.parts.is_empty() && options.dir.exists() {
        fs::remove_dir_all(&options.dir).map_err(|it| format!("the directory to work in: {it}"))?;
        thread::sleep(FORGOTTEN);
    }
    fs::create_dir_all(&options.dir).map_err(|it| format!("the directory to work in: {it}"))?;
    match group {
        Some(group) => group.run(options, ours),
        None => beside_others(options, ours),
    }
}

fn beside_others(options: Options, ours: Posthold) -> Result<(), String> {
    let corpus = match &options.corpus {
        Some(dir) => Corpus::read(dir)?,
        None => Corpus::make(options.n_messages),
    };
    let report = Report::new(&corpus, options.runs);
    let mut bench = Bench { options, ours, corpus, report };
    for (name, part) in PARTS {
        if bench.options.only.as_deref().is_none_or(|it| it == *name) {
            println!("==== {name}");
            part(&mut bench)?;
        }
    }
    let text = bench.report.text();
    println!("\n{text}");
    if bench.options.only.is_none() {
        page::write_section(HEADING, &text)?;
    }
    Ok(())
}

fn options(args: &[String]) -> Result<Options, String> {
    let mut options = Options {
        corpus: None,
        n_messages: 20_000,
        runs: 3,
        only: None,
        dir: root().join("target/bench"),
        binary: None,
        whole: None,
        n_notmuch: usize::MAX,
        parts: Vec::new(),
        divide: 1,
    };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        if !name.starts_with("--") {
            options.parts.push(name.clone());
            continue;
        }
        let value = args.next().ok_or(format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name} needs a number"));
        match name.as_str() {
            "--corpus" => options.corpus = Some(value.into()),
            "--messages" => options.n_messages = number()?,
            "--runs" => options.runs = usize::try_from(number()?.max(1)).unwrap_or(1),
            "--only" => options.only = Some(value.clone()),
            "--dir" => options.dir = value.into(),
            "--binary" => options.binary = Some(value.into()),
            "--whole" => options.whole = Some(value.into()),
            "--divide" => options.divide = u32::try_from(number()?.max(1)).unwrap_or(1),
            "--notmuch" => options.n_notmuch = usize::try_from(number()?).unwrap_or(usize::MAX),
            _ => return Err(format!("bench knows no {name}")),
        }
    }
    Ok(options)
}

/// An empty directory of this name in the directory to work in. Of programs that make a file per
/// message, each round has its own: removing the last one's files just before would slow it.
fn fresh(options: &Options, name: &str) -> Result<PathBuf, String> {
    let path = options.dir.join(name);
    let cause = |it: std::io::Error| format!("{}: {it}", path.display());
    if path.exists() {
        fs::remove_dir_all(&path).map_err(cause)?;
    }
    fs::create_dir_all(&path).map_err(cause)?;
    Ok(path)
}

/// A mail account at a server, into files and into a store, and again when nothing is new.
fn archive(bench: &mut Bench) -> Result<(), String> {
    let options = DovecotOptions { special_use: false, ..DovecotOptions::default() };
    let dovecot = Dovecot::start_with(options);
    for (name, mails) in bench.corpus.by_mailbox() {
        dovecot.fill("alice", name, mails.iter().map(|it| it.as_mail()));
    }
    // The server reads everything once, so that its caches are as warm for the first as later.
    let served = bench.served(&dovecot);
    bench.report.served(served);
    for round in 1..=bench.options.runs {
        println!("round {round}");
        bench.report.disk(disk::syncs_per_second(&bench.options.dir)?);
        for (fsync, name) in [(false, "mbsync, no fsync"), (true, "mbsync, fsync")] {
            let dir = fresh(&bench.options, &format!("mbsync-{round}-{fsync}"))?;
            let first = peers::mbsync(&dovecot, &dir, fsync)?;
            bench.report.add(name, first);
            thread::sleep(PAUSE);
            let again = peers::mbsync(&dovecot, &dir, fsync)?;
            bench.report.add(&format!("{name}, again"), again);
        }
        let data = fresh(&bench.options, "archive")?;
        let first = bench.ours.archive(&dovecot, &data)?;
        bench.check_count("archive", &first)?;
        bench.report.add("posthold archive", first.sample);
        thread::sleep(PAUSE);
        let again = bench.ours.archive(&dovecot, &data)?;
        if again.archived != 0 {
            return Err(format!("the second run archived {}", again.archived));
        }
        bench.report.add("posthold archive, again", again.sample);
        bench.report.store(posthold::sizes(&data)?);
    }
    Ok(())
}

/// Files into a store, beside the indexing of the same files.
fn import(bench: &mut Bench) -> Result<(), String> {
    let mbox = bench.options.dir.join("all.mbox");
    bench.corpus.write_mbox(&mbox)?;
    let maildir = fresh(&bench.options, "maildir")?;
    bench.corpus.write_maildir(&maildir, usize::MAX)?;
    let sample_dir = fresh(&bench.options, "sample")?;
    let n_sample = bench.corpus.write_maildir(&sample_dir, bench.options.n_notmuch)?;
    for round in 1..=bench.options.runs {
        println!("round {round}");
        bench.report.disk(disk::syncs_per_second(&bench.options.dir)?);
        for (name, path) in [("posthold import mbox", &mbox), ("posthold import maildir", &maildir)]
        {
            let data = fresh(&bench.options, "import")?;
            let outcome = bench.ours.import(path, &data)?;
            bench.check_count(name, &outcome)?;
            bench.report.add(name, outcome.sample);
        }
        let data = bench.options.dir.join("import");
        let sha256sum = measure::run(Command::new("sha256sum").arg(&mbox))?.0;
        bench.report.add(report::SHA256SUM, sha256sum);
        bench.report.add(report::VERIFY, bench.ours.command_done(&["verify"], &data)?.0);
        if let Some(whole) = &bench.options.whole {
            let data = fresh(&bench.options, "import-whole")?;
            let outcome = Posthold::at(whole.clone()).import(&maildir, &data)?;
            bench.report.add(report::WHOLE, outcome.sample);
        }
        let sample = peers::notmuch_new(&sample_dir)?;
        bench.report.add_partial("notmuch new", sample, n_sample);
        bench.report.notmuch_bytes(measure::tree_bytes(&sample_dir.join(".notmuch")), n_sample);
    }
    Ok(())
}

/// Queries over the archive that `archive` or `import` left.
fn search(bench: &mut Bench) -> Result<(), String> {
    let data = ["archive", "import"].map(|it| bench.options.dir.join(it));
    let data = data.iter().find(|it| it.join("stores").exists());
    let data = data.ok_or("search needs the store that `archive` leaves")?;
    let queries = queries::mixed(&bench.corpus);
    for _ in 0..bench.options.runs {
        let times = bench.ours.search(data, &bench.options.dir, &queries)?;
        bench.report.search(times);
    }
    let sample_dir = bench.options.dir.join("sample");
    if sample_dir.join(".notmuch").exists() {
        let times = peers::notmuch_search(&sample_dir, &queries)?;
        bench.report.notmuch_search(times);
    }
    Ok(())
}

/// One message of 200 MB.
fn large(bench: &mut Bench) -> Result<(), String> {
    let options = DovecotOptions { special_use: false, ..DovecotOptions::default() };
    let dovecot = Dovecot::start_with(options);
    let message = corpus::large_message(1, 200 << 20);
    let mail = Mail { bytes: &message, flags: "", received: 1_600_000_000 };
    dovecot.fill("alice", "INBOX", [mail]);
    drop(message);
    let data = fresh(&bench.options, "large")?;
    let outcome = bench.ours.archive(&dovecot, &data)?;
    if outcome.archived != 1 {
        return Err("the large message was not archived".into());
    }
    bench.report.large(outcome.sample);
    Ok(())
}

impl Bench {
    /// Reads everything once; how many messages and bytes the server gives.
    fn served(&self, dovecot: &Dovecot) -> (u64, u64) {
        let mut imap = dovecot.login("alice");
        let (mut n, mut bytes) = (0, 0);
        for name in MAILBOXES {
            for message in imap.mailbox(name).messages {
                n += 1;
                bytes += message.bytes.len() as u64;
            }
        }
        (n, bytes)
    }

    /// An archive that is not whole is not fast.
    fn check_count(&self, name: &str, done: &Done) -> Result<(), String> {
        // Of files, the same message twice is archived once.
        let archived = done.archived + if done.archived == 0 { 0 } else { done.already };
        let expected = self.corpus.mails.len() as u64;
        if archived == expected {
            return Ok(());
        }
        Err(format!("{name}: {archived} archived of {expected}"))
    }
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle.saturating_sub(1)), values.get(middle)) {
        (0, Some(below), Some(above)) => f64::midpoint(*below, *above),
        (_, _, Some(value)) => *value,
        _ => f64::NAN,
    }
}

/// A path as an argument.
fn arg(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or(format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }
}
