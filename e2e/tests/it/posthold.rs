//! Runs the binary in a directory of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

/// The binary that is tested, built when it is not up to date.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let exe = std::env::current_exe().expect("the path of this test");
    let dir = exe.ancestors().nth(2).expect("the directory of the build");
    let binary = dir.join("posthold");
    // `cargo xtask test` has built it; whoever runs one test by hand gets what the sources say.
    // One build a run is enough, and each test is a process.
    let run = std::env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| std::process::id().to_string());
    let stamp = dir.join("posthold-built-by-e2e");
    if std::fs::read_to_string(&stamp).is_ok_and(|it| it == run) && binary.exists() {
        return binary;
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet"]);
    cargo.args(["-p", "posthold", "-p", "posthold-verify"]);
    if dir.file_name() == Some(OsStr::new("release")) {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo").success(), "the binary does not build");
    std::fs::write(&stamp, run).expect("the stamp of the build");
    binary
});

/// The binary that checks exports with proofs and copied stores.
pub(crate) fn verifier() -> PathBuf {
    BINARY.with_file_name("posthold-verify")
}

/// A directory with a data directory for one test.
pub(crate) struct Place {
    dir: TempDir,
}

/// What a command gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Place {
        let dir = tempfile::Builder::new().prefix("posthold-e2e-").tempdir().expect("directory");
        Place { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The command, to be changed and started.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&*BINARY);
        command.current_dir(self.dir.path()).args(args).stdin(Stdio::null());
        command.env_clear().env("POSTHOLD_DATA", self.data()).env("PATH", "/usr/bin:/bin");
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(args).output().expect("the binary runs"))
    }

    /// Runs the command, which must end with 0.
    pub(crate) fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{}", ran.transcript(self));
        ran
    }

    /// Starts the command and does not wait for it.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the binary runs")
    }

    /// Sends a signal to a running command.
    pub(crate) fn signal(&self, child: &Child, name: &str) {
        let args = [format!("-{name}"), child.id().to_string()];
        assert!(Command::new("kill").args(args).status().expect("kill").success());
    }

    /// Ids of all messages that a search finds, sorted.
    pub(crate) fn ids(&self, query: &str) -> Vec<String> {
        let hits = self.ok(["search", query, "--json"]).json_lines();
        let id = |hit: &Value| hit["id"].as_str().expect("id").to_owned();
        let mut ids: Vec<String> = hits.iter().map(id).collect();
        ids.sort();
        ids
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("UTF-8 on standard output")
    }

    /// The one JSON value on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.text())
            .unwrap_or_else(|it| panic!("{it}: {:?} {:?}", self.text(), self.stderr))
    }

    /// The JSON values on standard output, one a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let value = |line| serde_json::from_str(line).expect("JSON");
        self.text().lines().map(value).collect()
    }

    /// Everything, with what differs from run to run replaced.
    pub(crate) fn transcript(&self, place: &Place) -> String {
        let mut text = format!("exit code {}\n{}", self.code, self.text());
        for line in self.stderr.lines() {
            text.push_str(format!("stderr: {line}").trim_end());
            text.push('\n');
        }
        filtered(&text, place.dir.path())
    }
}

/// `text` with the directory, times and numbers of processes replaced.
pub(crate) fn filtered(text: &str, dir: &Path) -> String {
    let text = text.replace(&dir.display().to_string(), "DIR");
    let mut kept: Vec<String> = Vec::new();
    for word in text.split_inclusive([' ', '\n', '"', ',', ')']) {
        let bare = word.trim_end_matches([' ', '\n', '"', ',', ')']);
        let rest = word.strip_prefix(bare).unwrap_or_default();
        let after_date = kept.last().is_some_and(|it| it == "TIME ");
        let is_process = kept.last().is_some_and(|it| it == "process ");
        match bare {
            _ if is_process => kept.push(format!("PID{rest}")),
            _ if after_date && is_minute(bare) => kept.push(rest.to_owned()),
            _ if is_this_year(bare) => kept.push(format!("TIME{rest}")),
            _ => kept.push(word.to_owned()),
        }
    }
    kept.concat()
}

/// Whether this is a date or a point in time near now: the mail of tests is older.
fn is_this_year(word: &str) -> bool {
    let is_date = word.len() >= 10 && word.as_bytes().get(4) == Some(&b'-');
    is_date && word.get(..4).and_then(|it| it.parse::<u32>().ok()).is_some_and(|it| 2025 <= it)
}

fn is_minute(word: &str) -> bool {
    word.len() == 5 && word.as_bytes().get(2) == Some(&b':')
}
