//! Answers for programs. The fields are documented in `docs/reference/json.md`; other programs
//! rely on them, so they are only ever added to.

mod admin;
mod anchors;
mod approvals;
mod audit;
mod backups;
mod doctor;
mod jobs;
mod presets;
mod quarantine;
mod reports;
mod retention;
mod service;
mod stores;
mod unknown;

use std::io::{self, Write};

use commands::{
    Answer, DailyReport, DemoAnswer, ExcludedCounts, ExportAnswer, ExportFormat, Failure, Hit,
    ImportCounts, Rank, RebuildAnswer, RemovalAnswer, RunAnswer, RunReport, SearchAnswer,
    ShowAnswer, StayedCount, Switch, UserListed, VerifyAnswer, View,
};
use serde::Serialize;
use types::Address;

use crate::run::SearchTimes;

/// One object per line and hit.
pub(crate) fn hits(hits: &[Hit], out: &mut dyn Write) -> io::Result<()> {
    hits.iter().try_for_each(|hit| object(&HitObject::from(hit), out))
}

/// One object.
pub(crate) fn answer(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    match answer {
        Answer::Archive(run) => object(&RunObject::new(run, None), out),
        Answer::Many(run) => object(&jobs::ManyObject::from(&**run), out),
        Answer::Import(run, read) => object(&RunObject::new(run, Some(*read)), out),
        // The hits are the answer; a line that is no hit would have to be told from them.
        Answer::Search(_) | Answer::Raw => Ok(()),
        Answer::Count(count) => object(&CountObject::from(count), out),
        Answer::Show(show) => object(&ShowObject::from(&**show), out),
        Answer::Export(export) => object(&ExportObject::from(export), out),
        Answer::Verify(verify) => object(&VerifyObject::from(verify), out),
        Answer::Rebuild(rebuild) => object(&RebuildObject::from(rebuild), out),
        Answer::Admin(it) => admin::answer(it, out),
        Answer::UserAdd(name) => object(&AddedObject { user: name.as_str() }, out),
        Answer::UserList(users) => {
            users.iter().try_for_each(|user| object(&UserObject::from(user), out))
        }
        Answer::Demo(demo) => object(&DemoObject::from(&**demo), out),
    }
}

/// `{"error": {"kind", "message", "hint"}}`
pub(crate) fn failure(failure: &Failure, out: &mut dyn Write) -> io::Result<()> {
    object(&FailureObject { error: ErrorObject::from(failure) }, out)
}

/// `{"first_us", "again_us", "read_us"}`: microseconds, query by query and message by message.
pub(crate) fn search_times(times: &SearchTimes, out: &mut dyn Write) -> io::Result<()> {
    let SearchTimes { first_us, again_us, read_us } = times;
    object(&SearchTimesObject { first_us, again_us, read_us }, out)
}

/// The report of a run.
pub(crate) fn run_report(report: &RunReport, out: &mut dyn Write) -> io::Result<()> {
    object(&reports::RunReportObject::from(report), out)
}

/// The daily report.
pub(crate) fn daily_report(
    report: &DailyReport,
    sent_to: &[String],
    out: &mut dyn Write,
) -> io::Result<()> {
    object(&reports::DailyObject::new(report, sent_to), out)
}

fn object(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct FailureObject<'a> {
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
}

impl<'a> From<&'a Failure> for ErrorObject<'a> {
    fn from(Failure { kind, message, hint }: &'a Failure) -> ErrorObject<'a> {
        ErrorObject { kind: kind.name(), message, hint: hint.as_deref() }
    }
}

#[derive(Serialize)]
struct SearchTimesObject<'a> {
    first_us: &'a [f64],
    again_us: &'a [f64],
    read_us: &'a [f64],
}

#[derive(Serialize)]
struct HitObject<'a> {
    id: String,
    date: String,
    from: &'a str,
    to: &'a str,
    subject: &'a str,
    user: &'a str,
    folders: &'a [String],
    score: f32,
}

impl<'a> From<&'a Hit> for HitObject<'a> {
    fn from(hit: &'a Hit) -> HitObject<'a> {
        HitObject {
            id: hit.id.to_string(),
            date: hit.date.to_string(),
            from: &hit.from,
            to: &hit.to,
            subject: &hit.subject,
            user: &hit.user,
            folders: &hit.folders,
            score: hit.score,
        }
    }
}

#[derive(Serialize)]
struct RunObject<'a> {
    outcome: &'static str,
    cancelled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    archived: u64,
    already: u64,
    excluded: u64,
    excluded_by: ExcludedObject,
    quarantined: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<u64>,
    index_complete: bool,
    warnings: &'a [String],
    insecure: Vec<admin::InsecureObject<'a>>,
    mailboxes: Vec<MailboxObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removal: Option<RemovalObject<'a>>,
}

impl<'a> RunObject<'a> {
    fn new(run: &'a RunAnswer, read: Option<ImportCounts>) -> RunObject<'a> {
        RunObject {
            outcome: run.outcome.name(),
            cancelled: run.cancelled,
            read: read.map(|it| it.read),
            archived: run.archived,
            already: run.already,
            excluded: run.excluded.total(),
            excluded_by: ExcludedObject::from(run.excluded),
            quarantined: run.quarantined,
            skipped: read.map(|it| it.skipped),
            index_complete: run.searchable,
            warnings: &run.warnings,
            insecure: run.insecure.iter().map(admin::InsecureObject::from).collect(),
            mailboxes: run.mailboxes.iter().map(MailboxObject::from).collect(),
            removal: run.removal.as_ref().map(RemovalObject::from),
        }
    }
}

#[derive(Serialize)]
struct RemovalObject<'a> {
    rule: &'a str,
    left: u64,
    moved_to: Option<&'a str>,
    stayed: Vec<StayedObject<'a>>,
    unconfirmed: u64,
    failure: Option<&'a str>,
}

#[derive(Serialize)]
struct StayedObject<'a> {
    reason: &'a str,
    count: u64,
}

impl<'a> From<&'a RemovalAnswer> for RemovalObject<'a> {
    fn from(it: &'a RemovalAnswer) -> RemovalObject<'a> {
        let stayed = |it: &'a StayedCount| StayedObject { reason: &it.reason, count: it.count };
        RemovalObject {
            rule: &it.rule,
            left: it.left,
            moved_to: it.moved_to.as_deref(),
            stayed: it.stayed.iter().map(stayed).collect(),
            unconfirmed: it.unconfirmed,
            failure: it.failure.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct ExcludedObject {
    default_folders: u64,
    folder_list: u64,
    filter: u64,
    unknown_address: u64,
}

impl From<ExcludedCounts> for ExcludedObject {
    fn from(it: ExcludedCounts) -> ExcludedObject {
        let ExcludedCounts { default_folders, folder_list, filter, unknown_address } = it;
        ExcludedObject { default_folders, folder_list, filter, unknown_address }
    }
}

#[derive(Serialize)]
struct MailboxObject<'a> {
    mailbox: &'a str,
    server_count: u64,
    archived: u64,
    already: u64,
    excluded: u64,
    excluded_reason: Option<&'a str>,
    quarantined: u64,
    complete: bool,
    failure: Option<&'a str>,
}

impl<'a> From<&'a commands::MailboxCounts> for MailboxObject<'a> {
    fn from(it: &'a commands::MailboxCounts) -> MailboxObject<'a> {
        MailboxObject {
            mailbox: &it.mailbox,
            server_count: it.server_count,
            archived: it.archived,
            already: it.already,
            excluded: it.excluded,
            excluded_reason: it.excluded_reason.as_deref(),
            quarantined: it.quarantined,
            complete: it.complete,
            failure: it.failure.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct CountObject<'a> {
    count: u64,
    index_complete: bool,
    stores: stores::ReadObject<'a>,
}

impl<'a> From<&'a SearchAnswer> for CountObject<'a> {
    fn from(it: &'a SearchAnswer) -> CountObject<'a> {
        let index_complete = it.index.is_complete();
        CountObject { count: it.count, index_complete, stores: (&it.stores).into() }
    }
}

#[derive(Serialize)]
struct ShowObject<'a> {
    id: String,
    size: u64,
    date: Option<String>,
    from: Vec<AddressObject<'a>>,
    to: Vec<AddressObject<'a>>,
    cc: Vec<AddressObject<'a>>,
    bcc: Vec<AddressObject<'a>>,
    subject: &'a str,
    message_id: &'a str,
    folders: Vec<FolderObject<'a>>,
    text: &'a str,
    parts: Vec<PartObject<'a>>,
    defects: &'a [String],
    stores: stores::ReadObject<'a>,
}

#[derive(Serialize)]
struct AddressObject<'a> {
    name: &'a str,
    address: &'a str,
}

#[derive(Serialize)]
struct FolderObject<'a> {
    user: &'a str,
    folder: &'a str,
}

#[derive(Serialize)]
struct PartObject<'a> {
    name: &'a str,
    media_type: &'a str,
    size: u64,
}

impl<'a> From<&'a ShowAnswer> for ShowObject<'a> {
    fn from(it: &'a ShowAnswer) -> ShowObject<'a> {
        let addresses = |list: &'a [Address]| {
            list.iter().map(|it| AddressObject { name: &it.name, address: &it.addr }).collect()
        };
        let folder = |(user, folder): &'a (String, String)| FolderObject { user, folder };
        let part = |it: &'a commands::PartShown| PartObject {
            name: &it.name,
            media_type: &it.media_type,
            size: it.size,
        };
        ShowObject {
            id: it.id.to_string(),
            size: it.size,
            date: it.date.map(|it| it.to_string()),
            from: addresses(&it.from),
            to: addresses(&it.to),
            cc: addresses(&it.cc),
            bcc: addresses(&it.bcc),
            subject: &it.subject,
            message_id: &it.message_id_header,
            folders: it.folders.iter().map(folder).collect(),
            text: &it.text,
            parts: it.parts.iter().map(part).collect(),
            defects: &it.defects,
            stores: (&it.stores).into(),
        }
    }
}

#[derive(Serialize)]
struct ExportObject<'a> {
    to: String,
    format: &'static str,
    exported: u64,
    already: u64,
    bytes: u64,
    missing: Vec<String>,
    damaged: Vec<DamagedObject<'a>>,
    conflicts: Vec<String>,
    index_complete: bool,
    stores: stores::ReadObject<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<ProofObject>,
    cancelled: bool,
}

#[derive(Serialize)]
struct ProofObject {
    proven: u64,
    unsigned: u64,
}

#[derive(Serialize)]
struct DamagedObject<'a> {
    id: String,
    message: &'a str,
}

impl<'a> From<&'a ExportAnswer> for ExportObject<'a> {
    fn from(it: &'a ExportAnswer) -> ExportObject<'a> {
        let damaged = |it: &'a commands::DamagedMessage| DamagedObject {
            id: it.id.to_string(),
            message: &it.message,
        };
        ExportObject {
            to: it.to.to_string_lossy().into_owned(),
            format: match it.format {
                ExportFormat::Eml => "eml",
                ExportFormat::Mbox => "mbox",
                ExportFormat::Maildir => "maildir",
            },
            exported: it.exported,
            already: it.already,
            bytes: it.bytes,
            missing: it.missing.iter().map(ToString::to_string).collect(),
            damaged: it.damaged.iter().map(damaged).collect(),
            conflicts: it.conflicts.iter().map(|it| it.to_string_lossy().into_owned()).collect(),
            index_complete: it.index.is_complete(),
            stores: (&it.stores).into(),
            proof: it.proof.map(|it| ProofObject { proven: it.proven, unsigned: it.unsigned }),
            cancelled: it.cancelled,
        }
    }
}

#[derive(Serialize)]
struct VerifyObject<'a> {
    messages: u64,
    blobs: u64,
    entries: u64,
    bytes: u64,
    checkpoints: u64,
    unsigned: u64,
    defects: Vec<DefectObject<'a>>,
    cancelled: bool,
}

#[derive(Serialize)]
struct DefectObject<'a> {
    store: &'a str,
    part: &'a str,
    place: &'a str,
    message: &'a str,
}

impl<'a> From<&'a VerifyAnswer> for VerifyObject<'a> {
    fn from(it: &'a VerifyAnswer) -> VerifyObject<'a> {
        let defect = |it: &'a commands::DefectFound| DefectObject {
            store: &it.store,
            part: it.part,
            place: &it.place,
            message: &it.message,
        };
        VerifyObject {
            messages: it.messages,
            blobs: it.blobs,
            entries: it.entries,
            bytes: it.bytes,
            checkpoints: it.checkpoints,
            unsigned: it.unsigned,
            defects: it.defects.iter().map(defect).collect(),
            cancelled: it.cancelled,
        }
    }
}

#[derive(Serialize)]
struct RebuildObject<'a> {
    view: &'static str,
    entries: u64,
    messages: u64,
    unreadable: u64,
    warnings: &'a [String],
}

impl<'a> From<&'a RebuildAnswer> for RebuildObject<'a> {
    fn from(it: &'a RebuildAnswer) -> RebuildObject<'a> {
        let view = match it.view {
            View::Catalog => "catalog",
            View::Index => "index",
        };
        RebuildObject {
            view,
            entries: it.entries,
            messages: it.messages,
            unreadable: it.unreadable,
            warnings: &it.warnings,
        }
    }
}

#[derive(Serialize)]
struct AddedObject<'a> {
    user: &'a str,
}

#[derive(Serialize)]
struct UserObject<'a> {
    user: &'a str,
    active: bool,
    administrator: bool,
    login_by: &'static str,
    messages: u64,
    created: String,
}

impl<'a> From<&'a UserListed> for UserObject<'a> {
    fn from(it: &'a UserListed) -> UserObject<'a> {
        UserObject {
            user: it.name.as_str(),
            active: it.switch == Switch::Enabled,
            administrator: it.rank == Rank::Administrator,
            login_by: it.login_by.name(),
            messages: it.messages,
            created: it.created.to_string(),
        }
    }
}

#[derive(Serialize)]
struct DemoObject<'a> {
    data: String,
    kept: bool,
    imports: Vec<DemoImportObject<'a>>,
    searches: Vec<DemoSearchObject<'a>>,
    export: ExportObject<'a>,
    verify: VerifyObject<'a>,
}

#[derive(Serialize)]
struct DemoImportObject<'a> {
    user: &'a str,
    #[serde(flatten)]
    import: RunObject<'a>,
}

#[derive(Serialize)]
struct DemoSearchObject<'a> {
    query: &'a str,
    hits: Vec<HitObject<'a>>,
}

impl<'a> From<&'a DemoAnswer> for DemoObject<'a> {
    fn from(it: &'a DemoAnswer) -> DemoObject<'a> {
        let import = |it: &'a commands::DemoImport| DemoImportObject {
            user: it.user.as_str(),
            import: RunObject::new(&it.run, Some(it.read)),
        };
        let search = |it: &'a commands::DemoSearch| DemoSearchObject {
            query: &it.query,
            hits: it.hits.iter().map(HitObject::from).collect(),
        };
        DemoObject {
            data: it.data.to_string_lossy().into_owned(),
            kept: it.kept,
            imports: it.imports.iter().map(import).collect(),
            searches: it.searches.iter().map(search).collect(),
            export: ExportObject::from(&it.exported),
            verify: VerifyObject::from(&it.verify),
        }
    }
}

#[cfg(test)]
mod tests;
