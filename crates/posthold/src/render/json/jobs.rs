//! Answers about jobs and runs, for programs.

use commands::{EffectiveFolder, FolderScope, JobShown, RunOutcome, RunShown, StepShown, Switch};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct JobObject<'a> {
    name: &'a str,
    kind: &'static str,
    description: &'a str,
    enabled: bool,
    owner: &'a str,
    user: &'a str,
    root: Option<&'a str>,
    profile: &'a str,
    login: Option<&'a str>,
    has_password: bool,
    authzid: Option<&'a str>,
    all_folders: bool,
    include: &'a [String],
    exclude: &'a [String],
    filter: Option<&'a str>,
    connections: u64,
    limits: Vec<LimitObject>,
    next_run: &'a str,
    last_run: Option<RunObject<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct LimitObject {
    of: &'static str,
    connections: u64,
}

impl<'a> From<&'a JobShown> for JobObject<'a> {
    fn from(shown: &'a JobShown) -> JobObject<'a> {
        let it = &shown.job;
        let limits = shown.limits.iter();
        JobObject {
            name: &it.name,
            kind: "single_mailbox",
            description: &it.description,
            enabled: it.switch == Switch::Enabled,
            owner: it.owner.as_str(),
            user: it.target.as_str(),
            root: it.root.as_deref(),
            profile: &it.profile,
            login: it.login.as_deref(),
            has_password: shown.has_secret,
            authzid: it.authzid.as_deref(),
            all_folders: it.folders.scope == FolderScope::All,
            include: &it.folders.include,
            exclude: &it.folders.exclude,
            filter: it.filter.as_deref(),
            connections: shown.connections,
            limits: limits.map(|(of, n)| LimitObject { of, connections: *n }).collect(),
            next_run: &shown.next_run,
            last_run: shown.last_run.as_ref().map(RunObject::from),
            warnings: &shown.warnings,
        }
    }
}

#[derive(Serialize)]
pub(super) struct FolderObject<'a> {
    mailbox: &'a str,
    messages: Option<u64>,
    archived: bool,
    excluded_reason: Option<&'a str>,
}

impl<'a> From<&'a EffectiveFolder> for FolderObject<'a> {
    fn from(it: &'a EffectiveFolder) -> FolderObject<'a> {
        FolderObject {
            mailbox: &it.mailbox,
            messages: it.messages,
            archived: it.excluded.is_none(),
            excluded_reason: it.excluded.as_deref(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct RunObject<'a> {
    run: u64,
    job: Option<&'a str>,
    title: &'a str,
    began: String,
    ended: Option<String>,
    outcome: Option<&'static str>,
    steps: Vec<StepObject<'a>>,
}

#[derive(Serialize)]
struct StepObject<'a> {
    account: &'a str,
    user: &'a str,
    outcome: Option<&'static str>,
    archived: u64,
    already: u64,
    excluded: u64,
    quarantined: u64,
    messages: &'a [String],
}

impl<'a> From<&'a RunShown> for RunObject<'a> {
    fn from(it: &'a RunShown) -> RunObject<'a> {
        let step = |it: &'a StepShown| StepObject {
            account: &it.account,
            user: &it.target,
            outcome: it.outcome.map(RunOutcome::name),
            archived: it.archived,
            already: it.already,
            excluded: it.excluded,
            quarantined: it.quarantined,
            messages: &it.told,
        };
        RunObject {
            run: it.id,
            job: it.job.as_deref(),
            title: &it.title,
            began: it.began.to_string(),
            ended: it.ended.map(|it| it.to_string()),
            outcome: it.outcome.map(RunOutcome::name),
            steps: it.steps.iter().map(step).collect(),
        }
    }
}
