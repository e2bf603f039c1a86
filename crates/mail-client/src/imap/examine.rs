//! Opening a mailbox for reading, and the list of its messages.
//!
//! Rule: a list counts when its tagged OK has come; anything less is an error, never a shorter
//! list. What is below a list that was cut would count as gone.

use ports::{Enumeration, HeaderItem, Known, MailboxStatus, SourceError, SourceErrorKind, Uids};
use rules::same_mailbox::Seen;
use types::MailboxName;

use super::command::{Command, ExamineAs};
use super::connection::Extensions;
use super::headers;
use super::limits::UIDS_MAX;
use super::reply::{Code, Reply, Status, StatusKind};
use super::session::Session;
use super::trouble;
use super::uid_set::{UidRange, expand};

/// What the server said while it opened a mailbox.
#[derive(Default)]
struct Opened {
    status: MailboxStatus,
    /// RFC 8474 §4.1.
    mailbox_id: Option<String>,
    vanished: Vec<UidRange>,
}

impl Opened {
    fn take(&mut self, reply: Reply) -> Result<(), SourceError> {
        match reply {
            Reply::Exists(n) => self.status.messages = n,
            Reply::Vanished { uids, .. } => {
                if self.vanished.len() + uids.len() > UIDS_MAX {
                    return Err(too_many());
                }
                self.vanished.extend(uids);
            }
            Reply::Status(Status { code: Some(code), .. }) => self.take_code(&code),
            _ => (),
        }
        Ok(())
    }

    fn take_code(&mut self, code: &Code) {
        if code.name() == "MAILBOXID" {
            let id = code.rest().trim().trim_start_matches('(').trim_end_matches(')');
            self.mailbox_id = Some(id.to_owned()).filter(|it| !it.is_empty());
        }
        let status = &mut self.status;
        let field = match code.name() {
            "UIDVALIDITY" => &mut status.uid_validity,
            "UIDNEXT" => &mut status.uid_next,
            "HIGHESTMODSEQ" => &mut status.modseq,
            _ => return,
        };
        *field = code.number().unwrap_or(0);
    }
}

fn too_many() -> SourceError {
    trouble::protocol(format!("the server names more than {UIDS_MAX} messages"))
}

/// Opens a mailbox and lists its messages: all, or the difference to `known` when both sides can.
pub(crate) async fn open(
    session: &mut Session,
    extensions: &Extensions,
    mailbox: &MailboxName,
    known: Option<Known>,
) -> Result<Enumeration, SourceError> {
    let known = known.filter(|it| extensions.qresync && it.modseq > 0 && it.uid_validity > 0);
    let how = match known {
        Some(Known { uid_validity, modseq, .. }) => ExamineAs::Qresync { uid_validity, modseq },
        None if extensions.condstore => ExamineAs::Condstore,
        None => ExamineAs::Plain,
    };
    let Opened { mut status, vanished, .. } = examine(session, mailbox, how).await?;
    // A server passes over the parameters silently when UIDVALIDITY does not fit.
    let known = known.filter(|it| status.uid_validity == it.uid_validity && status.modseq > 0);
    let known = known.and_then(|it| u32::try_from(it.uid_next).ok()).filter(|it| *it > 0);
    let delta = known.and_then(|first_new| {
        // What was vanished before we knew of it does not matter.
        let vanished = expand(&vanished, 1, first_new - 1, UIDS_MAX)?;
        Some((first_new, vanished))
    });
    let uids = match delta {
        Some((first_new, vanished)) => {
            let nothing_new = status.uid_next > 0 && status.uid_next <= u64::from(first_new);
            let new = if nothing_new || status.messages == 0 {
                Vec::new()
            } else {
                search(session, mailbox, first_new, &mut status).await?
            };
            Uids::Delta { vanished, new }
        }
        None if status.messages == 0 => Uids::All(Vec::new()),
        None => Uids::All(search(session, mailbox, 1, &mut status).await?),
    };
    Ok(Enumeration { status, uids })
}

/// Opens the INBOX, and looks at its two ends.
pub(crate) async fn look_at_inbox(session: &mut Session) -> Result<Seen, SourceError> {
    let inbox = MailboxName::from_parts(["INBOX"]);
    let Opened { status, mailbox_id, .. } = examine(session, &inbox, ExamineAs::Plain).await?;
    let ends = if status.messages == 0 { Vec::new() } else { headers::ends(session).await? };
    let end = |it: &HeaderItem| (it.uid, it.size, it.header_hash);
    Ok(Seen {
        mailbox_id,
        uid_validity: status.uid_validity,
        oldest: ends.first().map(end),
        newest: ends.last().map(end),
    })
}

async fn examine(
    session: &mut Session,
    mailbox: &MailboxName,
    how: ExamineAs,
) -> Result<Opened, SourceError> {
    let command = Command::Examine { mailbox: &mailbox.raw, how };
    let mut opened = Opened::default();
    let status = session.run(&command, |reply| opened.take(reply)).await?;
    if status.kind != StatusKind::Ok {
        return Err(refused(session, mailbox, &status));
    }
    if let Some(code) = &status.code {
        opened.take_code(code);
    }
    Ok(opened)
}

/// The UIDs from `first` on, ascending, each once. What comes and goes before the list is counted
/// in `opened`, so that it fits the list; its modification sequence stays that of the opening.
async fn search(
    session: &mut Session,
    mailbox: &MailboxName,
    first: u32,
    opened: &mut MailboxStatus,
) -> Result<Vec<u64>, SourceError> {
    let esearch = session.capabilities().has_esearch();
    let command = Command::UidSearch { from: first, esearch };
    let mut found: Vec<UidRange> = Vec::new();
    let mut messages = opened.messages;
    let mut messages_listed = None;
    let status = session.run(&command, |reply| {
        match reply {
            Reply::Search(uids) => {
                messages_listed = Some(messages);
                found.extend(uids.into_iter().map(|it| (it, it)));
            }
            Reply::Esearch { all, .. } => {
                messages_listed = Some(messages);
                found.extend(all.into_iter().flatten());
            }
            Reply::Exists(n) => messages = n,
            Reply::Expunge => messages = messages.saturating_sub(1),
            Reply::Vanished { earlier: false, uids } => {
                let n = uids.iter().map(|(from, to)| u64::from(to - from) + 1).sum();
                messages = messages.saturating_sub(n);
            }
            _ => (),
        }
        if found.len() > UIDS_MAX { Err(too_many()) } else { Ok(()) }
    });
    let status = status.await?;
    if status.kind != StatusKind::Ok {
        return Err(refused(session, mailbox, &status));
    }
    let Some(messages_listed) = messages_listed.or((first > 1).then_some(messages)) else {
        return Err(trouble::protocol(format!(
            "the server says that {mailbox} has {messages} messages, and names none"
        )));
    };
    // `n:*` always names the last message, also when it is older (RFC 9051 §6.4.8).
    let uids = expand(&found, first, u32::MAX, UIDS_MAX).ok_or_else(too_many)?;
    opened.messages = messages_listed;
    if let Some(last) = uids.last().filter(|_| opened.uid_next > 0) {
        opened.uid_next = opened.uid_next.max(last + 1);
    }
    Ok(uids)
}

/// The error when a mailbox is not opened or not listed.
pub(crate) fn refused(session: &Session, mailbox: &MailboxName, status: &Status) -> SourceError {
    let reason = session.reason(status);
    if let Some(kind) = trouble::throttled(status) {
        let message = format!("the server cannot open {mailbox} now: {reason}");
        return trouble::paused(kind, status, message);
    }
    let message = format!("the server does not open {mailbox}: {reason}");
    SourceError::new(SourceErrorKind::Mailbox, message)
}
