//! The programs that people know, run as they are meant to be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::Dovecot;
use testkit::dovecot::PASSWORD;
use testkit::peers::{RunAs, program};

use super::arg;
use super::mail::MAILBOXES;
use super::measure::{self, Sample};
use crate::run::{self, command};

/// What is measured against: a program, and the Debian package that brings it.
pub(super) const PACKAGES: &[(&str, &str)] = &[
    ("/usr/sbin/dovecot", "dovecot-core"),
    ("/usr/lib/dovecot/imap", "dovecot-imapd"),
    ("/usr/lib/dovecot/pop3", "dovecot-pop3d"),
    ("/usr/bin/mbsync", "isync"),
    ("/usr/bin/notmuch", "notmuch"),
];

/// Pulls the account into Maildirs below `dir`.
pub(super) fn mbsync(dovecot: &Dovecot, dir: &Path, fsync: bool) -> Result<Sample, String> {
    let (fsync, port, dir) = (if fsync { "yes" } else { "no" }, dovecot.imap().port(), arg(dir)?);
    let config = format!(
        "FSync {fsync}

IMAPAccount account
Host 127.0.0.1
Port {port}
User alice
Pass \"{PASSWORD}\"
SSLType None
AuthMechs PLAIN

IMAPStore far
Account account

MaildirStore near
Path {dir}/
Inbox {dir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns {}
Create Near
Sync Pull
SyncState *
",
        MAILBOXES.join(" ")
    );
    let path = format!("{dir}/config");
    fs::write(&path, config).map_err(|it| format!("{path}: {it}"))?;
    let mut mbsync = Command::new("mbsync");
    let (sample, _, code) = measure::run(mbsync.args(["-q", "-q", "-c", &path, "all"]))?;
    if code == Some(0) { Ok(sample) } else { Err(format!("mbsync ended with {code:?}")) }
}

/// Which getmail6 is measured against.
pub(super) const GETMAIL_VERSION: &str = "6.20.2";

/// getmail6, which Debian does not bring any more: from the Python package index.
pub(super) struct Getmail {
    dir: PathBuf,
    python: PathBuf,
}

impl Getmail {
    /// Puts it into a directory below `dir`.
    pub(super) fn install(dir: &Path) -> Result<Getmail, String> {
        // One that an unprivileged user may run.
        let python = PathBuf::from("/usr/bin/python3");
        let pip = program("python3").ok_or("getmail6 needs python3 (Debian: python3-pip)")?;
        let dir = dir.join("getmail6");
        let package = format!("getmail6=={GETMAIL_VERSION}");
        let args = ["-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--target"];
        run::run(command(pip).args(args).arg(&dir).arg(package))?;
        Ok(Getmail { dir, python })
    }

    /// What it runs on.
    pub(super) fn python(&self) -> String {
        let version = run::output(command(&self.python).arg("--version"));
        version.map_or("an unknown Python".into(), |it| it.trim().to_owned())
    }

    /// Fetches what `place`, a directory that it may have made before, has not got of alice's
    /// inbox.
    pub(super) fn run(
        &self,
        dovecot: &Dovecot,
        user: &RunAs,
        place: &Path,
    ) -> Result<Sample, String> {
        let config = format!(
            "[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = {}
username = alice
password = {PASSWORD}

[destination]
type = Maildir
path = {}/Maildir/

[options]
read_all = false
delete = false
verbose = 0
",
            dovecot.pop3().port(),
            arg(place)?
        );
        let cause = |it: std::io::Error| format!("{}: {it}", place.display());
        for name in ["Maildir/cur", "Maildir/new", "Maildir/tmp"] {
            fs::create_dir_all(place.join(name)).map_err(cause)?;
            user.own(&place.join(name));
        }
        fs::write(place.join("getmailrc"), config).map_err(cause)?;
        ["", "Maildir", "getmailrc"].iter().for_each(|it| user.own(&place.join(it)));
        let mut getmail = user.command(&self.python, place);
        getmail.arg(self.dir.join("bin/getmail")).env("PYTHONPATH", &self.dir);
        getmail.env("HOME", place).arg(format!("--getmaildir={}", arg(place)?));
        let (sample, text, code) = measure::run(&mut getmail)?;
        if code == Some(0) { Ok(sample) } else { Err(format!("getmail6: {code:?}, {text}")) }
    }
}

fn notmuch(dir: &Path) -> Result<Command, String> {
    let mut notmuch = Command::new("notmuch");
    notmuch.args(["--config", &format!("{}/.notmuch-config", arg(dir)?)]);
    Ok(notmuch)
}

/// Indexes the Maildir anew.
pub(super) fn notmuch_new(dir: &Path) -> Result<Sample, String> {
    let path = format!("{}/.notmuch-config", arg(dir)?);
    let config = format!(
        "[database]\npath={}\n[user]\nname=a\nprimary_email=a@example.org\n[new]\ntags=inbox\n\
         ignore=.notmuch-config\n",
        arg(dir)?
    );
    fs::write(&path, config).map_err(|it| format!("{path}: {it}"))?;
    if dir.join(".notmuch").exists() {
        fs::remove_dir_all(dir.join(".notmuch")).map_err(|it| format!("{path}: {it}"))?;
    }
    let (sample, _, code) = measure::run(notmuch(dir)?.args(["new", "--quiet"]))?;
    if code == Some(0) { Ok(sample) } else { Err(format!("notmuch new ended with {code:?}")) }
}

/// How long each query takes, a process each; first the time of one that finds nothing.
pub(super) fn notmuch_search(
    dir: &Path,
    queries: &[super::queries::Mixed],
) -> Result<(f64, Vec<f64>), String> {
    let time = |query: &str| -> Result<f64, String> {
        let mut notmuch = notmuch(dir)?;
        let args = ["search", "--limit=20", "--sort=newest-first", "--output=messages", query];
        Ok(measure::run(notmuch.args(args))?.0.wall_s)
    };
    let floor = super::median((0..9).map(|_| time("id:none")).collect::<Result<_, _>>()?);
    let times = queries.iter().map(|it| time(&it.notmuch)).collect::<Result<_, _>>()?;
    Ok((floor, times))
}
