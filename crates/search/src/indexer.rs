//! Writes the index.
//!
//! Rules:
//! - one writer at a time (a lock file of Tantivy; the owner of the data directory has it);
//! - messages come by ascending number; one whose number is behind already is passed over, so
//!   feeding the same part of the log twice changes nothing;
//! - nothing is found before a commit, and a commit holds the position of the log it was made
//!   at: what a crash loses is read from the log again;
//! - memory: [`MEMORY_BUDGET_BYTES`] for the segment being built, and a bounded queue before it.
//!
//! A commit syncs about eight files, so it is worth making few: every some ten thousand messages
//! or seconds, and at the end.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ports::{Index, IndexDoc, IndexError};
use tantivy::directory::MmapDirectory;
use tantivy::index::SegmentId;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy, NoMergePolicy};
use tantivy::query::doc_predicate_query::{DocPredicateQuery, FunctionPredicate};
use tantivy::store::Compressor;
use tantivy::{DocId, IndexSettings, IndexWriter, SegmentMeta, SegmentReader};
use types::{MessageSet, Position};

use crate::document::{Doc, Gate};
use crate::error::{SearchError, SearchErrorKind};
use crate::layout::{Fields, NUMBER, Payload, prepare};

/// Memory for the segment being built, in bytes. With less, segments are smaller and merging
/// costs more than indexing does.
pub const MEMORY_BUDGET_BYTES: usize = 48 << 20;

/// Segments of about equal size are merged when there are so many of them.
const MERGED_SEGMENTS_MIN: usize = 8;

/// A segment of more messages is not merged again.
const MERGED_MESSAGES_MAX: usize = 2_000_000;

/// Fewer segments are not merged while somebody waits for the end: two or three are searched as
/// well as one, and written by the way where one would be written at the end.
const CLOSING_MERGE_MIN: usize = MERGED_SEGMENTS_MIN / 2;

/// More messages are not merged while somebody waits for the end; the next writer does it beside
/// its work.
const CLOSING_MERGE_MESSAGES_MAX: u64 = 100_000;

/// The writer of an index directory.
pub struct Indexer {
    index: tantivy::Index,
    writer: IndexWriter<Doc>,
    fields: Fields,
    gate: Arc<Gate>,
    /// What the last commit says.
    committed: Payload,
    /// One past the greatest number added.
    n_end: u32,
}

impl Indexer {
    /// Opens the index in `dir`, or begins one when the directory is empty or missing.
    ///
    /// Fails with [`SearchErrorKind::Rebuild`] when what is there cannot be read: then the caller
    /// removes the directory and feeds the log from its beginning.
    pub fn open(dir: &Path) -> Result<Indexer, SearchError> {
        let index = open_or_create(dir)?;
        let fields = prepare(&index)?;
        let committed = Payload::of(&index)?;
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(MEMORY_BUDGET_BYTES)
            .build();
        let writer = index.writer_with_options(options)?;
        let mut policy = LogMergePolicy::default();
        policy.set_min_num_segments(MERGED_SEGMENTS_MIN);
        policy.set_max_docs_before_merge(MERGED_MESSAGES_MAX);
        writer.set_merge_policy(Box::new(policy));
        let n_end = committed.n_end;
        Ok(Indexer { index, writer, fields, gate: Arc::default(), committed, n_end })
    }

    fn commit_at(&mut self, position: Position) -> Result<(), SearchError> {
        let payload = Payload { position, n_end: self.n_end };
        if payload == self.committed {
            return Ok(());
        }
        let mut prepared = self.writer.prepare_commit()?;
        prepared.set_payload(&payload.encode());
        prepared.commit()?;
        self.committed = payload;
        Ok(())
    }

    /// Takes messages out. Deleting leaves words where they are: segments that lost a message are
    /// written once more.
    fn erase_all(&mut self, messages: &MessageSet) -> Result<(), SearchError> {
        self.writer.set_merge_policy(Box::new(NoMergePolicy));
        self.writer.delete_query(Box::new(with_numbers(messages.clone())))?;
        let mut prepared = self.writer.prepare_commit()?;
        let payload = Payload { n_end: self.n_end, ..self.committed };
        prepared.set_payload(&payload.encode());
        prepared.commit()?;
        self.committed = payload;
        let with_holes: Vec<SegmentId> = {
            // While a description of a segment is held, its files stay.
            let metas = self.index.searchable_segment_metas()?;
            metas.iter().filter(|it| it.has_deletes()).map(SegmentMeta::id).collect()
        };
        for segment in with_holes {
            self.writer.merge(&[segment]).wait()?;
        }
        self.writer.garbage_collect_files().wait()?;
        Ok(())
    }

    /// Waits for merges in the background, then leaves the index tidy.
    fn close_merged(self) -> Result<(), SearchError> {
        self.writer.set_merge_policy(Box::new(NoMergePolicy));
        self.writer.wait_merging_threads()?;
        let segments = segments_to_merge(&self.index)?;
        if segments.is_empty() {
            return Ok(());
        }
        let options = IndexWriterOptions::builder().num_merge_threads(1).build();
        let mut merger: IndexWriter<Doc> = self.index.writer_with_options(options)?;
        merger.set_merge_policy(Box::new(NoMergePolicy));
        merger.merge(&segments).wait()?;
        merger.garbage_collect_files().wait()?;
        merger.wait_merging_threads()?;
        Ok(())
    }
}

/// A query for the messages with these numbers.
fn with_numbers(messages: MessageSet) -> DocPredicateQuery {
    let messages = Arc::new(messages);
    let of_segment = move |reader: &SegmentReader| {
        let numbers = reader.fast_fields().u64(NUMBER)?;
        let messages = Arc::clone(&messages);
        Ok(move |doc: DocId| {
            let number = numbers.first(doc).and_then(|it| u32::try_from(it).ok());
            number.is_some_and(|it| messages.contains(it))
        })
    };
    FunctionPredicate::from(of_segment).into()
}

/// The segments to make one of before the process ends: all, when the largest would grow by an
/// eighth at least; else the small ones, when there are several.
fn segments_to_merge(index: &tantivy::Index) -> Result<Vec<SegmentId>, SearchError> {
    let mut metas = index.searchable_segment_metas()?;
    metas.sort_by_key(|it| std::cmp::Reverse(it.num_docs()));
    let counts: Vec<u64> = metas.iter().map(|it| u64::from(it.num_docs())).collect();
    let all = match counts.split_first() {
        Some((largest, rest)) => *largest <= 8 * rest.iter().sum::<u64>(),
        None => false,
    };
    let skipped = usize::from(!all);
    let ids: Vec<SegmentId> = metas.iter().skip(skipped).map(SegmentMeta::id).collect();
    let n_messages: u64 = counts.iter().skip(skipped).sum();
    let pays = CLOSING_MERGE_MIN <= ids.len() && n_messages <= CLOSING_MERGE_MESSAGES_MAX;
    Ok(if pays { ids } else { Vec::new() })
}

fn open_or_create(dir: &Path) -> Result<tantivy::Index, SearchError> {
    fs::create_dir_all(dir)?;
    let is_empty = fs::read_dir(dir)?.next().is_none();
    let directory = MmapDirectory::open(dir).map_err(tantivy::TantivyError::from)?;
    if !is_empty {
        return open_existing(directory);
    }
    let (schema, _) = Fields::schema();
    // Nothing is stored, so there is nothing to compress and no thread needed for it.
    let settings = IndexSettings {
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    };
    Ok(tantivy::Index::create(directory, schema, settings)?)
}

/// Opens what is there. Whatever is not an index of ours asks for a rebuild.
pub(crate) fn open_existing(directory: MmapDirectory) -> Result<tantivy::Index, SearchError> {
    let exists = tantivy::Index::exists(&directory).map_err(tantivy::TantivyError::from)?;
    if !exists {
        return Err(SearchError::new(SearchErrorKind::Rebuild, "there is no index"));
    }
    Ok(tantivy::Index::open(directory)?)
}

impl Index for Indexer {
    fn position(&self) -> Position {
        self.committed.position
    }

    fn add(&mut self, doc: IndexDoc) -> Result<(), IndexError> {
        if doc.n < self.n_end {
            return Ok(());
        }
        self.n_end = doc.n.saturating_add(1);
        let doc = Doc::new(doc, self.fields, &self.gate);
        self.writer.add_document(doc).map_err(SearchError::from)?;
        Ok(())
    }

    fn commit(&mut self, upto: Position) -> Result<(), IndexError> {
        Ok(self.commit_at(upto)?)
    }

    fn forget(&mut self, messages: &MessageSet) -> Result<(), IndexError> {
        let deleted = self.writer.delete_query(Box::new(with_numbers(messages.clone())));
        deleted.map_err(SearchError::from)?;
        Ok(())
    }

    fn erase(&mut self, messages: &MessageSet) -> Result<(), IndexError> {
        Ok(self.erase_all(messages)?)
    }

    fn close(self: Box<Self>) -> Result<(), IndexError> {
        Ok(self.close_merged()?)
    }
}
