//! Answers about jobs and runs, for programs.

mod source;

use commands::{
    EffectiveFolder, ExcludedCounts, FolderScope, JobShown, ManyAnswer, RunAnswer, RunOutcome,
    RunShown, SharedFolders, StepAnswer, StepShown, Switch,
};
use serde::Serialize;

use super::{ErrorObject, ExcludedObject, RunObject as AccountObject};
use source::SourceObject;

#[derive(Serialize)]
pub(super) struct JobObject<'a> {
    name: &'a str,
    kind: &'static str,
    description: &'a str,
    enabled: bool,
    owner: &'a str,
    preset: Option<&'a str>,
    #[serde(flatten)]
    source: SourceObject<'a>,
    has_password: bool,
    all_folders: bool,
    shared_folders: bool,
    include: &'a [String],
    exclude: &'a [String],
    filter: Option<&'a str>,
    removal: Option<&'a str>,
    schedule: Option<&'a str>,
    accounts: u16,
    accounts_at_once: Option<u64>,
    account_limits: Vec<AccountLimitObject>,
    connections: u64,
    limits: Vec<LimitObject>,
    next_run: &'a str,
    last_run: Option<RunObject<'a>>,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct AccountLimitObject {
    of: &'static str,
    accounts: u64,
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
            kind: it.source.kind().name(),
            description: &it.description,
            enabled: it.switch == Switch::Enabled,
            owner: it.owner.as_str(),
            preset: it.preset.as_deref(),
            source: SourceObject::from(&it.source),
            has_password: shown.has_secret,
            all_folders: it.folders.scope == FolderScope::All,
            shared_folders: it.folders.shared == SharedFolders::Archived,
            include: &it.folders.include,
            exclude: &it.folders.exclude,
            filter: it.filter.as_deref(),
            removal: it.removal.as_deref(),
            schedule: it.schedule.as_deref(),
            accounts: it.accounts,
            accounts_at_once: shown.account_limits.first().map(|(_, n)| *n),
            account_limits: shown
                .account_limits
                .iter()
                .map(|(of, n)| AccountLimitObject { of, accounts: *n })
                .collect(),
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
    account: &'a str,
    mailbox: &'a str,
    messages: Option<u64>,
    archived: bool,
    excluded_reason: Option<&'a str>,
}

impl<'a> From<&'a EffectiveFolder> for FolderObject<'a> {
    fn from(it: &'a EffectiveFolder) -> FolderObject<'a> {
        FolderObject {
            account: &it.account,
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
    trigger: &'static str,
    began: String,
    ended: Option<String>,
    state: &'static str,
    outcome: Option<&'static str>,
    messages: &'a [String],
    steps: Vec<StepObject<'a>>,
}

#[derive(Serialize)]
struct StepObject<'a> {
    account: &'a str,
    user: &'a str,
    began: Option<String>,
    ended: Option<String>,
    state: &'static str,
    outcome: Option<&'static str>,
    archived: u64,
    already: u64,
    excluded: u64,
    excluded_by: ExcludedObject,
    quarantined: u64,
    messages: &'a [String],
}

impl<'a> From<&'a RunShown> for RunObject<'a> {
    fn from(it: &'a RunShown) -> RunObject<'a> {
        let step = |it: &'a StepShown| StepObject {
            account: &it.account,
            user: &it.target,
            began: it.began.map(|it| it.to_string()),
            ended: it.ended.map(|it| it.to_string()),
            state: it.state.name(),
            outcome: it.state.outcome().map(RunOutcome::name),
            archived: it.archived,
            already: it.already,
            excluded: it.excluded.total(),
            excluded_by: it.excluded.into(),
            quarantined: it.quarantined,
            messages: &it.told,
        };
        RunObject {
            run: it.id,
            job: it.job.as_deref(),
            title: &it.title,
            trigger: it.trigger.name(),
            began: it.began.to_string(),
            ended: it.ended.map(|it| it.to_string()),
            state: it.state.name(),
            outcome: it.state.outcome().map(RunOutcome::name),
            messages: &it.told,
            steps: it.steps.iter().map(step).collect(),
        }
    }
}

/// Of a run over many accounts, while it is answered: with what `archive` answers for each.
#[derive(Serialize)]
pub(super) struct ManyObject<'a> {
    run: u64,
    job: &'a str,
    outcome: &'static str,
    cancelled: bool,
    archived: u64,
    already: u64,
    excluded: u64,
    excluded_by: ExcludedObject,
    quarantined: u64,
    index_complete: bool,
    warnings: &'a [String],
    steps: Vec<ManyStepObject<'a>>,
}

#[derive(Serialize)]
struct ManyStepObject<'a> {
    account: &'a str,
    user: &'a str,
    outcome: &'static str,
    result: Option<AccountObject<'a>>,
    error: Option<ErrorObject<'a>>,
}

impl<'a> From<&'a ManyAnswer> for ManyObject<'a> {
    fn from(it: &'a ManyAnswer) -> ManyObject<'a> {
        let sum = |of: fn(&RunAnswer) -> u64| it.ended().map(of).sum();
        let mut excluded = ExcludedCounts::default();
        it.ended().for_each(|run| excluded += run.excluded);
        ManyObject {
            run: it.run,
            job: &it.job,
            outcome: it.outcome.name(),
            cancelled: it.cancelled,
            archived: sum(|it| it.archived),
            already: sum(|it| it.already),
            excluded: excluded.total(),
            excluded_by: excluded.into(),
            quarantined: sum(|it| it.quarantined),
            index_complete: it.searchable,
            warnings: &it.warnings,
            steps: it.steps.iter().map(ManyStepObject::from).collect(),
        }
    }
}

impl<'a> From<&'a StepAnswer> for ManyStepObject<'a> {
    fn from(it: &'a StepAnswer) -> ManyStepObject<'a> {
        let ended = it.ended.as_ref();
        ManyStepObject {
            account: &it.account,
            user: &it.target,
            outcome: it.outcome().name(),
            result: ended.and_then(|it| it.as_ref().ok()).map(|it| AccountObject::new(it, None)),
            error: ended.and_then(|it| it.as_ref().err()).map(ErrorObject::from),
        }
    }
}
