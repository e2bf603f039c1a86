//! The programs that people know, run as they are meant to be.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::Dovecot;
use testkit::dovecot::PASSWORD;

use super::arg;
use super::mail::MAILBOXES;
use super::measure::{self, Sample};

/// What is measured against: a program, and the Debian package that brings it.
pub(super) const PACKAGES: &[(&str, &str)] = &[
    ("/usr/sbin/dovecot", "dovecot-core"),
    ("/usr/lib/dovecot/imap", "dovecot-imapd"),
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
