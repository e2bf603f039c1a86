//! Anchors: where checkpoints are kept besides the archive itself.

use std::path::PathBuf;

use types::Timestamp;

/// What can be asked about anchors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AnchorRequest {
    /// Keep checkpoints there from now on.
    Add(AnchorAdd),
    /// List the anchors.
    List,
    /// Keep no more checkpoints there.
    Remove(String),
    /// Send checkpoints.
    Now(AnchorChoice),
    /// Hold what anchors have against the archive.
    Verify(AnchorFiles),
}

impl AnchorRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            AnchorRequest::Add(_) => "anchor add",
            AnchorRequest::List => "anchor list",
            AnchorRequest::Remove(_) => "anchor remove",
            AnchorRequest::Now(_) => "anchor now",
            AnchorRequest::Verify(_) => "anchor verify",
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        match self {
            AnchorRequest::List | AnchorRequest::Verify(_) => true,
            AnchorRequest::Add(_) | AnchorRequest::Remove(_) | AnchorRequest::Now(_) => false,
        }
    }
}

/// A new anchor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnchorAdd {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub target: AnchorTarget,
    /// Hours between two checkpoints.
    pub every_hours: u32,
    /// A PEM file with the certificates of an authority, which are kept with the anchor.
    pub ca_file: Option<PathBuf>,
}

/// Where checkpoints are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AnchorTarget {
    /// In the mailboxes of these people.
    Mail(Vec<String>),
    /// In this file, which is only ever added to.
    File(PathBuf),
    /// In time-stamp tokens of this authority (RFC 3161).
    Tsa {
        /// Its address.
        url: String,
        /// The certificates that its tokens have to lead to, in PEM.
        roots: String,
    },
}

impl AnchorTarget {
    /// The name of its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            AnchorTarget::Mail(_) => "mail",
            AnchorTarget::File(_) => "file",
            AnchorTarget::Tsa { .. } => "tsa",
        }
    }

    /// Where it is, in one line.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            AnchorTarget::Mail(people) => people.join(", "),
            AnchorTarget::File(path) => path.display().to_string(),
            AnchorTarget::Tsa { url, .. } => url.clone(),
        }
    }
}

/// Which anchors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AnchorChoice {
    /// All of them.
    All,
    /// Those whose time has come.
    Due,
    /// This one.
    Named(String),
}

/// Files with what anchors have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnchorFiles {
    /// Files, mails saved as files, and tokens; none means everything that is kept here.
    pub files: Vec<PathBuf>,
    /// A PEM file with certificates that tokens have to lead to, besides those of the anchors.
    pub ca_file: Option<PathBuf>,
}

/// An anchor, as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnchorShown {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub target: AnchorTarget,
    /// Hours between two checkpoints.
    pub every_hours: u32,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made: Timestamp,
    /// When checkpoints went there last.
    pub done: Option<Timestamp>,
    /// When that was tried last.
    pub tried: Option<Timestamp>,
    /// Why it failed then.
    pub failure: Option<String>,
}

/// What became of sending checkpoints.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AnchorsRan {
    /// Anchor by anchor.
    pub anchors: Vec<AnchorRan>,
    /// Logs that are not what was anchored of them, or cannot be read: their checkpoints went
    /// nowhere. Sentences.
    pub refused: Vec<String>,
}

impl AnchorsRan {
    /// Whether every checkpoint went everywhere.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.refused.is_empty() && self.anchors.iter().all(|it| it.failure.is_none())
    }
}

/// What became of sending checkpoints to one anchor.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AnchorRan {
    /// Its name.
    pub name: String,
    /// Checkpoints that went there.
    pub sent: u64,
    /// Those that it had already.
    pub unchanged: u64,
    /// Why some did not.
    pub failure: Option<String>,
}

/// An anchored checkpoint, held against the archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnchorChecked {
    /// Where it was found: a file, or `kept here`.
    pub place: String,
    /// The name of the anchor, and what it is.
    pub anchor: String,
    /// What it is: `mail`, `file`, `tsa`.
    pub kind: &'static str,
    /// Which log: the origin of its checkpoint.
    pub log: String,
    /// The store, or `audit log`; empty when there is none of that origin here.
    pub store: String,
    /// When it was anchored, as far as that is known.
    pub at: Option<Timestamp>,
    /// When the authority of a token has seen it.
    pub stamped: Option<Timestamp>,
    /// Entries that it speaks of.
    pub entries: u64,
    /// What is wrong; a part of a sentence.
    pub failure: Option<String>,
    /// What somebody should know who relies on it; a part of a sentence.
    pub note: Option<String>,
}

/// What is answered about anchors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AnchorAnswer {
    /// Of `anchor list` and `anchor add`.
    List(Vec<AnchorShown>),
    /// Of `anchor remove`: its name.
    Removed(String),
    /// Of `anchor now`.
    Ran(AnchorsRan),
    /// Of `anchor verify`.
    Verified(Vec<AnchorChecked>),
}

impl AnchorAnswer {
    /// Whether it found nothing that should be otherwise.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        match self {
            AnchorAnswer::List(_) | AnchorAnswer::Removed(_) => true,
            AnchorAnswer::Ran(it) => it.is_clean(),
            AnchorAnswer::Verified(list) => list.iter().all(|it| it.failure.is_none()),
        }
    }
}
