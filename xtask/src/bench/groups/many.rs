//! Many accounts at one server, opened by its master user, beside the same mail in one mailbox.

use std::path::Path;

use testkit::dovecot::{MASTER, MASTER_PASSWORD, PASSWORD};
use testkit::{Dovecot, DovecotOptions};

use super::super::goals::{Bound, Goal};
use super::super::mail::Corpus;
use super::super::posthold::Done;
use super::{Section, Setting, copy_files};

/// Accounts.
const N_ACCOUNTS: u32 = 200;

/// Messages in each.
const N_MESSAGES: u32 = 500;

/// Accounts at the same time.
const AT_ONCE: &str = "8";

const BIG: &str = "posthold archive, one mailbox";
const MANY: &str = "posthold job run, many accounts";

pub(super) fn measure(setting: &mut Setting) -> Result<Section, String> {
    let n_accounts = setting.of_full(N_ACCOUNTS) as usize;
    let corpus = match &setting.options.corpus {
        Some(dir) => Corpus::read(dir)?,
        None => Corpus::make((n_accounts as u64) * u64::from(N_MESSAGES)),
    };
    let accounts: Vec<String> = (0..n_accounts).map(|n| format!("user{n:03}")).collect();
    let dovecot =
        Dovecot::start_with(DovecotOptions { special_use: false, ..DovecotOptions::default() });
    fill(&dovecot, &corpus, &accounts);
    let n = corpus.mails.len() as u64;
    let prepared = prepare(setting, &dovecot, &accounts)?;
    let mut section = Section::default();
    // Round 0 makes the server's caches as warm for the first as for later ones.
    for round in 0..=setting.options.runs {
        setting.begin_round(round)?;
        let data = setting.fresh("big")?;
        let big = setting.ours.archive_at(&dovecot.imap(), "big", &data)?;
        check("one mailbox", &big, n)?;
        let data = setting.fresh("many")?;
        copy_files(&prepared, &data)?;
        let many = setting.ours.run_job("many", &data)?;
        check("many accounts", &many, n)?;
        if 0 < round {
            section.runs.add(BIG, big.sample, n);
            section.runs.add(MANY, many.sample, n);
        }
    }
    section.setting = format!(
        "{n} {} of {} bytes on average on one Dovecot: in {n_accounts} accounts, opened by the \
         master user, {AT_ONCE} at a time; and the same files in one mailbox.",
        corpus.description,
        corpus.n_bytes() / n.max(1)
    );
    section.goals.push(Goal::new(
        "many accounts, messages a second against one mailbox",
        section.runs.ratio(BIG, MANY),
        Bound::AtLeast(0.8),
        "",
    ));
    section.goals.push(Goal::new(
        "many accounts, peak of anonymous memory",
        section.runs.most(MANY, |it| it.anon_mib),
        Bound::AtMost(400.0),
        " MiB",
    ));
    Ok(section)
}

/// Deals the corpus out among the accounts, and puts the same files into one mailbox.
fn fill(dovecot: &Dovecot, corpus: &Corpus, accounts: &[String]) {
    let each = corpus.mails.len().div_ceil(accounts.len()).max(1);
    for (account, mails) in accounts.iter().zip(corpus.mails.chunks(each)) {
        dovecot.add_user(account, PASSWORD);
        dovecot.fill(account, "INBOX", mails.iter().map(|it| it.as_mail()));
    }
    dovecot.add_user("big", PASSWORD);
    for account in accounts {
        dovecot.fill_from("big", "INBOX", account, "INBOX");
    }
}

/// A data directory with users and job, and nothing archived.
fn prepare(
    setting: &Setting,
    dovecot: &Dovecot,
    accounts: &[String],
) -> Result<std::path::PathBuf, String> {
    let data = setting.fresh("many-prepared")?;
    let run = |args: &[&str], password: &str| setting.ours.prepare(args, password, &data);
    for account in accounts {
        run(&["user", "add", account], "")?;
    }
    let host = dovecot.imap().to_string();
    run(&["profile", "add", "server", "--host", &host, "--security", "plain"], "")?;
    let job = ["job", "add", "many", "--kind", "master", "--profile", "server"];
    let login = ["--login", MASTER, "--password", "--identity", "login", "--accounts", AT_ONCE];
    let users = ["--users", "all except admin"];
    let owner = owner(setting, &data)?;
    run(&[&job[..], &login, &users, &["--owner", &owner]].concat(), MASTER_PASSWORD)?;
    Ok(data)
}

/// Jobs over many mailboxes belong to an administrator.
pub(super) fn owner(setting: &Setting, data: &Path) -> Result<String, String> {
    setting.ours.prepare(&["user", "add", "admin"], "", data)?;
    setting.ours.prepare(&["user", "set", "admin", "--administrator"], "", data)?;
    // No mailbox of theirs is archived.
    Ok("admin".to_owned())
}

fn check(what: &str, done: &Done, n: u64) -> Result<(), String> {
    // The same bytes twice in one mailbox are archived once.
    if done.archived + done.already == n {
        return Ok(());
    }
    Err(format!("{what}: {} archived and {} before, of {n}", done.archived, done.already))
}
