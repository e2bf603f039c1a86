//! Reads responses other than FETCH: `imap-codec` first, our forgiving reader second.
//!
//! Status responses are read here only: their text is not always ASCII, and their code must be
//! seen whatever follows it.

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::core::{IString, NString, QuotedChar};
use imap_codec::imap_types::extensions::namespace;
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Data, Response};
use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use imap_codec::imap_types::status::StatusDataItem;
use ports::MailboxStatus;

use super::frame::join;
use super::lenient;
use super::tokens::Malformed;
use super::uid_set::UidRange;

/// A response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// `+`, with what follows it.
    Continue(Vec<u8>),
    /// A command is done.
    Tagged { tag: String, status: Status },
    /// An untagged OK, NO or BAD; also a greeting.
    Status(Status),
    /// A greeting: logged in already.
    PreAuth(Status),
    /// The server ends the session.
    Bye(Status),
    /// What it offers.
    Capability(Vec<String>),
    /// What was switched on.
    Enabled(Vec<String>),
    /// A mailbox.
    List(ListItem),
    /// The state of a mailbox that is not open.
    MailboxStatus { name: Vec<u8>, status: MailboxStatus },
    /// UIDs (or numbers) that were searched for.
    Search(Vec<u32>),
    /// The same as ranges; `None` where the answer has no ALL.
    Esearch { tag: Option<String>, all: Option<Vec<UidRange>> },
    /// UIDs that are gone.
    Vanished { earlier: bool, uids: Vec<UidRange> },
    /// Prefixes: personal, other users', shared.
    Namespace([Vec<NamespacePrefix>; 3]),
    /// What the server is.
    Id(Vec<(String, String)>),
    /// How many messages the open mailbox has.
    Exists(u64),
    /// A message is gone from the open mailbox.
    Expunge,
    /// Data of a message: [`fetch_items`](super::fetch_items) reads it.
    Fetch,
    /// Something that the standards know and that says nothing here.
    Other,
    /// Something that no standard known here has.
    Unknown(String),
}

/// What was done, or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StatusKind {
    Ok,
    No,
    Bad,
}

/// A status response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Status {
    pub(crate) kind: StatusKind,
    pub(crate) code: Option<Code>,
    /// For people.
    pub(crate) text: String,
}

impl Status {
    /// Code and text, for an error.
    pub(crate) fn shown(&self) -> String {
        let text: String = self.text.chars().filter(|it| !it.is_control()).take(300).collect();
        match &self.code {
            Some(code) => format!("[{}] {text}", code.name()),
            None if text.is_empty() => "no reason given".into(),
            None => text,
        }
    }
}

/// A response code: its name in upper case, and what follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Code {
    name: String,
    rest: String,
}

impl Code {
    /// The name, upper case.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What follows the name.
    pub(crate) fn rest(&self) -> &str {
        &self.rest
    }

    /// The number that follows the name.
    pub(crate) fn number(&self) -> Option<u64> {
        self.rest.trim().parse().ok()
    }
}

/// A LIST response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListItem {
    /// As sent, with their backslash.
    pub(crate) attributes: Vec<String>,
    pub(crate) separator: Option<u8>,
    pub(crate) name: Vec<u8>,
}

/// A namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NamespacePrefix {
    pub(crate) prefix: Vec<u8>,
    pub(crate) separator: Option<u8>,
}

/// Reads a response: its text, and its literals.
pub(crate) fn decode(text: &[u8], literals: &[Vec<u8>]) -> Result<Reply, Malformed> {
    if let Some(rest) = text.strip_prefix(b"+") {
        return Ok(Reply::Continue(rest.trim_ascii().to_vec()));
    }
    let (tag, rest) = split_word(text);
    if tag.is_empty() || !tag.iter().all(u8::is_ascii_graphic) {
        return Err(Malformed);
    }
    let (word, after) = split_word(rest);
    let word = word.to_ascii_uppercase();
    if let Some(kind) = status_kind(&word) {
        return Ok(status_reply(tag, &word, status(kind, after)));
    }
    if tag != b"*" {
        return Err(Malformed);
    }
    if !word.is_empty() && word.iter().all(u8::is_ascii_digit) {
        return numbered(&word, after);
    }
    match word.as_slice() {
        // These are short and regular; what they hold is in the code of a status or nowhere.
        b"FLAGS" | b"LSUB" | b"QUOTA" | b"QUOTAROOT" | b"SORT" | b"THREAD" | b"ACL"
        | b"MYRIGHTS" | b"LISTRIGHTS" | b"METADATA" | b"ANNOTATION" | b"GENURLAUTH"
        | b"CONVERTED" | b"LANGUAGE" | b"COMPARATOR" => Ok(Reply::Other),
        b"CAPABILITY" | b"ENABLED" | b"LIST" | b"STATUS" | b"SEARCH" | b"VANISHED"
        | b"NAMESPACE" | b"ID" => match strictly(text, literals) {
            Some(reply) => Ok(reply),
            None => lenient::read(&word, after, literals),
        },
        b"ESEARCH" | b"XLIST" => lenient::read(&word, after, literals),
        _ if is_keyword(&word) => Ok(Reply::Unknown(String::from_utf8_lossy(&word).into_owned())),
        _ => Err(Malformed),
    }
}

/// Up to the next space, and what follows it.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|it| matches!(it, b' ' | b'\r' | b'\n'));
    let (word, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, b""));
    (word, rest.strip_prefix(b" ").unwrap_or(rest))
}

fn is_keyword(word: &[u8]) -> bool {
    let fits = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.' | b'=');
    word.first().is_some_and(u8::is_ascii_alphabetic) && word.iter().all(fits)
}

fn numbered(number: &[u8], after: &[u8]) -> Result<Reply, Malformed> {
    let (word, _) = split_word(after);
    let word = word.to_ascii_uppercase();
    match word.as_slice() {
        b"EXISTS" => {
            let number = std::str::from_utf8(number).ok().and_then(|it| it.parse().ok());
            number.map(Reply::Exists).ok_or(Malformed)
        }
        b"EXPUNGE" => Ok(Reply::Expunge),
        b"RECENT" => Ok(Reply::Other),
        word if is_fetch_word(word) => Ok(Reply::Fetch),
        _ => Err(Malformed),
    }
}

/// FETCH, also where a server leaves out the space behind it.
fn is_fetch_word(word: &[u8]) -> bool {
    word == b"FETCH" || word.starts_with(b"FETCH(")
}

fn status_kind(word: &[u8]) -> Option<StatusKind> {
    match word {
        b"OK" | b"PREAUTH" => Some(StatusKind::Ok),
        b"NO" | b"BYE" => Some(StatusKind::No),
        b"BAD" => Some(StatusKind::Bad),
        _ => None,
    }
}

fn status_reply(tag: &[u8], word: &[u8], status: Status) -> Reply {
    match (tag, word) {
        (b"*", b"PREAUTH") => Reply::PreAuth(status),
        (b"*", b"BYE") => Reply::Bye(status),
        (b"*", _) => Reply::Status(status),
        _ => Reply::Tagged { tag: String::from_utf8_lossy(tag).into_owned(), status },
    }
}

fn status(kind: StatusKind, text: &[u8]) -> Status {
    let text = String::from_utf8_lossy(text.trim_ascii()).into_owned();
    let coded = text.strip_prefix('[').and_then(|it| it.split_once(']'));
    let Some((code, rest)) = coded else { return Status { kind, code: None, text } };
    let (name, arguments) = code.split_once(' ').unwrap_or((code, ""));
    let code = Code { name: name.to_ascii_uppercase(), rest: arguments.to_owned() };
    Status { kind, code: Some(code), text: rest.trim_start().to_owned() }
}

/// What `imap-codec` makes of it, or `None` when it refuses.
fn strictly(text: &[u8], literals: &[Vec<u8>]) -> Option<Reply> {
    let joined;
    let bytes = if literals.is_empty() {
        text
    } else {
        joined = join(text, literals);
        &joined
    };
    match ResponseCodec::default().decode(bytes) {
        Ok((b"", Response::Data(data))) => from_codec(data),
        _ => None,
    }
}

fn from_codec(data: Data<'_>) -> Option<Reply> {
    Some(match data {
        Data::Capability(it) => {
            Reply::Capability(it.as_ref().iter().map(ToString::to_string).collect())
        }
        Data::Enabled { capabilities } => {
            Reply::Enabled(capabilities.iter().map(ToString::to_string).collect())
        }
        Data::List { items, delimiter, mailbox } => Reply::List(ListItem {
            attributes: items.iter().map(ToString::to_string).collect(),
            separator: separator(delimiter.map(|it| it.inner()))?,
            name: mailbox_name(&mailbox),
        }),
        Data::Status { mailbox, items } => {
            Reply::MailboxStatus { name: mailbox_name(&mailbox), status: mailbox_status(&items) }
        }
        Data::Search(found, _) => Reply::Search(found.iter().map(|it| it.get()).collect()),
        Data::Vanished { earlier, known_uids } => {
            Reply::Vanished { earlier, uids: uid_ranges(&known_uids)? }
        }
        Data::Namespace { personal, other, shared } => {
            Reply::Namespace([prefixes(&personal)?, prefixes(&other)?, prefixes(&shared)?])
        }
        Data::Id { parameters } => {
            let parameters = parameters.unwrap_or_default();
            Reply::Id(parameters.iter().filter_map(|(key, it)| id_field(key, it)).collect())
        }
        _ => return None,
    })
}

fn separator(delimiter: Option<char>) -> Option<Option<u8>> {
    match delimiter {
        None => Some(None),
        Some(it) => u8::try_from(it).ok().filter(u8::is_ascii).map(Some),
    }
}

fn mailbox_name(mailbox: &Mailbox<'_>) -> Vec<u8> {
    match mailbox {
        Mailbox::Inbox => b"INBOX".to_vec(),
        Mailbox::Other(name) => name.as_ref().to_vec(),
    }
}

fn mailbox_status(items: &[StatusDataItem]) -> MailboxStatus {
    let mut status = MailboxStatus::default();
    for item in items {
        match item {
            StatusDataItem::Messages(it) => status.messages = u64::from(*it),
            StatusDataItem::UidNext(it) => status.uid_next = u64::from(it.get()),
            StatusDataItem::UidValidity(it) => status.uid_validity = u64::from(it.get()),
            StatusDataItem::HighestModSeq(it) => status.modseq = *it,
            _ => (),
        }
    }
    status
}

fn uid_ranges(set: &SequenceSet) -> Option<Vec<UidRange>> {
    let uid = |it: &SeqOrUid| match it {
        SeqOrUid::Value(it) => Some(it.get()),
        SeqOrUid::Asterisk => None,
    };
    let range = |it: &Sequence| match it {
        Sequence::Single(it) => uid(it).map(|it| (it, it)),
        Sequence::Range(a, b) => uid(a).zip(uid(b)).map(|(a, b)| (a.min(b), a.max(b))),
    };
    set.0.as_ref().iter().map(range).collect()
}

fn prefixes(namespaces: &[namespace::Namespace<'_>]) -> Option<Vec<NamespacePrefix>> {
    let prefix = |it: &namespace::Namespace<'_>| {
        let separator = separator(it.delimiter.as_ref().map(QuotedChar::inner))?;
        Some(NamespacePrefix { prefix: it.prefix.as_ref().to_vec(), separator })
    };
    namespaces.iter().map(prefix).collect()
}

fn id_field(key: &IString<'_>, value: &NString<'_>) -> Option<(String, String)> {
    let text = |it: &IString<'_>| String::from_utf8_lossy(it.as_ref()).into_owned();
    value.0.as_ref().map(|value| (text(key).to_ascii_lowercase(), text(value)))
}

#[cfg(test)]
mod tests;
