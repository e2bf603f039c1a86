//! Messages that could not be taken: what lies there, and what is done about it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use types::{Timestamp, UserName};

/// What can be asked about the quarantine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QuarantineRequest {
    /// All messages in it, or those of one user.
    List(Option<UserName>),
    /// One of them.
    Show(QuarantineId),
    /// Try one again now.
    Retry(QuarantineId),
    /// Write what the server gives of one to a file, whole or not.
    Export(QuarantineExport),
    /// Take note that one cannot be had.
    Accept(QuarantineAccept),
}

/// A message to be written as the server gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuarantineExport {
    /// Which.
    pub id: QuarantineId,
    /// The file, which must not be there.
    pub to: PathBuf,
}

/// A message that is given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuarantineAccept {
    /// Which.
    pub id: QuarantineId,
    /// Who gives it up.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl QuarantineRequest {
    /// The name of the command, as it is typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            QuarantineRequest::List(_) => "quarantine list",
            QuarantineRequest::Show(_) => "quarantine show",
            QuarantineRequest::Retry(_) => "quarantine retry",
            QuarantineRequest::Export(_) => "quarantine export",
            QuarantineRequest::Accept(_) => "quarantine accept",
        }
    }
}

/// Names a message in quarantine: the mailbox epoch and the UID there, `12.345`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QuarantineId {
    /// The mailbox epoch.
    pub source: u64,
    /// The UID.
    pub uid: u64,
}

impl fmt::Display for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.source, self.uid)
    }
}

impl FromStr for QuarantineId {
    type Err = String;

    fn from_str(text: &str) -> Result<QuarantineId, String> {
        let parsed = text.split_once('.').and_then(|(source, uid)| {
            Some(QuarantineId { source: source.parse().ok()?, uid: uid.parse().ok()? })
        });
        parsed.ok_or_else(|| format!("{text:?} is no id such as 12.345"))
    }
}

/// A message in quarantine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuarantineShown {
    /// Its name here.
    pub id: QuarantineId,
    /// Whose archive it would go to.
    pub user: String,
    /// The job that meets it, when there is one.
    pub job: Option<String>,
    /// The account.
    pub account: String,
    /// The path of the mailbox at the source; of an import, that of the folder.
    pub mailbox: String,
    /// Its UID there.
    pub uid: u64,
    /// Why it is there: `omitted`, `nil`, `refused`, `truncated`, `unreadable`, `too-large`.
    pub reason: &'static str,
    /// The same in words.
    pub meaning: &'static str,
    /// What the server or the disk said.
    pub text: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried again at the earliest; `None` when nobody tries by himself.
    pub retry_at: Option<Timestamp>,
    /// When it was tried last.
    pub at: Timestamp,
    /// Who gave it up, if somebody did.
    pub accepted: Option<AcceptedShown>,
}

/// That a message was given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcceptedShown {
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What the server gave of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QuarantineExported {
    /// Its name here.
    pub id: QuarantineId,
    /// The file.
    pub path: PathBuf,
    /// Bytes that came.
    pub bytes: u64,
    /// Bytes that the server announced, when it did.
    pub announced: Option<u64>,
    /// What is wrong with them: sentences.
    pub warnings: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let id = QuarantineId { source: 12, uid: 345 };
        assert_eq!(id.to_string(), "12.345");
        assert_eq!("12.345".parse(), Ok(id));
        for wrong in ["", "12", "12.", ".3", "12.-3", "a.b", "1.2.3"] {
            assert!(wrong.parse::<QuarantineId>().is_err(), "{wrong}");
        }
    }
}
