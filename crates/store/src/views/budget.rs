//! The queue from the catalog to the index: bounded by the bytes of text that wait in it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use message::Message;
use types::Position;

use crate::catalog::NewMessage;

/// Text that may wait for the index, in bytes. One piece of work may be larger.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// What one message weighs beside its text, in bytes.
const MESSAGE_BYTES: usize = 2048;

/// What the index does next.
pub(crate) enum Work {
    /// Add these messages; then it has read the log from `first` up to `upto`.
    Add {
        /// The first entry.
        first: u64,
        /// The messages that are new.
        messages: Vec<(NewMessage, Option<Box<Message>>)>,
        /// The log behind them.
        upto: Position,
    },
    /// Commit what is pending, if anything is, and end.
    Stop,
}

impl Work {
    fn weight(&self) -> usize {
        let Work::Add { messages, .. } = self else { return 0 };
        let text = |it: &Option<Box<Message>>| it.as_ref().map_or(0, |it| it.text.len());
        messages.iter().map(|(_, parsed)| MESSAGE_BYTES + text(parsed)).sum()
    }
}

#[derive(Default)]
struct Inner {
    work: VecDeque<Work>,
    weight: usize,
    is_open: bool,
}

/// A queue of work with one reader.
pub(crate) struct WorkQueue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl WorkQueue {
    pub(crate) fn new() -> WorkQueue {
        let inner = Mutex::new(Inner { is_open: true, ..Inner::default() });
        WorkQueue { inner, changed: Condvar::new() }
    }

    /// Puts work in; waits while too much waits already. After the reader has gone it is dropped.
    pub(crate) fn push(&self, work: Work) {
        let weight = work.weight();
        let mut inner = self.inner();
        while inner.is_open && inner.weight > 0 && TEXT_BYTES_MAX < inner.weight + weight {
            inner = self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.is_open {
            inner.weight += weight;
            inner.work.push_back(work);
            self.changed.notify_all();
        }
    }

    /// Wakes the reader, so that it looks at its orders.
    pub(crate) fn wake(&self) {
        let _inner = self.inner();
        self.changed.notify_all();
    }

    /// Takes the oldest work out; `None` when none came for `patience` or the reader was woken.
    pub(crate) fn pop(&self, patience: Duration) -> Option<Work> {
        let mut inner = self.inner();
        if inner.work.is_empty() {
            let waited = self.changed.wait_timeout(inner, patience);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let work = inner.work.pop_front()?;
        inner.weight = inner.weight.saturating_sub(work.weight());
        self.changed.notify_all();
        Some(work)
    }

    /// The reader goes.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        *inner = Inner::default();
        self.changed.notify_all();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
