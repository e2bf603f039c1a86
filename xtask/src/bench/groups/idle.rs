//! Idle accounts that are polled: what a look at an account costs in which nothing is new.

use std::fmt::Write as _;
use std::fs;
use std::thread;

use testkit::dovecot::PASSWORD;
use testkit::{MadeImap, MadeOptions, Speaks};

use super::super::PAUSE;
use super::super::goals::{Bound, Goal};
use super::super::posthold::sizes;
use super::many::owner;
use super::{Section, Setting};

/// Accounts.
const N_ACCOUNTS: u32 = 10_000;

/// Of each account.
const MAILBOXES: &[&str] = &["INBOX", "Sent", "Archive"];

/// Accounts at the same time.
const AT_ONCE: &str = "8";

const POLLS: &str = "job run, nothing new";

pub(super) fn measure(setting: &mut Setting) -> Result<Section, String> {
    let n = setting.of_full(N_ACCOUNTS);
    let server = MadeImap::start(MadeOptions {
        mailboxes: MAILBOXES,
        n_messages: 1,
        speaks: Speaks::Modern,
    });
    let data = setting.fresh("idle")?;
    let run = |args: &[&str]| setting.ours.prepare(args, "", &data);
    let mut batch = String::from("login;password;address;user\n");
    for account in 0..n {
        let address = format!("user{account:05}@example.org");
        let _ = writeln!(batch, "{address};\"{PASSWORD}\";{address};user{account:05}");
    }
    let file = setting.options.dir.join("idle.csv");
    fs::write(&file, batch).map_err(|it| format!("{}: {it}", file.display()))?;
    let host = server.addr().to_string();
    run(&["profile", "add", "server", "--host", &host, "--security", "plain"])?;
    let job = ["job", "add", "idle", "--kind", "batch", "--profile", "server"];
    let owner = owner(setting, &data)?;
    let rows = ["--file", super::super::arg(&file)?, "--accounts", AT_ONCE, "--owner", &owner];
    run(&[&job[..], &rows].concat())?;

    let mut section = Section::default();
    setting.begin_round(0)?;
    let first = setting.ours.run_job("idle", &data)?;
    let n_messages = u64::from(n) * MAILBOXES.len() as u64;
    if first.archived != n_messages {
        return Err(format!("the first run archived {} of {n_messages}", first.archived));
    }
    section.runs.add(
        "job run, the first: users are made, all is archived",
        first.sample,
        n_messages,
    );
    for round in 1..=setting.options.runs {
        setting.begin_round(round)?;
        thread::sleep(PAUSE);
        let before = (server.counts().opened, sizes(&data)?.log);
        let polls = setting.ours.run_job("idle", &data)?;
        let after = (server.counts().opened, sizes(&data)?.log);
        if before != after || polls.archived != 0 {
            return Err(format!("polls opened mailboxes or wrote: {before:?}, then {after:?}"));
        }
        section.runs.add(POLLS, polls.sample, u64::from(n));
    }
    section.setting = format!(
        "{n} accounts of a CSV file at a server that makes them up, {AT_ONCE} at a time; each has \
         {} mailboxes with one message. \"Messages\" of polls are polls.",
        MAILBOXES.len()
    );
    section.goals.push(Goal::new(
        "idle accounts, core-seconds per 1,000 polls",
        section.runs.median(POLLS, |it| it.cpu_s) * 1_000.0 / f64::from(n),
        Bound::AtMost(1.0),
        " s",
    ));
    section.remarks.push(
        "No poll opened a mailbox or appended a byte to the log: both were counted.".to_owned(),
    );
    Ok(section)
}
