//! What a job archives from, for people.

use std::path::PathBuf;

use commands::{
    FileMapping, JobSource, Security, SmtpAccess, SmtpReception, SmtpRecipients, SortBy,
    SortingRules, UnclaimedMail,
};

use super::super::words;

type Line = (&'static str, String);

/// Whether a run of it has many accounts.
pub(super) fn has_many(source: &JobSource) -> bool {
    matches!(source, JobSource::Master(_) | JobSource::Batch(_))
}

/// Its fields with their heads; those with nothing in them are not shown.
pub(super) fn lines(source: &JobSource, has_secret: bool) -> Vec<Line> {
    let kept = if has_secret { "its password is kept" } else { "no password is kept" };
    let login = match source.login() {
        Some(login) => format!("{login}, {kept}"),
        None if source.may_keep_secret() => format!("a password without a name, {kept}"),
        None => "the login of the server profile".to_owned(),
    };
    let account = |login: String| {
        let profile = source.profile().unwrap_or_default();
        vec![("From", format!("the server profile {profile}")), ("Account", login)]
    };
    match source {
        JobSource::Single(it) => {
            let root = it.root.clone().unwrap_or_else(|| "the login of the account".into());
            let mut lines = vec![("Into", format!("the archive of {}", it.target)), ("Root", root)];
            lines.extend(account(login));
            lines.push(("Mailbox of", it.authzid.clone().unwrap_or_default()));
            lines
        }
        JobSource::Master(it) => {
            let mut lines = account(login);
            lines.push(("Logs in", format!("for others by {}, as {}", it.form, it.identity)));
            lines.push(("Users", it.users.clone()));
            lines
        }
        JobSource::Batch(it) => {
            let mut lines = account("each of its own".into());
            lines.push(("File", it.file.display().to_string()));
            lines.push(("Code page", it.code_page.clone().unwrap_or_default()));
            lines
        }
        JobSource::Sorting(it) => {
            let mut lines = account(login);
            lines.push(("Mailbox of", it.authzid.clone().unwrap_or_default()));
            lines.extend(sorting(&it.sorting));
            lines
        }
        JobSource::Smtp(it) => {
            let mut lines = smtp(it, &login);
            lines.extend(sorting(&it.sorting));
            lines
        }
        JobSource::Files(it) => {
            let whose = match &it.mapping {
                FileMapping::FirstLevel => "those that the directories are called like".into(),
                FileMapping::User(user) => user.to_string(),
            };
            vec![
                ("Files", paths(&it.paths)),
                ("Into", format!("the archive of {whose}")),
                ("Root", it.root.clone().unwrap_or_else(|| "the name of the user".into())),
            ]
        }
    }
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|it| it.display().to_string()).collect();
    paths.join(", ")
}

fn sorting(it: &SortingRules) -> Vec<Line> {
    let by = match &it.by {
        SortBy::Header => "all addresses of the header".to_owned(),
        SortBy::EnvelopeField(name) => format!("the topmost field {name}"),
        SortBy::JournalReport => "Exchange journal reports".to_owned(),
    };
    let unclaimed = match it.unclaimed {
        UnclaimedMail::Left => "stays at the source",
        UnclaimedMail::CatchAll => "goes to @catchall",
    };
    vec![
        ("Sorted by", by),
        ("Received", it.received.clone()),
        ("Sent", it.sent.clone()),
        ("Nobody's", unclaimed.to_owned()),
        ("Journal", it.journal_address.clone().unwrap_or_default()),
    ]
}

fn smtp(it: &SmtpReception, login: &str) -> Vec<Line> {
    let encryption = match it.security {
        Security::Tls => "TLS from the first byte",
        Security::StartTls => "STARTTLS",
        Security::Plain => "not encrypted",
    };
    let access = match it.access {
        SmtpAccess::Network => "from these networks".to_owned(),
        SmtpAccess::Login => format!("with the login {login}"),
        SmtpAccess::NetworkAndLogin => format!("from these networks with the login {login}"),
        SmtpAccess::NetworkOrLogin => format!("from these networks, or with the login {login}"),
    };
    let recipients = match &it.recipients {
        SmtpRecipients::Known => "known addresses".to_owned(),
        SmtpRecipients::Any => "any".to_owned(),
        SmtpRecipients::Listed(list) => list.join(", "),
    };
    vec![
        ("Listens at", format!("{}, {encryption}", it.listen.join(", "))),
        ("Certificate", it.certificate.iter().map(|it| it.display().to_string()).collect()),
        ("Takes mail", access),
        ("Networks", it.networks.join(", ")),
        ("Senders", it.senders.join(", ")),
        ("Recipients", recipients),
        ("Up to", words::size(it.size_max)),
    ]
}
