//! What is answered.

use std::path::PathBuf;

use types::{Address, BlobId, Timestamp, UserName};

use crate::admin::{AdminAnswer, Insecure};
use crate::alert::AlertShown;
use crate::approval::ApprovalState;
use crate::export::{ExportFormat, ProofCounts};
use crate::failure::ExitCode;
use crate::profile::Switch;
use crate::progress::Hit;
use crate::removal::RemovalAnswer;
use crate::request::View;
use crate::run::ManyAnswer;
use crate::store::StoresRead;
use crate::user::{LoginBy, Rank};

/// How a command ended that did not fail.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// Of `archive`, and of a job for a single mailbox.
    Archive(RunAnswer),
    /// Of a job for many accounts.
    Many(Box<ManyAnswer>),
    /// Of `import`.
    Import(RunAnswer, ImportCounts),
    /// Of `search`: the hits came before.
    Search(SearchAnswer),
    /// Of `search --count`.
    Count(SearchAnswer),
    /// Of `show`.
    Show(Box<ShowAnswer>),
    /// Of `show --raw`: the bytes came before.
    Raw,
    /// Of `export`.
    Export(ExportAnswer),
    /// Of `verify`.
    Verify(VerifyAnswer),
    /// Of `store rebuild-catalog` and `store rebuild-index`.
    Rebuild(RebuildAnswer),
    /// Of `user add`.
    UserAdd(UserName),
    /// Of `user list`.
    UserList(Vec<UserListed>),
    /// Of commands that look after the server.
    Admin(Box<AdminAnswer>),
    /// Of `demo`.
    Demo(Box<DemoAnswer>),
}

impl Answer {
    /// The exit code that it ends the program with.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        let partly_if = |partly| if partly { ExitCode::Partly } else { ExitCode::Done };
        let of_run = |outcome| match outcome {
            RunOutcome::Succeeded => ExitCode::Done,
            RunOutcome::Partial => ExitCode::Partly,
            RunOutcome::Failed => ExitCode::Failed,
        };
        match self {
            Answer::Archive(run) | Answer::Import(run, _) => of_run(run.outcome),
            Answer::Many(run) => of_run(run.outcome),
            Answer::Export(export) => partly_if(!export.is_whole()),
            Answer::Verify(verify) => partly_if(!verify.is_clean()),
            Answer::Search(it) | Answer::Count(it) => partly_if(!it.stores.is_whole()),
            Answer::Show(it) => partly_if(!it.stores.is_whole()),
            Answer::Demo(demo) => partly_if(!demo.verify.is_clean()),
            Answer::Admin(admin) => match &**admin {
                AdminAnswer::StoreMerged(it) => partly_if(!it.damaged.is_empty()),
                AdminAnswer::StoreStats(list) => partly_if(list.iter().any(|it| it.stats.is_err())),
                AdminAnswer::Store(it) => partly_if(it.trouble.is_some()),
                AdminAnswer::KeyStatus(status) => partly_if(!status.is_whole()),
                AdminAnswer::Doctor(it) => partly_if(!it.is_well()),
                AdminAnswer::Test(test) => partly_if(!test.is_clean()),
                AdminAnswer::Service(status) => partly_if(!status.is_well()),
                AdminAnswer::Backup(it) => partly_if(!it.is_clean()),
                AdminAnswer::Anchor(it) => partly_if(!it.is_clean()),
                AdminAnswer::Insecure(list) => partly_if(!list.is_empty()),
                AdminAnswer::Alerts(list) => partly_if(list.iter().any(AlertShown::waits)),
                AdminAnswer::MailTest(it) => partly_if(!it.test.is_clean()),
                AdminAnswer::Approval(it) => partly_if(it.state == ApprovalState::Waits),
                AdminAnswer::ErasuresProven(it) => partly_if(it.unsigned != 0),
                AdminAnswer::Deleted(it) => partly_if(it.done && !it.is_whole()),
                _ => ExitCode::Done,
            },
            Answer::Rebuild(rebuild) => partly_if(rebuild.unreadable != 0),
            Answer::Raw | Answer::UserAdd(_) | Answer::UserList(_) => ExitCode::Done,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RunOutcome {
    /// Everything in scope is archived.
    Succeeded,
    /// Something in scope is not archived yet.
    Partial,
    /// It could not do its work.
    Failed,
}

impl RunOutcome {
    /// The name in machine-readable answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RunOutcome::Succeeded => "succeeded",
            RunOutcome::Partial => "partial",
            RunOutcome::Failed => "failed",
        }
    }
}

/// What a run did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunAnswer {
    /// How it ended.
    pub outcome: RunOutcome,
    /// Whether it was asked to stop, and did so at a batch.
    pub cancelled: bool,
    /// Placed in this root by this run.
    pub archived: u64,
    /// In this root before this run.
    pub already: u64,
    /// Left out by rules, by reason.
    pub excluded: ExcludedCounts,
    /// Passed over knowingly, to be tried again.
    pub quarantined: u64,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
    /// Mailbox by mailbox, in the order of their names.
    pub mailboxes: Vec<MailboxCounts>,
    /// What left the source; `None` when the run has no removal rule.
    pub removal: Option<RemovalAnswer>,
    /// Whether what was archived can be found already.
    pub searchable: bool,
    /// Connections that were not safe; the warnings tell of them too.
    pub insecure: Vec<Insecure>,
}

/// Messages that rules left out of a run, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExcludedCounts {
    /// In folders that are left out by default.
    pub default_folders: u64,
    /// In folders that the lists of the run leave out.
    pub folder_list: u64,
    /// By the filter.
    pub filter: u64,
    /// To and from addresses that nobody has.
    pub unknown_address: u64,
}

impl std::ops::AddAssign for ExcludedCounts {
    fn add_assign(&mut self, other: ExcludedCounts) {
        self.default_folders += other.default_folders;
        self.folder_list += other.folder_list;
        self.filter += other.filter;
        self.unknown_address += other.unknown_address;
    }
}

impl ExcludedCounts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let ExcludedCounts { default_folders, folder_list, filter, unknown_address } = *self;
        default_folders + folder_list + filter + unknown_address
    }
}

/// One mailbox of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailboxCounts {
    /// Its path at the source.
    pub mailbox: String,
    /// Messages that the source says it holds.
    pub server_count: u64,
    /// Placed by this run.
    pub archived: u64,
    /// Placed before.
    pub already: u64,
    /// Left out by rules.
    pub excluded: u64,
    /// Why, where some are.
    pub excluded_reason: Option<String>,
    /// Passed over knowingly.
    pub quarantined: u64,
    /// Whether everything in scope is archived.
    pub complete: bool,
    /// Why not.
    pub failure: Option<String>,
}

/// What an import read: `read = archived + already + quarantined`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImportCounts {
    /// Messages that the files hold.
    pub read: u64,
    /// Files that are known not to be mail.
    pub skipped: u64,
}

/// How far the index had read when it answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IndexReach {
    /// Entries of the log that it had read.
    pub read: u64,
    /// Entries that the log had.
    pub entries: u64,
}

impl IndexReach {
    /// Whether it had read everything.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.entries <= self.read
    }
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchAnswer {
    /// All hits, shown or not.
    pub count: u64,
    /// Hits that were given.
    pub shown: u64,
    /// How far the index had read.
    pub index: IndexReach,
    /// Which stores were searched.
    pub stores: StoresRead,
}

/// A message, decoded for people.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShowAnswer {
    /// Its id.
    pub id: BlobId,
    /// Its size in bytes.
    pub size: u64,
    /// From.
    pub from: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Bcc.
    pub bcc: Vec<Address>,
    /// Its subject.
    pub subject: String,
    /// Its date.
    pub date: Option<Timestamp>,
    /// The `Message-ID` header.
    pub message_id_header: String,
    /// User and folder of each placement.
    pub folders: Vec<(String, String)>,
    /// Its text.
    pub text: String,
    /// Attachments and other named parts.
    pub parts: Vec<PartShown>,
    /// What is wrong with it.
    pub defects: Vec<String>,
    /// Which stores were asked for its folders.
    pub stores: StoresRead,
}

/// One part of a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PartShown {
    /// File name, or empty.
    pub name: String,
    /// `type/subtype`.
    pub media_type: String,
    /// Decoded size in bytes.
    pub size: u64,
}

/// What was exported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportAnswer {
    /// Where to.
    pub to: PathBuf,
    /// How.
    pub format: ExportFormat,
    /// Messages written; one that is in several folders counts for each.
    pub exported: u64,
    /// Messages that were there already, byte for byte.
    pub already: u64,
    /// Messages whose bytes the log does not have.
    pub missing: Vec<BlobId>,
    /// Messages whose bytes are damaged. Nothing was written for them.
    pub damaged: Vec<DamagedMessage>,
    /// Files that are there with other content. They were left alone.
    pub conflicts: Vec<PathBuf>,
    /// Bytes of the messages written.
    pub bytes: u64,
    /// How far the views had read that said what there is.
    pub index: IndexReach,
    /// Which stores it was taken from.
    pub stores: StoresRead,
    /// What was proven, if that was asked for.
    pub proof: Option<ProofCounts>,
    /// Whether it was asked to stop before the end.
    pub cancelled: bool,
}

impl ExportAnswer {
    /// Whether everything that was asked for is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty()
            && self.damaged.is_empty()
            && self.conflicts.is_empty()
            && self.proof.is_none_or(|it| it.unsigned == 0)
            && self.stores.is_whole()
            && !self.cancelled
    }
}

/// A message that cannot be given back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DamagedMessage {
    /// Its id.
    pub id: BlobId,
    /// What is wrong.
    pub message: String,
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VerifyAnswer {
    /// Messages.
    pub messages: u64,
    /// Blobs read and hashed.
    pub blobs: u64,
    /// Entries read and hashed into the tree.
    pub entries: u64,
    /// Bytes of the log read.
    pub bytes: u64,
    /// Signed checkpoints held against the tree.
    pub checkpoints: u64,
    /// Entries behind the last checkpoint, which nobody signed yet.
    pub unsigned: u64,
    /// What is wrong.
    pub defects: Vec<DefectFound>,
    /// Whether it was asked to stop before the end.
    pub cancelled: bool,
}

impl VerifyAnswer {
    /// Whether everything was checked and nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.defects.is_empty() && !self.cancelled
    }

    /// Adds what was found in another store.
    pub fn add(&mut self, other: VerifyAnswer) {
        let VerifyAnswer { messages, blobs, entries, bytes, .. } = other;
        let VerifyAnswer { checkpoints, unsigned, defects, cancelled, .. } = other;
        self.messages += messages;
        self.blobs += blobs;
        self.entries += entries;
        self.bytes += bytes;
        self.checkpoints += checkpoints;
        self.unsigned += unsigned;
        self.defects.extend(defects);
        self.cancelled |= cancelled;
    }
}

/// One thing that is wrong with a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DefectFound {
    /// The store.
    pub store: String,
    /// `log`, `checkpoints`, `tiles`, `catalog` or `index`.
    pub part: &'static str,
    /// Where: a segment and offset, a table.
    pub place: String,
    /// What: lower case, without a full stop.
    pub message: String,
}

/// A view was made anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RebuildAnswer {
    /// Which.
    pub view: View,
    /// Entries of the log that it has read.
    pub entries: u64,
    /// Messages that it holds.
    pub messages: u64,
    /// Messages that were left out because their bytes cannot be read.
    pub unreadable: u64,
    /// What deserves attention: sentences.
    pub warnings: Vec<String>,
}

/// A user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserListed {
    /// Its name.
    pub name: UserName,
    /// Whether it takes part.
    pub switch: Switch,
    /// What it may do.
    pub rank: Rank,
    /// How it logs in.
    pub login_by: LoginBy,
    /// Messages in its archive.
    pub messages: u64,
    /// When it was made.
    pub created: Timestamp,
}

/// What the demonstration did.
#[derive(Clone, PartialEq, Debug)]
pub struct DemoAnswer {
    /// The data directory.
    pub data: PathBuf,
    /// Whether it is still there.
    pub kept: bool,
    /// What was archived, user by user.
    pub imports: Vec<DemoImport>,
    /// What was searched and found.
    pub searches: Vec<DemoSearch>,
    /// What was exported.
    pub exported: ExportAnswer,
    /// What was checked.
    pub verify: VerifyAnswer,
}

/// An import of the demonstration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DemoImport {
    /// Into the archive of this user.
    pub user: UserName,
    /// What was archived.
    pub run: RunAnswer,
    /// What was read.
    pub read: ImportCounts,
}

/// A search of the demonstration.
#[derive(Clone, PartialEq, Debug)]
pub struct DemoSearch {
    /// The query.
    pub query: String,
    /// What it found.
    pub hits: Vec<Hit>,
}
