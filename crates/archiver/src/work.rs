//! What connections are asked to do, and what they tell.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger::QuarantineReason;
use ports::{Enumeration, HeaderItem, Known, SourceError, Uids};
use rules::filter::Filter;
use tokio::sync::Notify;
use types::{BlobId, MailboxName, Timestamp};

use crate::intake::Arrived;
use crate::report::RunFailure;

/// A mailbox of the run, as connections name it.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Its place in the run.
    pub(crate) slot: usize,
    pub(crate) name: Arc<MailboxName>,
    /// Of a mailbox without UIDVALIDITY, the UIDs that it listed, ascending: only where it lists
    /// them again do they mean the same messages.
    pub(crate) unnumbered: Option<Arc<Vec<u64>>>,
}

impl Named {
    /// Whether the UIDs that a mailbox lists now mean what they meant in this run.
    pub(crate) fn means_the_same(&self, now: &Uids) -> bool {
        match (&self.unnumbered, now) {
            (None, _) => true,
            (Some(listed), Uids::All(now)) => now.starts_with(listed),
            (Some(_), Uids::Delta { .. }) => false,
        }
    }
}

/// One piece of work for a connection.
#[derive(Debug)]
pub(crate) enum Work {
    /// Open the mailbox and list its messages.
    Enumerate { mailbox: Named, known: Option<Known> },
    /// Fetch what these messages are recognised by.
    Headers { mailbox: Named, listed: Known, uids: Vec<u64> },
    /// Look which of these messages the filter leaves out.
    Filter { mailbox: Named, listed: Known, uids: Vec<u64>, filter: Arc<Filter>, now: Timestamp },
    /// Fetch these messages only to hash them.
    Hashes { mailbox: Named, listed: Known, uids: Vec<u64> },
    /// Fetch these messages.
    Fetch(Unit),
}

/// Messages of one mailbox that one connection fetches.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) mailbox: Named,
    /// The mailbox as it was listed: the epoch that the UIDs belong to.
    pub(crate) listed: Known,
    pub(crate) uids: Vec<u64>,
    /// How often those were tried by earlier runs that come from quarantine.
    pub(crate) tried: HashMap<u64, u32>,
}

impl Work {
    /// How much it is, against listing one mailbox. It decides whether another connection pays.
    fn weight(&self) -> usize {
        match self {
            Work::Enumerate { .. } => 1,
            Work::Headers { .. } | Work::Filter { .. } | Work::Hashes { .. } => 4,
            Work::Fetch(unit) => 1 + unit.uids.len() / 16,
        }
    }

    fn slot(&self) -> usize {
        match self {
            Work::Enumerate { mailbox, .. }
            | Work::Headers { mailbox, .. }
            | Work::Filter { mailbox, .. }
            | Work::Hashes { mailbox, .. } => mailbox.slot,
            Work::Fetch(unit) => unit.mailbox.slot,
        }
    }
}

/// Waiting work from which another connection pays.
const WEIGHT_FOR_ANOTHER: usize = 10;

/// What a connection tells.
#[derive(Debug)]
pub(crate) enum Event {
    /// Of [`Work::Enumerate`].
    Enumerated { slot: usize, answer: Result<Enumeration, SourceError> },
    /// Of [`Work::Headers`].
    Headers { slot: usize, answer: Result<Vec<HeaderItem>, SourceError> },
    /// Of [`Work::Filter`]: the messages that are left out, ascending.
    Filtered { slot: usize, answer: Result<Vec<u64>, SourceError> },
    /// Of [`Work::Hashes`]; messages that did not come whole are left out.
    Hashes { slot: usize, answer: Result<Vec<(u64, BlobId)>, SourceError> },
    /// Messages that came.
    Arrived(Vec<Arrived>),
    /// Messages that did not come, however often they were asked for, but are there.
    Missing { slot: usize, missing: Vec<Missing> },
    /// Messages that are no longer in the mailbox: a full list of it says so.
    Expunged { slot: usize, uids: Vec<u64> },
    /// Messages that came twice with the same bytes, fewer than the server announced.
    Shorter { slot: usize, uid: u64 },
    /// The unit is done, or its mailbox goes no further.
    UnitDone { slot: usize, error: Option<SourceError> },
    /// The connection ends, and will not be made again.
    LineEnded(SourceError),
    /// The log failed.
    LogFailed(RunFailure),
}

/// A message that did not come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Missing {
    pub(crate) uid: u64,
    pub(crate) reason: QuarantineReason,
    /// What the server said.
    pub(crate) text: String,
}

/// Work that waits for a connection.
#[derive(Debug, Default)]
pub(crate) struct WorkQueue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Work>,
    connected: usize,
    /// Of those with a connection, how many wait for work.
    resting: usize,
    closed: bool,
}

impl State {
    /// Whether another connection pays.
    fn pays(&self) -> bool {
        let weight: usize = self.waiting.iter().map(Work::weight).sum();
        let more = self.waiting.len() > self.resting;
        self.connected == 0 || (more && weight >= WEIGHT_FOR_ANOTHER)
    }
}

impl WorkQueue {
    /// Adds work at the end.
    pub(crate) fn put(&self, work: Work) {
        self.lock().waiting.push_back(work);
        self.changed.notify_waiters();
    }

    /// Gives work back that a connection could not do.
    pub(crate) fn put_back(&self, work: Work) {
        self.lock().waiting.push_front(work);
        self.changed.notify_waiters();
    }

    /// Takes all work of a mailbox away.
    pub(crate) fn drop_slot(&self, slot: usize) -> usize {
        let mut state = self.lock();
        let before = state.waiting.len();
        state.waiting.retain(|it| it.slot() != slot);
        before - state.waiting.len()
    }

    /// No more work comes; what waits is still done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
    }

    /// No more work comes, and what waits is not done.
    pub(crate) fn abandon(&self) {
        self.lock().waiting.clear();
        self.close();
    }

    /// A connection was made.
    pub(crate) fn connected(&self) {
        self.lock().connected += 1;
    }

    /// A connection ended.
    pub(crate) fn disconnected(&self) {
        let mut state = self.lock();
        state.connected = state.connected.saturating_sub(1);
        drop(state);
        self.changed.notify_waiters();
    }

    /// The next work; `None` when there will be none. One without a connection gets work only
    /// when there is enough of it, and more than what those with one wait for; or when nobody has
    /// a connection.
    pub(crate) async fn take(&self, has_connection: bool) -> Option<Work> {
        let mut rested = false;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                state.resting -= usize::from(rested);
                if state.waiting.is_empty() && state.closed {
                    return None;
                }
                if (has_connection || state.pays())
                    && let Some(work) = state.waiting.pop_front()
                {
                    if state.closed && state.waiting.is_empty() {
                        self.changed.notify_waiters();
                    }
                    return Some(work);
                }
                rested = has_connection;
                state.resting += usize::from(rested);
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the queue as it is: each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(n: u64) -> Work {
        let name = MailboxName { raw: b"INBOX".to_vec(), parts: vec!["INBOX".into()] };
        let mailbox = Named { slot: 0, name: Arc::new(name), unnumbered: None };
        let listed = Known { uid_validity: 1, modseq: 1, uid_next: 1 };
        Work::Fetch(Unit { mailbox, listed, uids: (0..n).collect(), tried: HashMap::new() })
    }

    #[tokio::test]
    async fn one_piece_of_work_goes_to_the_connection_that_waits() {
        let queue = Arc::new(WorkQueue::default());
        queue.connected();
        let take = |has_connection| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.take(has_connection).await.is_some() })
        };
        let (without, with) = (take(false), take(true));
        tokio::task::yield_now().await;
        queue.put(unit(500));
        assert!(with.await.unwrap());
        tokio::task::yield_now().await;
        assert!(!without.is_finished(), "another connection would cost more than it brings");
        queue.put(unit(1_000));
        assert!(without.await.unwrap(), "the one with a connection is at work");
    }
}
