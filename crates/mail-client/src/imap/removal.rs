//! Removing messages: the only module that says anything to a server that changes a mailbox.
//!
//! Rules:
//! - Messages are named by UID in every command. What other clients marked as `\Deleted` is not
//!   in the set, and so is not expunged (RFC 4315 §2.1).
//! - Behind our mark, and before EXPUNGE, the flags are read once more: a message that somebody
//!   flagged meanwhile stays, and our mark on it is taken back.
//! - Gone is what a list of the mailbox does not name any more, not what the server agreed to.
//! - A server without UIDPLUS is refused: EXPUNGE without UIDs removes what nobody asked for.

use std::collections::{BTreeMap, HashMap};

use ports::{
    Identity, Kept, MailboxStatus, Proof, Removed, SourceError, SourceErrorKind, Standing,
    WithHeaders,
};
use rules::removal::Way;
use types::{Flags, MailboxName};

use super::capability::Capabilities;
use super::command::Command;
use super::connection::Extensions;
use super::examine::refused;
use super::limits::UIDS_MAX;
use super::reply::{Reply, Status, StatusKind};
use super::session::Session;
use super::uid_set::{UidRange, chunks, expand};
use super::{headers, trouble};

mod change;
mod target;

pub(crate) use change::Change;

/// Messages that are marked, looked at and removed together: few, so that the moment between the
/// last look and the removal is short.
pub(crate) const REMOVED_TOGETHER: usize = 100;

/// A mailbox that is open for removal.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    mailbox: Vec<u8>,
    way: Way,
    how: How,
    status: MailboxStatus,
}

/// By which commands messages leave.
#[derive(Clone, PartialEq, Eq, Debug)]
enum How {
    /// UID STORE, UID EXPUNGE.
    Expunge,
    /// UID MOVE, to this mailbox.
    Move(Vec<u8>),
    /// UID COPY to this mailbox, then as above.
    CopyAndExpunge(Vec<u8>),
}

impl Selected {
    pub(crate) fn is(&self, mailbox: &MailboxName, way: &Way) -> bool {
        self.mailbox == mailbox.raw && self.way == *way
    }

    pub(crate) fn status(&self) -> MailboxStatus {
        self.status
    }

    /// By what messages leave, for people.
    pub(crate) fn shown(&self) -> &'static str {
        match self.how {
            How::Expunge => "UIDPLUS",
            How::Move(_) => "MOVE",
            How::CopyAndExpunge(_) => "UIDPLUS, by a copy",
        }
    }
}

/// Opens a mailbox for removal. Refuses what cannot be done safely.
pub(crate) async fn open(
    session: &mut Session,
    extensions: &Extensions,
    mailbox: &MailboxName,
    way: &Way,
) -> Result<Selected, SourceError> {
    let how = how(session, extensions, way).await?;
    let mut status = MailboxStatus::default();
    let mut may_mark = true;
    let command = Command::Change(Change::select(&mailbox.raw));
    let answer = session.run(&command, |reply| {
        match reply {
            Reply::Exists(n) => status.messages = n,
            Reply::Status(Status { code: Some(code), .. }) => match code.name() {
                "UIDVALIDITY" => status.uid_validity = code.number().unwrap_or(0),
                "UIDNEXT" => status.uid_next = code.number().unwrap_or(0),
                // RFC 9051 §7.1: those that the client can change for good.
                "PERMANENTFLAGS" => may_mark = allows_marks(code.rest()),
                _ => (),
            },
            _ => (),
        }
        Ok(())
    });
    let answer = answer.await?;
    if answer.kind != StatusKind::Ok {
        return Err(refused(session, mailbox, &answer));
    }
    let closed = |why: &str| {
        let text = format!("nothing can be removed from {mailbox}: {why}");
        Err(SourceError::new(SourceErrorKind::Mailbox, text))
    };
    if answer.code.as_ref().is_some_and(|it| it.name() == "READ-ONLY") {
        return closed("the server opens it for reading only");
    }
    if !may_mark && !matches!(how, How::Move(_)) {
        return closed("the server does not let messages be marked as deleted");
    }
    Ok(Selected { mailbox: mailbox.raw.clone(), way: way.clone(), how, status })
}

fn allows_marks(flags: &str) -> bool {
    let flags = flags.trim().trim_start_matches('(').trim_end_matches(')');
    flags.split_ascii_whitespace().any(|it| it.eq_ignore_ascii_case("\\Deleted"))
}

async fn how(
    session: &mut Session,
    extensions: &Extensions,
    way: &Way,
) -> Result<How, SourceError> {
    let offered = session.capabilities();
    let has = |name: &str, it: &Capabilities| it.has(name) || it.has("IMAP4REV2");
    let (uidplus, moves) = (has("UIDPLUS", offered), has("MOVE", offered));
    match way {
        Way::Removed if uidplus => Ok(How::Expunge),
        Way::Removed => {
            let hint = if moves {
                "Let the job move messages instead: at once into MAILBOX."
            } else {
                "Set the removal of the job to never: without UIDPLUS, removing a message removes \
                 what others marked, too."
            };
            let text = format!("{} cannot remove messages by UID (no UIDPLUS)", session.server());
            Err(trouble::configuration(text, hint))
        }
        Way::Moved(path) if moves => Ok(How::Move(target::of(session, extensions, path).await?)),
        Way::Moved(path) if uidplus => {
            Ok(How::CopyAndExpunge(target::of(session, extensions, path).await?))
        }
        Way::Moved(_) => {
            let text =
                format!("{} can neither move messages nor remove them by UID", session.server());
            Err(trouble::configuration(text, "Set the removal of the job to never."))
        }
    }
}

/// What the server says of messages now. Where it does not number them for good, a UID says
/// nothing for certain.
pub(crate) async fn standing(
    session: &mut Session,
    selected: &Selected,
    uids: &[u64],
) -> Result<Vec<Standing>, SourceError> {
    let identity = match selected.status.uid_validity {
        0 => Identity::Uncertain,
        _ => Identity::Certain,
    };
    let items = headers::facts(session, uids, WithHeaders::No).await?;
    let items = items.into_iter();
    Ok(items
        .map(|it| Standing {
            uid: it.uid,
            size: it.size,
            received: it.received,
            flags: it.flags,
            identity,
        })
        .collect())
}

/// Removes messages from the mailbox that is open for it.
pub(crate) async fn remove(
    session: &mut Session,
    selected: &Selected,
    proofs: &[Proof],
) -> Result<Removed, SourceError> {
    let mut removed = Removed::default();
    let epoch = selected.status.uid_validity;
    let (ours, others): (Vec<&Proof>, Vec<&Proof>) =
        proofs.iter().partition(|it| it.uid_validity() == epoch);
    removed.kept.extend(others.iter().map(|it| (it.uid(), Kept::Changed)));
    let proofs: BTreeMap<u32, &Proof> =
        ours.into_iter().filter_map(|it| Some((u32::try_from(it.uid()).ok()?, it))).collect();
    let mut removal = Removal { session, proofs, removed };
    match &selected.how {
        How::Expunge => removal.expunge().await?,
        How::Move(target) => removal.relocate(target).await?,
        How::CopyAndExpunge(target) => removal.copy_and_expunge(target).await?,
    }
    Ok(removal.removed)
}

/// One call of [`remove`].
struct Removal<'a> {
    session: &'a mut Session,
    proofs: BTreeMap<u32, &'a Proof>,
    removed: Removed,
}

impl Removal<'_> {
    /// Marks, looks once more, and expunges what may still leave.
    async fn expunge(&mut self) -> Result<(), SourceError> {
        let all: Vec<u32> = self.proofs.keys().copied().collect();
        for set in chunks(&all) {
            let answer = self.change(&Change::mark(&set)).await?.0;
            if answer.kind != StatusKind::Ok {
                self.unmark(&all).await?;
                return Err(self.refusal("to mark messages as deleted", &answer));
            }
        }
        let leaving = self.still_leaving(MustBeMarked::Yes).await?;
        let staying: Vec<u32> = all.into_iter().filter(|it| !leaving.contains(it)).collect();
        self.unmark(&staying).await?;
        let mut went = Went::default();
        for set in chunks(&leaving) {
            let (answer, gone) = self.change(&Change::expunge(&set)).await?;
            went.add(gone);
            if answer.kind != StatusKind::Ok {
                self.unmark(&leaving).await?;
                return Err(self.refusal("to remove messages", &answer));
            }
        }
        self.take_stock(&leaving, &went).await
    }

    async fn relocate(&mut self, target: &[u8]) -> Result<(), SourceError> {
        let leaving = self.still_leaving(MustBeMarked::No).await?;
        let mut went = Went::default();
        for set in chunks(&leaving) {
            let (mut answer, mut gone) = self.change(&Change::relocate(&set, target)).await?;
            if wants_mailbox(&answer) {
                self.make(target).await?;
                (answer, gone) = self.change(&Change::relocate(&set, target)).await?;
            }
            went.add(gone);
            if answer.kind != StatusKind::Ok {
                return Err(self.refusal("to move messages", &answer));
            }
        }
        self.take_stock(&leaving, &went).await
    }

    async fn copy_and_expunge(&mut self, target: &[u8]) -> Result<(), SourceError> {
        let leaving = self.still_leaving(MustBeMarked::No).await?;
        for set in chunks(&leaving) {
            let mut answer = self.change(&Change::copy(&set, target)).await?.0;
            if wants_mailbox(&answer) {
                self.make(target).await?;
                answer = self.change(&Change::copy(&set, target)).await?.0;
            }
            if answer.kind != StatusKind::Ok {
                return Err(self.refusal("to copy messages", &answer));
            }
            if copied(&answer).is_some_and(|it| it != count_of(&set)) {
                let text = "the server copied another number of messages than it was asked to";
                return Err(trouble::protocol(text.into()));
            }
        }
        self.proofs.retain(|uid, _| leaving.contains(uid));
        self.expunge().await
    }

    /// Carries out a command, and notes what goes meanwhile.
    async fn change(&mut self, change: &Change<'_>) -> Result<(Status, Went), SourceError> {
        let mut went = Went::default();
        let command = Command::Change(change.clone());
        let status = self.session.run(&command, |reply| {
            match reply {
                Reply::Expunge => went.unnamed += 1,
                Reply::Vanished { earlier: false, uids } => went.named.extend(uids),
                _ => (),
            }
            Ok(())
        });
        Ok((status.await?, went))
    }

    /// Of the messages that are to leave, those that still may. The others are noted with why.
    async fn still_leaving(&mut self, marked: MustBeMarked) -> Result<Vec<u32>, SourceError> {
        let uids: Vec<u64> = self.proofs.keys().map(|it| u64::from(*it)).collect();
        let now = headers::facts(self.session, &uids, WithHeaders::No).await?;
        let now: HashMap<u64, _> = now.into_iter().map(|it| (it.uid, it)).collect();
        let mut leaving = Vec::new();
        for (uid, proof) in &self.proofs {
            let kept = match now.get(&u64::from(*uid)) {
                None => Kept::Gone,
                Some(it) if it.flags.contains(Flags::FLAGGED) => Kept::Flagged,
                Some(it) if it.size != proof.size() => Kept::Changed,
                Some(it) if marked == MustBeMarked::Yes && !it.flags.contains(Flags::DELETED) => {
                    Kept::StillThere
                }
                Some(_) => {
                    leaving.push(*uid);
                    continue;
                }
            };
            self.removed.kept.push((u64::from(*uid), kept));
        }
        Ok(leaving)
    }

    /// Takes our marks back. Those that others had made stay.
    async fn unmark(&mut self, uids: &[u32]) -> Result<(), SourceError> {
        let ours = |uid: &&u32| self.proofs.get(*uid).is_some_and(|it| !it.was_deleted());
        let ours: Vec<u32> = uids.iter().filter(ours).copied().collect();
        for set in chunks(&ours) {
            // A refusal changes nothing: marked messages are only removed by UID here.
            self.change(&Change::unmark(&set)).await?;
        }
        Ok(())
    }

    async fn make(&mut self, mailbox: &[u8]) -> Result<(), SourceError> {
        let answer = self.change(&Change::create(mailbox)).await?.0;
        if answer.kind != StatusKind::Ok {
            return Err(self.refusal("to make the mailbox that messages are moved to", &answer));
        }
        // Who shows only some mailboxes shows this one. It is not needed.
        self.change(&Change::subscribe(mailbox)).await?;
        Ok(())
    }

    /// Looks which messages the mailbox still has, and notes what went beside ours.
    async fn take_stock(&mut self, leaving: &[u32], went: &Went) -> Result<(), SourceError> {
        let mut there: Vec<UidRange> = Vec::new();
        for set in chunks(leaving) {
            let esearch = self.session.capabilities().has_esearch();
            let mut is_listed = false;
            let command = Command::UidSearchSet { set: &set, esearch };
            let answer = self.session.run(&command, |reply| {
                match reply {
                    Reply::Search(uids) => {
                        is_listed = true;
                        there.extend(uids.into_iter().map(|it| (it, it)));
                    }
                    Reply::Esearch { all, .. } => {
                        is_listed = true;
                        there.extend(all.into_iter().flatten());
                    }
                    _ => (),
                }
                Ok(())
            });
            let answer = answer.await?;
            if answer.kind != StatusKind::Ok || !is_listed {
                return Err(self.refusal("to say what is left in the mailbox", &answer));
            }
        }
        let there = expand(&there, 1, u32::MAX, UIDS_MAX);
        let there = there.ok_or_else(|| trouble::protocol("a list without end".into()))?;
        for uid in leaving.iter().map(|it| u64::from(*it)) {
            if there.binary_search(&uid).is_ok() {
                self.removed.kept.push((uid, Kept::StillThere));
            } else {
                self.removed.gone.push(uid);
            }
        }
        self.removed.others = went.beside(leaving);
        Ok(())
    }

    fn refusal(&self, what: &str, answer: &Status) -> SourceError {
        let reason = self.session.reason(answer);
        let text = format!("{} refused {what}: {reason}", self.session.server());
        let kind = trouble::throttled(answer).unwrap_or(SourceErrorKind::Protocol);
        SourceError::new(kind, text)
    }
}

/// Whether a message has to be marked as `\Deleted` to leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MustBeMarked {
    Yes,
    No,
}

/// What a server said to be gone while a command ran.
#[derive(Default)]
struct Went {
    /// EXPUNGE names no UIDs.
    unnamed: u64,
    /// VANISHED does.
    named: Vec<UidRange>,
}

impl Went {
    fn add(&mut self, other: Went) {
        self.unnamed += other.unnamed;
        self.named.extend(other.named);
    }

    /// How many went that were not to leave.
    fn beside(&self, leaving: &[u32]) -> u64 {
        let named = expand(&self.named, 1, u32::MAX, UIDS_MAX).unwrap_or_default();
        let strange =
            |uid: &&u64| !u32::try_from(**uid).is_ok_and(|uid| leaving.binary_search(&uid).is_ok());
        let strange = named.iter().filter(strange).count();
        let unnamed = self.unnamed.saturating_sub(u64::try_from(leaving.len()).unwrap_or(0));
        unnamed + u64::try_from(strange).unwrap_or(0)
    }
}

fn wants_mailbox(answer: &Status) -> bool {
    answer.kind == StatusKind::No && answer.code.as_ref().is_some_and(|it| it.name() == "TRYCREATE")
}

/// How many messages a COPY says that it copied (RFC 4315 §3: COPYUID).
fn copied(answer: &Status) -> Option<u64> {
    let code = answer.code.as_ref().filter(|it| it.name() == "COPYUID")?;
    code.rest().split_ascii_whitespace().nth(1).map(count_of)
}

/// How many UIDs a set names.
fn count_of(set: &str) -> u64 {
    let one = |part: &str| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        let from: u64 = from.parse().ok()?;
        let to: u64 = to.parse().ok()?;
        Some(from.abs_diff(to) + 1)
    };
    set.split(',').filter_map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_counted() {
        for (set, want) in [("1", 1), ("1:3", 3), ("3:1,7", 4), ("", 0), ("4,9:10", 3)] {
            assert_eq!(count_of(set), want, "{set}");
        }
    }

    #[test]
    fn what_goes_beside_is_seen() {
        let went = |unnamed, named: &[UidRange]| Went { unnamed, named: named.to_vec() };
        assert_eq!(went(2, &[]).beside(&[3, 5]), 0);
        assert_eq!(went(3, &[]).beside(&[3, 5]), 1);
        assert_eq!(went(0, &[(3, 5)]).beside(&[3, 5]), 1);
        assert_eq!(went(0, &[(3, 3), (5, 5)]).beside(&[3, 5]), 0);
        assert!(allows_marks("(\\Answered \\Deleted \\*)") && !allows_marks("(\\Seen \\*)"));
    }
}
