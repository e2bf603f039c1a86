//! The program itself, as its users run it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::Dovecot;
use testkit::dovecot::PASSWORD;

use super::arg;
use super::measure::{self, Sample, tree_bytes};
use super::queries::Mixed;
use crate::run::{self, cargo, root};

/// What a command did, and what it cost.
pub(super) struct Done {
    pub(super) sample: Sample,
    pub(super) archived: u64,
    pub(super) already: u64,
}

/// What a store takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizes {
    pub(super) log: u64,
    pub(super) catalog: u64,
    pub(super) index: u64,
}

/// Times of queries, in microseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchTimes {
    /// The first time each is asked.
    pub(super) first_us: Vec<f64>,
    /// The second time.
    pub(super) again_us: Vec<f64>,
    /// Reading the messages that were found, one by one.
    pub(super) read_us: Vec<f64>,
}

/// The program.
pub(super) struct Posthold {
    binary: PathBuf,
}

impl Posthold {
    /// The one that these sources make.
    pub(super) fn build() -> Result<Posthold, String> {
        run::run(&mut cargo(&["build", "--release", "--locked", "--package", "posthold"]))?;
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or(root().join("target"), PathBuf::from);
        Ok(Posthold::at(target.join("release/posthold")))
    }

    /// The one in this file.
    pub(super) fn at(binary: PathBuf) -> Posthold {
        Posthold { binary }
    }

    fn command(&self, data: &Path) -> Result<Command, String> {
        let mut posthold = Command::new(&self.binary);
        posthold.args(["--json", "--data", arg(data)?]).env("POSTHOLD_PASSWORD", PASSWORD);
        Ok(posthold)
    }

    /// Archives alice's account, without TLS as mbsync does.
    pub(super) fn archive(&self, dovecot: &Dovecot, data: &Path) -> Result<Done, String> {
        self.archive_at(&dovecot.imap(), "alice", data)
    }

    /// Archives an account at this address, without TLS.
    pub(super) fn archive_at(
        &self,
        addr: &SocketAddr,
        login: &str,
        data: &Path,
    ) -> Result<Done, String> {
        done(&mut self.archive_command(addr, login, data)?)
    }

    /// The same, killed when `enough` says so.
    pub(super) fn archive_killed(
        &self,
        addr: &SocketAddr,
        login: &str,
        data: &Path,
        enough: impl Fn() -> bool,
    ) -> Result<Sample, String> {
        measure::run_until(&mut self.archive_command(addr, login, data)?, enough)
    }

    fn archive_command(
        &self,
        addr: &SocketAddr,
        login: &str,
        data: &Path,
    ) -> Result<Command, String> {
        let mut command = self.command(data)?;
        let url = format!("imap://{login}@{addr}/");
        command.args(["archive", &url, "--user", "alice", "--plain"]);
        Ok(command)
    }

    /// Archives alice's inbox by POP3, without TLS as getmail6 does.
    pub(super) fn archive_pop3(&self, dovecot: &Dovecot, data: &Path) -> Result<Done, String> {
        let url = format!("pop3://alice@{}/", dovecot.pop3());
        done(self.command(data)?.args(["archive", &url, "--user", "alice", "--plain"]))
    }

    /// Carries out a command that prepares something.
    pub(super) fn prepare(&self, args: &[&str], password: &str, data: &Path) -> Result<(), String> {
        let mut command = self.command(data)?;
        command.args(args).env("POSTHOLD_PASSWORD", password);
        let (_, text, code) = measure::run(&mut command)?;
        if code == Some(0) { Ok(()) } else { Err(format!("{args:?} ended with {code:?}: {text}")) }
    }

    /// Runs a job over many accounts.
    pub(super) fn run_job(&self, name: &str, data: &Path) -> Result<Done, String> {
        done(self.command(data)?.args(["job", "run", name]))
    }

    /// Imports an mbox file or a Maildir.
    pub(super) fn import(&self, path: &Path, data: &Path) -> Result<Done, String> {
        done(self.command(data)?.args(["import", arg(path)?, "--user", "alice"]))
    }

    /// Carries out a command that must succeed; what it cost, and its answer.
    pub(super) fn command_done(
        &self,
        args: &[&str],
        data: &Path,
    ) -> Result<(Sample, Value), String> {
        let (sample, text, code) = measure::run(self.command(data)?.args(args))?;
        if code != Some(0) {
            let start: String = text.chars().take(2_000).collect();
            return Err(format!("{args:?} ended with {code:?}: {start}"));
        }
        Ok((sample, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Asks all queries twice in one process.
    pub(super) fn search(
        &self,
        data: &Path,
        dir: &Path,
        queries: &[Mixed],
    ) -> Result<SearchTimes, String> {
        let path = dir.join("queries.txt");
        let lines: Vec<&str> = queries.iter().map(|it| it.posthold.as_str()).collect();
        fs::write(&path, lines.join("\n")).map_err(|it| format!("{}: {it}", path.display()))?;
        let mut command = self.command(data)?;
        let (_, text, code) =
            measure::run(command.args(["internal", "bench-search", arg(&path)?]))?;
        if code != Some(0) {
            return Err(format!("bench-search ended with {code:?}: {text}"));
        }
        let answer: Value = serde_json::from_str(&text).map_err(|it| format!("{it}: {text}"))?;
        let times = |name: &str| {
            let list = answer.get(name).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_f64).collect()
        };
        let [first_us, again_us, read_us] = ["first_us", "again_us", "read_us"].map(times);
        Ok(SearchTimes { first_us, again_us, read_us })
    }
}

fn done(command: &mut Command) -> Result<Done, String> {
    let (sample, text, code) = measure::run(command)?;
    let answer: Value = serde_json::from_str(&text).map_err(|it| format!("{it}: {text}"))?;
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
    if code != Some(0) {
        let start: String = text.chars().take(2_000).collect();
        return Err(format!("posthold ended with {code:?}: {start}"));
    }
    Ok(Done { sample, archived: number("archived"), already: number("already") })
}

/// What the store of a data directory takes.
pub(super) fn sizes(data: &Path) -> Result<Sizes, String> {
    let store = data.join("stores/default");
    let catalog = ["catalog.db", "catalog.db-wal"].map(|it| fs::metadata(store.join(it)));
    Ok(Sizes {
        log: tree_bytes(&store.join("segments")),
        catalog: catalog.into_iter().flatten().map(|it| it.len()).sum(),
        index: tree_bytes(&store.join("index")),
    })
}
