//! What is changed about a job; what is not named stays as it is.
//!
//! One shape for every kind. A field that the kind of the job does not have is refused by the
//! name of its option: whoever gives it would take it for done.

use std::path::PathBuf;

use types::{Secret, UserName};

use super::source::{
    BatchAccounts, FileMapping, FileTrees, JobKind, JobSource, MasterLogin, SMTP_SIZE_MAX_DEFAULT,
    SharedMailbox, SingleMailbox, SmtpAccess, SmtpReception, SmtpRecipients, SortBy, SortingRules,
    UnclaimedMail,
};
use super::{JOB_ACCOUNTS_DEFAULT, JOB_CONNECTIONS_DEFAULT, Job};
use crate::failure::{Failure, FailureKind};
use crate::profile::{Security, Switch, check_name};
use crate::request::{FolderChoice, MboxForm};

/// A change of a job; `None` leaves a thing as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JobChange {
    /// The kind of a new job; a job that is there keeps its kind.
    pub kind: Option<JobKind>,
    /// What it is for.
    pub description: Option<String>,
    /// Whose job it is.
    pub owner: Option<UserName>,
    /// The preset that it follows; `Some(None)` is none.
    pub preset: Option<Option<String>>,
    /// Which folders: all three lists as they are then.
    pub folders: Option<FolderChoice>,
    /// Which messages; `Some(None)` is all of them.
    pub filter: Option<Option<String>>,
    /// What happens with archived messages at their source; `Some(None)` is nothing.
    pub removal: Option<Option<String>>,
    /// When it runs; `Some(None)` is by hand.
    pub schedule: Option<Option<String>>,
    /// Connections at the same time, to one account.
    pub connections: Option<u16>,
    /// Accounts at the same time.
    pub accounts: Option<u16>,
    /// The password; replaces the one that is kept.
    pub secret: Option<Secret>,
    /// The fields that only some kinds have.
    pub source: SourceChange,
}

/// A change of what a job archives from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceChange {
    /// The server profile.
    pub profile: Option<String>,
    /// Whose archive the mail goes to.
    pub target: Option<UserName>,
    /// The first level; `Some(None)` is what is usual for the kind.
    pub root: Option<Option<String>>,
    /// The login; `Some(None)` takes it away, with its password.
    pub login: Option<Option<String>>,
    /// Whose mailbox.
    pub authzid: Option<Option<String>>,
    /// How a master logs in for others.
    pub form: Option<String>,
    /// Which name of a user the server knows.
    pub identity: Option<String>,
    /// Whose mailboxes.
    pub users: Option<String>,
    /// The file that names mailboxes.
    pub file: Option<PathBuf>,
    /// Its character set; `Some(None)` leaves it to the file.
    pub code_page: Option<Option<String>>,
    /// Which addresses are believed.
    pub sort_by: Option<SortBy>,
    /// The folder for received messages.
    pub received: Option<String>,
    /// The folder for sent ones.
    pub sent: Option<String>,
    /// What becomes of messages that belong to nobody.
    pub unclaimed: Option<UnclaimedMail>,
    /// The address of the shared mailbox.
    pub journal_address: Option<Option<String>>,
    /// Where mail is taken in.
    pub listen: Option<Vec<String>>,
    /// How that is encrypted.
    pub security: Option<Security>,
    /// The certificate.
    pub certificate: Option<Option<PathBuf>>,
    /// Its key.
    pub key: Option<Option<PathBuf>>,
    /// Networks that mail is taken from.
    pub networks: Option<Vec<String>>,
    /// What a client has to show.
    pub access: Option<SmtpAccess>,
    /// Senders that are accepted.
    pub senders: Option<Vec<String>>,
    /// Recipients that are accepted.
    pub recipients: Option<SmtpRecipients>,
    /// The largest message.
    pub size_max: Option<u64>,
    /// Files and directories.
    pub paths: Option<Vec<PathBuf>>,
    /// How mbox files are read.
    pub mbox: Option<MboxForm>,
    /// Whether directories of the first level are users. `target` says the other thing.
    pub by_first_level: Option<()>,
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Request, message)
}

fn missing(what: &str, option: &str) -> Failure {
    wrong(format!("the job has no {what}")).with_hint(format!("Name it with {option}."))
}

/// Puts a value that was named into its place, and takes it out of the change.
fn set<T>(place: &mut T, named: &mut Option<T>) {
    if let Some(value) = named.take() {
        *place = value;
    }
}

impl JobChange {
    /// A new job of this name with this change.
    pub fn begin(&self, name: &str) -> Result<Job, Failure> {
        check_name(name)?;
        let kind = self.kind.unwrap_or(JobKind::Single);
        let source = self.source.begin(kind)?;
        let owner = self.owner.clone().or_else(|| source.target().cloned()).ok_or_else(|| {
            wrong("the job has no owner").with_hint("Name an administrator with --owner NAME.")
        })?;
        self.apply(Job {
            name: name.to_owned(),
            description: String::new(),
            switch: Switch::Enabled,
            owner,
            preset: None,
            folders: FolderChoice::default(),
            filter: None,
            removal: None,
            schedule: None,
            connections: JOB_CONNECTIONS_DEFAULT,
            accounts: JOB_ACCOUNTS_DEFAULT,
            source,
        })
    }

    /// `job` with this change. Fails with `Request` when it contradicts itself.
    pub fn apply(&self, mut job: Job) -> Result<Job, Failure> {
        check_name(&job.name)?;
        let kind = job.source.kind();
        if let Some(other) = self.kind.filter(|it| *it != kind) {
            let message = format!("the job is of the kind {}, not {}", kind.name(), other.name());
            return Err(wrong(message).with_hint("A job keeps its kind: make another one."));
        }
        let mut change = self.clone();
        set(&mut job.description, &mut change.description);
        set(&mut job.owner, &mut change.owner);
        set(&mut job.preset, &mut change.preset);
        set(&mut job.folders, &mut change.folders);
        set(&mut job.filter, &mut change.filter);
        set(&mut job.removal, &mut change.removal);
        set(&mut job.schedule, &mut change.schedule);
        set(&mut job.connections, &mut change.connections);
        set(&mut job.accounts, &mut change.accounts);
        change.source.apply(&mut job.source)?;
        if self.secret.is_some() && !job.source.may_keep_secret() {
            let failure = wrong("there is a password and no login that it belongs to");
            return Err(match kind {
                JobKind::Batch => failure.with_hint("The passwords stand in the file."),
                JobKind::Files => failure.with_hint("Files need none."),
                _ => failure.with_hint("Name the login with --login."),
            });
        }
        check(&job)?;
        Ok(job)
    }
}

/// What no rule text says: which things go together.
fn check(job: &Job) -> Result<(), Failure> {
    let only_for_mailboxes = [
        ("--removal", job.removal.is_some()),
        ("--include", !job.folders.include.is_empty()),
        ("--exclude", !job.folders.exclude.is_empty()),
        ("--filter", job.filter.is_some()),
    ];
    if job.source.profile().is_none()
        && let Some((option, _)) = only_for_mailboxes.iter().find(|(_, given)| *given)
    {
        return Err(foreign(option, job.source.kind()));
    }
    if job.source.kind() == JobKind::Smtp && job.schedule.is_some() {
        let message = "a job that takes mail in by SMTP has no schedule";
        return Err(wrong(message).with_hint("It listens for as long as the service runs."));
    }
    Ok(())
}

fn foreign(option: &str, kind: JobKind) -> Failure {
    let message = format!("{option} does not go with a job of the kind {}", kind.name());
    wrong(message).with_hint("docs/reference/jobs.md says what each kind has.")
}

impl SourceChange {
    /// What a new job of this kind archives from, before the rest of the change is applied.
    fn begin(&self, kind: JobKind) -> Result<JobSource, Failure> {
        let profile =
            || self.profile.clone().ok_or_else(|| missing("server profile", "--profile NAME"));
        Ok(match kind {
            JobKind::Single => JobSource::Single(SingleMailbox {
                target: self
                    .target
                    .clone()
                    .ok_or_else(|| missing("target archive", "--user NAME"))?,
                profile: profile()?,
                root: None,
                login: None,
                authzid: None,
            }),
            JobKind::Master => JobSource::Master(MasterLogin {
                profile: profile()?,
                login: None,
                form: "authzid".into(),
                identity: "address".into(),
                users: "all".into(),
            }),
            JobKind::Batch => JobSource::Batch(BatchAccounts {
                profile: profile()?,
                file: self.file.clone().ok_or_else(|| missing("batch file", "--file FILE"))?,
                code_page: None,
            }),
            JobKind::Sorting => JobSource::Sorting(SharedMailbox {
                profile: profile()?,
                login: None,
                authzid: None,
                sorting: SortingRules::default(),
            }),
            JobKind::Smtp => JobSource::Smtp(SmtpReception {
                listen: self
                    .listen
                    .clone()
                    .ok_or_else(|| missing("address to listen at", "--listen ADDRESS:PORT"))?,
                security: Security::StartTls,
                certificate: None,
                key: None,
                networks: Vec::new(),
                access: SmtpAccess::default(),
                login: None,
                senders: Vec::new(),
                recipients: SmtpRecipients::default(),
                size_max: SMTP_SIZE_MAX_DEFAULT,
                sorting: SortingRules::default(),
            }),
            JobKind::Files => JobSource::Files(FileTrees {
                paths: self.paths.clone().ok_or_else(|| missing("path", "--path PATH"))?,
                mbox: MboxForm::Auto,
                mapping: match (&self.target, self.by_first_level) {
                    (Some(user), None) => FileMapping::User(user.clone()),
                    (None, Some(())) => FileMapping::FirstLevel,
                    _ => {
                        return Err(wrong("the job does not say whose the files are").with_hint(
                            "Name a user with --user NAME, or say --by-first-level where each \
                             directory is called like a user.",
                        ));
                    }
                },
                root: None,
            }),
        })
    }

    /// Applies every field that is named. Fails with `Request` when the kind has no such field.
    fn apply(mut self, source: &mut JobSource) -> Result<(), Failure> {
        match source {
            JobSource::Single(it) => {
                set(&mut it.profile, &mut self.profile);
                set(&mut it.target, &mut self.target);
                set(&mut it.root, &mut self.root);
                set(&mut it.login, &mut self.login);
                set(&mut it.authzid, &mut self.authzid);
            }
            JobSource::Master(it) => {
                set(&mut it.profile, &mut self.profile);
                set(&mut it.login, &mut self.login);
                set(&mut it.form, &mut self.form);
                set(&mut it.identity, &mut self.identity);
                set(&mut it.users, &mut self.users);
            }
            JobSource::Batch(it) => {
                set(&mut it.profile, &mut self.profile);
                set(&mut it.file, &mut self.file);
                set(&mut it.code_page, &mut self.code_page);
            }
            JobSource::Sorting(it) => {
                set(&mut it.profile, &mut self.profile);
                set(&mut it.login, &mut self.login);
                set(&mut it.authzid, &mut self.authzid);
                self.sort(&mut it.sorting);
            }
            JobSource::Smtp(it) => self.receive(it),
            JobSource::Files(it) => self.read_files(it)?,
        }
        match self.left_over() {
            Some(option) => Err(foreign(option, source.kind())),
            None => Ok(()),
        }
    }

    fn sort(&mut self, it: &mut SortingRules) {
        set(&mut it.by, &mut self.sort_by);
        set(&mut it.received, &mut self.received);
        set(&mut it.sent, &mut self.sent);
        set(&mut it.unclaimed, &mut self.unclaimed);
        set(&mut it.journal_address, &mut self.journal_address);
    }

    fn receive(&mut self, it: &mut SmtpReception) {
        set(&mut it.listen, &mut self.listen);
        set(&mut it.security, &mut self.security);
        set(&mut it.certificate, &mut self.certificate);
        set(&mut it.key, &mut self.key);
        set(&mut it.networks, &mut self.networks);
        set(&mut it.access, &mut self.access);
        set(&mut it.login, &mut self.login);
        set(&mut it.senders, &mut self.senders);
        set(&mut it.recipients, &mut self.recipients);
        set(&mut it.size_max, &mut self.size_max);
        self.sort(&mut it.sorting);
    }

    fn read_files(&mut self, it: &mut FileTrees) -> Result<(), Failure> {
        set(&mut it.paths, &mut self.paths);
        set(&mut it.mbox, &mut self.mbox);
        set(&mut it.root, &mut self.root);
        match (self.target.take(), self.by_first_level.take()) {
            (Some(_), Some(())) => Err(wrong("--user and --by-first-level contradict each other")),
            (Some(user), None) => {
                it.mapping = FileMapping::User(user);
                Ok(())
            }
            (None, Some(())) => {
                it.mapping = FileMapping::FirstLevel;
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// The option of a field that is named still.
    fn left_over(&self) -> Option<&'static str> {
        let fields = [
            ("--profile", self.profile.is_some()),
            ("--user", self.target.is_some()),
            ("--root", self.root.is_some()),
            ("--login", self.login.is_some()),
            ("--authzid", self.authzid.is_some()),
            ("--form", self.form.is_some()),
            ("--identity", self.identity.is_some()),
            ("--users", self.users.is_some()),
            ("--file", self.file.is_some()),
            ("--code-page", self.code_page.is_some()),
            ("--sort-by", self.sort_by.is_some()),
            ("--received", self.received.is_some()),
            ("--sent", self.sent.is_some()),
            ("--unclaimed", self.unclaimed.is_some()),
            ("--journal-address", self.journal_address.is_some()),
            ("--listen", self.listen.is_some()),
            ("--security", self.security.is_some()),
            ("--certificate", self.certificate.is_some()),
            ("--key", self.key.is_some()),
            ("--network", self.networks.is_some()),
            ("--access", self.access.is_some()),
            ("--sender", self.senders.is_some()),
            ("--recipient", self.recipients.is_some()),
            ("--megabytes-max", self.size_max.is_some()),
            ("--path", self.paths.is_some()),
            ("--mbox", self.mbox.is_some()),
            ("--by-first-level", self.by_first_level.is_some()),
        ];
        fields.into_iter().find(|(_, named)| *named).map(|(option, _)| option)
    }
}
