//! Appends in flight: enough that the log is never idle, few enough that memory is bounded.
//!
//! Appends of one run may become durable in any order. Nothing here relies on it: what must
//! follow something else is put in only after that was acknowledged.

use std::sync::Arc;

use ledger::{Detail, Fact};
use ports::{Change, Log, LogError, LogErrorKind};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use types::EntryNumber;

use crate::proof::AppendNumber;

/// Appends at the same time.
const FLYING_MAX: usize = 3;

/// A second append goes off at this many encoded bytes; the first one goes off at once.
const BYTES_MIN: usize = 256 << 10;

/// No more is put into one append beyond this many encoded bytes.
const BYTES_MAX: usize = 2 << 20;

/// No more is put into one append beyond this many changes.
const CHANGES_MAX: usize = 4096;

/// What an entry of a fact weighs, roughly, in bytes.
const FACT_BYTES: usize = 256;

/// Appends changes, and remembers a note of the caller for each that makes an entry.
pub(crate) struct Appends<L, N> {
    log: Arc<L>,
    open: Open<N>,
    flying: JoinSet<Flown<N>>,
    entries: u64,
}

/// An append that came back, and what the log said.
type Flown<N> = (Open<N>, Result<Vec<EntryNumber>, LogError>);

/// An append that is being put together or in flight.
struct Open<N> {
    number: AppendNumber,
    changes: Vec<Change>,
    notes: Vec<N>,
    permits: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

impl<N> Open<N> {
    fn new(number: AppendNumber) -> Open<N> {
        Open { number, changes: Vec::new(), notes: Vec::new(), permits: Vec::new(), bytes: 0 }
    }
}

impl<L: Log, N: Send + 'static> Appends<L, N> {
    pub(crate) fn new(log: Arc<L>) -> Appends<L, N> {
        Appends { log, open: Open::new(1), flying: JoinSet::new(), entries: 0 }
    }

    /// The number of the append that changes go into now.
    pub(crate) fn number(&self) -> AppendNumber {
        self.open.number
    }

    /// Entries acknowledged so far.
    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// Puts in a fact.
    pub(crate) fn fact(&mut self, fact: Fact, detail: Option<Detail>, note: N) {
        self.open.bytes += FACT_BYTES;
        self.open.changes.push(Change::Fact(fact, detail));
        self.open.notes.push(note);
    }

    /// Puts in a message: its chunks, and last the change that makes its entry.
    pub(crate) fn message(
        &mut self,
        changes: Vec<Change>,
        encoded_bytes: usize,
        permits: Vec<OwnedSemaphorePermit>,
        note: N,
    ) {
        self.open.bytes += encoded_bytes + FACT_BYTES;
        self.open.changes.extend(changes);
        self.open.permits.extend(permits);
        self.open.notes.push(note);
    }

    /// Whether more may be put in now.
    pub(crate) fn has_room(&self) -> bool {
        self.open.bytes < BYTES_MAX && self.open.changes.len() < CHANGES_MAX
    }

    /// Whether nothing is in it and nothing in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.changes.is_empty() && self.flying.is_empty()
    }

    /// Whether something is in flight.
    pub(crate) fn is_flying(&self) -> bool {
        !self.flying.is_empty()
    }

    /// Whether it is worth sending off what was put in. `last` says that no more comes soon.
    pub(crate) fn wants_to_fly(&self, last: bool) -> bool {
        let wanted = match self.flying.len() {
            0 => true,
            flying => flying < FLYING_MAX && (last || self.open.bytes >= BYTES_MIN),
        };
        wanted && !self.open.changes.is_empty()
    }

    /// Sends off what was put in.
    pub(crate) fn fly(&mut self) {
        let next = Open::new(self.open.number + 1);
        let mut open = std::mem::replace(&mut self.open, next);
        let log = Arc::clone(&self.log);
        self.flying.spawn(async move {
            let changes = std::mem::take(&mut open.changes);
            let answer = log.append(changes).await;
            (open, answer)
        });
    }

    /// The next append that became durable: the entries that it made, each with its note. Waits
    /// for ever when none is in flight. Nothing is lost when this is dropped while it waits.
    pub(crate) async fn land(&mut self) -> Result<Vec<(EntryNumber, N)>, LogError> {
        let Some(landed) = self.flying.join_next().await else {
            return std::future::pending().await;
        };
        let (open, answer) = landed.map_err(|error| {
            LogError::new(LogErrorKind::Stopped, "failed to append").caused_by(error)
        })?;
        let entries = answer?;
        if entries.len() != open.notes.len() {
            let text = "the log acknowledged another number of entries than were appended";
            return Err(LogError::new(LogErrorKind::Damaged, text));
        }
        self.entries += u64::try_from(entries.len()).unwrap_or(0);
        Ok(entries.into_iter().zip(open.notes).collect())
    }
}
