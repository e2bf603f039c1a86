//! What the process that serves a data directory has open for all of its commands at once.
//!
//! What it is not: the server itself (`serve`), which listens and decides what runs.
//!
//! Rules: a command of the server runs the same code as one of its own process, and finds here
//! what it would have opened; several use it at a time; nothing here is ended by one of them.

mod store;

use std::fmt;

pub(crate) use store::{Lent, SharedStore, Use};

/// What commands of one server share.
pub(crate) struct Serving {
    /// The store.
    pub(crate) store: SharedStore,
}

impl Serving {
    /// Nothing is open yet.
    pub(crate) fn new() -> Serving {
        Serving { store: SharedStore::default() }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving")
    }
}
