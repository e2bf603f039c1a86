//! Searches the index.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use query::{CatalogTerm, Query};
use tantivy::directory::MmapDirectory;
use tantivy::{Index, IndexReader, ReloadPolicy};
use types::{MessageSet, Position};

use crate::error::{SearchError, SearchErrorKind};
use crate::evaluate::Evaluation;
use crate::indexer::open_existing;
use crate::layout::{Fields, Payload, prepare};
use crate::rank::{Best, Scores, comparable};
use crate::snapshot::Snapshot;

/// What the catalog answered for each of [`Query::catalog_terms`].
pub type Resolved = BTreeMap<CatalogTerm, MessageSet>;

/// What a search may find.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The messages that the asker may see, or `None` for all. Nothing else is found, counted or
    /// ranked.
    pub visible: Option<&'a MessageSet>,
    /// The messages of each catalog term of the query.
    pub resolved: &'a Resolved,
}

/// In which order hits come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The newest first, by the date of the message; of the same second, the one archived last.
    ByDate,
    /// The most relevant first; of the same score, the newest.
    ByRelevance,
}

/// Which hits to return.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SearchOptions {
    /// Their order.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
    /// How many of the first to leave out.
    pub offset: usize,
}

/// One message found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hit {
    /// Its dense number.
    pub n: u32,
    /// How relevant it is; 0 when ordered by date.
    pub score: f32,
}

/// What a search found.
#[derive(Clone, PartialEq, Debug)]
pub struct Hits {
    /// How many messages match, exactly.
    pub total: u64,
    /// Those asked for, in order.
    pub hits: Vec<Hit>,
    /// How much of the log the index had read.
    pub position: Position,
}

/// Every message found.
#[derive(Clone, PartialEq, Debug)]
pub struct Matches {
    /// Their numbers.
    pub messages: MessageSet,
    /// How much of the log the index had read.
    pub position: Position,
}

/// An index open for searching, also while its owner, in this process or another, writes it.
///
/// It sees the commit of the last [`reload`](Self::reload). All calls are synchronous and take
/// milliseconds; many threads may search at once.
pub struct Searcher {
    index: Index,
    reader: IndexReader,
    fields: Fields,
    snapshot: RwLock<Arc<Snapshot>>,
}

impl Searcher {
    /// Opens the index in `dir`.
    ///
    /// Fails with [`SearchErrorKind::Rebuild`] when there is none or it cannot be read.
    pub fn open(dir: &Path) -> Result<Searcher, SearchError> {
        guarded(|| {
            let directory = match MmapDirectory::open(dir) {
                Ok(directory) => directory,
                Err(error) => return Err(tantivy::TantivyError::from(error).into()),
            };
            let index = open_existing(directory)?;
            let fields = prepare(&index)?;
            let payload = Payload::of(&index)?;
            let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
            let snapshot = open_snapshot(&reader, &fields, payload, None)?;
            let snapshot = RwLock::new(Arc::new(snapshot));
            Ok(Searcher { index, reader, fields, snapshot })
        })
    }

    /// Goes on to the newest commit, if there is a newer one, and says how much of the log is
    /// searchable now.
    pub fn reload(&self) -> Result<Position, SearchError> {
        guarded(|| {
            // Read before the segments: what they hold beyond it is found all the same, but
            // the position never promises more than they hold.
            let payload = Payload::of(&self.index)?;
            let before = self.snapshot();
            self.reader.reload()?;
            let next = open_snapshot(&self.reader, &self.fields, payload, Some(&before))?;
            let position = next.position;
            *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
            Ok(position)
        })
    }

    /// How much of the log is searchable.
    #[must_use]
    pub fn position(&self) -> Position {
        self.snapshot().position
    }

    /// Finds messages. Fails with [`SearchErrorKind::TooBroad`] for a wildcard that stands for
    /// more than [`crate::EXPANSIONS_MAX`] words.
    pub fn search(
        &self,
        query: &Query,
        scope: &Scope<'_>,
        options: &SearchOptions,
    ) -> Result<Hits, SearchError> {
        guarded(|| {
            let snapshot = self.snapshot();
            let scores = match options.order {
                Order::ByDate => None,
                Order::ByRelevance => Some(Scores::new(snapshot.n_end)),
            };
            let (found, scores) = evaluate(&snapshot, query, scope, scores)?;
            let hits = best(&snapshot, &found, scores.as_ref(), options);
            Ok(Hits { total: found.len(), hits, position: snapshot.position })
        })
    }

    /// Finds every message, in no order: to count (also per folder, with the folders' sets) or
    /// to export.
    pub fn matching(&self, query: &Query, scope: &Scope<'_>) -> Result<Matches, SearchError> {
        guarded(|| {
            let snapshot = self.snapshot();
            let (messages, _) = evaluate(&snapshot, query, scope, None)?;
            Ok(Matches { messages, position: snapshot.position })
        })
    }

    /// Reads every file of the index and compares the checksums that were written with it.
    ///
    /// Fails with [`SearchErrorKind::Rebuild`] when one differs.
    pub fn verify(&self) -> Result<(), SearchError> {
        guarded(|| {
            let damaged = self.index.validate_checksum()?;
            if damaged.is_empty() {
                return Ok(());
            }
            let what = format!("{} files of the index are damaged", damaged.len());
            Err(SearchError::new(SearchErrorKind::Rebuild, what))
        })
    }

    /// The commit that searches see.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Searcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searcher").field("position", &self.position()).finish_non_exhaustive()
    }
}

fn open_snapshot(
    reader: &IndexReader,
    fields: &Fields,
    payload: Payload,
    before: Option<&Snapshot>,
) -> Result<Snapshot, SearchError> {
    Snapshot::open(reader.searcher().segment_readers(), fields, payload, before)
}

fn evaluate(
    snapshot: &Snapshot,
    query: &Query,
    scope: &Scope<'_>,
    scores: Option<Scores>,
) -> Result<(MessageSet, Option<Scores>), SearchError> {
    let mut evaluation = Evaluation { snapshot, resolved: scope.resolved, scores };
    let mut found = evaluation.run(&query.root)?;
    if let Some(visible) = scope.visible {
        found.intersect(visible);
    }
    Ok((found, evaluation.scores))
}

fn best(
    snapshot: &Snapshot,
    found: &MessageSet,
    scores: Option<&Scores>,
    options: &SearchOptions,
) -> Vec<Hit> {
    let count = options.offset.saturating_add(options.limit);
    // More than there are cannot be kept, whatever was asked for.
    let mut best = Best::new(count.min(usize::try_from(found.len()).unwrap_or(usize::MAX)));
    let score = |n| scores.map_or(0.0, |it| it.of(n));
    for n in found.iter() {
        best.add((comparable(score(n)), snapshot.date(n)), n);
    }
    let sorted = best.into_sorted().into_iter().skip(options.offset);
    sorted.map(|(_, n)| Hit { n, score: score(n) }).collect()
}

/// Runs `work`; bytes that Tantivy does not expect may make it panic, which then only says that
/// the index is damaged.
fn guarded<T>(work: impl FnOnce() -> Result<T, SearchError>) -> Result<T, SearchError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let what = "the index holds what could not be read";
        Err(SearchError::new(SearchErrorKind::Rebuild, what))
    })
}
