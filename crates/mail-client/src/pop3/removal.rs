//! Removing messages: DELE, and the QUIT that carries it out (RFC 1939 §5, §6).
//!
//! Rules:
//! - Nothing is removed before the server has agreed to QUIT. Whatever else ends the session, its
//!   messages count as still there, and the next run looks.
//! - A server that removes what was fetched (EXPIRE 0) is said QUIT only by a session that fetched
//!   nothing: else that would go, too, proven or not.

use std::collections::VecDeque;

use ports::{Kept, Proof, Removed, SourceError};
use tokio::time::timeout;

use super::command::Command;
use super::listing::{Entry, Listing};
use super::session::Session;
use crate::trouble;

/// Messages that one session removes. Each session lists the mailbox anew.
pub(crate) const REMOVED_TOGETHER: usize = 500;

/// The number of a message that is to be removed. Only this module makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doomed(u32);

impl Doomed {
    /// The number in this session.
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// Removes messages, and ends the session.
pub(crate) async fn remove(
    mut session: Session,
    listing: &Listing,
    proofs: &[Proof],
) -> Result<Removed, SourceError> {
    if session.capabilities().expires_at_once() && session.has_retrieved() {
        let text = format!("{} removes what was fetched; nothing was removed", session.server());
        let hint = "Set the removal of the job to never: the server does it by itself.";
        return Err(trouble::configuration(text, hint));
    }
    let mut removed = Removed::default();
    let epoch = listing.status().uid_validity;
    let mut leaving = Vec::new();
    for proof in proofs {
        let entry = listing.entries(&[proof.uid()]).pop();
        match entry.filter(|_| proof.uid_validity() == epoch) {
            None => removed.kept.push((proof.uid(), Kept::Gone)),
            Some((_, entry)) if entry.size.unwrap_or(0) != proof.size() => {
                removed.kept.push((proof.uid(), Kept::Changed));
            }
            Some(found) => leaving.push(found),
        }
    }
    leaving.sort_unstable_by_key(|it: &(u64, Entry)| it.1.number);
    session.begin()?;
    mark(&mut session, leaving, &mut removed).await?;
    let server = session.server().clone();
    let deadline = session.timeouts().command;
    let ended = timeout(deadline, async {
        session.send(&[Command::Quit]).await?;
        session.reply().await
    });
    let ended = ended.await.unwrap_or_else(|_| Err(trouble::too_slow("QUIT", &server)));
    let unclean = |why: String| {
        let text = format!(
            "{server} did not end the session cleanly, so that nothing counts as removed: {why}"
        );
        trouble::transient(text)
    };
    match ended {
        Ok(reply) if reply.is_ok => {
            session.leave().await;
            Ok(removed)
        }
        Ok(reply) => Err(unclean(reply.shown())),
        Err(error) => Err(unclean(error.to_string()).caused_by(error)),
    }
}

/// Marks messages for the QUIT. One that the server does not let be marked stays.
async fn mark(
    session: &mut Session,
    leaving: Vec<(u64, Entry)>,
    removed: &mut Removed,
) -> Result<(), SourceError> {
    let mut unsent = leaving.into_iter();
    let mut in_flight = VecDeque::new();
    let window = session.window();
    loop {
        let mut commands = Vec::new();
        while in_flight.len() < window
            && let Some((uid, entry)) = unsent.next()
        {
            commands.push(Command::Dele(Doomed(entry.number)));
            in_flight.push_back(uid);
        }
        session.send(&commands).await?;
        let Some(uid) = in_flight.pop_front() else { return Ok(()) };
        let reply = session.reply().await?;
        if reply.is_ok {
            removed.gone.push(uid);
        } else if reply.pause(session.capabilities().login_delay()).is_some() {
            return Err(reply.refused(session.server(), "to remove messages"));
        } else {
            removed.kept.push((uid, Kept::StillThere));
        }
    }
}
