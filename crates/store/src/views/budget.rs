//! The queue from the catalog to the index: bounded by the bytes of text that wait in it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use message::Message;
use ports::NewMessage;
use types::Position;

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use types::{BlobId, MessageKey, Timestamp};

    use super::*;

    fn work(first: u64, text_bytes: usize) -> Work {
        let message = Message { text: "x".repeat(text_bytes), ..Message::default() };
        let new = NewMessage {
            key: MessageKey(first),
            n: 0,
            blob: BlobId::default(),
            size: 1,
            date: Timestamp(0),
            archived: Timestamp(0),
        };
        let upto = Position { entries: first + 1, ..Position::default() };
        Work::Add { first, messages: vec![(new, Some(Box::new(message)))], upto }
    }

    fn first_of(work: Option<Work>) -> Option<u64> {
        match work? {
            Work::Add { first, .. } => Some(first),
            Work::Stop => None,
        }
    }

    const SHORT: Duration = Duration::from_millis(1);

    #[test]
    fn the_writer_waits_for_room_and_one_large_piece_always_fits() {
        let queue = Arc::new(WorkQueue::new());
        queue.push(work(0, 2 * TEXT_BYTES_MAX));
        let writer = Arc::clone(&queue);
        let pushes = std::thread::spawn(move || {
            writer.push(work(1, 1));
            writer.push(Work::Stop);
        });
        assert_eq!(first_of(queue.pop(SHORT)), Some(0));
        pushes.join().unwrap();
        assert_eq!(first_of(queue.pop(SHORT)), Some(1));
        assert!(matches!(queue.pop(SHORT), Some(Work::Stop)));
        assert!(queue.pop(SHORT).is_none());
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_gone() {
        let queue = Arc::new(WorkQueue::new());
        queue.push(work(0, 2 * TEXT_BYTES_MAX));
        let writer = Arc::clone(&queue);
        let pushes = std::thread::spawn(move || writer.push(work(1, TEXT_BYTES_MAX)));
        queue.close();
        pushes.join().unwrap();
        queue.push(work(2, 2 * TEXT_BYTES_MAX));
        assert!(queue.pop(SHORT).is_none());
    }
}
