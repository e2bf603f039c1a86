//! What a job archives from, for programs.

use commands::{FileMapping, JobSource, SmtpRecipients, SortBy, SortingRules, UnclaimedMail};
use serde::Serialize;
use types::UserName;

/// Fields that several kinds have are beside those of the job; the others by themselves. Those
/// that a kind does not have are null.
#[derive(Serialize, Default)]
pub(super) struct SourceObject<'a> {
    user: Option<&'a str>,
    root: Option<&'a str>,
    profile: Option<&'a str>,
    login: Option<&'a str>,
    authzid: Option<&'a str>,
    master: Option<MasterObject<'a>>,
    batch: Option<BatchObject<'a>>,
    sorting: Option<SortingObject<'a>>,
    smtp: Option<SmtpObject<'a>>,
    files: Option<FilesObject>,
}

#[derive(Serialize)]
struct MasterObject<'a> {
    form: &'a str,
    identity: &'a str,
    users: &'a str,
}

#[derive(Serialize)]
struct BatchObject<'a> {
    file: String,
    code_page: Option<&'a str>,
}

#[derive(Serialize)]
struct SortingObject<'a> {
    by: &'static str,
    envelope_field: Option<&'a str>,
    received: &'a str,
    sent: &'a str,
    unclaimed: &'static str,
    journal_address: Option<&'a str>,
}

#[derive(Serialize)]
struct SmtpObject<'a> {
    listen: &'a [String],
    security: &'static str,
    certificate: Option<String>,
    key: Option<String>,
    networks: &'a [String],
    access: &'static str,
    senders: &'a [String],
    recipients: &'static str,
    recipient_list: &'a [String],
    size_max: u64,
}

#[derive(Serialize)]
struct FilesObject {
    paths: Vec<String>,
    mbox: &'static str,
    by_first_level: bool,
}

fn sorting(it: &SortingRules) -> SortingObject<'_> {
    SortingObject {
        by: match it.by {
            SortBy::Header => "header",
            SortBy::EnvelopeField(_) => "envelope",
            SortBy::JournalReport => "journal",
        },
        envelope_field: match &it.by {
            SortBy::EnvelopeField(name) => Some(name),
            _ => None,
        },
        received: &it.received,
        sent: &it.sent,
        unclaimed: UnclaimedMail::name(it.unclaimed),
        journal_address: it.journal_address.as_deref(),
    }
}

impl<'a> From<&'a JobSource> for SourceObject<'a> {
    fn from(source: &'a JobSource) -> SourceObject<'a> {
        let common = SourceObject {
            user: source.target().map(UserName::as_str),
            profile: source.profile(),
            login: source.login(),
            sorting: source.sorting().map(sorting),
            ..SourceObject::default()
        };
        match source {
            JobSource::Single(it) => {
                SourceObject { root: it.root.as_deref(), authzid: it.authzid.as_deref(), ..common }
            }
            JobSource::Master(it) => {
                let master =
                    MasterObject { form: &it.form, identity: &it.identity, users: &it.users };
                SourceObject { master: Some(master), ..common }
            }
            JobSource::Batch(it) => {
                let file = it.file.display().to_string();
                let batch = BatchObject { file, code_page: it.code_page.as_deref() };
                SourceObject { batch: Some(batch), ..common }
            }
            JobSource::Sorting(it) => SourceObject { authzid: it.authzid.as_deref(), ..common },
            JobSource::Smtp(it) => {
                let path = |it: &std::path::PathBuf| it.display().to_string();
                let (recipients, list): (_, &[String]) = match &it.recipients {
                    SmtpRecipients::Known => ("known", &[]),
                    SmtpRecipients::Any => ("any", &[]),
                    SmtpRecipients::Listed(list) => ("listed", list),
                };
                let smtp = SmtpObject {
                    listen: &it.listen,
                    security: it.security.name(),
                    certificate: it.certificate.as_ref().map(path),
                    key: it.key.as_ref().map(path),
                    networks: &it.networks,
                    access: it.access.name(),
                    senders: &it.senders,
                    recipients,
                    recipient_list: list,
                    size_max: it.size_max,
                };
                SourceObject { smtp: Some(smtp), ..common }
            }
            JobSource::Files(it) => {
                let files = FilesObject {
                    paths: it.paths.iter().map(|it| it.display().to_string()).collect(),
                    mbox: it.mbox.name(),
                    by_first_level: it.mapping == FileMapping::FirstLevel,
                };
                SourceObject { root: it.root.as_deref(), files: Some(files), ..common }
            }
        }
    }
}
