//! Which messages the mailbox holds: STAT, LIST and UIDL, put together.
//!
//! A list proves something when it is as long as STAT says; the archiver compares. Messages that
//! only one of the two lists names are messages all the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use ports::{Enumeration, MailboxStatus, SourceError, SourceErrorKind, Uids};
use tokio::time::timeout;

use super::command::Command;
use super::headers;
use super::identity::{self, Collision, Listed};
use super::limits::MESSAGES_MAX;
use super::reply::Reply;
use super::session::Session;
use crate::trouble;

/// The epoch of every POP3 mailbox: its UIDs are made of names, and other names are other UIDs.
const UID_VALIDITY: u64 = 1;

/// A message of this session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) number: u32,
    /// As announced.
    pub(crate) size: Option<u64>,
    /// Whether the server has a name for it that is its alone.
    pub(crate) is_named: bool,
}

/// The messages of this session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Listing {
    /// How many the server says there are.
    messages: u64,
    by_uid: BTreeMap<u64, Entry>,
}

impl Listing {
    /// The state of the mailbox. It has neither UIDNEXT nor MODSEQ: its UIDs come in no order.
    pub(crate) fn status(&self) -> MailboxStatus {
        let messages = self.messages;
        MailboxStatus { messages, uid_validity: UID_VALIDITY, uid_next: 0, modseq: 0 }
    }

    pub(crate) fn enumeration(&self) -> Enumeration {
        let uids = Uids::All(self.by_uid.keys().copied().collect());
        Enumeration { status: self.status(), uids }
    }

    /// The messages of the lowest and of the highest number.
    pub(crate) fn ends(&self) -> Option<[(u64, Entry); 2]> {
        let number = |it: &(&u64, &Entry)| it.1.number;
        let (oldest, newest) =
            (self.by_uid.iter().min_by_key(number)?, self.by_uid.iter().max_by_key(number)?);
        Some([oldest, newest].map(|(uid, entry)| (*uid, *entry)))
    }

    /// Those of `uids` that the session has, in the order of their numbers.
    pub(crate) fn entries(&self, uids: &[u64]) -> Vec<(u64, Entry)> {
        let found = uids.iter().filter_map(|uid| Some((*uid, *self.by_uid.get(uid)?)));
        let mut found: Vec<(u64, Entry)> = found.collect();
        found.sort_by_key(|it| it.1.number);
        found.dedup();
        found
    }
}

/// Lists the messages.
pub(crate) async fn list(session: &mut Session) -> Result<Listing, SourceError> {
    let deadline = session.timeouts().command;
    let server = session.server().clone();
    let (messages, listed) = timeout(deadline, answers(session))
        .await
        .unwrap_or_else(|_| Err(trouble::too_slow("a list of messages", &server)))?;
    let unclear = identity::unclear(&listed);
    let looks = if unclear.is_empty() {
        HashMap::new()
    } else {
        let n_named = listed.iter().filter(|it| it.uidl.is_some()).count();
        let looks = headers::looks(session, &unclear).await?;
        warn(session, unclear.len(), n_named);
        looks
    };
    let uids = identity::uids(&listed, &looks).map_err(|Collision(one, other)| {
        trouble::protocol(format!("messages {one} and {other} cannot be told apart"))
    })?;
    let unclear: HashSet<u32> = unclear.into_iter().collect();
    let entry = |it: &Listed| {
        let is_named = !unclear.contains(&it.number);
        Entry { number: it.number, size: it.size, is_named }
    };
    let by_uid = uids.into_iter().zip(listed.iter().map(entry)).collect();
    Ok(Listing { messages, by_uid })
}

fn warn(session: &mut Session, n_unclear: usize, n_named: usize) {
    let how = if session.has_top() { "by size and header" } else { "by reading all of them" };
    session.warn(if n_named == 0 {
        format!(
            "the server gives messages no lasting names (no UIDL); every run tells them apart {how}"
        )
    } else {
        format!("{n_unclear} messages have no UIDL of their own; every run tells them apart {how}")
    });
}

/// What STAT, LIST and UIDL say.
async fn answers(session: &mut Session) -> Result<(u64, Vec<Listed>), SourceError> {
    session.begin()?;
    let together = session.window() > 1;
    let commands = [Command::Stat, Command::List, Command::Uidl];
    if together {
        session.send(&commands).await?;
    }
    let mut messages = 0;
    let mut found: BTreeMap<u32, Listed> = BTreeMap::new();
    for command in commands {
        if !together {
            session.send(&[command]).await?;
        }
        let reply = session.reply().await?;
        match command {
            Command::Stat => messages = stat(session, &reply)?,
            Command::List if !reply.is_ok => {
                return Err(reply.refused(session.server(), "to list messages"));
            }
            Command::List => sizes(session, &mut found).await?,
            _ if reply.is_ok => names(session, &mut found).await?,
            _ => check_no_names(session, &reply)?,
        }
    }
    session.settle();
    Ok((messages, found.into_values().collect()))
}

fn stat(session: &Session, reply: &Reply) -> Result<u64, SourceError> {
    if !reply.is_ok {
        return Err(reply.refused(session.server(), "to open the mailbox"));
    }
    let number = reply.text.split_ascii_whitespace().next().and_then(|it| it.parse().ok());
    number.ok_or_else(|| trouble::undecodable("a number of messages", reply.text.as_bytes()))
}

/// A server without UIDL is worked with. One that has it and refuses is not taken for one without:
/// every message would look new.
fn check_no_names(session: &Session, reply: &Reply) -> Result<(), SourceError> {
    let is_known = session.capabilities().has("UIDL");
    let passes = reply.code.is_some() || reply.pause(None).is_some();
    if !is_known && !passes {
        return Ok(());
    }
    let error = reply.refused(session.server(), "to name its messages (UIDL)");
    Err(match error.kind() {
        SourceErrorKind::Mailbox => trouble::transient(error.to_string()),
        _ => error,
    })
}

fn message(found: &mut BTreeMap<u32, Listed>, number: u32) -> &mut Listed {
    found.entry(number).or_insert(Listed { number, size: None, uidl: None })
}

async fn sizes(
    session: &mut Session,
    found: &mut BTreeMap<u32, Listed>,
) -> Result<(), SourceError> {
    while let Some(line) = session.list_line().await? {
        let (number, rest) = numbered(line)?;
        let text = std::str::from_utf8(rest).unwrap_or_default();
        let size = text.split_ascii_whitespace().next().and_then(|it| it.parse().ok());
        message(found, number).size = size;
        check_number(found.len())?;
    }
    Ok(())
}

async fn names(
    session: &mut Session,
    found: &mut BTreeMap<u32, Listed>,
) -> Result<(), SourceError> {
    while let Some(line) = session.list_line().await? {
        let (number, rest) = numbered(line)?;
        let uidl = rest.trim_ascii();
        if !uidl.is_empty() {
            let message = message(found, number);
            if message.uidl.as_deref().is_some_and(|it| it != uidl) {
                return Err(trouble::undecodable("a second UIDL of one message", line));
            }
            message.uidl = Some(uidl.to_vec());
        }
        check_number(found.len())?;
    }
    Ok(())
}

/// The number at the start of a line, and what follows.
fn numbered(line: &[u8]) -> Result<(u32, &[u8]), SourceError> {
    let line = line.trim_ascii_start();
    let end = line.iter().position(|it| !it.is_ascii_digit()).unwrap_or(line.len());
    let (digits, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    let number = std::str::from_utf8(digits).ok().and_then(|it| it.parse().ok());
    let is_apart = rest.first().is_none_or(u8::is_ascii_whitespace);
    match number {
        Some(number) if number > 0 && is_apart => Ok((number, rest)),
        _ => Err(trouble::undecodable("a line of a list", line)),
    }
}

fn check_number(n: usize) -> Result<(), SourceError> {
    if n <= MESSAGES_MAX {
        return Ok(());
    }
    Err(trouble::protocol("the server lists more messages than a mailbox can have".into()))
}
