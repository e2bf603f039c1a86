//! A job as keys and values, and back. The keys are called like the options of `job add`.

use std::path::{Path, PathBuf};

use commands::{
    BatchAccounts, Failure, FileMapping, FileTrees, FolderChoice, FolderScope, Job, JobChange,
    JobKind, JobSource, MasterLogin, MboxForm, Security, SharedFolders, SharedMailbox,
    SingleMailbox, SmtpAccess, SmtpReception, SmtpRecipients, SortBy, SortingRules, SourceChange,
    Switch, UnclaimedMail,
};
use types::UserName;

use super::fields::Fields;
use super::object::Object;
use super::present::Kept;
use super::wanted::{Password, WantedJob, password, switch};

/// What stands before the name of a field in `sort_by`.
const FIELD: &str = "envelope:";

/// A job as fields.
pub(super) fn fields(job: &Job, kept: Kept) -> Fields {
    let mut fields = Fields::default();
    fields.text("name", &job.name);
    fields.text("kind", job.source.kind().name());
    fields.text_unless_empty("description", &job.description);
    if job.switch == Switch::Disabled {
        fields.switch("enabled", false);
    }
    fields.text("owner", job.owner.as_str());
    fields.text_if("preset", job.preset.as_deref());
    source(&mut fields, &job.source, kept);
    if job.folders.scope == FolderScope::All {
        fields.switch("all_folders", true);
    }
    if job.folders.shared == SharedFolders::LeftOut {
        fields.switch("shared_folders", false);
    }
    fields.list("include", &job.folders.include);
    fields.list("exclude", &job.folders.exclude);
    fields.text_if("filter", job.filter.as_deref());
    fields.text_if("removal", job.removal.as_deref());
    fields.text_if("schedule", job.schedule.as_deref());
    fields.whole("connections", job.connections.into());
    fields.whole("accounts", job.accounts.into());
    fields
}

fn source(fields: &mut Fields, source: &JobSource, kept: Kept) {
    fields.text_if("profile", source.profile());
    fields.text_if("user", source.target().map(UserName::as_str));
    fields.text_if("login", source.login());
    if kept == Kept::Yes {
        fields.text("password", "kept");
    }
    match source {
        JobSource::Single(SingleMailbox { root, authzid, .. }) => {
            fields.text_if("root", root.as_deref());
            fields.text_if("authzid", authzid.as_deref());
        }
        JobSource::Master(MasterLogin { form, identity, users, .. }) => {
            fields.text("form", form);
            fields.text("identity", identity);
            fields.text("users", users);
        }
        JobSource::Batch(BatchAccounts { file, code_page, .. }) => {
            fields.text("file", file.to_string_lossy());
            fields.text_if("code_page", code_page.as_deref());
        }
        JobSource::Sorting(SharedMailbox { authzid, sorting, .. }) => {
            fields.text_if("authzid", authzid.as_deref());
            sorting_rules(fields, sorting);
        }
        JobSource::Smtp(it) => reception(fields, it),
        JobSource::Files(FileTrees { paths, mbox, mapping, root }) => {
            fields.list("paths", &texts(paths));
            if *mbox != MboxForm::Auto {
                fields.text("mbox", mbox.name());
            }
            if *mapping == FileMapping::FirstLevel {
                fields.switch("by_first_level", true);
            }
            fields.text_if("root", root.as_deref());
        }
    }
}

fn texts(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|it| it.to_string_lossy().into_owned()).collect()
}

fn sorting_rules(fields: &mut Fields, rules: &SortingRules) {
    match &rules.by {
        SortBy::Header => fields.text("sort_by", "header"),
        SortBy::JournalReport => fields.text("sort_by", "journal"),
        SortBy::EnvelopeField(name) => fields.text("sort_by", format!("{FIELD}{name}")),
    }
    fields.text("received", &rules.received);
    fields.text("sent", &rules.sent);
    fields.text("unclaimed", rules.unclaimed.name());
    fields.text_if("journal_address", rules.journal_address.as_deref());
}

fn reception(fields: &mut Fields, it: &SmtpReception) {
    fields.list("listen", &it.listen);
    fields.text("security", it.security.name());
    let path = |it: &Option<PathBuf>| it.as_ref().map(|it| it.to_string_lossy().into_owned());
    fields.text_if("certificate", path(&it.certificate).as_deref());
    fields.text_if("key", path(&it.key).as_deref());
    fields.list("networks", &it.networks);
    fields.text("access", it.access.name());
    fields.list("senders", &it.senders);
    match &it.recipients {
        SmtpRecipients::Known => fields.text("recipients", "known"),
        SmtpRecipients::Any => fields.text("recipients", "any"),
        SmtpRecipients::Listed(list) => fields.list("recipients", list),
    }
    fields.whole("size_max", it.size_max);
    sorting_rules(fields, &it.sorting);
}

/// The job that an object of the file says.
pub(super) fn read(mut object: Object, dir: &Path) -> Result<WantedJob, Failure> {
    let job_switch = switch(&mut object, "enabled")?;
    let kinds = JobKind::ALL.map(JobKind::name).join(", ");
    let all_folders = object.switch("all_folders")?.unwrap_or_default();
    let change = JobChange {
        kind: object.word("kind", &format!("one of {kinds}"), JobKind::from_name)?,
        description: object.text("description")?,
        owner: user(&mut object, "owner")?,
        preset: object.text("preset")?.map(Some),
        folders: Some(FolderChoice {
            scope: if all_folders { FolderScope::All } else { FolderScope::WithoutDiscarded },
            shared: match object.switch("shared_folders")? {
                Some(false) => SharedFolders::LeftOut,
                None | Some(true) => SharedFolders::Archived,
            },
            include: object.list("include")?.unwrap_or_default(),
            exclude: object.list("exclude")?.unwrap_or_default(),
        }),
        filter: object.text("filter")?.map(Some),
        removal: object.text("removal")?.map(Some),
        schedule: object.text("schedule")?.map(Some),
        connections: object.whole("connections")?,
        accounts: object.whole("accounts")?,
        secret: None,
        source: source_change(&mut object, dir)?,
    };
    let password: Option<Password> = password(&mut object, "password", dir)?;
    let job = change.begin(object.name()).map_err(|it| object.about(it))?;
    object.end()?;
    Ok(WantedJob { job: Job { switch: job_switch, ..job }, password })
}

fn source_change(object: &mut Object, dir: &Path) -> Result<SourceChange, Failure> {
    let path = |it: Option<String>| it.map(|it| dir.join(it));
    Ok(SourceChange {
        profile: object.text("profile")?,
        target: user(object, "user")?,
        root: object.text("root")?.map(Some),
        login: object.text("login")?.map(Some),
        authzid: object.text("authzid")?.map(Some),
        form: object.text("form")?,
        identity: object.text("identity")?,
        users: object.text("users")?,
        file: path(object.text("file")?),
        code_page: object.text("code_page")?.map(Some),
        sort_by: object.word("sort_by", "header, journal or envelope:NAME", sort_by)?,
        received: object.text("received")?,
        sent: object.text("sent")?,
        unclaimed: object.word("unclaimed", "leave or catchall", UnclaimedMail::from_name)?,
        journal_address: object.text("journal_address")?.map(Some),
        listen: object.list("listen")?,
        security: object.word("security", "tls, starttls or plain", Security::from_name)?,
        certificate: path(object.text("certificate")?).map(Some),
        key: path(object.text("key")?).map(Some),
        networks: object.list("networks")?,
        access: object.word("access", "a kind of access", SmtpAccess::from_name)?,
        senders: object.list("senders")?,
        recipients: recipients(object)?,
        size_max: object.whole("size_max")?,
        paths: object.list("paths")?.map(|it| it.iter().map(|it| dir.join(it)).collect()),
        mbox: object.word("mbox", "a form of mbox files", MboxForm::from_name)?,
        by_first_level: object.switch("by_first_level")?.filter(|it| *it).map(drop),
    })
}

fn sort_by(text: &str) -> Option<SortBy> {
    match text {
        "header" => Some(SortBy::Header),
        "journal" => Some(SortBy::JournalReport),
        other => {
            let name = other.strip_prefix(FIELD)?.trim();
            (!name.is_empty()).then(|| SortBy::EnvelopeField(name.to_owned()))
        }
    }
}

/// `"known"`, `"any"`, or a list of addresses.
fn recipients(object: &mut Object) -> Result<Option<SmtpRecipients>, Failure> {
    if object.is_text("recipients") {
        let what = "known, any or a list of addresses";
        return object.word("recipients", what, |it| match it {
            "known" => Some(SmtpRecipients::Known),
            "any" => Some(SmtpRecipients::Any),
            _ => None,
        });
    }
    Ok(object.list("recipients")?.map(SmtpRecipients::Listed))
}

fn user(object: &mut Object, key: &str) -> Result<Option<UserName>, Failure> {
    match object.text(key)? {
        None => Ok(None),
        Some(text) => UserName::new(&text).map(Some).map_err(|it| object.wrong(key, it)),
    }
}
