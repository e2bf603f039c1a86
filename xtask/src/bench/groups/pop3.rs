//! POP3 beside getmail6, which puts the same mailbox into a Maildir.

use std::path::Path;
use std::thread;

use testkit::peers::{RunAs, peer_dir_at};
use testkit::{Dovecot, DovecotOptions};

use super::super::PAUSE;
use super::super::goals::{Bound, Goal};
use super::super::mail::Corpus;
use super::super::measure::n_files;
use super::super::peers::{GETMAIL_VERSION, Getmail};
use super::{Section, Setting};

/// Messages in the mailbox.
const N_MESSAGES: u32 = 20_000;

const OURS: &str = "posthold archive, POP3";
const THEIRS: &str = "getmail6";

pub(super) fn measure(setting: &mut Setting) -> Result<Section, String> {
    let corpus = match &setting.options.corpus {
        Some(dir) => Corpus::read(dir)?,
        None => Corpus::make(u64::from(setting.of_full(N_MESSAGES))),
    };
    let options = DovecotOptions { special_use: false, pop3: true, ..DovecotOptions::default() };
    let dovecot = Dovecot::start_with(options);
    dovecot.fill("alice", "INBOX", corpus.mails.iter().map(|it| it.as_mail()));
    let n = corpus.mails.len() as u64;
    let user = RunAs::find()?;
    // In memory its fsync costs nothing: the harder comparison, and one that no disk disturbs.
    let dir = peer_dir_at(&user, Path::new("/dev/shm"));
    let getmail = Getmail::install(dir.path())?;
    // The server reads everything once, so that its caches are as warm for the first as later.
    let warm = setting.fresh("pop3")?;
    let first = setting.ours.archive_pop3(&dovecot, &warm)?;
    if first.archived + first.already != n {
        return Err(format!("{} archived of {n}", first.archived));
    }
    let mut section = Section::default();
    for round in 1..=setting.options.runs {
        setting.begin_round(round)?;
        let place = dir.path().join(format!("round-{round}"));
        let theirs = || getmail.run(&dovecot, &user, &place);
        // Who begins has the disk that the other has not written to yet.
        let sample = theirs()?;
        if n_files(&place.join("Maildir/new")) != n {
            return Err("getmail6 did not fetch everything".into());
        }
        section.runs.add(THEIRS, sample, n);
        let data = setting.fresh("pop3")?;
        section.runs.add(OURS, setting.ours.archive_pop3(&dovecot, &data)?.sample, n);
        thread::sleep(PAUSE);
        section.runs.add(&format!("{THEIRS}, again"), theirs()?, n);
        let again = setting.ours.archive_pop3(&dovecot, &data)?;
        section.runs.add(&format!("{OURS}, again"), again.sample, n);
    }
    let mib = corpus.n_bytes() as f64 / f64::from(1 << 20);
    section.setting = format!(
        "{n} {}, {mib:.1} MiB, in one mailbox of Dovecot. getmail6 {} by {}, as an unprivileged \
         user, into a Maildir in memory, where its fsync for each message costs nothing; Posthold \
         onto the disk.",
        corpus.description,
        GETMAIL_VERSION,
        getmail.python()
    );
    section.goals.push(Goal::new(
        "POP3, wall time against getmail6",
        section.runs.ratio(OURS, THEIRS),
        Bound::AtMost(1.0),
        "",
    ));
    Ok(section)
}
