//! Reads a whole log again and checks all there is to check.
//!
//! Every frame with its checksums; the hash chain over the batches; every blob and list of
//! chunks against its id; every entry, its detail and its place in the Merkle tree; that every
//! placed message is there; and that each footer says what its segment holds.
//!
//! One thread reads and follows the chain, others decode and hash blobs.

mod content;
mod footer;
mod walk;
mod workers;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use frames::{Chain, State};
use types::{BlobId, MessageKey};

use super::erasing::Erasing;
use super::tables::Tables;
use walk::SegmentWalk;
use workers::{Workers, work};

/// More defects than this are counted, but not listed.
const DEFECTS_MAX: usize = 1000;

/// Something wrong in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogDefect {
    /// The segment that has it.
    pub segment: u32,
    /// Where in the segment.
    pub offset: u64,
    /// What: a sentence for people, without a full stop.
    pub what: String,
}

/// What a verification checked and found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogVerdict {
    /// Messages: entries that place one for the first time.
    pub messages: u64,
    /// Blobs whose bytes had the hash of their id; large ones count once, chunks do not.
    pub blobs: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of the log that were read.
    pub bytes: u64,
    /// What is wrong, in the order of the log; at most a thousand.
    pub defects: Vec<LogDefect>,
    /// How many more there are.
    pub n_defects_left_off: u64,
}

impl LogVerdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.defects.is_empty()
    }
}

/// How far a verification is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VerifyProgress {
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that there are.
    pub bytes_total: u64,
    /// Defects so far.
    pub defects: u64,
}

/// Collects defects, from all threads.
#[derive(Default)]
struct Defects {
    listed: Mutex<Vec<LogDefect>>,
    left_off: AtomicU64,
}

impl Defects {
    fn add(&self, segment: u32, offset: u64, what: impl Into<String>) {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if listed.len() < DEFECTS_MAX {
            listed.push(LogDefect { segment, offset, what: what.into() });
        } else {
            self.left_off.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn len(&self) -> u64 {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner).len() as u64;
        listed + self.left_off.load(Ordering::Relaxed)
    }
}

/// What may be missing, because it was erased.
struct Erased {
    erasing: Arc<Erasing>,
    parts: HashSet<BlobId>,
}

impl Erased {
    /// When the entries of erasure cannot be read, everything that is missing is a defect.
    fn of(tables: &Tables) -> Erased {
        let erasing = tables.erasing().unwrap_or_default();
        let all = erasing.said.erased.values();
        let parts = all.flat_map(|it| it.condemned.parts.iter().copied()).collect();
        Erased { erasing, parts }
    }

    fn is_erased(&self, message: MessageKey) -> bool {
        self.erasing.is_erased(message)
    }

    fn has_part(&self, id: &BlobId) -> bool {
        self.parts.contains(id)
    }
}

/// What the walk over all segments shares.
struct Scope<'a> {
    tables: &'a Tables,
    defects: &'a Defects,
    erased: &'a Erased,
    workers: Workers<'a>,
}

/// Verifies the log as it is now; what is appended meanwhile is left to the next time.
pub(super) fn verify(tables: &Tables, progress: &mut dyn FnMut(VerifyProgress)) -> LogVerdict {
    let defects = Defects::default();
    let erased = Erased::of(tables);
    let blobs = AtomicU64::new(0);
    let mut verdict = LogVerdict::default();
    thread::scope(|threads| {
        let (workers, inbox) = Workers::new(&defects);
        for _ in 0..workers::count() {
            let (inbox, defects, blobs, erased) = (inbox.clone(), &defects, &blobs, &erased);
            threads.spawn(move || work(&inbox, (tables, erased), defects, blobs));
        }
        // With the last sender the workers end.
        let scope = Scope { tables, defects: &defects, erased: &erased, workers };
        walk_all(&scope, &mut verdict, progress);
    });
    verdict.blobs = blobs.into_inner();
    verdict.n_defects_left_off = defects.left_off.into_inner();
    verdict.defects = defects.listed.into_inner().unwrap_or_else(PoisonError::into_inner);
    verdict.defects.sort_by_key(|it| (it.segment, it.offset));
    verdict
}

fn walk_all(scope: &Scope<'_>, verdict: &mut LogVerdict, progress: &mut dyn FnMut(VerifyProgress)) {
    let snapshot = scope.tables.snapshot();
    let ends = (0..snapshot.segments.len()).map(|it| snapshot.end_of(it));
    let bytes_total = ends.sum();
    let mut chain = Chain::new(State::default());
    for (index, segment) in snapshot.segments.iter().enumerate() {
        let before = verdict.bytes;
        let mut on_bytes = |bytes: u64| {
            let (bytes, defects) = (before + bytes, scope.defects.len());
            progress(VerifyProgress { bytes, bytes_total, defects });
        };
        let end = snapshot.end_of(index);
        let walk = SegmentWalk::new(scope, segment, end, &mut chain);
        let counts = walk.run(&mut on_bytes);
        verdict.messages += counts.messages;
        verdict.entries += counts.entries;
        verdict.bytes += end;
    }
    progress(VerifyProgress { bytes: verdict.bytes, bytes_total, defects: scope.defects.len() });
}
