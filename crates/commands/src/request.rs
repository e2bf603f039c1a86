//! What can be asked.

use std::fmt;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use types::{Secret, UserName};

use crate::admin::{KeyRequest, SettingsRequest};
use crate::alert::AlertRequest;
use crate::anchor::AnchorRequest;
use crate::apply::Apply;
use crate::approval::ApprovalRequest;
use crate::backup::BackupRequest;
use crate::demo::Demo;
use crate::doctor::Examination;
use crate::export::Export;
use crate::job::JobRequest;
use crate::mail::MailRequest;
use crate::preset::PresetRequest;
use crate::profile::ProfileRequest;
use crate::quarantine::QuarantineRequest;
use crate::report::{ReportRequest, Sending};
use crate::retention::{Delete, DeleteHow, HoldRequest, RetentionRequest};
use crate::service::ServiceRequest;
use crate::store::StoreRequest;
use crate::unknown::UnknownRequest;
use crate::user::UserSet;

/// One command, complete: nothing is asked back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Archive an account at a mail server.
    Archive(Box<Archive>),
    /// Archive mail from files.
    Import(Import),
    /// Find messages.
    Search(Search),
    /// Give one message back.
    Show(Show),
    /// Write messages to files.
    Export(Export),
    /// Check every frame, hash and entry; when thorough, also every word of the index.
    Verify(Examination),
    /// Make a view anew from the log.
    Rebuild(View),
    /// Look after stores.
    Store(StoreRequest),
    /// Make a user.
    UserAdd(UserName),
    /// Change a user.
    UserSet(Box<UserSet>),
    /// Show a user.
    UserShow(UserName),
    /// List the users.
    UserList,
    /// Look after messages that could not be taken.
    Quarantine(QuarantineRequest),
    /// Look at addresses that belong to nobody, or give one to somebody.
    Unknown(UnknownRequest),
    /// Look after keys.
    Key(KeyRequest),
    /// Look after settings.
    Settings(SettingsRequest),
    /// Look after server profiles.
    Profile(ProfileRequest),
    /// Look what is known of kinds of mail servers.
    Preset(PresetRequest),
    /// Look after jobs, run them, and see what they did.
    Job(JobRequest),
    /// Own the data directory, run jobs and carry out the commands of others, until a signal.
    Serve,
    /// Ask the server that runs.
    Service(ServiceRequest),
    /// Make the state what a file says.
    Apply(Apply),
    /// Look after backups.
    Backup(BackupRequest),
    /// Let the store of this name, or the current one, go on from an older state than was recorded.
    AcceptRollback(Option<String>),
    /// Look after alerts.
    Alert(AlertRequest),
    /// Look after anchors, and send checkpoints there.
    Anchor(AnchorRequest),
    /// Look after outgoing mail.
    Mail(MailRequest),
    /// Make a report.
    Report(ReportRequest),
    /// Look after retention policies, and carry them out.
    Retention(RetentionRequest),
    /// Look after legal holds.
    Hold(HoldRequest),
    /// Remove messages.
    Delete(Delete),
    /// Look after removals that wait for a second person.
    Approval(ApprovalRequest),
    /// Look at the audit log, or say what stands in it and who may read whose mail.
    Audit(crate::audit::AuditRequest),
    /// Look at everything that often goes wrong.
    Doctor(Examination),
    /// Show what the program does, in a data directory that is thrown away.
    Demo(Demo),
}

impl Request {
    /// What it does, in one line without secrets: for whoever has to wait for it, and for the
    /// record of runs.
    #[must_use]
    pub fn title(&self) -> String {
        let name = self.name();
        match self {
            Request::Archive(it) => format!("{name} {} --user {}", it.account, it.user),
            Request::Import(it) => {
                let paths: Vec<_> = it.paths.iter().map(|it| it.to_string_lossy()).collect();
                format!("{name} {} --user {}", paths.join(" "), it.user)
            }
            Request::UserAdd(user) => format!("{name} {user}"),
            Request::Service(
                ServiceRequest::Pause(Some(group))
                | ServiceRequest::Resume(Some(group))
                | ServiceRequest::Restart(Some(group)),
            ) => format!("{name} {}", group.name()),
            Request::Apply(it) => format!("{name} {}", it.file.display()),
            Request::Backup(BackupRequest::Create(it)) => format!("{name} {}", it.dir.display()),
            Request::AcceptRollback(Some(store)) => format!("{name} {store}"),
            _ => name.to_owned(),
        }
    }

    /// Whether it only reads what is archived and saved, and needs neither the data directory for
    /// itself, nor keys, nor a mail server. Whoever asks can do it, whoever owns the directory.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        match self {
            Request::Search(_) | Request::Show(_) | Request::Export(_) | Request::Verify(_) => true,
            Request::UserShow(_) | Request::UserList => true,
            Request::Delete(it) => it.how == DeleteHow::Plan,
            Request::Key(it) => {
                matches!(it, KeyRequest::New | KeyRequest::Join(_) | KeyRequest::Show)
            }
            Request::Store(it) => it.only_reads(),
            Request::Settings(it) => !matches!(it, SettingsRequest::Set(..)),
            Request::Profile(it) => matches!(it, ProfileRequest::List | ProfileRequest::Show(_)),
            Request::Job(it) => matches!(
                it,
                JobRequest::List
                    | JobRequest::Show(_)
                    | JobRequest::Runs(_)
                    | JobRequest::ShowRun(_)
            ),
            Request::Alert(it) => !matches!(it, AlertRequest::Acknowledge(_)),
            Request::Mail(it) => *it == MailRequest::Show,
            Request::Audit(it) => it.only_reads(),
            Request::Anchor(it) => it.only_reads(),
            Request::Report(it) => !matches!(it, ReportRequest::Daily { send: Sending::Yes, .. }),
            Request::Retention(it) => it.only_reads(),
            Request::Hold(it) => it.only_reads(),
            Request::Approval(it) => it.only_reads(),
            // It tells who owns the directory.
            Request::Doctor(_) => true,
            // These have directories of their own.
            Request::Demo(_) => true,
            Request::Backup(it) => !matches!(it, BackupRequest::Create(_)),
            _ => false,
        }
    }

    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Request::Archive(_) => "archive",
            Request::Import(_) => "import",
            Request::Search(_) => "search",
            Request::Show(_) => "show",
            Request::Export(_) => "export",
            Request::Verify(_) => "verify",
            Request::Rebuild(View::Catalog) => "store rebuild-catalog",
            Request::Rebuild(View::Index) => "store rebuild-index",
            Request::Store(it) => it.name(),
            Request::UserAdd(_) => "user add",
            Request::UserSet(_) => "user set",
            Request::UserShow(_) => "user show",
            Request::UserList => "user list",
            Request::Quarantine(it) => it.name(),
            Request::Unknown(it) => it.name(),
            Request::Key(it) => it.name(),
            Request::Settings(it) => it.name(),
            Request::Profile(it) => it.name(),
            Request::Preset(it) => it.name(),
            Request::Job(it) => it.name(),
            Request::Serve => "serve",
            Request::Service(it) => it.name(),
            Request::Apply(_) => "apply",
            Request::Backup(it) => it.name(),
            Request::AcceptRollback(_) => "store accept-rollback",
            Request::Alert(it) => it.name(),
            Request::Mail(it) => it.name(),
            Request::Anchor(it) => it.name(),
            Request::Report(it) => it.name(),
            Request::Retention(it) => it.name(),
            Request::Hold(it) => it.name(),
            Request::Delete(_) => "delete",
            Request::Approval(it) => it.name(),
            Request::Audit(it) => it.name(),
            Request::Doctor(_) => "doctor",
            Request::Demo(_) => "demo",
        }
    }
}

/// Archive an account at a mail server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archive {
    /// Which account.
    pub account: Account,
    /// Its password, or token.
    pub password: Secret,
    /// Whose archive it goes to. The user is made when missing.
    pub user: UserName,
    /// The first level of the folder tree; `None` is the login name of the account.
    pub root: Option<String>,
    /// Which of its folders.
    pub folders: FolderChoice,
    /// Which messages of them, in the words of `docs/reference/filter.md`; `None` is all.
    pub filter: Option<String>,
    /// What happens with archived messages at the source, in the words of
    /// `docs/reference/removal.md`; `None` is nothing.
    pub removal: Option<String>,
    /// Connections at the same time, at most. POP3 has one at a time.
    pub connections: NonZeroU16,
    /// Whether the connection may stay unencrypted.
    pub plaintext: Plaintext,
    /// Which certificates are taken.
    pub trust: Trust,
    /// How to log in.
    pub mechanism: Mechanism,
    /// Whose mailbox, when another account's password opens it (RFC 4616 §2).
    pub authzid: Option<String>,
    /// Whether the connection is compressed (RFC 4978).
    pub compression: Compression,
    /// How long the server may keep silent; `None` is as long as is usual.
    pub timeout: Option<Duration>,
    /// When the command is over.
    pub wait: WaitForViews,
}

/// An account at a mail server, without its password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Protocol and security.
    pub scheme: Scheme,
    /// The login name.
    pub login: String,
    /// Host name or address; IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Protocol and security of an [`Account`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// IMAP; STARTTLS is used if it is offered.
    Imap,
    /// IMAP with TLS from the first byte (RFC 8314 §3.2).
    Imaps,
    /// POP3; STLS is used if it is offered.
    Pop3,
    /// POP3 with TLS from the first byte.
    Pop3s,
}

impl Scheme {
    /// The name in a URL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Imap => "imap",
            Scheme::Imaps => "imaps",
            Scheme::Pop3 => "pop3",
            Scheme::Pop3s => "pop3s",
        }
    }
}

impl Account {
    /// `scheme://host:port`: names the server in reports and in the archive.
    #[must_use]
    pub fn server(&self) -> String {
        format!("{}://{}", self.scheme.name(), self.authority())
    }

    fn authority(&self) -> String {
        let Account { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// As a URL, for people: the login name is not escaped.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}@{}/", self.scheme.name(), self.login, self.authority())
    }
}

/// Which folders of an account are archived.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FolderChoice {
    /// Whether Trash, Junk, Drafts and Outbox are left out.
    pub scope: FolderScope,
    /// Whether folders of other users and of everybody are left out.
    pub shared: SharedFolders,
    /// If not empty, only these.
    pub include: Vec<String>,
    /// Never these.
    pub exclude: Vec<String>,
}

/// Whether Trash, Junk, Drafts and Outbox are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FolderScope {
    /// They and their subfolders are left out, and counted.
    #[default]
    WithoutDiscarded,
    /// Every folder.
    All,
}

/// Whether the folders of other users and of everybody, as far as an account sees them, are
/// archived with its own (RFC 2342).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SharedFolders {
    /// They are.
    #[default]
    Archived,
    /// They are left out, and counted.
    LeftOut,
}

/// Whether the connection may stay unencrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Plaintext {
    /// Only to this machine; else STARTTLS is needed where the scheme has no TLS of its own.
    #[default]
    LoopbackOnly,
    /// Anywhere, and STARTTLS is not used.
    Always,
    /// Nowhere: STARTTLS is needed, to this machine too.
    Never,
}

/// Which certificates are taken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Trust {
    /// Those that the system trusts.
    #[default]
    System,
    /// Those that lead to a certificate in this PEM file.
    CaFile(PathBuf),
    /// The one with this SHA-256 fingerprint.
    Fingerprint(String),
    /// Any. The report warns.
    AcceptAll,
}

/// How to log in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mechanism {
    /// The best that the server offers.
    #[default]
    Auto,
    /// SASL PLAIN (RFC 4616).
    Plain,
    /// SASL LOGIN, or the command with which the protocol takes a password.
    Login,
    /// CRAM-MD5 (RFC 2195).
    CramMd5,
    /// SCRAM-SHA-256 (RFC 7677).
    ScramSha256,
    /// XOAUTH2; the password is the access token.
    XOAuth2,
    /// APOP (RFC 1939 §7): POP3 only.
    Apop,
    /// The master password of Kerio Connect: IMAP only.
    KerioMaster,
}

impl Mechanism {
    const ALL: [Mechanism; 8] = [
        Mechanism::Auto,
        Mechanism::Plain,
        Mechanism::Login,
        Mechanism::CramMd5,
        Mechanism::ScramSha256,
        Mechanism::XOAuth2,
        Mechanism::Apop,
        Mechanism::KerioMaster,
    ];

    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Auto => "auto",
            Mechanism::Plain => "plain",
            Mechanism::Login => "login",
            Mechanism::CramMd5 => "cram-md5",
            Mechanism::ScramSha256 => "scram-sha-256",
            Mechanism::XOAuth2 => "xoauth2",
            Mechanism::Apop => "apop",
            Mechanism::KerioMaster => "x-masterauth",
        }
    }

    /// The mechanism of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Whether the connection is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    /// Never.
    #[default]
    Off,
    /// Where the server offers it (RFC 4978).
    WhereOffered,
}

/// When a command that wrote is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WaitForViews {
    /// When what it wrote can be found.
    #[default]
    Yes,
    /// When what it wrote is durable.
    No,
}

/// Archive mail from files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// Files and directories: EML, Maildir, mbox.
    pub paths: Vec<PathBuf>,
    /// Whose archive it goes to. The user is made when missing.
    pub user: UserName,
    /// The first level of the folder tree; `None` is the user's name.
    pub root: Option<String>,
    /// The folder below the root, parts joined by `/`; `None` leaves it to the files.
    pub folder: Option<String>,
    /// How mbox files are read.
    pub mbox: MboxForm,
    /// When the command is over.
    pub wait: WaitForViews,
}

/// How mbox files tell where a message ends, and what they quote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MboxForm {
    /// As each file looks; the report names what could be read in another way.
    #[default]
    Auto,
    /// `>From ` stands for `From `, `>>From ` for `>From `, and so on.
    Mboxrd,
    /// `>From ` stands for `From `.
    Mboxo,
    /// Messages end by their `Content-Length`; quoted as mboxo.
    Mboxcl,
    /// Messages end by their `Content-Length`; nothing is quoted.
    Mboxcl2,
}

impl MboxForm {
    const ALL: [MboxForm; 5] =
        [MboxForm::Auto, MboxForm::Mboxrd, MboxForm::Mboxo, MboxForm::Mboxcl, MboxForm::Mboxcl2];

    /// The name in options and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MboxForm::Auto => "auto",
            MboxForm::Mboxrd => "mboxrd",
            MboxForm::Mboxo => "mboxo",
            MboxForm::Mboxcl => "mboxcl",
            MboxForm::Mboxcl2 => "mboxcl2",
        }
    }

    /// The form of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<MboxForm> {
        MboxForm::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Find messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// The query; empty is everything.
    pub query: String,
    /// Only messages in this user's archive.
    pub user: Option<UserName>,
    /// In which order.
    pub order: Order,
    /// Hits at most; `None` is all.
    pub limit: Option<u64>,
    /// Hits, or how many there are.
    pub output: SearchOutput,
}

/// The order of hits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    Date,
    /// Best first.
    Relevance,
}

/// What a search gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SearchOutput {
    /// The hits.
    #[default]
    Hits,
    /// How many there are.
    Count,
}

/// Give one message back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Show {
    /// Its id, or the beginning of it that no other message has.
    pub id: String,
    /// For people, or as it is.
    pub form: ShowForm,
}

/// How a message is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ShowForm {
    /// Decoded: headers, text, list of parts.
    #[default]
    Decoded,
    /// The exact bytes.
    Raw,
}

/// A view of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// Folders and metadata.
    Catalog,
    /// The full text.
    Index,
}
