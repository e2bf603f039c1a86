//! What the process that serves a data directory has open for all of its commands at once.
//!
//! What it is not: the server itself (`serve`), which listens and decides what runs.
//!
//! Rules: a command of the server runs the same code as one of its own process, and finds here
//! what it would have opened; several use it at a time; nothing here is ended by one of them.

mod changes;
mod groups;
mod running;
mod store;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use commands::{NextShown, WorkerGroup};
use tokio::sync::watch;

pub(crate) use changes::Changes;
pub(crate) use groups::Groups;
pub(crate) use running::{Asked, Begins, Entered, Running};
pub(crate) use store::{Lent, SharedStore, Use};

/// What commands of one server share.
pub(crate) struct Serving {
    /// When it began.
    pub(crate) began: Instant,
    /// The store.
    pub(crate) store: SharedStore,
    /// What runs.
    pub(crate) running: Running,
    /// Who does it.
    pub(crate) groups: Groups,
    /// What is changed meanwhile.
    pub(crate) changes: Changes,
    /// Counts changes of what is saved.
    pub(crate) saved: watch::Sender<u64>,
    /// Jobs that were ended by a pause, by name.
    owed: Mutex<Vec<String>>,
    next: Mutex<Vec<NextShown>>,
}

impl Serving {
    /// Nothing is open yet, and nothing runs.
    pub(crate) fn new() -> Serving {
        Serving {
            began: Instant::now(),
            store: SharedStore::default(),
            running: Running::default(),
            groups: Groups::new(),
            changes: Changes::default(),
            saved: watch::Sender::new(0),
            owed: Mutex::default(),
            next: Mutex::default(),
        }
    }

    /// Lets workers rest: what they do ends at its next batch, and goes on when they do.
    pub(crate) fn pause(&self, group: WorkerGroup) {
        self.groups.pause(group);
        let ended = self.running.end_group(group);
        self.owed().extend(ended.into_iter().map(|it| it.job));
    }

    /// The jobs that a pause has ended, once.
    pub(crate) fn take_owed(&self) -> Vec<String> {
        std::mem::take(&mut *self.owed())
    }

    fn owed(&self) -> MutexGuard<'_, Vec<String>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs that wait, the soonest first.
    pub(crate) fn next(&self) -> Vec<NextShown> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says which jobs wait.
    pub(crate) fn set_next(&self, next: Vec<NextShown>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving")
    }
}
