//! What a job archives from: its kinds, each with the fields that only it has.
//!
//! Rules are kept as their texts. Whoever saves a job has checked them.

use std::path::PathBuf;

use types::UserName;

use crate::profile::Security;
use crate::request::MboxForm;

/// The kinds of jobs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum JobKind {
    /// One mailbox at a mail server, into one archive.
    Single,
    /// The mailboxes of many users, opened by somebody who may open all of them.
    Master,
    /// The mailboxes that a file names, each with its own password.
    Batch,
    /// One shared mailbox, sorted into the archives of many users.
    Sorting,
    /// Mail that servers hand in by SMTP, sorted likewise.
    Smtp,
    /// Files.
    Files,
}

impl JobKind {
    /// All of them.
    pub const ALL: [JobKind; 6] = [
        JobKind::Single,
        JobKind::Master,
        JobKind::Batch,
        JobKind::Sorting,
        JobKind::Smtp,
        JobKind::Files,
    ];

    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            JobKind::Single => "single",
            JobKind::Master => "master",
            JobKind::Batch => "batch",
            JobKind::Sorting => "sorting",
            JobKind::Smtp => "smtp",
            JobKind::Files => "files",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<JobKind> {
        JobKind::ALL.into_iter().find(|it| it.name() == name)
    }

    /// What a job of this kind does, after "it".
    #[must_use]
    pub fn does(self) -> &'static str {
        match self {
            JobKind::Single => "archives a single mailbox",
            JobKind::Master => "archives the mailboxes of many users by one master login",
            JobKind::Batch => "archives the mailboxes that a file names",
            JobKind::Sorting => "sorts a shared mailbox into the archives of its users",
            JobKind::Smtp => "takes mail in by SMTP and sorts it into the archives of its users",
            JobKind::Files => "archives files",
        }
    }
}

/// What a job archives from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JobSource {
    /// One mailbox.
    Single(SingleMailbox),
    /// Many, by a master login.
    Master(MasterLogin),
    /// Many, by a file.
    Batch(BatchAccounts),
    /// A shared one.
    Sorting(SharedMailbox),
    /// By SMTP.
    Smtp(SmtpReception),
    /// Files.
    Files(FileTrees),
}

/// One mailbox at a mail server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SingleMailbox {
    /// The name of the server profile.
    pub profile: String,
    /// Whose archive the mail goes to.
    pub target: UserName,
    /// The first level of the folder tree; `None` is the login of the account.
    pub root: Option<String>,
    /// The login of the account; `None` where the profile holds it.
    pub login: Option<String>,
    /// Whose mailbox, when the login may open that of others (RFC 4616 §2).
    pub authzid: Option<String>,
}

/// The mailboxes of many users, opened by somebody who may open all of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MasterLogin {
    /// The name of the server profile.
    pub profile: String,
    /// The login of whoever may open all mailboxes; `None` where the profile holds it. Without a
    /// meaning for Kerio Connect, which has a master password and no name.
    pub login: Option<String>,
    /// How it logs in for others: `authzid`, `user*master` or `kerio`.
    pub form: String,
    /// Which name of a user the server knows: `address`, `login`, `local-part` or a template.
    pub identity: String,
    /// Whose mailboxes: `all`, `all except a, b` or `only a, b`.
    pub users: String,
}

/// The mailboxes that a file names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchAccounts {
    /// The name of the server profile.
    pub profile: String,
    /// The file. It is read at each run.
    pub file: PathBuf,
    /// Its character set, when it is not Unicode; `None` is windows-1252.
    pub code_page: Option<String>,
}

/// One shared mailbox whose messages are sorted by whose they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SharedMailbox {
    /// The name of the server profile.
    pub profile: String,
    /// The login of the account; `None` where the profile holds it.
    pub login: Option<String>,
    /// Whose mailbox, when the login may open that of others (RFC 4616 §2).
    pub authzid: Option<String>,
    /// How its messages are sorted.
    pub sorting: SortingRules,
}

/// Mail that servers hand in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmtpReception {
    /// Where: addresses with ports.
    pub listen: Vec<String>,
    /// How connections are encrypted.
    pub security: Security,
    /// The certificate, with those between it and its root (PEM).
    pub certificate: Option<PathBuf>,
    /// Its key (PEM).
    pub key: Option<PathBuf>,
    /// Networks that mail is taken from.
    pub networks: Vec<String>,
    /// What a client has to show.
    pub access: SmtpAccess,
    /// The name that clients log in with; `None` where none can. The password is that of the job.
    pub login: Option<String>,
    /// Senders of envelopes that are accepted.
    pub senders: Vec<String>,
    /// Recipients that are accepted.
    pub recipients: SmtpRecipients,
    /// The largest message, in bytes.
    pub size_max: u64,
    /// How messages are sorted.
    pub sorting: SortingRules,
}

/// The largest message that is taken in by SMTP when a job does not say: 150 MiB.
pub const SMTP_SIZE_MAX_DEFAULT: u64 = 150 << 20;

/// What a client has to show before its mail is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SmtpAccess {
    /// It is in one of the networks.
    #[default]
    Network,
    /// It has logged in.
    Login,
    /// Both.
    NetworkAndLogin,
    /// One of them.
    NetworkOrLogin,
}

impl SmtpAccess {
    const ALL: [SmtpAccess; 4] = [
        SmtpAccess::Network,
        SmtpAccess::Login,
        SmtpAccess::NetworkAndLogin,
        SmtpAccess::NetworkOrLogin,
    ];

    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SmtpAccess::Network => "network",
            SmtpAccess::Login => "login",
            SmtpAccess::NetworkAndLogin => "network-and-login",
            SmtpAccess::NetworkOrLogin => "network-or-login",
        }
    }

    /// The access of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<SmtpAccess> {
        SmtpAccess::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Which recipients of envelopes are accepted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SmtpRecipients {
    /// Addresses of users; others as the rule for unclaimed messages says.
    #[default]
    Known,
    /// Any address.
    Any,
    /// Those that one of these matches: journal addresses.
    Listed(Vec<String>),
}

/// Files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileTrees {
    /// Files and directories: EML, Maildir, mbox.
    pub paths: Vec<PathBuf>,
    /// How mbox files are read.
    pub mbox: MboxForm,
    /// Whose they are.
    pub mapping: FileMapping,
    /// The first level of the folder tree; `None` is the user's name.
    pub root: Option<String>,
}

/// Whose files are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileMapping {
    /// Each directory of the first level is called like a user, by name or address.
    FirstLevel,
    /// All of them this user's.
    User(UserName),
}

/// How messages are sorted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortingRules {
    /// Which addresses are believed.
    pub by: SortBy,
    /// The folder for received messages; parts are joined by `/`.
    pub received: String,
    /// The folder for sent ones.
    pub sent: String,
    /// What becomes of messages that belong to nobody.
    pub unclaimed: UnclaimedMail,
    /// The address of the shared mailbox, which is nobody's.
    pub journal_address: Option<String>,
}

impl Default for SortingRules {
    fn default() -> SortingRules {
        SortingRules {
            by: SortBy::Header,
            received: "INBOX".into(),
            sent: "Sent Items".into(),
            unclaimed: UnclaimedMail::Left,
            journal_address: None,
        }
    }
}

/// Which addresses are believed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum SortBy {
    /// All of the header. For SMTP the envelope comes first.
    #[default]
    Header,
    /// Recipients in this field of the header, its topmost occurrence; senders in From.
    EnvelopeField(String),
    /// Those of the Exchange journal report that holds the message.
    JournalReport,
}

/// What becomes of messages that belong to nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnclaimedMail {
    /// They stay at the source, and are counted as excluded.
    #[default]
    Left,
    /// They are archived in the archive `@catchall`.
    CatchAll,
}

impl UnclaimedMail {
    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            UnclaimedMail::Left => "leave",
            UnclaimedMail::CatchAll => "catchall",
        }
    }

    /// The rule of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<UnclaimedMail> {
        [UnclaimedMail::Left, UnclaimedMail::CatchAll].into_iter().find(|it| it.name() == name)
    }
}

impl JobSource {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> JobKind {
        match self {
            JobSource::Single(_) => JobKind::Single,
            JobSource::Master(_) => JobKind::Master,
            JobSource::Batch(_) => JobKind::Batch,
            JobSource::Sorting(_) => JobKind::Sorting,
            JobSource::Smtp(_) => JobKind::Smtp,
            JobSource::Files(_) => JobKind::Files,
        }
    }

    /// The name of its server profile, where it has one.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        match self {
            JobSource::Single(it) => Some(&it.profile),
            JobSource::Master(it) => Some(&it.profile),
            JobSource::Batch(it) => Some(&it.profile),
            JobSource::Sorting(it) => Some(&it.profile),
            JobSource::Smtp(_) | JobSource::Files(_) => None,
        }
    }

    /// The one user whose archive its mail goes to, where there is one.
    #[must_use]
    pub fn target(&self) -> Option<&UserName> {
        match self {
            JobSource::Single(it) => Some(&it.target),
            JobSource::Files(FileTrees { mapping: FileMapping::User(user), .. }) => Some(user),
            _ => None,
        }
    }

    /// The login that it has of its own.
    #[must_use]
    pub fn login(&self) -> Option<&str> {
        match self {
            JobSource::Single(it) => it.login.as_deref(),
            JobSource::Master(it) => it.login.as_deref(),
            JobSource::Sorting(it) => it.login.as_deref(),
            JobSource::Smtp(it) => it.login.as_deref(),
            JobSource::Batch(_) | JobSource::Files(_) => None,
        }
    }

    /// Whether it keeps a password of its own.
    #[must_use]
    pub fn may_keep_secret(&self) -> bool {
        // Kerio Connect has a master password and no name that it belongs to.
        let is_nameless = matches!(self, JobSource::Master(it) if it.form.trim() == "kerio");
        is_nameless || self.login().is_some()
    }

    /// How it sorts messages, where it does.
    #[must_use]
    pub fn sorting(&self) -> Option<&SortingRules> {
        match self {
            JobSource::Sorting(it) => Some(&it.sorting),
            JobSource::Smtp(it) => Some(&it.sorting),
            _ => None,
        }
    }
}
