//! Reports of Exchange journaling: the envelope of a message, and the message inside the report.
//!
//! A report is `multipart/mixed`: a text part of lines such as `Recipient: a@b.example`, then the
//! original as `message/rfc822`. Only the report knows who got a blind copy and who is a member of
//! a list. One message may have several reports, each with some of its recipients; [`merge`] puts
//! them together.
//!
//! What it is not: a reason to believe a report. Anybody can write one; whoever asks has to know
//! that it came from a journaling server.
//!
//! Rules: reading never fails; a report in a report stays closed, as it is the message that was
//! journaled; whatever looks like a report and is none is said to be unreadable, so that it can be
//! archived as it is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use memchr::memmem;
use types::Hash;

use crate::charset;
use crate::defect::Defects;
use crate::entity::{Entity, Kind};
use crate::guard;
use crate::hash::canonical_hash;
use crate::header::{self, Line};
use crate::limits::{
    ADDRESSES_MAX, JOURNAL_TEXT_BYTES_MAX, MESSAGE_ID_BYTES_MAX, NAME_BYTES_MAX, SUBJECT_BYTES_MAX,
};
use crate::transfer::{self, Encoding};

mod envelope;

/// What a message is to journaling.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Journal {
    /// A message like any other.
    NotAReport,
    /// It has the mark of a report, and is none that can be read.
    Unreadable(JournalDefect),
    /// A report.
    Report(JournalReport),
}

/// Why a report cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalDefect {
    /// It is not a multipart with a boundary.
    NoParts,
    /// It has no text part before the original.
    NoText,
    /// Its text names neither a sender nor a recipient.
    NoEnvelope,
    /// No message is attached.
    NoOriginal,
    /// Reading it failed.
    Panicked,
}

/// What it means, in words.
impl fmt::Display for JournalDefect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JournalDefect::NoParts => "the journal report has no parts",
            JournalDefect::NoText => "the journal report has no text part",
            JournalDefect::NoEnvelope => "the journal report names neither sender nor recipient",
            JournalDefect::NoOriginal => "the journal report has no message in it",
            JournalDefect::Panicked => "reading the journal report failed",
        })
    }
}

/// A journal report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalReport {
    /// Who the message is from and to.
    pub envelope: JournalEnvelope,
    /// Where the original stands in the report, without the line end before the boundary.
    pub range: Range<usize>,
    /// Whether the boundary behind the original was found. Without it the report is cut off, or
    /// only its beginning was given.
    pub closed: bool,
    encoding: Encoding,
}

/// What the text of a report says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JournalEnvelope {
    /// The address of the sender, or empty.
    pub sender: String,
    /// Who sent on behalf of the sender's mailbox, if anybody.
    pub on_behalf_of: Option<String>,
    /// The subject, or empty.
    pub subject: String,
    /// The `Message-ID` of the original without angle brackets, or empty.
    pub message_id: String,
    /// Everybody who got the message, in the order of the report.
    pub recipients: Vec<JournalRecipient>,
}

impl JournalEnvelope {
    /// The addresses of whoever sent the message: the mailbox, and who acted for it.
    pub fn senders(&self) -> impl Iterator<Item = &str> {
        let all = [self.sender.as_str()].into_iter().chain(self.on_behalf_of.as_deref());
        all.filter(|it| !it.is_empty())
    }

    /// The addresses of whoever got it, and of the lists that they got it by.
    pub fn addressees(&self) -> impl Iterator<Item = &str> {
        self.recipients.iter().flat_map(|it| {
            let via = it.via.as_ref().map(|(Via::Expanded(by) | Via::Forwarded(by))| by.as_str());
            [it.address.as_str()].into_iter().chain(via)
        })
    }
}

/// Somebody who got a message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct JournalRecipient {
    /// The address as the report has it.
    pub address: String,
    /// How the message was addressed.
    pub addressing: Addressing,
    /// How it came there, when not directly.
    pub via: Option<Via>,
}

/// In which field a recipient stood, when the server could tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Addressing {
    /// `To`
    To,
    /// `Cc`
    Cc,
    /// `Bcc`
    Bcc,
    /// `Recipient`: the server could not tell, as with mail from elsewhere.
    Unsaid,
}

/// How a message came to somebody it was not addressed to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Via {
    /// As a member of this list.
    Expanded(String),
    /// Because this mailbox forwards.
    Forwarded(String),
}

impl JournalReport {
    /// The original message, of the bytes of the report. Its bytes as they stand there; decoded
    /// when the part has a transfer encoding, which RFC 2046 §5.2.1 does not allow.
    #[must_use]
    pub fn original<'x>(&self, bytes: &'x [u8]) -> Cow<'x, [u8]> {
        let body = bytes.get(self.range.clone()).unwrap_or_default();
        match self.encoding {
            Encoding::Identity | Encoding::Unknown => body.into(),
            Encoding::Base64 => transfer::base64(body).0.into(),
            Encoding::QuotedPrintable => transfer::quoted_printable(body).0.into(),
        }
    }

    /// What reports of the same message have in common.
    #[must_use]
    pub fn key(&self, bytes: &[u8]) -> JournalKey {
        let original = self.original(bytes);
        let len = u64::try_from(original.len()).unwrap_or(u64::MAX);
        let message_id = self.envelope.message_id.clone();
        JournalKey { message_id, original: canonical_hash(&original, len) }
    }
}

/// Names the message that a report is about. Neither half is enough: a Message-ID may be used
/// twice, and the copies of one message differ in what its ways added to the header.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct JournalKey {
    /// The `Message-ID` that the report names.
    pub message_id: String,
    /// The canonical hash of the original.
    pub original: Hash,
}

/// Puts the reports of each message together: messages in the order of their first reports,
/// recipients in the order of the reports, each once.
#[must_use]
pub fn merge(
    reports: impl IntoIterator<Item = (JournalKey, JournalEnvelope)>,
) -> Vec<(JournalKey, JournalEnvelope)> {
    let mut merged: Vec<(JournalKey, JournalEnvelope)> = Vec::new();
    let mut places: HashMap<JournalKey, usize> = HashMap::new();
    for (key, envelope) in reports {
        let place = *places.entry(key.clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            Some((_, first)) => add(first, envelope),
            None => merged.push((key, envelope)),
        }
    }
    for (_, envelope) in &mut merged {
        let mut seen = std::collections::HashSet::new();
        envelope.recipients.retain(|it| seen.insert(it.clone()));
    }
    merged
}

fn add(first: &mut JournalEnvelope, other: JournalEnvelope) {
    if first.sender.is_empty() {
        first.sender = other.sender;
    }
    if first.subject.is_empty() {
        first.subject = other.subject;
    }
    first.on_behalf_of = first.on_behalf_of.take().or(other.on_behalf_of);
    first.recipients.extend(other.recipients);
}

/// Recognises a journal report and opens it. Never fails and never panics.
///
/// `bytes` is the whole report; of its beginning, as much as there is of the original is found.
#[must_use]
pub fn journal(bytes: &[u8]) -> Journal {
    guard::quietly(|| read(bytes)).unwrap_or(Journal::Unreadable(JournalDefect::Panicked))
}

fn read(bytes: &[u8]) -> Journal {
    let marked = header::header_fields(bytes).any(|(name, _)| name.eq_ignore_ascii_case(MARK));
    if !marked {
        return Journal::NotAReport;
    }
    open(bytes).map_or_else(Journal::Unreadable, Journal::Report)
}

/// The field that only reports have; it has no value.
const MARK: &[u8] = b"X-MS-Journal-Report";

/// Parts that are looked at before the original. A report has one.
const PARTS_BEFORE_MAX: usize = 20;

fn open(bytes: &[u8]) -> Result<JournalReport, JournalDefect> {
    let mut defects = Defects::default();
    let (end, body) = header::block_end(bytes, 0, |_| false);
    let root = entity(bytes, 0, end, &mut defects);
    let boundary = root.boundary.as_deref().map(<[u8]>::trim_ascii_end);
    let boundary = boundary.filter(|it| !it.is_empty()).ok_or(JournalDefect::NoParts)?;
    if !matches!(root.kind, Kind::Multipart(_)) {
        return Err(JournalDefect::NoParts);
    }
    let mut delimiters = Delimiters::new(bytes, boundary, body);
    let mut next = delimiters.next().ok_or(JournalDefect::NoParts)?;
    let mut envelope = None;
    for _ in 0..PARTS_BEFORE_MAX {
        if next.closes {
            break;
        }
        let is_delimiter = |line: &[u8]| delimiter(line, boundary).is_some();
        let (end, start) = header::block_end(bytes, next.after, is_delimiter);
        let part = entity(bytes, next.after, end, &mut defects);
        let found = delimiters.next();
        let stop = found.as_ref().map_or(bytes.len(), |it| it.before.max(start));
        if part.kind == Kind::Message {
            let envelope: JournalEnvelope = envelope.ok_or(JournalDefect::NoText)?;
            if envelope.sender.is_empty() && envelope.recipients.is_empty() {
                return Err(JournalDefect::NoEnvelope);
            }
            let closed = found.is_some();
            let encoding = part.encoding;
            return Ok(JournalReport { envelope, range: start..stop, closed, encoding });
        }
        if part.kind == Kind::Text && envelope.is_none() {
            let text = text(&part, bytes.get(start..stop).unwrap_or_default(), &mut defects);
            envelope = Some(envelope::read(&text));
        }
        let Some(found) = found else { break };
        next = found;
    }
    Err(if envelope.is_some() { JournalDefect::NoOriginal } else { JournalDefect::NoText })
}

/// What the header of a part says about it.
fn entity(bytes: &[u8], start: usize, end: usize, defects: &mut Defects) -> Entity {
    let mut entity = Entity::default();
    for line in header::lines(bytes.get(start..end).unwrap_or_default()) {
        if let Line::Field { name, value, .. } = line {
            entity.take(header::name(name), value, defects);
        }
    }
    entity
}

/// The text of a part, as far as the limit.
fn text(part: &Entity, body: &[u8], defects: &mut Defects) -> String {
    let body = body.get(..JOURNAL_TEXT_BYTES_MAX).unwrap_or(body);
    let decoded = match part.encoding {
        Encoding::Identity | Encoding::Unknown => Cow::Borrowed(body),
        Encoding::Base64 => transfer::base64(body).0.into(),
        Encoding::QuotedPrintable => transfer::quoted_printable(body).0.into(),
    };
    charset::decode(&part.charset, &decoded, defects).into_owned()
}

/// A line that separates parts.
struct Delimiter {
    /// Where the part before it ends.
    before: usize,
    /// Where the next line begins.
    after: usize,
    closes: bool,
}

/// The delimiters of the outermost multipart.
struct Delimiters<'x> {
    bytes: &'x [u8],
    boundary: &'x [u8],
    finder: memmem::Finder<'static>,
    pos: usize,
}

impl<'x> Delimiters<'x> {
    /// Those at or behind `pos`, the beginning of a line.
    fn new(bytes: &'x [u8], boundary: &'x [u8], pos: usize) -> Delimiters<'x> {
        Delimiters { bytes, boundary, finder: memmem::Finder::new(b"\n--"), pos }
    }
}

impl Iterator for Delimiters<'_> {
    type Item = Delimiter;

    fn next(&mut self) -> Option<Delimiter> {
        loop {
            let rest = self.bytes.get(self.pos..)?;
            if !rest.starts_with(b"--") {
                self.pos += self.finder.find(rest)? + 1;
            }
            let start = self.pos;
            let (line, after) = header::line_at(self.bytes, start)?;
            self.pos = after;
            if let Some(closes) = delimiter(line, self.boundary) {
                let before = self.bytes.get(..start).unwrap_or_default();
                let before = before.strip_suffix(b"\n").unwrap_or(before);
                let before = before.strip_suffix(b"\r").unwrap_or(before).len();
                return Some(Delimiter { before, after, closes });
            }
        }
    }
}

/// Whether a line is a delimiter (RFC 2046 §5.1.1), and then whether it closes the multipart.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let tail = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    let closes = tail.starts_with(b"--");
    (closes || tail.first().is_none_or(u8::is_ascii_whitespace)).then_some(closes)
}

/// Shortens a text to a limit of bytes.
fn shortened(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
