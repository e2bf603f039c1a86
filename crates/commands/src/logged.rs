//! As what each command stands in the audit log. Here and nowhere else is it decided whether a
//! command is logged.
//!
//! Rules: no arm of a match here is for "all others": a new command does not compile before
//! somebody has decided what it is.

use crate::alert::AlertRequest;
use crate::anchor::{AnchorChoice, AnchorRequest};
use crate::apply::{Apply, ApplyMode};
use crate::approval::{ApprovalRequest, AsPerson};
use crate::audit::{Activity, AuditRequest, Logged, Shows, UnlockScope};
use crate::backup::BackupRequest;
use crate::export::ExportScope;
use crate::job::JobRequest;
use crate::mail::MailRequest;
use crate::preset::PresetRequest;
use crate::profile::ProfileRequest;
use crate::quarantine::QuarantineRequest;
use crate::report::ReportRequest;
use crate::request::{Request, Search, SearchOutput, View};
use crate::retention::{Delete, DeleteHow, DeleteWhich, HoldRequest, RetentionRequest};
use crate::service::ServiceRequest;
use crate::store::{CompactHow, StoreRequest};
use crate::unknown::UnknownRequest;
use crate::{Export, Import, KeyRequest, SettingsRequest};

use Activity::{
    AlertChange, AnchorChange, AnchorRun, AuditRead, BackupRestore, BackupRun,
    ComplianceChangeSettings, ConfigurationRead, ConnectionTest, HoldChange, JobChange, JobRun,
    KeyChange, MailChange, MessageArchive, MessageExport, MessageRemove, MessageRetrieveContent,
    MessageSearch, ProfileChange, QuarantineChange, ServiceChange, SettingsChange, StoreChange,
    StoreVerify, UserChange,
};

impl Request {
    /// As what it is logged; `None` only for what concerns no data directory.
    #[must_use]
    pub fn audited(&self) -> Option<Logged> {
        Some(match self {
            Request::Archive(it) => {
                let objects = [user(&it.user), format!("account:{}", it.account)];
                logged(MessageArchive, objects)
            }
            Request::Import(Import { user: name, paths, .. }) => {
                let paths = paths.iter().map(|it| format!("file:{}", it.display()));
                logged(MessageArchive, [user(name)].into_iter().chain(paths))
            }
            Request::Search(it) => search(it),
            Request::Show(it) => {
                let logged = logged(MessageRetrieveContent, [format!("message:{}", it.id)]);
                Logged { shows: Shows::Message, ..logged }
            }
            Request::Export(it) => export(it),
            Request::Verify(_) => logged(StoreVerify, []),
            Request::Rebuild(View::Catalog) => logged(StoreChange, [object("view", "catalog")]),
            Request::Rebuild(View::Index) => logged(StoreChange, [object("view", "index")]),
            Request::Store(it) => store(it),
            Request::UserAdd(name) => logged(UserChange, [user(name)]),
            Request::UserSet(it) => logged(UserChange, [user(&it.name)]),
            Request::UserShow(name) => logged(ConfigurationRead, [user(name)]),
            Request::UserList => logged(ConfigurationRead, []),
            Request::Quarantine(it) => quarantine(it),
            Request::Unknown(it) => unknown(it),
            Request::Key(it) => key(it),
            Request::Settings(it) => settings(it),
            Request::Profile(it) => profile(it),
            Request::Preset(PresetRequest::List | PresetRequest::Show(_)) => return None,
            Request::Job(it) => job(it),
            Request::Serve => logged(ServiceChange, []),
            Request::Service(it) => service(*it),
            Request::Apply(it) => apply(it),
            Request::Alert(it) => alert(it),
            Request::Mail(it) => mail(it),
            Request::Anchor(it) => anchor(it),
            Request::Report(it) => report(it),
            Request::Retention(it) => retention(it),
            Request::Hold(it) => hold(it),
            Request::Delete(it) => delete(it),
            Request::Backup(it) => backup(it),
            Request::AcceptRollback(name) => {
                logged(StoreChange, name.iter().map(|it| object("store", it)))
            }
            Request::Approval(it) => approval(it),
            Request::Audit(it) => audit(it),
            // It reads nobody's mail, and has to work when nothing else does.
            Request::Doctor(_) => return None,
            // It has a directory of its own, which is thrown away.
            Request::Demo(_) => return None,
        })
    }
}

fn logged(activity: Activity, objects: impl IntoIterator<Item = String>) -> Logged {
    Logged { activity, objects: objects.into_iter().collect(), shows: Shows::Nothing }
}

fn object(kind: &str, name: impl std::fmt::Display) -> String {
    format!("{kind}:{name}")
}

fn user(name: &types::UserName) -> String {
    object("user", name)
}

fn whose(name: Option<&types::UserName>) -> Shows {
    name.map_or(Shows::Everybody, |it| Shows::User(it.clone()))
}

fn delete(delete: &Delete) -> Logged {
    let activity = match delete.how {
        DeleteHow::Plan => MessageSearch,
        DeleteHow::Run => MessageRemove,
    };
    match &delete.which {
        DeleteWhich::Ids(ids) => logged(activity, ids.iter().map(|it| object("message", it))),
        DeleteWhich::Query(query) => logged(activity, [object("query", query)]),
    }
}

fn search(search: &Search) -> Logged {
    let objects = search.user.iter().map(user).chain([object("query", &search.query)]);
    let shows = match search.output {
        SearchOutput::Hits => whose(search.user.as_ref()),
        SearchOutput::Count => Shows::Nothing,
    };
    Logged { shows, ..logged(MessageSearch, objects) }
}

fn export(export: &Export) -> Logged {
    let scope = match &export.scope {
        ExportScope::All => object("query", ""),
        ExportScope::Query(query) => object("query", query),
        ExportScope::Folder(path) => object("folder", path),
    };
    let to = object("file", export.to.display());
    let objects = export.user.iter().map(user).chain([scope, to]);
    Logged { shows: whose(export.user.as_ref()), ..logged(MessageExport, objects) }
}

fn store(request: &StoreRequest) -> Logged {
    let of = |name: &String| object("store", name);
    match request {
        StoreRequest::Erasures { ids, .. } => {
            logged(ConfigurationRead, ids.iter().map(|it| object("message", it)))
        }
        StoreRequest::List | StoreRequest::Stats => logged(ConfigurationRead, []),
        StoreRequest::Compact { name, how: CompactHow::Plan } => {
            logged(ConfigurationRead, name.iter().map(of))
        }
        // What was condemned leaves every file.
        StoreRequest::Compact { name, how: CompactHow::Run } => {
            logged(MessageRemove, name.iter().map(of))
        }
        StoreRequest::Show(name) => logged(ConfigurationRead, [of(name)]),
        StoreRequest::Create(it) | StoreRequest::Attach(it) => logged(StoreChange, [of(&it.name)]),
        StoreRequest::Detach(name) | StoreRequest::Encrypt { name, .. } => {
            logged(StoreChange, [of(name)])
        }
        StoreRequest::Rename { name, to } => logged(StoreChange, [of(name), of(to)]),
        StoreRequest::SetState { name, state } => {
            logged(StoreChange, [of(name), object("state", state.name())])
        }
        StoreRequest::MakeCurrent { name, .. } | StoreRequest::Retry(name) => {
            logged(StoreChange, [of(name)])
        }
        StoreRequest::Merge { name, into } => logged(StoreChange, [of(name), of(into)]),
        StoreRequest::Move { name, to } => {
            logged(StoreChange, [of(name), object("file", to.display())])
        }
        StoreRequest::Verify(name) => logged(StoreVerify, [of(name)]),
        StoreRequest::Rebuild { name, view } => {
            let view = match view {
                View::Catalog => "catalog",
                View::Index => "index",
            };
            logged(StoreChange, [of(name), object("view", view)])
        }
    }
}

fn quarantine(request: &QuarantineRequest) -> Logged {
    let of = |it: &dyn std::fmt::Display| [object("quarantine", it)];
    match request {
        QuarantineRequest::List(name) => logged(ConfigurationRead, name.iter().map(user)),
        QuarantineRequest::Show(id) => logged(ConfigurationRead, of(id)),
        QuarantineRequest::Retry(id) => logged(QuarantineChange, of(id)),
        QuarantineRequest::Export(it) => {
            let to = object("file", it.to.display());
            let logged = logged(MessageExport, of(&it.id).into_iter().chain([to]));
            Logged { shows: Shows::Everybody, ..logged }
        }
        QuarantineRequest::Accept(it) => logged(QuarantineChange, of(&it.id)),
    }
}

fn unknown(request: &UnknownRequest) -> Logged {
    match request {
        UnknownRequest::List => logged(ConfigurationRead, []),
        UnknownRequest::Show(address) => logged(ConfigurationRead, [object("address", address)]),
        UnknownRequest::Assign(it) => {
            logged(UserChange, [user(&it.user), object("address", &it.address)])
        }
    }
}

fn key(request: &KeyRequest) -> Logged {
    match request {
        KeyRequest::Status | KeyRequest::Show => logged(ConfigurationRead, []),
        // A new one is made and printed, and counts nowhere yet. Shares are the key.
        KeyRequest::New | KeyRequest::Rotate | KeyRequest::Join(_) => logged(KeyChange, []),
        KeyRequest::Split { shares, needed } => {
            logged(KeyChange, [object("shares", shares), object("needed", needed)])
        }
    }
}

fn settings(request: &SettingsRequest) -> Logged {
    match request {
        SettingsRequest::List | SettingsRequest::Export | SettingsRequest::Check => {
            logged(ConfigurationRead, [])
        }
        SettingsRequest::Get(key) => logged(ConfigurationRead, [object("setting", key)]),
        SettingsRequest::Set(key, value) => {
            let activity = match key.starts_with("audit_") || key == "four_eyes" {
                true => ComplianceChangeSettings,
                false => SettingsChange,
            };
            let value = value.as_deref().unwrap_or("(default)");
            logged(activity, [object("setting", key), object("value", value)])
        }
    }
}

fn profile(request: &ProfileRequest) -> Logged {
    let of = |name: &String| object("profile", name);
    match request {
        ProfileRequest::List => logged(ConfigurationRead, []),
        ProfileRequest::Show(name) => logged(ConfigurationRead, [of(name)]),
        ProfileRequest::Test(it) => logged(ConnectionTest, [of(&it.name)]),
        ProfileRequest::Add(name, _)
        | ProfileRequest::Set(name, _)
        | ProfileRequest::Switch(name, _)
        | ProfileRequest::Remove(name) => logged(ProfileChange, [of(name)]),
        ProfileRequest::Copy { from, to, .. } | ProfileRequest::Rename { from, to } => {
            logged(ProfileChange, [of(from), of(to)])
        }
    }
}

fn job(request: &JobRequest) -> Logged {
    let of = |name: &String| object("job", name);
    match request {
        JobRequest::List | JobRequest::Runs(_) => logged(ConfigurationRead, []),
        JobRequest::Show(name) => logged(ConfigurationRead, [of(name)]),
        JobRequest::ShowRun(id) => logged(ConfigurationRead, [object("run", id)]),
        JobRequest::Test(name) | JobRequest::EffectiveFolders(name) => {
            logged(ConnectionTest, [of(name)])
        }
        JobRequest::Run(name) => logged(JobRun, [of(name)]),
        JobRequest::Add(name, _)
        | JobRequest::Set(name, _)
        | JobRequest::Switch(name, _)
        | JobRequest::Remove(name) => logged(JobChange, [of(name)]),
        JobRequest::Copy { from, to, .. } | JobRequest::Rename { from, to } => {
            logged(JobChange, [of(from), of(to)])
        }
    }
}

fn service(request: ServiceRequest) -> Logged {
    match request {
        ServiceRequest::Status => logged(ConfigurationRead, []),
        ServiceRequest::Pause(group)
        | ServiceRequest::Resume(group)
        | ServiceRequest::Restart(group) => {
            logged(ServiceChange, group.iter().map(|it| object("workers", it.name())))
        }
    }
}

fn apply(request: &Apply) -> Logged {
    let of = [object("file", request.file.display())];
    match request.mode {
        ApplyMode::Plan => logged(ConfigurationRead, of),
        // It may set what is logged.
        ApplyMode::Apply => logged(ComplianceChangeSettings, of),
    }
}

fn alert(request: &AlertRequest) -> Logged {
    match request {
        AlertRequest::List(_) => logged(ConfigurationRead, []),
        AlertRequest::Show(id) => logged(ConfigurationRead, [object("alert", id)]),
        AlertRequest::Acknowledge(id) => logged(AlertChange, [object("alert", id)]),
    }
}

fn anchor(request: &AnchorRequest) -> Logged {
    let of = |name: &String| [object("anchor", name)];
    match request {
        AnchorRequest::List => logged(ConfigurationRead, []),
        AnchorRequest::Add(it) => {
            let to = object(it.target.kind(), it.target.place());
            logged(AnchorChange, of(&it.name).into_iter().chain([to]))
        }
        AnchorRequest::Remove(name) => logged(AnchorChange, of(name)),
        AnchorRequest::Now(AnchorChoice::Named(name)) => logged(AnchorRun, of(name)),
        AnchorRequest::Now(AnchorChoice::All | AnchorChoice::Due) => logged(AnchorRun, []),
        AnchorRequest::Verify(it) => {
            logged(StoreVerify, it.files.iter().map(|it| object("file", it.display())))
        }
    }
}

fn mail(request: &MailRequest) -> Logged {
    match request {
        MailRequest::Show => logged(ConfigurationRead, []),
        MailRequest::Set(_) | MailRequest::Remove | MailRequest::Test(..) => logged(MailChange, []),
    }
}

fn report(request: &ReportRequest) -> Logged {
    match request {
        ReportRequest::Run { id, .. } => logged(ConfigurationRead, [object("run", id)]),
        ReportRequest::Daily { .. } => logged(ConfigurationRead, []),
    }
}

fn retention(request: &RetentionRequest) -> Logged {
    let of = |name: &String| [object("policy", name)];
    match request {
        RetentionRequest::List | RetentionRequest::Plan(_) => logged(ConfigurationRead, []),
        RetentionRequest::Show(name) => logged(ConfigurationRead, of(name)),
        RetentionRequest::Explain(id) => logged(ConfigurationRead, [object("message", id)]),
        RetentionRequest::Add(it) => logged(ComplianceChangeSettings, of(&it.name)),
        RetentionRequest::Set(it) => logged(ComplianceChangeSettings, of(&it.name)),
        RetentionRequest::Move(name, _)
        | RetentionRequest::Switch(name, _)
        | RetentionRequest::Remove(name) => logged(ComplianceChangeSettings, of(name)),
        RetentionRequest::Run(_) => logged(MessageRemove, []),
        RetentionRequest::ConfirmClock => logged(ComplianceChangeSettings, []),
    }
}

fn hold(request: &HoldRequest) -> Logged {
    let of = |name: &String| [object("hold", name)];
    match request {
        HoldRequest::List(_) => logged(ConfigurationRead, []),
        HoldRequest::Show(name) => logged(ConfigurationRead, of(name)),
        HoldRequest::Set(it) => logged(HoldChange, of(&it.name)),
        HoldRequest::Lift(it) => logged(HoldChange, of(&it.name)),
    }
}

fn backup(request: &BackupRequest) -> Logged {
    let of = |dir: &std::path::Path| [object("backups", dir.display())];
    match request {
        BackupRequest::Create(it) => logged(BackupRun, of(&it.dir)),
        BackupRequest::List(dir) | BackupRequest::Verify(dir, _) => {
            logged(ConfigurationRead, of(dir))
        }
        BackupRequest::Purge(dir, _) => logged(MessageRemove, of(dir)),
        BackupRequest::Restore(it) => {
            let to = object("file", it.to.display());
            logged(BackupRestore, of(&it.from).into_iter().chain([to]))
        }
    }
}

fn approval(request: &ApprovalRequest) -> Logged {
    let of = |id: &u64| [object("approval", id)];
    match request {
        ApprovalRequest::List(_) | ApprovalRequest::Persons => logged(ConfigurationRead, []),
        ApprovalRequest::Show(id) => logged(ConfigurationRead, of(id)),
        ApprovalRequest::Approve(id, by) => logged(MessageRemove, with(of(id), by)),
        ApprovalRequest::Reject(id, by) => logged(ComplianceChangeSettings, with(of(id), by)),
        ApprovalRequest::AddPerson(it, _) => {
            logged(ComplianceChangeSettings, [object("person", &it.name)])
        }
        ApprovalRequest::RemovePerson(name, _) => {
            logged(ComplianceChangeSettings, [object("person", name)])
        }
        ApprovalRequest::TurnOff(by) => logged(ComplianceChangeSettings, with([], by)),
    }
}

/// Objects, and who said that he asks.
fn with<const N: usize>(objects: [String; N], by: &AsPerson) -> impl Iterator<Item = String> {
    objects.into_iter().chain([object("person", &by.name)])
}

fn audit(request: &AuditRequest) -> Logged {
    let scope = |it: &UnlockScope| match it {
        UnlockScope::User(name) => user(name),
        UnlockScope::Everybody => object("user", "*"),
    };
    match request {
        AuditRequest::List(_) | AuditRequest::Unlocks => logged(AuditRead, []),
        AuditRequest::Export(it) => {
            logged(Activity::AuditExport, [object("file", it.to.display())])
        }
        AuditRequest::Show(number) => logged(AuditRead, [object("entry", number)]),
        AuditRequest::Activities => logged(ConfigurationRead, []),
        AuditRequest::Switch(activity, _) => {
            logged(ComplianceChangeSettings, [object("activity", activity.name())])
        }
        AuditRequest::Unlock(it) => logged(Activity::ArchiveUnlock, [scope(&it.scope)]),
        AuditRequest::Lock(it) => logged(Activity::ArchiveLock, [scope(it)]),
        AuditRequest::AcceptLoss(_) => logged(ComplianceChangeSettings, []),
    }
}
