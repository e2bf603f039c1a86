//! Jobs: saved definitions of what is archived, and the runs that they had.

use types::{Secret, Timestamp, UserName};

use crate::answer::RunOutcome;
use crate::failure::{Failure, FailureKind};
use crate::profile::{Switch, check_name};
use crate::request::FolderChoice;

/// Connections of a job to one account when it does not say.
pub const JOB_CONNECTIONS_DEFAULT: u16 = 3;

/// A job that archives a single mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// What people call it; unique.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether it may run.
    pub switch: Switch,
    /// Whose job it is.
    pub owner: UserName,
    /// Whose archive the mail goes to.
    pub target: UserName,
    /// The first level of the folder tree; `None` is the login of the account.
    pub root: Option<String>,
    /// The name of the server profile.
    pub profile: String,
    /// The login of the account; `None` where the profile holds it.
    pub login: Option<String>,
    /// Whose mailbox, when the login may open that of others (RFC 4616 §2).
    pub authzid: Option<String>,
    /// Which of its folders.
    pub folders: FolderChoice,
    /// Which messages, in the words of `archive --filter`; `None` is all of them.
    pub filter: Option<String>,
    /// Connections at the same time, at most.
    pub connections: u16,
}

/// A change of a job; `None` leaves a thing as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobChange {
    /// What it is for.
    pub description: Option<String>,
    /// Whose job it is.
    pub owner: Option<UserName>,
    /// Whose archive the mail goes to.
    pub target: Option<UserName>,
    /// The first level; `Some(None)` is the login of the account.
    pub root: Option<Option<String>>,
    /// The server profile.
    pub profile: Option<String>,
    /// The login; `Some(None)` takes it away, with its password.
    pub login: Option<Option<String>>,
    /// The password; replaces the one that is kept.
    pub secret: Option<Secret>,
    /// Whose mailbox.
    pub authzid: Option<Option<String>>,
    /// Which folders: all three lists as they are then.
    pub folders: Option<FolderChoice>,
    /// Which messages; `Some(None)` is all of them.
    pub filter: Option<Option<String>>,
    /// Connections at the same time.
    pub connections: Option<u16>,
}

impl JobChange {
    /// A new job of this name with this change.
    pub fn begin(&self, name: &str) -> Result<Job, Failure> {
        let missing = |what: &str, option: &str| {
            Failure::new(FailureKind::Request, format!("the job has no {what}"))
                .with_hint(format!("Name it with {option}."))
        };
        let target = self.target.clone().ok_or_else(|| missing("target archive", "--user NAME"))?;
        let profile =
            self.profile.clone().ok_or_else(|| missing("server profile", "--profile NAME"))?;
        self.apply(Job {
            name: name.to_owned(),
            description: String::new(),
            switch: Switch::Enabled,
            owner: target.clone(),
            target,
            root: None,
            profile,
            login: None,
            authzid: None,
            folders: FolderChoice::default(),
            filter: None,
            connections: JOB_CONNECTIONS_DEFAULT,
        })
    }

    /// `job` with this change. Fails with `Request` when it contradicts itself.
    pub fn apply(&self, mut job: Job) -> Result<Job, Failure> {
        fn set<T: Clone>(place: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                *place = value.clone();
            }
        }
        check_name(&job.name)?;
        set(&mut job.description, self.description.as_ref());
        set(&mut job.owner, self.owner.as_ref());
        set(&mut job.target, self.target.as_ref());
        set(&mut job.root, self.root.as_ref());
        set(&mut job.profile, self.profile.as_ref());
        set(&mut job.login, self.login.as_ref());
        set(&mut job.authzid, self.authzid.as_ref());
        set(&mut job.folders, self.folders.as_ref());
        set(&mut job.filter, self.filter.as_ref());
        set(&mut job.connections, self.connections.as_ref());
        if job.login.is_none() && self.secret.is_some() {
            let message = "there is a password and no login that it belongs to";
            return Err(Failure::new(FailureKind::Request, message)
                .with_hint("Name the login with --login."));
        }
        Ok(job)
    }
}

/// What can be asked of jobs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobRequest {
    /// Make one.
    Add(String, Box<JobChange>),
    /// Change one.
    Set(String, Box<JobChange>),
    /// Make one like another, with changes.
    Copy {
        /// The one that is there.
        from: String,
        /// The name of the new one.
        to: String,
        /// What is different.
        change: Box<JobChange>,
    },
    /// List them.
    List,
    /// Show one.
    Show(String),
    /// Try one, step by step.
    Test(String),
    /// Ask the server which folders it would archive.
    EffectiveFolders(String),
    /// Run one now.
    Run(String),
    /// Let it run, or not.
    Switch(String, Switch),
    /// Give it another name.
    Rename {
        /// The name that it has.
        from: String,
        /// The name that it gets.
        to: String,
    },
    /// Remove it. What it archived stays.
    Remove(String),
    /// List the newest runs, of one job or of all.
    Runs(Option<String>),
    /// Show one run.
    ShowRun(u64),
}

impl JobRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            JobRequest::Add(..) => "job add",
            JobRequest::Set(..) => "job set",
            JobRequest::Copy { .. } => "job copy",
            JobRequest::List => "job list",
            JobRequest::Show(_) => "job show",
            JobRequest::Test(_) => "job test",
            JobRequest::EffectiveFolders(_) => "job effective-folders",
            JobRequest::Run(_) => "job run",
            JobRequest::Switch(_, Switch::Enabled) => "job enable",
            JobRequest::Switch(_, Switch::Disabled) => "job disable",
            JobRequest::Rename { .. } => "job rename",
            JobRequest::Remove(_) => "job remove",
            JobRequest::Runs(_) => "run list",
            JobRequest::ShowRun(_) => "run show",
        }
    }
}

/// A job as it is shown: with what follows from it, without secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobShown {
    /// What is saved.
    pub job: Job,
    /// Whether the password of its account is kept.
    pub has_secret: bool,
    /// Connections that it will use: the smallest of `limits`.
    pub connections: u64,
    /// What limits its connections, by name, the one that counts first.
    pub limits: Vec<(&'static str, u64)>,
    /// What the next run does: a sentence.
    pub next_run: String,
    /// The newest run.
    pub last_run: Option<RunShown>,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// A folder that a job sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EffectiveFolder {
    /// Its path at the source.
    pub mailbox: String,
    /// Its messages, when the server says so without opening it.
    pub messages: Option<u64>,
    /// Why it is left out; `None` when it is archived.
    pub excluded: Option<String>,
}

/// One execution of a job or of `archive`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunShown {
    /// Its number.
    pub id: u64,
    /// The job, when there is one still.
    pub job: Option<String>,
    /// What was asked for, without secrets.
    pub title: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` while it runs, and when it never did.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
    /// One for each account.
    pub steps: Vec<StepShown>,
}

/// One account within a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepShown {
    /// The account.
    pub account: String,
    /// Whose archive its mail went to.
    pub target: String,
    /// How it ended.
    pub outcome: Option<RunOutcome>,
    /// Placed by this run.
    pub archived: u64,
    /// There before.
    pub already: u64,
    /// Left out by rules.
    pub excluded: u64,
    /// Passed over knowingly.
    pub quarantined: u64,
    /// What was wrong, and what deserves attention: sentences.
    pub told: Vec<String>,
}
