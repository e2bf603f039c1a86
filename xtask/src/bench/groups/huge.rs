//! A mailbox of a million messages: the first run, one that is killed, and runs in which nothing
//! is new.

use std::path::Path;
use std::thread;

use testkit::{MadeImap, MadeOptions, Speaks};

use super::super::goals::{Bound, Goal};
use super::super::posthold::{Done, sizes};
use super::{Section, Setting};

/// Messages in the mailbox.
const N_MESSAGES: u32 = 1_000_000;

/// After so many of them the first run is killed.
const KILLED_AFTER: u32 = 300_000;

/// A batch of the log is at most this large.
const BATCH_MIB: f64 = 8.0;

const FIRST: &str = "first run, killed and run again: the second half";
const AGAIN: &str = "nothing new, by HIGHESTMODSEQ";
const LISTED: &str = "nothing new, every UID listed";

pub(super) fn measure(setting: &mut Setting) -> Result<Section, String> {
    let n_messages = setting.of_full(N_MESSAGES);
    let server =
        MadeImap::start(MadeOptions { mailboxes: &["INBOX"], n_messages, speaks: Speaks::Modern });
    let mut section = Section::default();
    let data = setting.fresh("huge")?;
    let killed_after = u64::from(setting.of_full(KILLED_AFTER));
    setting.begin_round(0)?;
    let archive = || setting.ours.archive_at(&server.addr(), "alice", &data);
    let killed = setting.ours.archive_killed(&server.addr(), "alice", &data, || {
        server.counts().bodies >= killed_after
    })?;
    section.runs.add("first run, until it is killed", killed, server.counts().bodies);
    let before = server.counts();
    let rest = archive()?;
    let n_rest = server.counts().bodies - before.bodies;
    let again_bytes = server.n_sent_again();
    section.runs.add(FIRST, rest.sample, n_rest);
    check(&rest, n_messages)?;
    for round in 1..=setting.options.runs {
        setting.begin_round(round)?;
        for (speaks, name) in [(Speaks::Modern, AGAIN), (Speaks::Plain, LISTED)] {
            server.speak(speaks);
            // What the other dialect did not tell is certified anew, once.
            setting.ours.archive_at(&server.addr(), "alice", &data)?;
            thread::sleep(super::super::PAUSE);
            section.runs.add(name, nothing_new(setting, &server, &data)?, n_messages.into());
        }
    }
    describe(&mut section, n_messages, &server);
    let mean = before.body_bytes as f64 / before.bodies.max(1) as f64;
    let again_mib = again_bytes as f64 * mean / f64::from(1 << 20);
    section.goals.push(Goal::new(
        "killed run: message bytes that were fetched again",
        again_mib,
        Bound::AtMost(BATCH_MIB),
        " MiB",
    ));
    section.remarks.push(format!(
        "The first run was killed when {killed_after} messages had been sent; the second fetched \
         {again_bytes} of them again ({again_mib:.2} MiB; a batch of the log has up to \
         {BATCH_MIB:.0}), those that had not become durable or were still on the wire.",
    ));
    let sizes = sizes(&data)?;
    section.remarks.push(format!(
        "The store takes {} bytes a message: log {}, catalog {}, index {}.",
        (sizes.log + sizes.catalog + sizes.index) / u64::from(n_messages),
        sizes.log / u64::from(n_messages),
        sizes.catalog / u64::from(n_messages),
        sizes.index / u64::from(n_messages)
    ));
    Ok(section)
}

fn describe(section: &mut Section, n_messages: u32, server: &MadeImap) {
    let counts = server.counts();
    section.setting = format!(
        "{n_messages} made-up messages of {} bytes on average in one mailbox of a server that \
         makes them while it sends them; of eleven UIDs one is missing.",
        counts.body_bytes / counts.bodies.max(1)
    );
    for (name, what) in [
        (AGAIN, "second run, nothing new, server with HIGHESTMODSEQ"),
        (LISTED, "second run, nothing new, every UID listed"),
    ] {
        let wall = section.runs.median(name, |it| it.wall_s);
        let anon = section.runs.most(name, |it| it.anon_mib);
        section.goals.push(Goal::new(what, wall, Bound::AtMost(5.0), " s"));
        let what = format!("{what}, memory");
        section.goals.push(Goal::new(what, anon, Bound::AtMost(200.0), " MiB"));
    }
}

/// Everything is there, once.
fn check(done: &Done, n_messages: u32) -> Result<(), String> {
    let Done { archived, already, .. } = done;
    if archived + already == u64::from(n_messages) {
        return Ok(());
    }
    Err(format!("{archived} archived and {already} before, of {n_messages}"))
}

/// A run that finds nothing new, and adds nothing to the log.
fn nothing_new(
    setting: &Setting,
    server: &MadeImap,
    data: &Path,
) -> Result<super::super::measure::Sample, String> {
    let before = (server.counts().bodies, sizes(data)?.log);
    let done = setting.ours.archive_at(&server.addr(), "alice", data)?;
    let after = (server.counts().bodies, sizes(data)?.log);
    if before != after || done.archived != 0 {
        return Err(format!("a run with nothing new: bodies and log {before:?}, then {after:?}"));
    }
    Ok(done.sample)
}
