//! `preset ...`, and what a preset does to a job that follows it.
//!
//! Rule: a job keeps its own copy of what a preset says; only the hints stay the preset's.

use commands::{
    AdminAnswer, Answer, Failure, FailureKind, FolderScope, Job, JobChange, JobKind, JobSource,
    PresetRequest, PresetShown, SharedFolders,
};
use rules::DefaultFolder;
use rules::presets::{Access, HintPlace, Host, PRESETS, Preset, Special};
use rules::removal::When;

use super::job_check;

/// Carries out a request about presets.
pub(super) fn run(request: &PresetRequest) -> Result<Answer, Failure> {
    let answer = match request {
        PresetRequest::List => AdminAnswer::Presets(PRESETS.into_iter().map(shown).collect()),
        PresetRequest::Show(name) => {
            AdminAnswer::Preset(Box::new(shown(job_check::preset_named(name)?)))
        }
    };
    Ok(Answer::Admin(Box::new(answer)))
}

fn shown(it: &'static Preset) -> PresetShown {
    let (host, host_is_fixed) = match it.host {
        Host::Fixed(host) => (host, true),
        Host::Like(host) => (host, false),
    };
    let access = match &it.access {
        Access::Master(form, identity) => Some((form.to_string(), identity.to_string())),
        Access::OwnPasswords => None,
    };
    let (form, identity) = access.unzip();
    PresetShown {
        name: it.name.to_owned(),
        title: it.title.to_owned(),
        host: host.to_owned(),
        host_is_fixed,
        endpoints: it.endpoints.iter().map(ToString::to_string).collect(),
        form,
        identity,
        folders: it.folders.iter().map(|(name, of)| ((*name).to_owned(), special(*of))).collect(),
        excluded: it.excluded.iter().map(|it| (*it).to_owned()).collect(),
        hints: it.hints.iter().map(|it| (place(it.at), it.text.to_owned())).collect(),
        source: it.source.to_owned(),
        guide: it.guide(),
    }
}

fn special(it: Special) -> &'static str {
    match it {
        Special::Sent => "sent",
        Special::Default(DefaultFolder::Trash) => "trash",
        Special::Default(DefaultFolder::Junk) => "junk",
        Special::Default(DefaultFolder::Drafts) => "drafts",
        Special::Default(DefaultFolder::Outbox) => "outbox",
        Special::Public => "public",
        Special::Shared => "shared",
    }
}

fn place(it: HintPlace) -> &'static str {
    match it {
        HintPlace::Setup => "setup",
        HintPlace::Master => "master",
        HintPlace::Journal => "journal",
        HintPlace::Removal => "removal",
        HintPlace::Public => "public",
    }
}

/// A new job with what its preset says, where the change says nothing itself.
pub(super) fn fill_in(mut change: JobChange) -> Result<JobChange, Failure> {
    let Some(Some(name)) = &change.preset else { return Ok(change) };
    let preset = job_check::preset_named(name)?;
    if change.kind == Some(JobKind::Master) {
        let Access::Master(form, identity) = &preset.access else {
            let message = format!("{} opens no mailbox by a master login", preset.title);
            return Err(Failure::new(FailureKind::Request, message)
                .with_hint("Make a job of the kind batch: its file has a password for each."));
        };
        change.source.form.get_or_insert_with(|| form.to_string());
        change.source.identity.get_or_insert_with(|| identity.to_string());
    }
    let goes_by_folders = !matches!(change.kind, Some(JobKind::Smtp | JobKind::Files));
    if goes_by_folders && !preset.excluded.is_empty() {
        let folders = change.folders.get_or_insert_default();
        for entry in preset.excluded {
            if !folders.exclude.iter().any(|it| it == entry) {
                folders.exclude.push((*entry).to_owned());
            }
        }
    }
    Ok(change)
}

/// What a test of the job says of its kind of server: sentences.
pub(super) fn test_hints(job: &Job) -> Vec<String> {
    let mut places = vec![HintPlace::Setup];
    match &job.source {
        JobSource::Master(_) => places.push(HintPlace::Master),
        JobSource::Sorting(_) | JobSource::Smtp(_) => places.push(HintPlace::Journal),
        _ => (),
    }
    if removes(job) {
        places.push(HintPlace::Removal);
    }
    if job.folders.shared == SharedFolders::Archived {
        places.push(HintPlace::Public);
    }
    let mut hints = hints(job, &places);
    hints.extend(sent_hint(job));
    hints
}

/// What the report of a run says of it: what is moved at removal comes back where the folder of
/// deleted messages is archived.
pub(super) fn run_hints(job: &Job) -> Vec<String> {
    match removes(job) && job.folders.scope == FolderScope::All {
        true => hints(job, &[HintPlace::Removal]),
        false => Vec::new(),
    }
}

fn removes(job: &Job) -> bool {
    job_check::removal(job).is_ok_and(|it| it.when != When::Never)
}

fn hints(job: &Job, places: &[HintPlace]) -> Vec<String> {
    let Some(preset) = job.preset.as_deref().and_then(Preset::named) else { return Vec::new() };
    let texts = places.iter().flat_map(|it| preset.hints_at(*it));
    texts.map(|it| format!("{}: {it}", preset.title)).collect()
}

/// What tells sent mail from received at this kind of server.
fn sent_hint(job: &Job) -> Option<String> {
    let preset = job.preset.as_deref().and_then(Preset::named)?;
    let sent = preset.sent()?;
    Some(format!("{}: sent mail is in the folder {sent}.", preset.title))
}

#[cfg(test)]
mod tests {
    use commands::SourceChange;
    use types::UserName;

    use super::*;

    fn job(preset: &str, kind: JobKind, more: JobChange) -> Result<Job, Failure> {
        let source = SourceChange { profile: Some("p".into()), ..more.source };
        let change = JobChange {
            kind: Some(kind),
            preset: Some(Some(preset.into())),
            owner: UserName::new("admin").ok(),
            source,
            ..more
        };
        fill_in(change)?.begin("j")
    }

    #[test]
    fn a_preset_fills_in_what_a_new_job_does_not_say() {
        let kerio = job("kerio", JobKind::Master, JobChange::default()).unwrap();
        let JobSource::Master(source) = &kerio.source else { panic!("{kerio:?}") };
        assert_eq!((source.form.as_str(), source.identity.as_str()), ("kerio", "address"));
        let own = SourceChange { identity: Some("login".into()), ..SourceChange::default() };
        let own = JobChange { source: own, ..JobChange::default() };
        let kerio = job("kerio", JobKind::Master, own).unwrap();
        let JobSource::Master(source) = &kerio.source else { panic!("{kerio:?}") };
        assert_eq!(source.identity, "login");
        let failure = job("gmail", JobKind::Master, JobChange::default()).unwrap_err();
        assert_eq!(failure.message, "Gmail opens no mailbox by a master login");
        let target = SourceChange { target: UserName::new("a").ok(), ..SourceChange::default() };
        let target = JobChange { source: target, ..JobChange::default() };
        let gmail = job("gmail", JobKind::Single, target).unwrap();
        assert_eq!(gmail.folders.exclude, ["[Gmail]/Important", "[Gmail]/Starred"]);
        let failure = job("nonesuch", JobKind::Master, JobChange::default()).unwrap_err();
        assert_eq!(failure.message, "there is no preset \"nonesuch\"");
    }

    #[test]
    fn hints_come_where_they_matter() {
        let mut kerio = job("kerio-connect", JobKind::Master, JobChange::default()).unwrap();
        let of = |job: &Job, text: &str| test_hints(job).iter().any(|it| it.contains(text));
        assert!(of(&kerio, "Master authentication") && of(&kerio, "Sent Items"));
        assert!(!of(&kerio, "AutoExpungeOnDelete"));
        kerio.removal = Some("after 1 month".into());
        assert!(of(&kerio, "AutoExpungeOnDelete"));
        assert!(run_hints(&kerio).is_empty(), "Deleted Items is left out");
        kerio.folders.scope = FolderScope::All;
        assert!(run_hints(&kerio)[0].contains("AutoExpungeOnDelete"));
    }
}
