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
use std::time::Instant;

pub(crate) use changes::Changes;
pub(crate) use groups::Groups;
pub(crate) use running::{Asked, Begins, Running};
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
        }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving")
    }
}
