//! Details: the personal part of an entry, erasable without touching the leaf.

use types::{Address, Hash, Timestamp};

use crate::erasure::ErasureDetail;

/// What stands beside an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Of `Placed`. The message part is there only for the first placement of a message.
    Placed(PlacementDetail, Option<Box<MessageDetail>>),
    /// Of `FolderChanged`.
    Folder(FolderDetail),
    /// Of `SourceOpened`.
    Source(SourceDetail),
    /// Of `Quarantined`.
    Quarantine(QuarantineDetail),
    /// Of `RunFinished`.
    Run(RunDetail),
    /// Of `Hold`.
    Hold(HoldDetail),
    /// Of `Condemned` and `Spared`.
    Erasure(ErasureDetail),
    /// Of `Audited`.
    Audit(Box<crate::AuditDetail>),
}

/// How faithfully a transport hands out the bytes that the server received.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fidelity {
    /// The bytes as the server keeps them (IMAP, files).
    #[default]
    Exact,
    /// The server made the MIME form when asked (some groupware).
    Rebuilt,
    /// Lines as the server keeps them. What ends a line may be another, and an end may stand
    /// behind a last line that had none, because the protocol carries lines (POP3).
    Lines,
}

impl Fidelity {
    /// That of a transport, by its name in a [`PlacementDetail`].
    #[must_use]
    pub fn of_transport(transport: &str) -> Fidelity {
        match transport {
            "pop3" => Fidelity::Lines,
            _ => Fidelity::Exact,
        }
    }
}

/// How a message came to be in a folder.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlacementDetail {
    /// IMAP keywords and other flags that are text.
    pub keywords: Vec<String>,
    /// `imap`, `pop3`, `eml`, `maildir`, `mbox`, ...
    pub transport: String,
    /// How faithful that transport is.
    pub fidelity: Fidelity,
    /// For files: the path it was read from, as given. For SMTP: who handed it in. Empty where
    /// there is nothing to say.
    pub origin: String,
    /// Who it was from and to, where that was said beside its header.
    pub envelope: EnvelopeDetail,
}

/// Who a message was from and to by SMTP, by a journal report, or by an envelope field. Empty
/// where only its header says it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EnvelopeDetail {
    /// Who sent it.
    pub senders: Vec<String>,
    /// Who got it, blind copies included.
    pub recipients: Vec<String>,
}

impl EnvelopeDetail {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.senders.is_empty() && self.recipients.is_empty()
    }
}

/// What the parser read in a message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MessageDetail {
    /// From (or Sender).
    pub from: Vec<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Bcc, where the header is there.
    pub bcc: Vec<Address>,
    /// Subject, decoded.
    pub subject: String,
    /// The `Message-ID` header; it never decides identity.
    pub message_id_header: String,
    /// `In-Reply-To` and `References`, oldest first, without repeats.
    pub references: Vec<String>,
    /// The date by the ladder Date, Received, INTERNALDATE; `None` when all are missing.
    pub date: Option<Timestamp>,
    /// SHA-256 of the header block as received, up to and without the empty line.
    pub header_hash: Hash,
    /// Groups what several transports delivered of one message; never decides identity.
    pub canonical_hash: Hash,
    /// Attachments and other named parts.
    pub parts: Vec<PartDetail>,
    /// Names of the defects that the parser found.
    pub defects: Vec<String>,
    /// Version of the parser that made this.
    pub parser_version: u32,
}

/// Defects that hide no word of a message. Every other one may, also one that a later version
/// finds.
const HIDE_NOTHING: [&str; 6] =
    ["empty", "no-header", "malformed-header", "no-date", "wrong-date", "multipart-unclosed"];

/// Parts whose words nobody can read without a key.
const SEALED: [&str; 3] =
    ["application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"];

impl MessageDetail {
    /// Whether the message may hold words that were not read: then a query that does not find it
    /// proves nothing.
    #[must_use]
    pub fn is_partly_read(&self) -> bool {
        let hides = |it: &String| !HIDE_NOTHING.contains(&it.as_str());
        let is_sealed = |it: &PartDetail| SEALED.contains(&it.media_type.as_str());
        self.defects.iter().any(hides) || self.parts.iter().any(is_sealed)
    }
}

/// One part of a message that has a name or is an attachment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PartDetail {
    /// File name, decoded, or empty.
    pub name: String,
    /// `type/subtype`, lower case.
    pub media_type: String,
    /// Decoded size in bytes.
    pub size: u64,
}

/// What a folder is called.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FolderDetail {
    /// Name of the user whose archive it is, when this was written.
    pub user: String,
    /// The path, as [`types::FolderPath::as_str`] gives it.
    pub path: String,
}

/// What a source is called.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceDetail {
    /// The server profile, or `protocol://host:port` of a one-off run.
    pub profile: String,
    /// The account at that server.
    pub account: String,
    /// The mailbox name as the server spells it.
    pub mailbox_raw: Vec<u8>,
    /// The mailbox path for showing.
    pub mailbox: String,
}

/// What is known of a message in quarantine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QuarantineDetail {
    /// What the server or the disk said, shortened.
    pub text: String,
}

/// What a run was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunDetail {
    /// The command or job, without secrets.
    pub title: String,
    /// What went wrong or deserves attention.
    pub warnings: Vec<String>,
}

/// What a legal hold is called, and who did what for which reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HoldDetail {
    /// Its name.
    pub name: String,
    /// What it covers, when that is a query: in the words of `docs/reference/query.md`.
    pub query: String,
    /// Whose archive it covers, by the name of the user when this was written; else empty.
    pub user: String,
    /// Who set or lifted it.
    pub by: String,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_hide_words() {
        let check = |defects: &[&str], media_type: &str| {
            let defects = defects.iter().map(|it| (*it).to_owned()).collect();
            let part = PartDetail { media_type: media_type.into(), ..PartDetail::default() };
            let parts = vec![part];
            MessageDetail { defects, parts, ..MessageDetail::default() }.is_partly_read()
        };
        assert!(!check(&[], "text/plain"));
        assert!(!check(&["no-date", "malformed-header"], "application/pdf"));
        assert!(check(&["no-date", "text-shortened"], "text/plain"));
        assert!(check(&["of-a-later-version"], "text/plain"));
        assert!(check(&[], "application/pkcs7-mime"));
    }
}
